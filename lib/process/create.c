#include "actor/conc.h"
#include "actor/message.h"
#include "base/sized.h"
#include "link/known.h"
#include "process/args.h"
#include "process/order.h"
#include "value/failure.h"
#include "value/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* corps_create_concs: asks the managers of the Envs, all at once, and gathers the Names. */

/* The request to one Env's manager. */
struct order {
    unsigned env;
    unsigned count;
    struct corps_name *manager;
    struct corps_future *future;
};

static enum corps_err ask_manager(const struct corps *corps, struct order *order, const char *method,
                                  const struct corps_value *args) {
    static const char manager_class[] = "corps manager";
    /* What was made is ended again after an error: no deadline of a request may keep either from being done. */
    const struct corps_call_options options = {.serializer = "msgpack", .flags = CORPS_CALL_DETACHED};
    enum corps_err err = CORPS_OK;
    if (order->manager == NULL) {
        err = corps__name_create(corps->id, order->env, CORPS__MANAGER, manager_class, sizeof manager_class - 1,
                                 &order->manager);
    }
    return err == CORPS_OK ? corps_call(order->manager, method, args, &options, &order->future) : err;
}

static enum corps_err order_concs(const struct corps *corps, struct order *order, const char *class_name,
                                  const struct corps_value *policy, const struct corps_value *init_args) {
    size_t extra = init_args->kind == CORPS_ARRAY ? init_args->count : 0;
    struct corps_value *items = malloc((CORPS__ORDER_ARGS + extra) * sizeof *items);
    if (items == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a request");
    }
    items[0] = corps_str(class_name);
    items[1] = corps_int(order->count);
    items[2] = *policy;
    for (size_t i = 0; i < extra; i++) {
        items[CORPS__ORDER_ARGS + i] = init_args->items[i];
    }
    struct corps_value args = corps_array(items, CORPS__ORDER_ARGS + extra);
    enum corps_err err = ask_manager(corps, order, "create", &args);
    free(items);
    return err;
}

/* How many Concs each Env gets. Writes env_count counts. */
static enum corps_err distribute_concs(struct corps *corps, struct corps_location location, unsigned count,
                                       unsigned *counts, unsigned *first) {
    static const struct corps__sized kind = CORPS__SIZED(corps_location, sizeof(struct corps_location));
    struct corps_location unused;
    unsigned envs = corps->settings.env_count;
    if (corps__sized_take(&kind, &location, &unused) == NULL) {
        return CORPS_ERR_INVALID;
    }
    if (count == 0) {
        return corps_error_set(CORPS_ERR_INVALID, "the number of Concs must be at least 1");
    }
    memset(counts, 0, envs * sizeof *counts);
    *first = 0;
    switch (location.type) {
    case CORPS_LOCATION_ENV_ID:
        if (location.env >= envs) {
            return corps_error_set(CORPS_ERR_INVALID, "there is no Env %u; the Corps has %u, numbered from 0",
                                   location.env, envs);
        }
        counts[location.env] = count;
        return CORPS_OK;
    case CORPS_LOCATION_PER_ENV:
        for (unsigned i = 0; i < envs; i++) {
            counts[i] = count;
        }
        return CORPS_OK;
    case CORPS_LOCATION_AUTO:
        *first = atomic_fetch_add(&corps->next_auto, count) % envs;
        for (unsigned i = 0; i < count; i++) {
            counts[(*first + i) % envs]++;
        }
        return CORPS_OK;
    }
    return corps_error_set(CORPS_ERR_INVALID, "there is no location type %d", (int)location.type);
}

/* The Env of Conc number `i` in the order of the result, and which of that Env's Concs it is. */
static void location_of(const struct corps *corps, struct corps_location location, unsigned first, unsigned i,
                        unsigned *env, unsigned *nth) {
    unsigned envs = corps->settings.env_count;
    if (location.type == CORPS_LOCATION_ENV_ID) {
        *env = location.env;
        *nth = i;
    } else {
        *env = (first + i) % envs;
        *nth = i / envs;
    }
}

static enum corps_err gather_names(const struct corps *corps, struct order *orders, const char *class_name,
                                   struct corps_location location, unsigned first, unsigned total,
                                   struct corps_name **names) {
    enum corps_err err = CORPS_OK;
    unsigned made = 0;
    for (unsigned i = 0; err == CORPS_OK && i < total; i++) {
        unsigned env;
        unsigned nth;
        location_of(corps, location, first, i, &env, &nth);
        const struct corps_value *ids;
        err = corps_future_wait(orders[env].future, 0, &ids);
        const struct corps_value *id = err == CORPS_OK ? corps_value_item(ids, nth) : NULL;
        if (err == CORPS_OK && (id == NULL || id->kind != CORPS_INT)) {
            err = corps_error_set(CORPS_ERR_PROTOCOL, "Env %u answered with fewer Concs than were asked for", env);
        }
        if (err == CORPS_OK) {
            err = corps__name_create(corps->id, env, (uint32_t)id->integer, class_name, strlen(class_name), &names[i]);
            made += err == CORPS_OK ? 1 : 0;
        }
    }
    for (unsigned i = 0; err != CORPS_OK && i < made; i++) {
        corps_name_unref(names[i]);
    }
    return err;
}

/* Some inits failed: ends the Concs of the Envs where they did not. Keeps the first failure's detail. */
static void undo_creation(const struct corps *corps, struct order *orders) {
    for (unsigned env = 0; env < corps->settings.env_count; env++) {
        const struct corps_value *ids;
        if (orders[env].future == NULL || corps_future_wait(orders[env].future, 0, &ids) != CORPS_OK) {
            continue;
        }
        struct order end = {.env = env};
        if (ask_manager(corps, &end, "end", ids) == CORPS_OK) {
            (void)!corps_future_wait(end.future, 5000000000, NULL);
        }
        corps_future_destroy(end.future);
        corps_name_unref(end.manager);
    }
}

