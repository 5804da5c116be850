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

static bool is_name(const char *name) {
    size_t length = 0;
    for (; name[length] != '\0'; length++) {
        if (name[length] <= ' ' || name[length] > '~' || name[length] == '/') {
            return false;
        }
    }
    return length < CORPS_LEDGER_NAME_BYTES;
}

enum corps_err corps__ledger_check_about(const char *about) {
    return about == NULL || strlen(about) < CORPS_LEDGER_ABOUT_BYTES
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_TOO_LARGE, "what is said about a Corps has at most %d bytes",
                                 CORPS_LEDGER_ABOUT_BYTES - 1);
}

enum corps_err corps__ledger_check(const struct corps_ledger *ledger, const struct corps_ledger_request *request) {
    if (request->epoch == 0) {
        return corps_error_set(CORPS_ERR_INVALID, "the first life of a Corps is 1, not 0");
    }
    if (request->epoch > 1) {
        return CORPS_OK; /* the rest belongs to the first */
    }
    if (request->name != NULL && request->name[0] != '\0' && !is_name(request->name)) {
        return corps_error_set(CORPS_ERR_INVALID,
                               "a singleton's name has at most %d visible ASCII characters and no '/', unlike '%s'",
                               CORPS_LEDGER_NAME_BYTES - 1, request->name);
    }
    if (request->name != NULL && request->name[0] != '\0' && !ledger->moves) {
        return corps_error_set(CORPS_ERR_UNSUPPORTED,
                               "a singleton needs the ledger etcd, and this is '%s': add a line 'ledger etcd http://…' "
                               "to the hosts file",
                               ledger->name);
    }
    enum corps_err err = corps__ledger_check_about(request->about);
    if (err != CORPS_OK) {
        return err;
    }
    return request->record_bytes <= CORPS_LEDGER_RECORD_BYTES
               ? CORPS_OK
               : corps_error_set(
                     CORPS_ERR_TOO_LARGE,
                     "what another host needs to start this Corps is %zu bytes, and at most %d can be kept: "
                     "pass less to its constructor",
                     request->record_bytes, CORPS_LEDGER_RECORD_BYTES);
}
