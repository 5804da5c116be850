#include "order.h"

#include "codec/framed.h"
#include "codec/record.h"
#include "hosts/keys.h"

#include <endian.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* ["own", corps, launch, boot, name, cut_off] */
enum { CORPS = 1, LAUNCH, BOOT, NAME, CUT_OFF, ITEMS };

/* Of a boot record (process/boot.c). */
enum { BOOT_CORPS = 1, BOOT_ENV = 2, BOOT_SETTINGS = 3, BOOT_FRONT = 6 };

enum { LENGTH_BYTES = 4 };

static enum corps_err no_memory(void) {
    return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the boot record of a Corps");
}

static enum corps_err no_order(const char *what) {
    return corps_error_set(CORPS_ERR_PROTOCOL, "what a Corps is to be begun with %s", what);
}

/* ---- what the boot record says ---- */

static int64_t number_of(const struct corps_value *settings, const char *key) {
    const struct corps_value *value = corps_value_get(settings, key);
    return value != NULL && value->kind == CORPS_INT ? value->integer : 0;
}

static enum corps_err take_policy(const struct corps_value *settings, struct corps__policy *policy) {
    *policy = (struct corps__policy){
        .restart = (enum corps_restart)number_of(settings, "policy.restart"),
        .intensity = (uint32_t)number_of(settings, "policy.intensity"),
        .period_ns = number_of(settings, "policy.period_ns"),
        .backoff_ns = number_of(settings, "policy.backoff_ns"),
        .backoff_max_ns = number_of(settings, "policy.backoff_max_ns"),
        .start_ns = number_of(settings, "boot_timeout_ns"),
        .shutdown_ns = INT64_MAX,
    };
    policy->start_ns = policy->start_ns > 0 ? policy->start_ns : INT64_MAX;
    return corps__policy_check(policy);
}

static enum corps_err take_boot(struct agent_order *order) {
    struct corps_box *box;
    enum corps_err err = corps__framed_decode(order->boot, order->boot_bytes, &box);
    if (err != CORPS_OK) {
        return err;
    }
    const struct corps_value *boot = corps_value_open(corps_box_root(box));
    const struct corps_value *settings = corps_value_item(boot, BOOT_SETTINGS);
    const struct corps_value *front = corps_value_item(boot, BOOT_FRONT);
    struct agent_about *about = &order->about;
    if (!corps__record_is(boot, "boot") || (uint64_t)corps__record_int(boot, BOOT_CORPS, 0) != order->corps_id ||
        corps__record_int(boot, BOOT_ENV, -1) != 0 || settings == NULL || settings->kind != CORPS_MAP) {
        err = no_order("has no boot record of its Env 0");
    } else if (!corps__text_take(corps_value_get(settings, "tag"), about->tag, sizeof about->tag) ||
               !corps__text_take(corps_value_get(settings, "hosts"), about->hosts, sizeof about->hosts) ||
               (front != NULL && front->kind != CORPS_NIL &&
                !corps__text_take(front, about->front, sizeof about->front))) {
        err = no_order("does not say its tag, its hosts, and the class of its own Conc");
    } else {
        err = take_policy(settings, &order->policy);
        about->restart = order->policy.restart;
    }
    corps_box_unref(box);
    return err;
}

/* ---- the order ---- */

/* Takes the box, also on error. */
static enum corps_err make(struct corps_box *box, struct agent_order **out) {
    const struct corps_value *record = corps_value_open(corps_box_root(box));
    struct agent_order *order = calloc(1, sizeof *order);
    if (order == NULL) {
        corps_box_unref(box);
        return no_memory();
    }
    *order = (struct agent_order){.box = box, .corps_id = (uint64_t)corps__record_int(record, CORPS, 0)};
    const struct corps_value *boot = corps_value_item(record, BOOT);
    order->launch = corps_value_item(record, LAUNCH);
    order->about.stays = corps__record_int(record, CUT_OFF, 0) != 0;
    enum corps_err err = CORPS_OK;
    if (record->count < ITEMS || order->corps_id == 0 || order->launch == NULL || order->launch->kind != CORPS_MAP ||
        boot == NULL || boot->kind != CORPS_BIN || boot->count <= LENGTH_BYTES ||
        !corps__text_take(corps_value_item(record, NAME), order->name, sizeof order->name)) {
        err = no_order("is not complete");
    } else {
        uint32_t length;
        memcpy(&length, boot->bin, sizeof length);
        order->boot = boot->bin + LENGTH_BYTES;
        order->boot_bytes = boot->count - LENGTH_BYTES;
        err = le32toh(length) == order->boot_bytes ? take_boot(order) : no_order("has a boot record of another length");
    }
    if (err != CORPS_OK) {
        agent_order_free(order);
        return err;
    }
    *out = order;
    return CORPS_OK;
}

