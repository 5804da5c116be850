/* The ledgers that there are (corps/ledger.h), one file each: ledger_NAME.c. */
#ifndef CORPS_HOSTS_LEDGERS_H
#define CORPS_HOSTS_LEDGERS_H

#include <corps/ledger.h>

extern const struct corps_ledger corps_ledger_file, corps_ledger_hosts;

/* By its name; NULL, with a detail that lists them. Any thread. */
const struct corps_ledger *corps__ledger_find(const char *name);

/* The i-th, NULL past the end. Any thread. */
const struct corps_ledger *corps__ledger_at(unsigned index);

#endif
