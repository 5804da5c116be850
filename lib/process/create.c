#include "actor/conc.h"
#include "actor/message.h"
#include "base/sized.h"
#include "link/known.h"
#include "link/news.h"
#include "process/args.h"
#include "process/ask.h"
#include "process/order.h"
#include "process/places.h"
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
    enum corps_err err = corps__manager_ask(corps, order->env, "create", &args, &order->manager, &order->future);
    free(items);
    return err;
}

/* Where the Concs of one creation go. */
struct spread {
    struct corps_location location;
    unsigned envs;                    /* numbers of Envs are below it */
    unsigned there[CORPS__ENVS_MAX];  /* those that may be chosen, ascending … */
    unsigned there_count;             /* … and how many they are */
    unsigned first;                   /* AUTO: which of them is the first */
    unsigned counts[CORPS__ENVS_MAX]; /* how many each Env gets, by its number */
    unsigned total;
    size_t places; /* that the caller has for Names */
};

static void note_there(const struct corps *corps, struct spread *spread) {
    spread->there_count = 0;
    for (unsigned i = 0; i < spread->envs; i++) {
        if (corps__env_is_there(corps, i)) {
            spread->there[spread->there_count++] = i;
        }
    }
}

/* `count` in each Env that may be chosen? Else so many in all. */
static bool in_each(const struct spread *spread) {
    enum corps_location_type type = spread->location.type;
    return type == CORPS_LOCATION_PER_ENV || type == CORPS_LOCATION_CLUSTER || type == CORPS_LOCATION_REGION;
}

static void distribute(struct corps *corps, unsigned count, struct spread *spread) {
    memset(spread->counts, 0, sizeof spread->counts);
    spread->first = 0;
    spread->total = count;
    if (spread->location.type == CORPS_LOCATION_ENV_ID) {
        spread->counts[spread->location.env] = count;
    } else if (in_each(spread)) {
        for (unsigned i = 0; i < spread->there_count; i++) {
            spread->counts[spread->there[i]] = count;
        }
        spread->total = count * spread->there_count;
    } else {
        spread->first = atomic_fetch_add(&corps->next_auto, count) % spread->there_count; /* Env 0 is always there */
        for (unsigned i = 0; i < count; i++) {
            spread->counts[spread->there[(spread->first + i) % spread->there_count]]++;
        }
    }
}

/* Does it matter whether an Env was added or taken? */
static bool needs_news(const struct corps *corps, struct corps_location location) {
    bool grows = (corps->settings.transport->capabilities & CORPS_TRANSPORT_INTRA) == 0 &&
                 (corps->creator != NULL || !corps__is_foreign(corps));
    return grows && (location.type != CORPS_LOCATION_ENV_ID || location.env >= corps->settings.env_count);
}

/* Of CLUSTER and REGION the caller says how many hosts it has room for. */
static enum corps_err distribute_hosts(struct corps *corps, unsigned count, struct spread *spread) {
    unsigned room = spread->location.env;
    enum corps_err err = corps__places_find(corps, spread->location, spread->there, &spread->there_count);
    if (err != CORPS_OK) {
        return err;
    }
    if (in_each(spread) && spread->there_count > room) {
        return corps_error_set(CORPS_ERR_INVALID,
                               "the location means %u hosts, and the array has room for %u (its env)",
                               spread->there_count, room);
    }
    spread->envs = spread->there[spread->there_count - 1] + 1;
    distribute(corps, count, spread);
    spread->places = in_each(spread) ? (size_t)count * room : spread->total;
    return CORPS_OK;
}

static enum corps_err distribute_concs(struct corps *corps, struct corps_location location, unsigned count,
                                       struct spread *spread) {
    static const struct corps__sized kind = CORPS__SIZED(corps_location, sizeof(struct corps_location));
    struct corps_location unused;
    unsigned room = corps->settings.env_count; /* that the caller knows of */
    if (corps__sized_take(&kind, &location, &unused) == NULL) {
        return CORPS_ERR_INVALID;
    }
    if (count == 0) {
        return corps_error_set(CORPS_ERR_INVALID, "the number of Concs must be at least 1");
    }
    if (needs_news(corps, location)) {
        corps__news_read(corps);
    }
    spread->location = location;
    spread->envs = corps->settings.env_count;
    if (location.type == CORPS_LOCATION_ENV_ID && location.env >= spread->envs) {
        return corps_error_set(CORPS_ERR_INVALID, "there is no Env %u; the Corps has %u, numbered from 0", location.env,
                               spread->envs);
    }
    if (location.type > CORPS_LOCATION_REGION) {
        return corps_error_set(CORPS_ERR_INVALID, "there is no location type %d", (int)location.type);
    }
    if (location.host != NULL && !corps__location_is_of_hosts(location)) {
        return corps_error_set(CORPS_ERR_INVALID, "the location names host '%s', which is for HOST and REGION",
                               location.host);
    }
    if (corps__location_is_of_hosts(location)) {
        return distribute_hosts(corps, count, spread);
    }
    if (location.type == CORPS_LOCATION_PER_ENV) {
        room = location.env != 0 ? location.env : room;
        spread->envs = spread->envs < room ? spread->envs : room;
    }
    note_there(corps, spread);
    distribute(corps, count, spread);
    spread->places = location.type == CORPS_LOCATION_PER_ENV ? (size_t)count * room : spread->total;
    return CORPS_OK;
}