/* The order, framed: what is sealed. Gives what malloc gave. */
static enum corps_err frame(const struct agent_order *order, uint8_t **out, size_t *bytes) {
    enum corps_err err = corps__framed_encode(corps_box_root(order->box), NULL, 0, out, bytes);
    size_t sealed = *bytes + crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;
    if (err == CORPS_OK && sealed > CORPS_LEDGER_RECORD_BYTES) {
        free(*out);
        err = corps_error_set(CORPS_ERR_TOO_LARGE,
                              "the arguments and options of a Corps that may move to another host take %zu bytes, and "
                              "the ledger keeps %d; hand over where large things are instead of the things",
                              sealed, CORPS_LEDGER_RECORD_BYTES);
    }
    return err;
}

enum corps_err agent_order_take(const struct corps_value *record, struct agent_order **out) {
    struct corps_box *box;
    enum corps_err err = corps_box_of(record, &box);
    err = err == CORPS_OK ? make(box, out) : err;
    if (err != CORPS_OK) {
        return err;
    }
    uint8_t *framed = NULL;
    size_t bytes = 0;
    err = frame(*out, &framed, &bytes); /* what cannot be kept is refused before it is begun */
    if (err != CORPS_OK) {
        agent_order_free(*out);
        return err;
    }
    free(framed);
    return CORPS_OK;
}

enum corps_err agent_order_seal(const struct agent_order *order, const uint8_t *cluster_key, uint8_t **sealed,
                                size_t *bytes) {
    uint8_t *framed = NULL;
    size_t framed_bytes = 0;
    enum corps_err err = frame(order, &framed, &framed_bytes);
    if (err != CORPS_OK) {
        return err;
    }
    uint8_t *made = malloc(crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + framed_bytes);
    if (made != NULL) {
        uint8_t key[CORPS__KEY_BYTES];
        corps__key_record(cluster_key, order->corps_id, key);
        randombytes_buf(made, crypto_secretbox_NONCEBYTES);
        crypto_secretbox_easy(made + crypto_secretbox_NONCEBYTES, framed, framed_bytes, made, key);
        sodium_memzero(key, sizeof key);
        *sealed = made;
        *bytes = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + framed_bytes;
    }
    sodium_memzero(framed, framed_bytes);
    free(framed);
    return made != NULL ? CORPS_OK : no_memory();
}

enum corps_err agent_order_open(uint64_t corps_id, const uint8_t *cluster_key, const uint8_t *sealed, size_t bytes,
                                struct agent_order **out) {
    const size_t more = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;
    uint8_t *framed = bytes > more + LENGTH_BYTES ? malloc(bytes - more) : NULL;
    if (framed == NULL) {
        return bytes > more + LENGTH_BYTES ? no_memory() : no_order("is too short");
    }
    uint8_t key[CORPS__KEY_BYTES];
    corps__key_record(cluster_key, corps_id, key);
    bool is_ours = crypto_secretbox_open_easy(framed, sealed + crypto_secretbox_NONCEBYTES,
                                              bytes - crypto_secretbox_NONCEBYTES, sealed, key) == 0;
    sodium_memzero(key, sizeof key);
    struct corps_box *box = NULL;
    enum corps_err err = is_ours ? corps__framed_decode(framed + LENGTH_BYTES, bytes - more - LENGTH_BYTES, &box)
                                 : corps_error_set(CORPS_ERR_DENIED,
                                                   "the boot record of the Corps %016llx was not sealed by this "
                                                   "cluster's key, or was changed",
                                                   (unsigned long long)corps_id);
    sodium_memzero(framed, bytes - more);
    free(framed);
    err = err == CORPS_OK ? make(box, out) : err;
    if (err == CORPS_OK && (*out)->corps_id != corps_id) {
        agent_order_free(*out);
        err = no_order("is of another Corps");
    }
    return err;
}

void agent_order_free(struct agent_order *order) {
    if (order != NULL) {
        corps_box_unref(order->box);
        free(order);
    }
}
