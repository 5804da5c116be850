/* What every ledger refuses (corps/ledger.h). Pure. Threads: any. */
#ifndef CORPS_HOSTS_LEDGER_CHECK_H
#define CORPS_HOSTS_LEDGER_CHECK_H

#include <corps/ledger.h>

/* Is this a request that may be claimed? Errors: INVALID, TOO_LARGE, UNSUPPORTED, as `claim` says. */
enum corps_err corps__ledger_check(const struct corps_ledger *ledger,
                                   const struct corps_ledger_request *request) CORPS_CHECKED;

/* And is this a text for `note`? NULL is. Errors: TOO_LARGE. */
enum corps_err corps__ledger_check_about(const char *about) CORPS_CHECKED;

#endif
