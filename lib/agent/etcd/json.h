/* What etcd's requests and answers look like in JSON: keys and values in base64, numbers of 64 bits as strings, what is
 * 0 or false left out. (protobuf's mapping, with the field names as in etcd's rpc.proto and kv.proto.)
 *
 * Building allocates; a request that lacked memory is NULL, which whoever sends it refuses. Threads: one at a time for
 * one value. */
#ifndef CORPS_AGENT_ETCD_JSON_H
#define CORPS_AGENT_ETCD_JSON_H

#include "agent/etcd/keys.h"

#include <jansson.h>

/* Bytes, as base64. NULL: no memory. */
json_t *agent_etcd_bytes(const void *data, size_t bytes);
json_t *agent_etcd_text(const char *text);
json_t *agent_etcd_number(int64_t number);

/* And back. Gives what malloc gave, with a NUL behind it. NULL: it is none, or no memory. A value that is left out has
 * 0 bytes. */
char *agent_etcd_bytes_of(const json_t *value, size_t *bytes);

/* A number of an object: a string, or a number; left out: 0. False: it is none. */
bool agent_etcd_number_of(const json_t *object, const char *name, int64_t *number);

/* ---- a transaction ---- */

/* If all comparisons are true, then what stands under THEN is done, in order, else what stands under ELSE; all of it or
 * nothing. */
enum agent_etcd_part { AGENT_ETCD_IF, AGENT_ETCD_THEN, AGENT_ETCD_ELSE, AGENT_ETCD_PARTS };

struct agent_etcd_txn {
    json_t *parts[AGENT_ETCD_PARTS];
    bool is_broken; /* memory was lacking */
};

void agent_etcd_txn_init(struct agent_etcd_txn *txn);
void agent_etcd_if_absent(struct agent_etcd_txn *txn, struct agent_etcd_key key);
void agent_etcd_if_leased(struct agent_etcd_txn *txn, struct agent_etcd_key key, int64_t lease);
/* `result`: "EQUAL", "GREATER", "LESS": how the value there is, in the order of bytes. False where there is none. */
void agent_etcd_if_value(struct agent_etcd_txn *txn, struct agent_etcd_key key, const char *result, const char *text);
/* `part`: THEN or ELSE. Lease 0: none. */
void agent_etcd_get(struct agent_etcd_txn *txn, enum agent_etcd_part part, struct agent_etcd_key key);
void agent_etcd_put(struct agent_etcd_txn *txn, struct agent_etcd_key key, const void *value, size_t bytes,
                    int64_t lease); /* under THEN, as all that writes */
void agent_etcd_put_text(struct agent_etcd_txn *txn, struct agent_etcd_key key, const char *text, int64_t lease);
void agent_etcd_delete(struct agent_etcd_txn *txn, struct agent_etcd_key key);
/* The request; takes everything of txn. NULL: no memory. */
json_t *agent_etcd_txn_request(struct agent_etcd_txn *txn);

/* ---- what was read ---- */

struct agent_etcd_kv {
    bool is_there;
    char *value; /* malloc's, a NUL behind it */
    size_t bytes;
    int64_t lease;
};

/* The one key of a range's answer; of the i-th response of a transaction's answer. False: it is none, or no memory. */
bool agent_etcd_range_kv(const json_t *range, struct agent_etcd_kv *kv);
bool agent_etcd_txn_kv(const json_t *answer, size_t i, struct agent_etcd_kv *kv);
void agent_etcd_kv_free(struct agent_etcd_kv *kv);

#endif
