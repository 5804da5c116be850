#include "link/hello.h"

#include "codec/config.h"
#include "codec/wire.h"

#include <string.h>

enum corps_err corps__hello_encode(const struct corps__greeting *greeting, int pid, struct corps_encoding *encoding) {
    bool has_host = greeting->host != 0; /* where there is but one, no byte is spent on it */
    struct corps_value versions[] = {corps_int(CORPS__WIRE_VERSION), corps_int(CORPS__WIRE_VERSION)};
    struct corps_entry entries[] = {
        {corps_str("versions"), corps_array(versions, 2)},
        {corps_str("features"), corps_int(CORPS__FEATURE_CANCEL | (has_host ? CORPS__FEATURE_CLOCK : 0))},
        {corps_str("corps"), corps_int((int64_t)greeting->corps_id)},
        {corps_str("env"), corps_int(greeting->env)},
        {corps_str("incarnation"), corps_int((int64_t)greeting->incarnation)},
        {corps_str("wanted"), corps_int((int64_t)greeting->wanted)},
        {corps_str("pid"), corps_int(pid)},
        {corps_str("identity"), corps_bin(greeting->identity, sizeof greeting->identity)},
        {corps_str("host"), corps_int(greeting->host)},
    };
    size_t count = sizeof entries / sizeof entries[0] - (has_host ? 0 : 1);
    const struct corps_value map = corps_map(entries, count);
    const struct corps_serializer *msgpack;
    enum corps_err err = corps_serializer_find("msgpack", &msgpack);
    return err == CORPS_OK ? msgpack->encode(&map, encoding) : err;
}

/* An integer from `least` to `most`. */
static bool is_number(const struct corps_value *value, int64_t least, int64_t most) {
    return value != NULL && value->kind == CORPS_INT && value->integer >= least && value->integer <= most;
}

static enum corps_err check_versions(const struct corps_value *versions) {
    const struct corps_value *lowest = versions != NULL ? corps_value_item(versions, 0) : NULL;
    const struct corps_value *highest = versions != NULL ? corps_value_item(versions, 1) : NULL;
    if (!is_number(lowest, 0, INT32_MAX) || !is_number(highest, lowest->integer, INT32_MAX)) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer's HELLO does not say which versions it speaks");
    }
    if (lowest->integer > CORPS__WIRE_VERSION || highest->integer < CORPS__WIRE_VERSION) {
        return corps_error_set(CORPS_ERR_VERSION, "the peer speaks wire versions %d to %d, this program version %u",
                               (int)lowest->integer, (int)highest->integer, CORPS__WIRE_VERSION);
    }
    return CORPS_OK;
}

/* What need not be there is 0 where it is not. */
static enum corps_err read_number(const struct corps_value *map, const char *key, uint64_t *out) {
    const struct corps_value *value = corps_value_get(map, key);
    if (value != NULL && !is_number(value, 0, INT64_MAX)) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer's HELLO has '%s' that is no number", key);
    }
    *out = value != NULL ? (uint64_t)value->integer : 0;
    return CORPS_OK;
}

static enum corps_err read_host(const struct corps_value *host, uint32_t *out) {
    if (host != NULL && !is_number(host, 0, CORPS__HOST_MAX)) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer's HELLO has a host that has no number");
    }
    *out = host != NULL ? (uint32_t)host->integer : 0;
    return CORPS_OK;
}

static enum corps_err read_identity(const struct corps_value *identity, uint64_t out[2]) {
    enum { BYTES = 16 };
    if (identity == NULL) {
        return CORPS_OK;
    }
    if (identity->kind != CORPS_BIN || identity->count != BYTES) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer's HELLO has an identity that is none");
    }
    memcpy(out, identity->bin, BYTES);
    return CORPS_OK;
}

enum corps_err corps__hello_read(const struct corps_value *map, struct corps__greeting *greeting) {
    if (map->kind != CORPS_MAP) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer's HELLO is no map");
    }
    enum corps_err err = check_versions(corps_value_get(map, "versions"));
    if (err != CORPS_OK) {
        return err;
    }
    const struct corps_value *corps_id = corps_value_get(map, "corps");
    const struct corps_value *env = corps_value_get(map, "env");
    if (!is_number(corps_id, INT64_MIN, INT64_MAX) || !is_number(env, 0, UINT32_MAX)) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer's HELLO does not say who it is");
    }
    struct corps__greeting read = {.corps_id = (uint64_t)corps_id->integer, .env = (uint32_t)env->integer};
    err = read_number(map, "incarnation", &read.incarnation);
    err = err == CORPS_OK ? read_number(map, "wanted", &read.wanted) : err;
    err = err == CORPS_OK ? read_number(map, "features", &read.features) : err;
    err = err == CORPS_OK ? read_host(corps_value_get(map, "host"), &read.host) : err;
    err = err == CORPS_OK ? read_identity(corps_value_get(map, "identity"), read.identity) : err;
    if (err == CORPS_OK) {
        *greeting = read;
    }
    return err;
}