static enum corps_err create_all(struct corps *corps, struct order *orders, const char *class_name,
                                 const struct corps_value *policy, const struct corps_value *init_args,
                                 const struct corps_value *local_args) {
    enum corps_err err = CORPS_OK;
    char detail[512] = "";
    for (unsigned env = 0; env < corps->settings.env_count; env++) {
        if (orders[env].count > 0 && err == CORPS_OK) {
            bool here = corps == corps__own() && env == corps__own_env();
            err = order_concs(corps, &orders[env], class_name, policy, here ? local_args : init_args);
            snprintf(detail, sizeof detail, "%s", corps_error_detail());
        }
    }
    for (unsigned env = 0; env < corps->settings.env_count; env++) {
        if (orders[env].future == NULL) {
            continue;
        }
        enum corps_err waited = corps_future_wait(orders[env].future, CORPS_FOREVER, NULL);
        if (waited != CORPS_OK && err == CORPS_OK) {
            err = waited;
            corps__create_failure_set(corps__failure_create(corps_future_error(orders[env].future)));
            snprintf(detail, sizeof detail, "%s", corps_error_detail());
        }
    }
    if (err != CORPS_OK) {
        undo_creation(corps, orders);
        err = corps_error_set(err, "%s", detail);
    }
    return err;
}

static enum corps_err create_concs(struct corps *corps, const char *class_name, const struct corps_value *args,
                                   struct corps_location location, unsigned count, const struct corps_value *policy,
                                   struct corps_name **names) {
    unsigned envs = corps->settings.env_count;
    unsigned counts[CORPS__ENVS_MAX];
    unsigned first;
    enum corps_err err = distribute_concs(corps, location, count, counts, &first);
    if (err != CORPS_OK) {
        return err;
    }
    struct corps_box *box = corps_box_create();
    struct order *orders = calloc(envs, sizeof *orders);
    struct corps_value init_args = corps_nil();
    struct corps_value local_args = corps_nil();
    err = box != NULL && orders != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to create Concs");
    unsigned here = corps == corps__own() ? counts[corps__own_env()] : 0;
    unsigned total = 0;
    for (unsigned env = 0; err == CORPS_OK && env < envs; env++) {
        orders[env].env = env;
        orders[env].count = counts[env];
        total += counts[env];
    }
    if (err == CORPS_OK && total > here) {
        err = corps__init_args_encode(&corps->settings, args, CORPS__PAYLOAD_BYTES_MAX, box, &init_args);
    }
    if (err == CORPS_OK && here > 0 && args != NULL) {
        err = corps__init_args_lend(args, box, &local_args);
    }
    if (err == CORPS_OK) {
        err = create_all(corps, orders, class_name, policy, &init_args, &local_args);
    }
    if (err == CORPS_OK) {
        err = gather_names(corps, orders, class_name, location, first, total, names);
    }
    for (unsigned env = 0; orders != NULL && env < envs; env++) {
        corps_future_destroy(orders[env].future);
        corps_name_unref(orders[env].manager);
    }
    free(orders);
    corps_box_unref(box);
    return err;
}

enum corps_err corps_create_concs(struct corps *corps, const char *class_name, const struct corps_value *args,
                                  struct corps_location location, unsigned count, struct corps_name **names) {
    return corps_create_supervised(corps, class_name, args, location, count, NULL, names);
}

#define SUPERVISION_BYTES 96u /* of struct corps_supervision in 0.1 */

enum corps_err corps__order_policy(const struct corps_supervision *given, struct corps_value items[CORPS__POLICY_ITEMS],
                                   struct corps_value *value) {
    static const struct corps__sized kind = CORPS__SIZED(corps_supervision, SUPERVISION_BYTES);
    static const struct corps_supervision none;
    struct corps_supervision own;
    const struct corps_supervision *taken = given != NULL ? corps__sized_take(&kind, given, &own) : &none;
    if (taken == NULL) {
        return CORPS_ERR_INVALID;
    }
    struct corps__policy policy = {.restart = taken->restart,
                                   .strategy = taken->strategy,
                                   .intensity = taken->intensity,
                                   .period_ns = taken->period_ns,
                                   .backoff_ns = taken->backoff_ns,
                                   .backoff_max_ns = taken->backoff_max_ns};
    enum corps_err err = corps__policy_decide(&policy);
    corps__policy_items(&policy, items);
    *value = policy.restart != CORPS_RESTART_NEVER ? corps_array(items, CORPS__POLICY_ITEMS) : corps_nil();
    return err;
}

enum corps_err corps_create_supervised(struct corps *corps, const char *class_name, const struct corps_value *args,
                                       struct corps_location location, unsigned count,
                                       const struct corps_supervision *supervision, struct corps_name **names) {
    if (strncmp(class_name, CORPS__POOL_PREFIX, CORPS__POOL_PREFIX_BYTES) == 0) {
        return corps_error_set(CORPS_ERR_INVALID, "'%s' is the class of a pool, which corps_create_pool makes",
                               class_name);
    }
    struct corps_value items[CORPS__POLICY_ITEMS];
    struct corps_value policy;
    enum corps_err err = corps__order_policy(supervision, items, &policy);
    if (err == CORPS_OK) {
        (void)corps__corps_ref(corps); /* it may exit meanwhile */
        err = create_concs(corps, class_name, args, location, count, &policy, names);
        corps__corps_unref(corps);
    }
    return err;
}
