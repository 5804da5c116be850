/* A ledger whose claims are epochs on a disk (epochs.h), as operations for its table. */
#ifndef CORPS_HOSTS_LEDGER_EPOCHS_H
#define CORPS_HOSTS_LEDGER_EPOCHS_H

#include "hosts/epochs.h"

#include <corps/ledger.h>

struct corps__epochs_book {
    struct corps_ledger_book base; /* first */
    struct corps__epochs epochs;
    uint32_t host;
};

/* `ledger`: whose book it is. */
enum corps_err corps__epochs_book_open(const struct corps_ledger *ledger, const struct corps_ledger_options *options,
                                       struct corps_ledger_book **book) CORPS_CHECKED;

enum corps_err corps__epochs_book_claim(struct corps_ledger_book *book, uint64_t corps_id, uint64_t epoch,
                                        int64_t now_ns, struct corps_ledger_claim *claim) CORPS_CHECKED;
enum corps_err corps__epochs_book_renew(struct corps_ledger_book *book, struct corps_ledger_claim *claim,
                                        int64_t now_ns) CORPS_CHECKED;
enum corps_err corps__epochs_book_find(struct corps_ledger_book *book, uint64_t corps_id,
                                       struct corps_ledger_owner *owner) CORPS_CHECKED;
int corps__epochs_book_watch(struct corps_ledger_book *book);
void corps__epochs_book_end(struct corps_ledger_book *book, uint64_t corps_id);
void corps__epochs_book_close(struct corps_ledger_book *book);

/* What does not differ. */
#define CORPS__EPOCHS_BOOK_OPERATIONS                                                                                  \
    .renew = corps__epochs_book_renew, .watch = corps__epochs_book_watch, .end = corps__epochs_book_end,               \
    .close = corps__epochs_book_close

#endif
