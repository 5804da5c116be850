/* The ledger of one host: a directory. Whoever holds a Corps has its lock, and the kernel gives that to nobody while
 * the holder lives; so a claim needs no time limit, and a successor need not wait. */
#include "hosts/epochs.h"
#include "hosts/ledgers.h"

#include <stdlib.h>

struct book {
    struct corps_ledger_book base;
    struct corps__epochs epochs;
    uint32_t host;
};

static enum corps_err file_open(const struct corps_ledger_options *options, struct corps_ledger_book **out) {
    struct book *book = calloc(1, sizeof *book);
    if (book == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a ledger");
    }
    book->base.ledger = &corps_ledger_file;
    book->host = options->host;
    enum corps_err err = corps__epochs_open(&book->epochs, options->directory);
    if (err != CORPS_OK) {
        free(book);
        return err;
    }
    *out = &book->base;
    return CORPS_OK;
}

static enum corps_err file_claim(struct corps_ledger_book *base, uint64_t corps_id, uint64_t epoch, int64_t now_ns,
                                 struct corps_ledger_claim *claim) {
    struct book *book = (struct book *)base;
    int64_t from_ns;
    enum corps_err err =
        corps__epochs_take(&book->epochs, corps_id, epoch, book->host, now_ns, book->base.ledger->wait_ns, &from_ns);
    if (err == CORPS_OK) {
        *claim = (struct corps_ledger_claim){
            .corps_id = corps_id, .epoch = epoch, .from_ns = from_ns, .until_ns = INT64_MAX};
    }
    return err;
}

static enum corps_err file_renew(struct corps_ledger_book *base, struct corps_ledger_claim *claim, int64_t now_ns) {
    (void)now_ns;
    struct book *book = (struct book *)base;
    if (corps__epochs_held_number(&book->epochs, claim->corps_id) != claim->epoch) {
        return corps_error_set(CORPS_ERR_CLOSED, "this claim is not held any more");
    }
    claim->until_ns = INT64_MAX;
    return CORPS_OK;
}

static enum corps_err file_find(struct corps_ledger_book *base, uint64_t corps_id, struct corps_ledger_owner *owner) {
    struct book *book = (struct book *)base;
    struct corps__epoch epoch;
    bool is_held;
    enum corps_err err = corps__epochs_find(&book->epochs, corps_id, &epoch, &is_held);
    if (err == CORPS_OK && epoch.number == 0) {
        return corps_error_set(CORPS_ERR_UNKNOWN, "nobody owns this Corps, or it has ended");
    }
    if (err == CORPS_OK) {
        *owner = (struct corps_ledger_owner){.epoch = epoch.number, .host = epoch.host, .is_held = is_held};
    }
    return err;
}

static int file_watch(struct corps_ledger_book *base) {
    return ((struct book *)base)->epochs.watch;
}

static void file_end(struct corps_ledger_book *base, uint64_t corps_id) {
    corps__epochs_end(&((struct book *)base)->epochs, corps_id);
}

static void file_close(struct corps_ledger_book *base) {
    struct book *book = (struct book *)base;
    if (book != NULL) {
        corps__epochs_close(&book->epochs);
        free(book);
    }
}

const struct corps_ledger corps_ledger_file = {
    .name = "file",
    .summary = "a directory of one host: survives every process, and the machine's end; not the loss of its disk",
    .wait_ns = 0, /* the lock has told that nobody is left */
    .open = file_open,
    .claim = file_claim,
    .renew = file_renew,
    .find = file_find,
    .watch = file_watch,
    .end = file_end,
    .close = file_close,
};
