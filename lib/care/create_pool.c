#include "base/sized.h"
#include "base/symbol.h"
#include "care/pool.h"
#include "care/scale.h"
#include "link/known.h"
#include "process/args.h"
#include "process/order.h"
#include "process/places.h"
#include "value/failure.h"
#include "value/name.h"

#include "actor/conc.h"

#include <corps/serializer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* corps_create_pool: asks Env 0's manager for the pool's own Conc, and that for its first members. */

#define OPTIONS_BYTES 144u /* of struct corps_pool_options in 0.1 */
#define TARGET_NS INT64_C(10000000)
#define QUIET_NS INT64_C(30000000000)
#define END_NS INT64_C(5000000000)

enum { MEMBERS_AN_ENV = 4, CLASS_BYTES = 256 };

/* ---- options ---- */

/* Of those on certain hosts there may be as many as there are Envs: more are added. */
static unsigned usable_envs(const struct corps *corps, const struct corps_pool_options *options) {
    return options->location.type == CORPS_LOCATION_ENV_ID ? 1 : corps->settings.env_count;
}

/* How many members at a time. */
static unsigned long can_run(const struct corps *corps, const struct corps_pool_options *options) {
    return options->env_each != 0 ? CORPS__POOL_MAX
                                  : (unsigned long)usable_envs(corps, options) * corps->settings.thread_count_max;
}

static bool of_hosts(const struct corps_pool_options *options) {
    return options->location.type == CORPS_LOCATION_HOST || options->location.type == CORPS_LOCATION_REGION;
}

static enum corps_err check_location(const struct corps *corps, const struct corps_pool_options *options) {
    bool nearest = options->location.type == CORPS_LOCATION_PER_ENV;
    bool one = options->location.type == CORPS_LOCATION_ENV_ID;
    unsigned envs = corps->settings.env_count;
    if (options->location.type > CORPS_LOCATION_REGION) {
        return corps_error_set(CORPS_ERR_INVALID, "there is no location type %d", (int)options->location.type);
    }
    if (options->location.type == CORPS_LOCATION_CLUSTER) {
        return corps_error_set(CORPS_ERR_INVALID, "a pool is on one host (HOST), on those with a label (REGION), or "
                                                  "anywhere (AUTO), not CLUSTER");
    }
    if (options->location.host != NULL && !of_hosts(options)) {
        return corps_error_set(CORPS_ERR_INVALID, "the location names host '%s', which is for HOST and REGION",
                               options->location.host);
    }
    if (one && options->location.env >= envs) {
        return corps_error_set(CORPS_ERR_INVALID, "there is no Env %u; the Corps has %u, numbered from 0",
                               options->location.env, envs);
    }
    if (nearest && (options->min_count != 0 || options->max_count != 0)) {
        return corps_error_set(CORPS_ERR_INVALID, "a pool with one member in every Env (PER_ENV) has as many as there "
                                                  "are Envs: min_count and max_count are 0");
    }
    if (nearest && options->sticky != 0) {
        return corps_error_set(CORPS_ERR_INVALID, "a pool whose callers take the nearest member (PER_ENV) cannot be "
                                                  "sticky, which has the key choose");
    }
    if (options->env_each != 0 && options->location.type != CORPS_LOCATION_AUTO && !of_hosts(options)) {
        return corps_error_set(CORPS_ERR_INVALID, "with env_each the location is AUTO, HOST or REGION: each member "
                                                  "gets a new Env");
    }
    return CORPS_OK;
}

/* So that it can grow to what it may. */
static enum corps_err check_size(const struct corps *corps, const struct corps_pool_options *options) {
    unsigned least = options->min_count, most = options->max_count;
    if (most > CORPS__POOL_MAX || least > CORPS__POOL_MAX) {
        return corps_error_set(CORPS_ERR_INVALID, "a pool has at most %u members, not %u", CORPS__POOL_MAX,
                               most > least ? most : least);
    }
    if (least > most) {
        return corps_error_set(CORPS_ERR_INVALID, "a pool cannot have at least %u and at most %u members", least, most);
    }
    if (most > can_run(corps, options)) {
        return corps_error_set(CORPS_ERR_INVALID,
                               "%u members in %u Envs could not all run: thread_count_max is %u; give the Corps more "
                               "Envs, or allow fewer members",
                               most, usable_envs(corps, options), corps->settings.thread_count_max);
    }
    if (options->env_each != 0 && (corps->settings.transport->capabilities & CORPS_TRANSPORT_INTRA) != 0) {
        return corps_error_set(CORPS_ERR_INVALID,
                               "with env_each the pool could not grow: a Corps over transport %s has "
                               "one Env alone",
                               corps->settings.transport->name);
    }
    return CORPS_OK;
}

