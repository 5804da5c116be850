#include "agent/etcd/json.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *agent_etcd_bytes(const void *data, size_t bytes) {
    size_t room = sodium_base64_encoded_len(bytes, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(room);
    if (text == NULL) {
        return NULL;
    }
    sodium_bin2base64(text, room, data, bytes, sodium_base64_VARIANT_ORIGINAL);
    json_t *value = json_stringn_nocheck(text, room - 1);
    free(text);
    return value;
}

json_t *agent_etcd_text(const char *text) {
    return agent_etcd_bytes(text, strlen(text));
}

json_t *agent_etcd_number(int64_t number) {
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, number);
    return json_string_nocheck(text);
}

char *agent_etcd_bytes_of(const json_t *value, size_t *bytes) {
    const char *text = value != NULL ? json_string_value(value) : "";
    if (text == NULL) {
        return NULL;
    }
    size_t length = value != NULL ? json_string_length(value) : 0;
    size_t room = length / 4 * 3 + 4;
    char *data = malloc(room);
    if (data == NULL) {
        return NULL;
    }
    if (sodium_base642bin((unsigned char *)data, room - 1, text, length, NULL, bytes, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0) {
        free(data);
        return NULL;
    }
    data[*bytes] = '\0';
    return data;
}

bool agent_etcd_number_of(const json_t *object, const char *name, int64_t *number) {
    const json_t *value = json_object_get(object, name);
    *number = 0;
    if (value == NULL) {
        return true;
    }
    if (json_is_integer(value)) {
        *number = json_integer_value(value);
        return true;
    }
    char *end = NULL;
    const char *text = json_string_value(value);
    if (text == NULL || text[0] == '\0') {
        return false;
    }
    /* cluster_id is unsigned; as bits the two are the same. */
    *number = text[0] == '-' ? strtoll(text, &end, 10) : (int64_t)strtoull(text, &end, 10);
    return *end == '\0';
}

/* ---- a transaction ---- */

void agent_etcd_txn_init(struct agent_etcd_txn *txn) {
    *txn = (struct agent_etcd_txn){.parts = {json_array(), json_array(), json_array()}};
}

static void add(struct agent_etcd_txn *txn, enum agent_etcd_part part, json_t *value) {
    if (value == NULL || json_array_append_new(txn->parts[part], value) != 0) {
        txn->is_broken = true;
    }
}

void agent_etcd_if_absent(struct agent_etcd_txn *txn, struct agent_etcd_key key) {
    add(txn, AGENT_ETCD_IF,
        json_pack("{s:o,s:s,s:s,s:s}", "key", agent_etcd_text(key.text), "target", "CREATE", "result", "EQUAL",
                  "create_revision", "0"));
}

void agent_etcd_if_leased(struct agent_etcd_txn *txn, struct agent_etcd_key key, int64_t lease) {
    add(txn, AGENT_ETCD_IF,
        json_pack("{s:o,s:s,s:s,s:o}", "key", agent_etcd_text(key.text), "target", "LEASE", "result", "EQUAL", "lease",
                  agent_etcd_number(lease)));
}

void agent_etcd_if_value(struct agent_etcd_txn *txn, struct agent_etcd_key key, const char *result, const char *text) {
    add(txn, AGENT_ETCD_IF,
        json_pack("{s:o,s:s,s:s,s:o}", "key", agent_etcd_text(key.text), "target", "VALUE", "result", result, "value",
                  agent_etcd_text(text)));
}

void agent_etcd_get(struct agent_etcd_txn *txn, enum agent_etcd_part part, struct agent_etcd_key key) {
    add(txn, part, json_pack("{s:{s:o}}", "request_range", "key", agent_etcd_text(key.text)));
}

void agent_etcd_put(struct agent_etcd_txn *txn, struct agent_etcd_key key, const void *value, size_t bytes,
                    int64_t lease) {
    add(txn, AGENT_ETCD_THEN,
        json_pack("{s:{s:o,s:o,s:o}}", "request_put", "key", agent_etcd_text(key.text), "value",
                  agent_etcd_bytes(value, bytes), "lease", agent_etcd_number(lease)));
}

void agent_etcd_put_text(struct agent_etcd_txn *txn, struct agent_etcd_key key, const char *text, int64_t lease) {
    agent_etcd_put(txn, key, text, strlen(text), lease);
}

void agent_etcd_delete(struct agent_etcd_txn *txn, struct agent_etcd_key key) {
    add(txn, AGENT_ETCD_THEN, json_pack("{s:{s:o}}", "request_delete_range", "key", agent_etcd_text(key.text)));
}

json_t *agent_etcd_txn_request(struct agent_etcd_txn *txn) {
    json_t **parts = txn->parts;
    json_t *request = json_pack("{s:o,s:o,s:o}", "compare", parts[AGENT_ETCD_IF], "success", parts[AGENT_ETCD_THEN],
                                "failure", parts[AGENT_ETCD_ELSE]);
    if (txn->is_broken) {
        json_decref(request);
        request = NULL;
    }
    *txn = (struct agent_etcd_txn){0};
    return request;
}

/* ---- what was read ---- */

bool agent_etcd_range_kv(const json_t *range, struct agent_etcd_kv *kv) {
    *kv = (struct agent_etcd_kv){0};
    const json_t *row = json_array_get(json_object_get(range, "kvs"), 0);
    if (row == NULL) {
        return json_is_object(range);
    }
    if (!agent_etcd_number_of(row, "lease", &kv->lease)) {
        return false;
    }
    kv->value = agent_etcd_bytes_of(json_object_get(row, "value"), &kv->bytes);
    kv->is_there = kv->value != NULL;
    return kv->is_there;
}

bool agent_etcd_txn_kv(const json_t *answer, size_t i, struct agent_etcd_kv *kv) {
    const json_t *response = json_array_get(json_object_get(answer, "responses"), i);
    return agent_etcd_range_kv(json_object_get(response, "response_range"), kv);
}

void agent_etcd_kv_free(struct agent_etcd_kv *kv) {
    free(kv->value);
    *kv = (struct agent_etcd_kv){0};
}
