#include "hosts/ledgers.h"

#include <stddef.h>
#include <string.h>

static const struct corps_ledger *const ledgers[] = {&corps_ledger_file, &corps_ledger_hosts};

const struct corps_ledger *corps__ledger_at(unsigned index) {
    return index < sizeof ledgers / sizeof ledgers[0] ? ledgers[index] : NULL;
}

const struct corps_ledger *corps__ledger_find(const char *name) {
    for (unsigned i = 0; corps__ledger_at(i) != NULL; i++) {
        if (strcmp(ledgers[i]->name, name) == 0) {
            return ledgers[i];
        }
    }
    (void)corps_error_set(CORPS_ERR_UNKNOWN, "there is no ledger '%s'; there are file and hosts", name);
    return NULL;
}
