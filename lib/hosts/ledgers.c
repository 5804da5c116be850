#include "hosts/ledgers.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { LEDGERS_MAX = 4 };

static const struct corps_ledger *ledgers[LEDGERS_MAX] = {&corps_ledger_file, &corps_ledger_hosts};

static bool is_whole(const struct corps_ledger *ledger) {
    return ledger->name != NULL && ledger->summary != NULL && ledger->open != NULL && ledger->renew != NULL &&
           ledger->drain != NULL && ledger->claim != NULL && ledger->note != NULL && ledger->find != NULL &&
           ledger->list != NULL && ledger->read != NULL && ledger->give != NULL && ledger->end != NULL &&
           ledger->close != NULL;
}

enum corps_err corps__ledger_add(const struct corps_ledger *ledger) {
    if (!is_whole(ledger)) {
        return corps_error_set(CORPS_ERR_INVALID, "a ledger lacks an operation that corps/ledger.h wants");
    }
    for (unsigned i = 0; i < LEDGERS_MAX; i++) {
        if (ledgers[i] == NULL) {
            ledgers[i] = ledger;
            return CORPS_OK;
        }
        if (strcmp(ledgers[i]->name, ledger->name) == 0) {
            return corps_error_set(CORPS_ERR_LIMIT, "there is a ledger '%s' already", ledger->name);
        }
    }
    return corps_error_set(CORPS_ERR_LIMIT, "there is no place for a ledger '%s'", ledger->name);
}

const struct corps_ledger *corps__ledger_at(unsigned index) {
    return index < LEDGERS_MAX ? ledgers[index] : NULL;
}

const struct corps_ledger *corps__ledger_find(const char *name) {
    char names[128] = "";
    for (unsigned i = 0; corps__ledger_at(i) != NULL; i++) {
        if (strcmp(ledgers[i]->name, name) == 0) {
            return ledgers[i];
        }
        size_t at = strlen(names);
        snprintf(names + at, sizeof names - at, "%s%s", i > 0 ? ", " : "", ledgers[i]->name);
    }
    (void)corps_error_set(CORPS_ERR_UNKNOWN, "there is no ledger '%s' in this build; there are: %s%s", name, names,
                          strcmp(name, "etcd") == 0 ? "; build it with libcurl and jansson (meson setup -Detcd=enabled)"
                                                    : "");
    return NULL;
}
