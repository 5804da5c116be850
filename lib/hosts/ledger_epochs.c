#include "hosts/ledger_epochs.h"

#include <stdlib.h>

enum corps_err corps__epochs_book_open(const struct corps_ledger *ledger, const struct corps_ledger_options *options,
                                       struct corps_ledger_book **out) {
    struct corps__epochs_book *book = calloc(1, sizeof *book);
    if (book == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a ledger");
    }
    book->base.ledger = ledger;
    book->host = options->host;
    enum corps_err err = corps__epochs_open(&book->epochs, options->directory);
    if (err != CORPS_OK) {
        free(book);
        return err;
    }
    *out = &book->base;
    return CORPS_OK;
}

enum corps_err corps__epochs_book_claim(struct corps_ledger_book *base, uint64_t corps_id, uint64_t epoch,
                                        int64_t now_ns, struct corps_ledger_claim *claim) {
    struct corps__epochs_book *book = (struct corps__epochs_book *)base;
    int64_t from_ns;
    enum corps_err err =
        corps__epochs_take(&book->epochs, corps_id, epoch, book->host, now_ns, book->base.ledger->wait_ns, &from_ns);
    if (err == CORPS_OK) {
        *claim = (struct corps_ledger_claim){
            .corps_id = corps_id, .epoch = epoch, .from_ns = from_ns, .until_ns = INT64_MAX};
    }
    return err;
}

enum corps_err corps__epochs_book_renew(struct corps_ledger_book *base, struct corps_ledger_claim *claim,
                                        int64_t now_ns) {
    (void)now_ns;
    struct corps__epochs_book *book = (struct corps__epochs_book *)base;
    if (corps__epochs_held_number(&book->epochs, claim->corps_id) != claim->epoch) {
        return corps_error_set(CORPS_ERR_CLOSED, "this claim is not held any more");
    }
    claim->until_ns = INT64_MAX;
    return CORPS_OK;
}

enum corps_err corps__epochs_book_find(struct corps_ledger_book *base, uint64_t corps_id,
                                       struct corps_ledger_owner *owner) {
    struct corps__epochs_book *book = (struct corps__epochs_book *)base;
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

int corps__epochs_book_watch(struct corps_ledger_book *base) {
    return ((struct corps__epochs_book *)base)->epochs.watch;
}

void corps__epochs_book_end(struct corps_ledger_book *base, uint64_t corps_id) {
    corps__epochs_end(&((struct corps__epochs_book *)base)->epochs, corps_id);
}

void corps__epochs_book_close(struct corps_ledger_book *base) {
    struct corps__epochs_book *book = (struct corps__epochs_book *)base;
    if (book != NULL) {
        corps__epochs_close(&book->epochs);
        free(book);
    }
}