/* What was given, checked, with every default. */
static enum corps_err decide(const struct corps *corps, const struct corps_pool_options *given,
                             struct corps_pool_options *options) {
    static const struct corps__sized kind = CORPS__SIZED(corps_pool_options, OPTIONS_BYTES);
    static const struct corps__sized location_kind = CORPS__SIZED(corps_location, sizeof(struct corps_location));
    static const struct corps_pool_options none = {.location = {.type = CORPS_LOCATION_AUTO}};
    struct corps_pool_options own;
    struct corps_location unused;
    const struct corps_pool_options *taken = given != NULL ? corps__sized_take(&kind, given, &own) : &none;
    if (taken == NULL || corps__sized_take(&location_kind, &taken->location, &unused) == NULL) {
        return CORPS_ERR_INVALID;
    }
    *options = *taken;
    if (options->target_ns < 0 || options->quiet_ns < 0) {
        return corps_error_set(CORPS_ERR_INVALID, "%s is a time above 0, or 0 for the default",
                               options->target_ns < 0 ? "target_ns" : "quiet_ns");
    }
    enum corps_err err = check_location(corps, options);
    if (err != CORPS_OK) {
        return err;
    }
    unsigned usual = MEMBERS_AN_ENV * corps->settings.env_count;
    unsigned long run = can_run(corps, options);
    usual = usual < run ? usual : (unsigned)run;
    usual = usual < CORPS__POOL_MAX ? usual : CORPS__POOL_MAX;
    bool nearest = options->location.type == CORPS_LOCATION_PER_ENV;
    options->min_count = options->min_count != 0 ? options->min_count : 1;
    unsigned most = usual > options->min_count ? usual : options->min_count;
    options->max_count = options->max_count != 0 ? options->max_count : most;
    options->target_ns = options->target_ns != 0 ? options->target_ns : TARGET_NS;
    options->quiet_ns = options->quiet_ns != 0 ? options->quiet_ns : QUIET_NS;
    return nearest ? CORPS_OK : check_size(corps, options);
}

/* ---- the order ---- */

/* The arguments of the pool's init, as pool.h says, encoded for the order; all in `box`. */
static enum corps_err encode(const struct corps *corps, const char *class_name, const struct corps_value *args,
                             const struct corps_pool_options *options, struct corps_box *box,
                             struct corps_value *value) {
    static const struct corps_supervision usual = {.restart = CORPS_RESTART_ON_FAILURE};
    struct corps_value policy[CORPS__POLICY_ITEMS];
    struct corps_value items[CORPS__POOL_ARGS] = {
        [CORPS__POOL_CLASS] = corps_str(class_name),
        [CORPS__POOL_MIN] = corps_int(options->min_count),
        [CORPS__POOL_MAX_COUNT] = corps_int(options->max_count),
        [CORPS__POOL_TARGET_NS] = corps_int(options->target_ns),
        [CORPS__POOL_QUIET_NS] = corps_int(options->quiet_ns),
        [CORPS__POOL_LOCATION] = corps_int(options->location.type),
        [CORPS__POOL_ENV] = corps_int(options->location.env),
        [CORPS__POOL_HOST] = corps_str(options->location.host != NULL ? options->location.host : ""),
        [CORPS__POOL_IS_STICKY] = corps_int(options->sticky != 0),
        [CORPS__POOL_ENV_EACH] = corps_int(options->env_each != 0),
    };
    const struct corps_serializer *msgpack;
    enum corps_err err = corps__order_policy(options->supervision != NULL ? options->supervision : &usual, policy,
                                             &items[CORPS__POOL_POLICY]);
    if (err == CORPS_OK) {
        err = corps__init_args_encode(&corps->settings, args, CORPS__PAYLOAD_BYTES_MAX, box, &items[CORPS__POOL_INIT]);
    }
    if (err == CORPS_OK) {
        err = corps_serializer_find("msgpack", &msgpack);
    }
    struct corps_value array = corps_array(items, CORPS__POOL_ARGS);
    return err == CORPS_OK ? corps__init_args_encode_by(msgpack, &array, CORPS__PAYLOAD_BYTES_MAX, box, value) : err;
}

/* ---- asking ---- */

/* Asks a Conc of Env 0, and waits. The caller destroys the Future, also after an error. */
static enum corps_err ask(const struct corps *corps, uint32_t conc, const char *method, const struct corps_value *args,
                          int64_t timeout_ns, struct corps_future **future, const struct corps_value **result) {
    static const char core[] = "corps manager"; /* no pool's Name: calls by that go to the members */
    const struct corps_call_options options = {.serializer = "msgpack", .flags = CORPS_CALL_DETACHED};
    struct corps_name *name;
    *future = NULL;
    enum corps_err err = corps__name_create(corps->id, 0, conc, core, sizeof core - 1, &name);
    if (err != CORPS_OK) {
        return err;
    }
    err = corps_call(name, method, args, &options, future);
    err = err == CORPS_OK ? corps_future_wait(*future, timeout_ns, result) : err;
    corps_name_unref(name);
    return err;
}

/* What has failed is what corps_create_failure tells. */
static void keep_failure(enum corps_err err, const struct corps_future *future) {
    if (err != CORPS_OK && future != NULL) {
        corps__create_failure_set(corps__failure_create(corps_future_error(future)));
    }
}

