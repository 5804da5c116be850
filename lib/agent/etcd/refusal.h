/* What etcd's refusals mean, and what the operator should do about them.
 *
 * A refusal is an object with "error", in the body of whatever HTTP status: {"error": text, "message": text, "code": n}
 * by itself, or {"error": {"message": text, …}} within a stream. Texts are those of etcd's
 * api/v3rpc/rpctypes/error.go, which clients rely on.
 *
 * Nothing here does I/O. Threads: any. */
#ifndef CORPS_AGENT_ETCD_REFUSAL_H
#define CORPS_AGENT_ETCD_REFUSAL_H

#include "agent/etcd/client.h"

/* OK: it is no refusal. AGAIN: the token is not taken any more; log in and ask again. TIMEOUT: this server cannot now;
 * another one, or later. Else what agent_etcd_ask says, with the detail. */
enum corps_err agent_etcd_refusal(const struct agent_etcd_client *client, const char *endpoint,
                                  const json_t *answer) CORPS_CHECKED;

#endif
