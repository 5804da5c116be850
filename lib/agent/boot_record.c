#include "boot_record.h"

#include "agent.h"
#include "base/placement.h"
#include "codec/framed.h"
#include "codec/record.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
    DIRECTORY = 4,
    SECRET = 5,
    PROCESSORS = 8,
    INCARNATION = 10,
    NUMBERS = 11,
    HOST = 12,
    BIND = 13,
    ITEMS = 14,
    ITEMS_MAX = 64
};

enum corps_err agent_boot_record_life(const uint8_t *data, size_t bytes, uint64_t corps_id, const char *directory,
                                      const struct agent_life *life, uint8_t **out, size_t *out_bytes) {
    struct corps_box *box;
    enum corps_err err = corps__framed_decode(data, bytes, &box);
    if (err != CORPS_OK) {
        return err;
    }
    const struct corps_value *root = corps_value_open(corps_box_root(box));
    if (!corps__record_is(root, "boot") || root->count <= PROCESSORS || root->count > ITEMS_MAX) {
        corps_box_unref(box);
        return corps_error_set(CORPS_ERR_PROTOCOL, "the control channel of an Env does not begin with a boot record");
    }
    struct corps_value items[ITEMS_MAX];
    size_t count = root->count > ITEMS ? root->count : ITEMS;
    for (size_t i = 0; i < count; i++) {
        items[i] = i < root->count ? root->items[i] : corps_nil();
    }
    uint8_t secret[CORPS__KEY_BYTES], processors[CORPS__ALLOWED_BYTES];
    char where[CORPS__HOST_BIND_BYTES];
    corps__key_secret(agent.key, corps_id, secret);
    corps__placement_allowed(processors);
    corps__host_bind(agent.hosts, agent.own, where, sizeof where);
    items[DIRECTORY] = corps_str(directory);
    items[SECRET] = corps_bin(secret, sizeof secret);
    items[PROCESSORS] = corps_bin(processors, sizeof processors);
    items[HOST] = corps_int(agent.own->number);
    items[BIND] = corps_str(where);
    if (life != NULL) {
        items[INCARNATION] = corps_int((int64_t)life->incarnation);
        items[NUMBERS] = corps_int(life->numbers);
    }
    struct corps_value record = corps_array(items, count);
    err = corps__framed_encode(&record, NULL, 0, out, out_bytes);
    sodium_memzero(secret, sizeof secret);
    corps_box_unref(box);
    return err;
}

enum corps_err agent_boot_record(const uint8_t *data, size_t bytes, uint64_t corps_id, const char *directory,
                                 uint8_t **out, size_t *out_bytes) {
    return agent_boot_record_life(data, bytes, corps_id, directory, NULL, out, out_bytes);
}
