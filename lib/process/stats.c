#include "process/stats.h"

#include "actor/conc.h"
#include "actor/workers.h"
#include "base/usage.h"
#include "link/known.h"
#include "link/tally.h"
#include "value/name.h"
#include "wait/wait.h"

#include <corps/stats.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum corps_err no_memory(void) {
    return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to say what this Env has counted");
}

/* ---- what only the leader may look at ---- */

struct look {
    struct corps__workers workers;
    struct corps__tally *links;
    size_t link_count, link_room;
    bool is_short; /* of memory */
};

static void take_link(const struct corps__tally *tally, void *arg) {
    struct look *look = arg;
    if (look->link_count == look->link_room) {
        size_t room = 2 * look->link_room + 8;
        struct corps__tally *grown = realloc(look->links, room * sizeof *grown);
        if (grown == NULL) {
            look->is_short = true;
            return;
        }
        look->links = grown;
        look->link_room = room;
    }
    look->links[look->link_count++] = *tally;
}

static enum corps_err look_job(void *arg) {
    struct look *look = arg;
    corps__tally_links(take_link, look);
    corps__workers_look(&look->workers);
    return look->is_short ? no_memory() : CORPS_OK;
}

/* ---- values ---- */

static struct corps_entry entry(const char *key, struct corps_value value) {
    return (struct corps_entry){corps_str(key), value};
}

static struct corps_entry number(const char *key, uint64_t value) {
    return entry(key, corps_int((int64_t)value));
}

static enum corps_err link_value(struct corps_box *box, const struct corps__tally *link, struct corps_value *map) {
    const struct corps_entry entries[] = {
        number("corps", link->corps_id),
        number("env", (uint64_t)link->env),
        entry("out", corps_bool(link->out)),
        entry("state", corps_str(link->state)),
        number("frames_sent", link->frames_sent),
        number("bytes_sent", link->bytes_sent),
        number("frames_received", link->frames_received),
        number("bytes_received", link->bytes_received),
        number("outstanding", link->outstanding),
        number("kept_bytes", link->kept_bytes),
        number("losses", link->losses),
    };
    const struct corps_value whole = corps_map(entries, sizeof entries / sizeof entries[0]);
    return corps_box_copy(box, &whole, map);
}

static enum corps_err links_value(struct corps_box *box, const struct look *look, struct corps_value *list) {
    struct corps_value *items = corps_box_alloc(box, (look->link_count + 1) * sizeof *items);
    enum corps_err err = items != NULL ? CORPS_OK : no_memory();
    for (size_t i = 0; err == CORPS_OK && i < look->link_count; i++) {
        err = link_value(box, &look->links[i], &items[i]);
    }
    *list = corps_array(items, look->link_count);
    return err;
}

/* ---- pools: each is a Worker with a class of this kind, which says itself how it is ---- */

#define POOL_CLASS "pool of "
#define POOL_METHOD "corps:pool"
enum { POOL_NS = 1000000000 };

/* What it says; or who it is, and why it says nothing. */
static enum corps_err pool_value(struct corps_box *box, const struct corps__conc *conc, struct corps_value *map) {
    struct corps_name *name = NULL;
    struct corps_future *future = NULL;
    const struct corps_value *said = NULL;
    const struct corps_call_options options = {
        .timeout_ns = POOL_NS, .serializer = "msgpack", .flags = CORPS_CALL_DETACHED};
    /* Under another class: a call by the Name of a pool goes to one of its members. */
    static const char one_worker[] = "corps pool";
    enum corps_err err =
        corps__name_create(corps__own_id(), corps__own_env(), conc->id, one_worker, sizeof one_worker - 1, &name);
    err = err == CORPS_OK ? corps_call(name, POOL_METHOD, NULL, &options, &future) : err;
    err = err == CORPS_OK ? corps_future_wait(future, CORPS_FOREVER, &said) : err;
    if (err == CORPS_OK) {
        err = corps_box_copy(box, said, map);
    } else {
        const struct corps_entry entries[] = {number("conc", conc->id),
                                              entry("class", corps_str(corps__conc_class(conc))),
                                              entry("error", corps_str(corps_error_detail()))};
        const struct corps_value whole = corps_map(entries, sizeof entries / sizeof entries[0]);
        err = corps_box_copy(box, &whole, map);
    }
    corps_future_destroy(future);
    corps_name_unref(name);
    return err;
}

