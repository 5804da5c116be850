/* The ledger of one host: a directory. Whoever holds a Corps has its lock, and the kernel gives that to nobody while
 * the holder lives; so a claim needs no time limit, and a successor need not wait. */
#include "hosts/ledger_epochs.h"
#include "hosts/ledgers.h"

static enum corps_err file_open(const struct corps_ledger_options *options, struct corps_ledger_book **book) {
    return corps__epochs_book_open(&corps_ledger_file, options, book);
}

const struct corps_ledger corps_ledger_file = {
    .name = "file",
    .summary = "a directory of one host: survives every process, and the machine's end; not the loss of its disk",
    .wait_ns = 0, /* the lock has told that nobody is left */
    .open = file_open,
    .claim = corps__epochs_book_claim,
    .find = corps__epochs_book_find,
    CORPS__EPOCHS_BOOK_OPERATIONS,
};
