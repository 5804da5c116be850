#include "hosts/ledger_check.h"

#include <string.h>

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