static enum corps_err pools_value(struct corps_box *box, const struct corps__workers *workers,
                                  struct corps_value *list) {
    struct corps_value *items = NULL;
    size_t count = 0;
    enum corps_err err = CORPS_OK;
    for (uint32_t i = 0; err == CORPS_OK && i < workers->count; i++) {
        const struct corps__conc *conc = corps__conc_find(workers->ids[i]);
        if (strncmp(corps__conc_class(conc), POOL_CLASS, sizeof POOL_CLASS - 1) != 0) {
            continue;
        }
        items = items != NULL ? items : corps_box_alloc(box, workers->count * sizeof *items);
        err = items != NULL ? pool_value(box, conc, &items[count++]) : no_memory();
    }
    *list = corps_array(items, count);
    return err;
}

/* ---- the whole ---- */

static enum corps_err env_value(struct corps_box *box, const struct look *look, struct corps_value *map) {
    struct corps_value workers, links, pools;
    enum corps_err err = corps__workers_value(box, &look->workers, &workers);
    err = err == CORPS_OK ? links_value(box, look, &links) : err;
    err = err == CORPS_OK ? pools_value(box, &look->workers, &pools) : err;
    if (err != CORPS_OK) {
        return err;
    }
    struct corps__usage usage;
    corps__usage_now(&usage);
    const struct corps_entry entries[] = {
        number("corps", corps__own_id()),
        entry("tag", corps_str(corps__own()->settings.tag)),
        number("env", corps__own_env()),
        number("pid", (uint64_t)getpid()),
        number("incarnation", corps__own_incarnation()),
        entry("host", corps_str(corps__own()->envs[corps__own_env()].host_name)),
        number("host_number", corps__own()->settings.host),
        number("up_ns", (uint64_t)usage.up_ns),
        number("cpu_ns", (uint64_t)usage.cpu_ns),
        number("rss_bytes", (uint64_t)usage.rss_bytes),
        number("threads", (uint64_t)usage.threads),
        entry("workers", workers),
        number("workers_left", look->workers.left),
        entry("links", links),
        entry("pools", pools),
    };
    const struct corps_value whole = corps_map(entries, sizeof entries / sizeof entries[0]);
    return corps_box_copy(box, &whole, map);
}

enum corps_err corps__stats_answer(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    (void)self;
    (void)args;
    if (context->scratch == NULL) {
        context->scratch = corps_box_create(); /* goes when the reply is encoded */
    }
    struct look *look = calloc(1, sizeof *look);
    enum corps_err err = look != NULL && context->scratch != NULL ? corps__with_lead(look_job, look) : no_memory();
    err = err == CORPS_OK ? env_value(context->scratch, look, result) : err;
    if (look != NULL) {
        free(look->links);
        free(look);
    }
    return err;
}

/* ---- asking ---- */

enum corps_err corps__stats_ask(struct corps *corps, unsigned env, int64_t timeout_ns, struct corps_future **future) {
    static const char manager_class[] = "corps manager";
    struct corps_name *manager = NULL;
    if (env >= corps->settings.env_count) {
        return corps_error_set(CORPS_ERR_INVALID, "there is no Env %u; the Corps has %u, numbered from 0", env,
                               corps->settings.env_count);
    }
    const struct corps_call_options options = {
        .timeout_ns = timeout_ns > 0 ? timeout_ns : 1, .serializer = "msgpack", .flags = CORPS_CALL_DETACHED};
    enum corps_err err =
        corps__name_create(corps->id, env, CORPS__MANAGER, manager_class, sizeof manager_class - 1, &manager);
    if (err == CORPS_OK) {
        err = corps_call(manager, CORPS__STATS, NULL, &options, future);
        corps_name_unref(manager);
    }
    return err;
}

enum corps_err corps_stats(struct corps *corps, unsigned env, int64_t timeout_ns, struct corps_box **box) {
    struct corps_future *future = NULL;
    enum corps_err err = corps__stats_ask(corps, env, timeout_ns, &future);
    if (err != CORPS_OK) {
        return err;
    }
    err = corps_future_wait(future, CORPS_FOREVER, NULL);
    struct corps_box *found = err == CORPS_OK ? corps_future_box(future) : NULL;
    corps_future_destroy(future);
    if (err == CORPS_OK && found == NULL) {
        err = corps_error_set(CORPS_ERR_PROTOCOL, "Env %u has answered with nothing", env);
    }
    if (err == CORPS_OK) {
        *box = found;
    }
    return err;
}
