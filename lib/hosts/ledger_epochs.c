#include "hosts/ledger_epochs.h"

#include "hosts/ledger_check.h"

#include <stdio.h>
#include <stdlib.h>

static struct corps__epochs_book *of(struct corps_ledger_book *base) {
    return (struct corps__epochs_book *)base;
}

enum corps_err corps__epochs_book_open(const struct corps_ledger *ledger, const struct corps_ledger_options *options,
                                       struct corps_ledger_book **out) {
    struct corps__epochs_book *book = calloc(1, sizeof *book);
    if (book == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a ledger");
    }
    book->base.ledger = ledger;
    book->host = options->host;
    book->slots = options->slots;
    book->boot = options->boot;
    snprintf(book->address, sizeof book->address, "%s", options->address != NULL ? options->address : "");
    enum corps_err err = corps__epochs_open(&book->epochs, options->directory);
    if (err != CORPS_OK) {
        free(book);
        return err;
    }
    *out = &book->base;
    return CORPS_OK;
}

enum corps_err corps__epochs_book_renew(struct corps_ledger_book *base, int64_t now_ns, int64_t *until_ns) {
    (void)base;
    (void)now_ns;
    *until_ns = INT64_MAX; /* locks are held as long as this process has them */
    return CORPS_OK;
}

enum corps_err corps__epochs_book_drain(struct corps_ledger_book *base, bool is_drained) {
    of(base)->is_drained = is_drained;
    return CORPS_OK;
}

enum corps_err corps__epochs_book_claim(struct corps_ledger_book *base, const struct corps_ledger_request *request,
                                        int64_t now_ns, struct corps_ledger_claim *claim) {
    struct corps__epochs_book *book = of(base);
    enum corps_err err = corps__ledger_check(book->base.ledger, request);
    if (err != CORPS_OK) {
        return err;
    }
    const struct corps__epochs_claim wanted = {.corps_id = request->corps_id,
                                               .number = request->epoch,
                                               .host = book->host,
                                               .now_ns = now_ns,
                                               .wait_ns = book->base.ledger->wait_ns,
                                               .about = request->about != NULL ? request->about : "",
                                               .record = request->record,
                                               .record_bytes = request->record_bytes};
    int64_t from_ns;
    err = corps__epochs_take(&book->epochs, &wanted, &from_ns);
    if (err == CORPS_OK) {
        *claim =
            (struct corps_ledger_claim){.corps_id = request->corps_id, .epoch = request->epoch, .from_ns = from_ns};
    }
    return err;
}

enum corps_err corps__epochs_book_note(struct corps_ledger_book *base, uint64_t corps_id, const char *about) {
    enum corps_err err = corps__ledger_check_about(about);
    return err == CORPS_OK ? corps__epochs_note(&of(base)->epochs, corps_id, about != NULL ? about : "") : err;
}

enum corps_err corps__epochs_book_find(struct corps_ledger_book *base, uint64_t corps_id,
                                       struct corps_ledger_owner *owner) {
    struct corps__epoch epoch;
    bool is_held;
    enum corps_err err = corps__epochs_find(&of(base)->epochs, corps_id, &epoch, &is_held);
    if (err == CORPS_OK && epoch.number == 0) {
        return corps_error_set(CORPS_ERR_UNKNOWN, "nobody owns this Corps, or it has ended");
    }
    if (err == CORPS_OK) {
        *owner = (struct corps_ledger_owner){
            .epoch = epoch.number, .host = epoch.host, .is_held = is_held, .is_given = epoch.is_given && !is_held};
    }
    return err;
}

struct listing {
    const struct corps__epochs_book *book;
    const struct corps_ledger_each *each;
    void *arg;
    bool is_begun;
};

/* The own host comes first, and not before it is known that all can be told. */
static void list_host(struct listing *listing) {
    const struct corps__epochs_book *book = listing->book;
    const struct corps_ledger_host own = {.number = book->host,
                                          .slots = book->slots,
                                          .boot = book->boot,
                                          .is_drained = book->is_drained,
                                          .address = book->address};
    if (!listing->is_begun) {
        listing->is_begun = true;
        listing->each->host(listing->arg, &own);
    }
}

static void list_one(void *arg, uint64_t corps_id, const struct corps__epoch *epoch, bool is_held) {
    struct listing *listing = arg;
    uint8_t *about = NULL;
    size_t bytes;
    list_host(listing);
    if (corps__epochs_read(&listing->book->epochs, corps_id, "about", &about, &bytes) != CORPS_OK) {
        about = NULL; /* it has ended meanwhile, or says nothing of itself: it is listed all the same */
    }
    const struct corps_ledger_corps row = {
        .corps_id = corps_id,
        .epoch = epoch->number,
        .host = is_held ? epoch->host : 0,
        .last_host = epoch->host,
        .is_mine = corps__epochs_held_number(&listing->book->epochs, corps_id) != 0,
        .is_given = epoch->is_given && !is_held,
        .name = "",
        .about = about != NULL ? (const char *)about : "",
    };
    listing->each->corps(listing->arg, &row);
    free(about);
}

enum corps_err corps__epochs_book_list(struct corps_ledger_book *base, const struct corps_ledger_each *each,
                                       void *arg) {
    struct listing listing = {.book = of(base), .each = each, .arg = arg};
    enum corps_err err = corps__epochs_each(&of(base)->epochs, list_one, &listing);
    if (err == CORPS_OK) {
        list_host(&listing);
    }
    return err;
}

enum corps_err corps__epochs_book_read(struct corps_ledger_book *base, uint64_t corps_id, uint8_t **record,
                                       size_t *bytes) {
    return corps__epochs_read(&of(base)->epochs, corps_id, "record", record, bytes);
}

int corps__epochs_book_watch(struct corps_ledger_book *base) {
    return of(base)->epochs.watch;
}

enum corps_err corps__epochs_book_give(struct corps_ledger_book *base, uint64_t corps_id) {
    return corps__epochs_give(&of(base)->epochs, corps_id);
}

enum corps_err corps__epochs_book_end(struct corps_ledger_book *base, uint64_t corps_id) {
    return corps__epochs_end(&of(base)->epochs, corps_id);
}

void corps__epochs_book_close(struct corps_ledger_book *base) {
    struct corps__epochs_book *book = of(base);
    if (book != NULL) {
        corps__epochs_close(&book->epochs);
        free(book);
    }
}
