/* One request to etcd: to whichever of its servers answers.
 *
 * It remembers who answered last and asks there first; who doesn't answer in his share of the time is followed by the
 * next. So a request may be done twice: every request here is one that may be. A server is asked who it is before it is
 * believed: one of another version, or of another cluster than those before, is left out. Where etcd wants a password,
 * the client logs in, and does so again when its token is not taken any more.
 *
 * Threads: one at a time for one client; any thread. */
#ifndef CORPS_AGENT_ETCD_CLIENT_H
#define CORPS_AGENT_ETCD_CLIENT_H

#include "agent/etcd/http.h"

#include <corps/ledger.h>

#include <jansson.h>

/* So long an operation asks, of whatever parts it is. A lease runs for 5 s, is renewed every 0.5 s, and a renewal that
 * stands behind another operation must not come too late. */
#define AGENT_ETCD_PATIENCE_NS INT64_C(2000000000)

struct agent_etcd_client {
    struct agent_etcd_http http;
    char *texts; /* all that follows points into */
    const char *endpoints[CORPS_LEDGER_ENDPOINTS_MAX], *ca_file, *user, *password, *cluster;
    bool is_known[CORPS_LEDGER_ENDPOINTS_MAX]; /* said who it is since it last failed */
    unsigned count, at;                        /* at: who answered last */
    char token[AGENT_ETCD_TOKEN_BYTES];        /* "": not logged in */
    int64_t cluster_id;                        /* etcd's; 0: nobody was asked yet */
    size_t texts_bytes;
};

/* Errors: INVALID (what is wrong with which endpoint or name), NO_MEMORY. */
enum corps_err agent_etcd_client_init(struct agent_etcd_client *client,
                                      const struct corps_ledger_options *options) CORPS_CHECKED;
void agent_etcd_client_finish(struct agent_etcd_client *client);

/* Until when an operation that begins now may ask. On the clock of corps__now_ns(). */
int64_t agent_etcd_patience(void);

/* Asks; takes `request` (NULL: there was no memory for it). Gives the answer, whose header was looked at: an object.
 * Errors: TIMEOUT (then it may have been done, and may be done still), DENIED, VERSION, MOVED, FULL, PROTOCOL, SYSTEM,
 * TOO_LARGE, INVALID, NO_MEMORY, as corps/ledger.h says of `renew`; CLOSED: etcd knows no such lease. */
enum corps_err agent_etcd_ask(struct agent_etcd_client *client, const char *path, json_t *request, int64_t deadline_ns,
                              json_t **answer) CORPS_CHECKED;

/* Finds somebody who answers, and logs in: client->endpoints[client->at], client->token. The same errors. */
enum corps_err agent_etcd_client_greet(struct agent_etcd_client *client, int64_t deadline_ns) CORPS_CHECKED;

#endif
