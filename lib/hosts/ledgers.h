/* The ledgers that there are (corps/ledger.h), one file each: ledger_NAME.c. Those that need an engine's library are
 * not in the core: a program that has one adds it. */
#ifndef CORPS_HOSTS_LEDGERS_H
#define CORPS_HOSTS_LEDGERS_H

#include <corps/ledger.h>

extern const struct corps_ledger corps_ledger_file, corps_ledger_hosts;

/* Adds the program's ledger; it is used for ever. Before other threads are. Errors: INVALID (an operation is missing),
 * LIMIT (there is no place for more, or one of this name is there). */
enum corps_err corps__ledger_add(const struct corps_ledger *ledger) CORPS_CHECKED;

/* By its name; NULL, with a detail that lists them. Any thread. */
const struct corps_ledger *corps__ledger_find(const char *name);

/* The i-th, NULL past the end. Any thread. */
const struct corps_ledger *corps__ledger_at(unsigned index);

#endif
