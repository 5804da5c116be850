#include "workloads/surge_watch.h"

#include <corps/stats.h>

#include <stdio.h>
#include <time.h>

enum { LOOK_MS = 20 }; /* a pool decides every 100 ms */

static int64_t integer_of(const struct corps_value *map, const char *key) {
    const struct corps_value *value = corps_value_get(map, key);
    return value != NULL && value->kind == CORPS_INT ? value->integer : -1;
}

static const struct corps_value *find_pool(const struct surge_watch *watch, const struct corps_value *stats) {
    const struct corps_value *pools = corps_value_get(stats, "pools");
    uint64_t corps_id;
    unsigned env, conc;
    corps_name_address(watch->pool, &corps_id, &env, &conc);
    for (size_t i = 0; pools != NULL && i < pools->count; i++) {
        const struct corps_value *pool = corps_value_item(pools, i);
        if (integer_of(pool, "conc") == (int64_t)conc) {
            return pool;
        }
    }
    return NULL;
}

static void turn(struct surge_watch *watch, int direction) {
    watch->turns += watch->direction == -direction;
    watch->direction = direction;
}

static bool take(struct surge_watch *watch, const struct corps_value *stats) {
    const struct corps_value *pool = find_pool(watch, stats);
    int64_t members = integer_of(pool, "members");
    int64_t grown = integer_of(pool, "grown"), shrunk = integer_of(pool, "shrunk");
    if (members < 0 || grown < 0 || shrunk < 0) {
        snprintf(watch->error, sizeof watch->error, "Env 0 does not tell of it");
        return false;
    }
    if (grown > watch->grown) {
        turn(watch, 1);
    }
    if (shrunk > watch->shrunk) {
        turn(watch, -1);
    }
    watch->grown = grown;
    watch->shrunk = shrunk;
    watch->most = (uint64_t)members > watch->most ? (uint64_t)members : watch->most;
    atomic_store(&watch->members, (uint64_t)members);
    return true;
}

static bool look(struct surge_watch *watch) {
    struct corps_box *box = NULL;
    enum corps_err err = corps_stats(watch->corps, 0, LAB_PATIENCE_NS, &box);
    if (err != CORPS_OK) {
        snprintf(watch->error, sizeof watch->error, "%s: %s", corps_error_name(err), corps_error_detail());
        return false;
    }
    bool seen = take(watch, corps_box_root(box));
    corps_box_unref(box);
    return seen;
}

static void *watch_pool(void *arg) {
    struct surge_watch *watch = arg;
    const struct timespec rest = {0, LOOK_MS * 1000000L};
    while (look(watch) && !atomic_load(&watch->ends)) {
        nanosleep(&rest, NULL);
    }
    return NULL;
}

bool surge_watch_begin(struct surge_watch *watch, struct corps *corps, const struct corps_name *pool) {
    watch->corps = corps;
    watch->pool = pool;
    return pthread_create(&watch->thread, NULL, watch_pool, watch) == 0;
}

uint64_t surge_watch_members(struct surge_watch *watch) {
    return atomic_load(&watch->members);
}

bool surge_watch_end(struct surge_watch *watch) {
    atomic_store(&watch->ends, true);
    pthread_join(watch->thread, NULL);
    return watch->error[0] == '\0';
}