/* The Env of Conc number `i` in the order of the result, and which of that Env's Concs it is. */
static void location_of(const struct spread *spread, unsigned i, unsigned *env, unsigned *nth) {
    if (spread->location.type == CORPS_LOCATION_ENV_ID) {
        *env = spread->location.env;
        *nth = i;
    } else {
        *env = spread->there[(spread->first + i) % spread->there_count];
        *nth = i / spread->there_count;
    }
}

static enum corps_err gather_names(const struct corps *corps, struct order *orders, const char *class_name,
                                   const struct spread *spread, struct corps_name **names) {
    enum corps_err err = CORPS_OK;
    unsigned made = 0;
    for (unsigned i = 0; err == CORPS_OK && i < spread->total; i++) {
        unsigned env;
        unsigned nth;
        location_of(spread, i, &env, &nth);
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
static void undo_creation(const struct corps *corps, struct order *orders, unsigned envs) {
    for (unsigned env = 0; env < envs; env++) {
        const struct corps_value *ids;
        if (orders[env].future == NULL || corps_future_wait(orders[env].future, 0, &ids) != CORPS_OK) {
            continue;
        }
        struct order end = {.env = env};
        if (corps__manager_ask(corps, env, "end", ids, &end.manager, &end.future) == CORPS_OK) {
            (void)!corps_future_wait(end.future, 5000000000, NULL);
        }
        corps_future_destroy(end.future);
        corps_name_unref(end.manager);
    }
}

static enum corps_err create_all(struct corps *corps, struct order *orders, unsigned envs, const char *class_name,
                                 const struct corps_value *policy, const struct corps_value *init_args,
                                 const struct corps_value *local_args) {
    enum corps_err err = CORPS_OK;
    char detail[512] = "";
    for (unsigned env = 0; env < envs; env++) {
        if (orders[env].count > 0 && err == CORPS_OK) {
            bool here = corps == corps__own() && env == corps__own_env();
            err = order_concs(corps, &orders[env], class_name, policy, here ? local_args : init_args);
            snprintf(detail, sizeof detail, "%s", corps_error_detail());
        }
    }
    for (unsigned env = 0; env < envs; env++) {
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
        undo_creation(corps, orders, envs);
        err = corps_error_set(err, "%s", detail);
    }
    return err;
}

static enum corps_err create_concs(struct corps *corps, const char *class_name, const struct corps_value *args,
                                   struct corps_location location, unsigned count, const struct corps_value *policy,
                                   struct corps_name **names) {
    struct spread spread;
    enum corps_err err = distribute_concs(corps, location, count, &spread);
    if (err != CORPS_OK) {
        return err;
    }
    struct corps_box *box = corps_box_create();
    struct order *orders = calloc(spread.envs, sizeof *orders);
    struct corps_value init_args = corps_nil();
    struct corps_value local_args = corps_nil();
    err = box != NULL && orders != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to create Concs");
    unsigned here = corps == corps__own() && corps__own_env() < spread.envs ? spread.counts[corps__own_env()] : 0;
    for (unsigned env = 0; err == CORPS_OK && env < spread.envs; env++) {
        orders[env].env = env;
        orders[env].count = spread.counts[env];
    }
    if (err == CORPS_OK && spread.total > here) {
        err = corps__init_args_encode(&corps->settings, args, CORPS__PAYLOAD_BYTES_MAX, box, &init_args);
    }
    if (err == CORPS_OK && here > 0 && args != NULL) {
        err = corps__init_args_lend(args, box, &local_args);
    }
    if (err == CORPS_OK) {
        err = create_all(corps, orders, spread.envs, class_name, policy, &init_args, &local_args);
    }
    if (err == CORPS_OK) {
        err = gather_names(corps, orders, class_name, &spread, names);
    }
    for (size_t i = spread.total; err == CORPS_OK && i < spread.places; i++) {
        names[i] = NULL; /* of Envs that are not there */
    }
    for (unsigned env = 0; orders != NULL && env < spread.envs; env++) {
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