static enum corps_err create(const struct corps *corps, const char *pool_class, const struct corps_value *init,
                             uint32_t *conc) {
    struct corps_value *items = malloc((CORPS__ORDER_ARGS + init->count) * sizeof *items);
    if (items == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a request");
    }
    items[0] = corps_str(pool_class);
    items[1] = corps_int(1);
    items[2] = corps_nil(); /* its end is Env 0's */
    memcpy(items + CORPS__ORDER_ARGS, init->items, init->count * sizeof *items);
    struct corps_value order = corps_array(items, CORPS__ORDER_ARGS + init->count);
    struct corps_future *future;
    const struct corps_value *ids = NULL;
    enum corps_err err = ask(corps, CORPS__MANAGER, "create", &order, CORPS_FOREVER, &future, &ids);
    free(items);
    keep_failure(err, future);
    const struct corps_value *id = err == CORPS_OK ? corps_value_item(ids, 0) : NULL;
    if (err == CORPS_OK && (id == NULL || id->kind != CORPS_INT)) {
        err = corps_error_set(CORPS_ERR_PROTOCOL, "Env 0 answered without the pool that was asked for");
    }
    *conc = id != NULL ? (uint32_t)id->integer : 0;
    corps_future_destroy(future);
    return err;
}

static void end(const struct corps *corps, uint32_t conc) {
    struct corps_value number = corps_int(conc);
    struct corps_value numbers = corps_array(&number, 1);
    struct corps_future *future;
    (void)!ask(corps, CORPS__MANAGER, "end", &numbers, END_NS, &future, NULL);
    corps_future_destroy(future);
}

/* Waits for the first members; without them there is no pool. Keeps the failure's detail. */
static enum corps_err await_members(const struct corps *corps, uint32_t conc) {
    struct corps_future *future;
    enum corps_err err = ask(corps, conc, "corps:ready", NULL, CORPS_FOREVER, &future, NULL);
    char detail[512];
    snprintf(detail, sizeof detail, "%s", corps_error_detail());
    if (err != CORPS_OK) {
        struct corps__failure *failure = future != NULL ? corps__failure_create(corps_future_error(future)) : NULL;
        end(corps, conc);
        corps__create_failure_set(failure);
        err = corps_error_set(err, "%s", detail);
    }
    corps_future_destroy(future);
    return err;
}

static enum corps_err create_pool(const struct corps *corps, const char *class_name, const struct corps_value *args,
                                  const struct corps_pool_options *options, struct corps_name **pool) {
    char pool_class[CLASS_BYTES];
    int length = snprintf(pool_class, sizeof pool_class, CORPS__POOL_PREFIX "%s", class_name);
    enum corps_err err = corps__symbol_check(pool_class, length > 0 ? (size_t)length : 0);
    if (err == CORPS_OK && strncmp(class_name, CORPS__POOL_PREFIX, CORPS__POOL_PREFIX_BYTES) == 0) {
        err = corps_error_set(CORPS_ERR_INVALID, "the members of a pool cannot be pools: '%s'", class_name);
    }
    struct corps_box *box = err == CORPS_OK ? corps_box_create() : NULL;
    if (box == NULL) {
        return err != CORPS_OK ? err : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a request");
    }
    struct corps_value init;
    uint32_t conc = 0;
    err = encode(corps, class_name, args, options, box, &init);
    err = err == CORPS_OK ? create(corps, pool_class, &init, &conc) : err;
    err = err == CORPS_OK ? await_members(corps, conc) : err;
    corps_box_unref(box);
    return err == CORPS_OK ? corps__name_create(corps->id, 0, conc, pool_class, (size_t)length, pool) : err;
}

/* There is somebody at least on each of the hosts; with Envs of their own members bring theirs. */
static enum corps_err know_hosts(struct corps *corps, const struct corps_pool_options *options) {
    unsigned count = 0;
    unsigned *envs = options->env_each == 0 ? malloc(CORPS__ENVS_MAX * sizeof *envs) : NULL;
    if (envs == NULL && options->env_each == 0) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a list of Envs");
    }
    enum corps_err err = corps__places_find(corps, options->location, envs, &count);
    free(envs);
    return err;
}

enum corps_err corps_create_pool(struct corps *corps, const char *class_name, const struct corps_value *args,
                                 const struct corps_pool_options *options, struct corps_name **pool) {
    struct corps_pool_options decided;
    if (class_name == NULL || class_name[0] == '\0') {
        return corps_error_set(CORPS_ERR_INVALID, "a pool is of a class, whose name was not given");
    }
    enum corps_err err = decide(corps, options, &decided);
    if (err == CORPS_OK) {
        (void)corps__corps_ref(corps); /* it may exit meanwhile */
        err = of_hosts(&decided) ? know_hosts(corps, &decided) : CORPS_OK;
        err = err != CORPS_OK ? err : create_pool(corps, class_name, args, &decided, pool);
        corps__corps_unref(corps);
    }
    return err;
}
