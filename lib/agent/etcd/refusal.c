#include "agent/etcd/refusal.h"

#include <string.h>

enum { UNAVAILABLE = 14, DEADLINE_EXCEEDED = 4, CANCELED = 1 }; /* codes of gRPC */

static const char *message_of(const json_t *answer) {
    const json_t *error = json_object_get(answer, "error");
    const char *text = json_string_value(json_is_object(error) ? json_object_get(error, "message") : error);
    if (text == NULL && json_object_get(answer, "code") != NULL) {
        text = json_string_value(json_object_get(answer, "message")); /* how later gateways say it */
    }
    return text;
}

static bool is_passing(const json_t *answer, const char *message) {
    static const char *const texts[] = {"request timed out", "no leader",      "leader changed",    "not leader",
                                        "too many requests", "server stopped", "unhealthy cluster", "is unavailable"};
    json_int_t code = json_integer_value(json_object_get(answer, "code"));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strstr(message, texts[i]) != NULL) {
            return true;
        }
    }
    return code == UNAVAILABLE || code == DEADLINE_EXCEEDED || code == CANCELED;
}

static enum corps_err of_password(const struct agent_etcd_client *client, const char *endpoint, const char *message) {
    if (strstr(message, "invalid user ID or password") != NULL) {
        return corps_error_set(CORPS_ERR_DENIED,
                               "etcd at %s does not take the password of its user '%s': see 'ledger-user' in the hosts "
                               "file, and corps-agent --ledger-password",
                               endpoint, client->user);
    }
    if (strstr(message, "user name is empty") != NULL) {
        return corps_error_set(CORPS_ERR_DENIED,
                               "etcd at %s wants a user: add a line 'ledger-user NAME' to the hosts file, and give the "
                               "password by corps-agent --ledger-password FILE",
                               endpoint);
    }
    if (strstr(message, "authentication is not enabled") != NULL) {
        return corps_error_set(CORPS_ERR_DENIED,
                               "etcd at %s asks nobody for a password: enable that there (etcdctl auth enable), or "
                               "remove the line 'ledger-user' from the hosts file",
                               endpoint);
    }
    return corps_error_set(
        CORPS_ERR_DENIED,
        "etcd at %s does not let its user '%s' read and write keys that begin with corps/: grant the "
        "role (etcdctl role grant-permission ROLE --prefix=true readwrite corps/)",
        endpoint, client->user);
}

static bool is_of_password(const char *message) {
    return strstr(message, "invalid user ID or password") != NULL || strstr(message, "user name is empty") != NULL ||
           strstr(message, "authentication is not enabled") != NULL || strstr(message, "permission denied") != NULL;
}

enum corps_err agent_etcd_refusal(const struct agent_etcd_client *client, const char *endpoint, const json_t *answer) {
    const char *message = message_of(answer);
    if (message == NULL) {
        return CORPS_OK;
    }
    if (strstr(message, "invalid auth token") != NULL || strstr(message, "revision of auth store is old") != NULL) {
        return CORPS_ERR_AGAIN;
    }
    if (strstr(message, "lease not found") != NULL) {
        return corps_error_set(CORPS_ERR_CLOSED, "etcd does not know this host's lease any more");
    }
    if (is_of_password(message)) {
        return of_password(client, endpoint, message);
    }
    if (strstr(message, "database space exceeded") != NULL) {
        return corps_error_set(CORPS_ERR_FULL,
                               "etcd has no space left (alarm NOSPACE): compact and defragment it, raise its "
                               "--quota-backend-bytes if need be, then etcdctl alarm disarm");
    }
    if (strstr(message, "too large") != NULL) {
        return corps_error_set(CORPS_ERR_TOO_LARGE,
                               "this is more than etcd at %s takes at once: raise its --max-request-bytes to 1572864",
                               endpoint);
    }
    if (strstr(message, "corrupt") != NULL) {
        return corps_error_set(CORPS_ERR_SYSTEM,
                               "etcd at %s says that its data are damaged (%.200s): see etcdctl alarm list", endpoint,
                               message);
    }
    if (is_passing(answer, message)) {
        return corps_error_set(CORPS_ERR_TIMEOUT, "etcd at %s cannot answer now (%.200s): do most of its servers run?",
                               endpoint, message);
    }
    return corps_error_set(CORPS_ERR_PROTOCOL, "etcd at %s refuses what Corps asks: %.300s", endpoint, message);
}
