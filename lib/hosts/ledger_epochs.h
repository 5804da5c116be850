/* A ledger whose claims are epochs on a disk (epochs.h), as operations for its table. Its lease runs as long as the
 * book is open, and the only host that it knows of is its own. */
#ifndef CORPS_HOSTS_LEDGER_EPOCHS_H
#define CORPS_HOSTS_LEDGER_EPOCHS_H

#include "hosts/epochs.h"

#include <corps/ledger.h>

struct corps__epochs_book {
    struct corps_ledger_book base; /* first */
    struct corps__epochs epochs;
    uint32_t host, slots;
    uint64_t boot;
    bool is_drained;
    char address[CORPS_LEDGER_ADDRESS_BYTES];
};

/* `ledger`: whose book it is. */
enum corps_err corps__epochs_book_open(const struct corps_ledger *ledger, const struct corps_ledger_options *options,
                                       struct corps_ledger_book **book) CORPS_CHECKED;

enum corps_err corps__epochs_book_renew(struct corps_ledger_book *book, int64_t now_ns, int64_t *until_ns);
enum corps_err corps__epochs_book_drain(struct corps_ledger_book *book, bool is_drained);
enum corps_err corps__epochs_book_claim(struct corps_ledger_book *book, const struct corps_ledger_request *request,
                                        int64_t now_ns, struct corps_ledger_claim *claim) CORPS_CHECKED;
enum corps_err corps__epochs_book_note(struct corps_ledger_book *book, uint64_t corps_id, const char *about);
enum corps_err corps__epochs_book_find(struct corps_ledger_book *book, uint64_t corps_id,
                                       struct corps_ledger_owner *owner) CORPS_CHECKED;
enum corps_err corps__epochs_book_list(struct corps_ledger_book *book, const struct corps_ledger_each *each, void *arg);
enum corps_err corps__epochs_book_read(struct corps_ledger_book *book, uint64_t corps_id, uint8_t **record,
                                       size_t *bytes);
int corps__epochs_book_watch(struct corps_ledger_book *book);
enum corps_err corps__epochs_book_give(struct corps_ledger_book *book, uint64_t corps_id);
enum corps_err corps__epochs_book_end(struct corps_ledger_book *book, uint64_t corps_id);
void corps__epochs_book_close(struct corps_ledger_book *book);

/* What does not differ. */
#define CORPS__EPOCHS_BOOK_OPERATIONS                                                                                  \
    .renew = corps__epochs_book_renew, .drain = corps__epochs_book_drain, .note = corps__epochs_book_note,             \
    .list = corps__epochs_book_list, .read = corps__epochs_book_read, .watch = corps__epochs_book_watch,               \
    .give = corps__epochs_book_give, .end = corps__epochs_book_end, .close = corps__epochs_book_close

#endif
