#include "reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t top_number(const struct corps_value *map, const char *key) {
    const struct corps_value *value = map != NULL && map->kind == CORPS_MAP ? corps_value_get(map, key) : NULL;
    return value == NULL               ? 0
           : value->kind == CORPS_BOOL ? value->boolean
           : value->kind == CORPS_INT  ? value->integer
                                       : 0;
}

const struct corps_value *top_list(const struct corps_value *map, const char *key) {
    const struct corps_value *value = map != NULL && map->kind == CORPS_MAP ? corps_value_get(map, key) : NULL;
    return value != NULL && value->kind == CORPS_ARRAY ? value : NULL;
}

/* The upper half counts lives of the Corps, the lower one processes in this life, from 1 on. */
int64_t top_env_restarts(const struct top_env *env) {
    int64_t in_this_life = (env->incarnation & 0xffffffff) - 1;
    return (env->incarnation >> 32) + (in_this_life > 0 ? in_this_life : 0);
}

/* ---- taking ---- */

static void read_worker(const struct corps_value *map, unsigned env, struct top_worker *worker) {
    *worker = (struct top_worker){.env = env, .class_name = ""};
    worker->conc = top_number(map, "conc");
    worker->served = top_number(map, "served");
    worker->failed = top_number(map, "failed");
    worker->queued = top_number(map, "queued");
    worker->restarted = top_number(map, "restarted");
    worker->running = top_number(map, "running") != 0;
    const struct corps_value *class = corps_value_get(map, "class");
    if (class != NULL && class->kind == CORPS_STR) {
        worker->class_name = class->str;
        worker->class_bytes = class->count;
    }
    top_spread_read(corps_value_get(map, "wait"), &worker->wait);
    top_spread_read(corps_value_get(map, "service"), &worker->service);
}

static enum corps_err read_workers(struct top_reading *reading, struct top_env *env) {
    const struct corps_value *list = top_list(corps_box_root(env->box), "workers");
    size_t count = list != NULL ? list->count : 0;
    struct top_worker *grown =
        realloc(reading->workers, (reading->worker_count + count + 1) * sizeof *reading->workers);
    if (grown == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %zu Workers", reading->worker_count + count);
    }
    reading->workers = grown;
    env->first = reading->worker_count;
    for (size_t i = 0; i < count; i++) {
        const struct corps_value *map = corps_value_item(list, i);
        if (map != NULL && map->kind == CORPS_MAP && top_number(map, "conc") != 0) { /* 0 is the Env's manager */
            read_worker(map, env->env, &reading->workers[reading->worker_count++]);
        }
    }
    env->count = reading->worker_count - env->first;
    return CORPS_OK;
}

static void read_env(struct top_env *env) {
    const struct corps_value *map = corps_box_root(env->box);
    env->pid = top_number(map, "pid");
    env->incarnation = top_number(map, "incarnation");
    env->up_ns = top_number(map, "up_ns");
    env->cpu_ns = top_number(map, "cpu_ns");
    env->rss_bytes = top_number(map, "rss_bytes");
    env->threads = top_number(map, "threads");
    env->workers_left = top_number(map, "workers_left");
}

enum { LEAST_NS = 100000000 }; /* for an Env that is asked when others have used the time up */

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

enum corps_err top_reading_take(struct corps *corps, const char *tag, int64_t timeout_ns, struct top_reading *reading) {
    struct top_reading taken = {.corps_id = corps_id(corps), .env_count = corps_env_count(corps)};
    snprintf(taken.tag, sizeof taken.tag, "%s", tag);
    taken.envs = calloc(taken.env_count, sizeof *taken.envs);
    enum corps_err err =
        taken.envs != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a reading");
    int64_t end_ns = now_ns() + timeout_ns;
    unsigned answers = 0;
    enum corps_err last = CORPS_OK;
    for (unsigned i = 0; err == CORPS_OK && i < taken.env_count; i++) {
        struct top_env *env = &taken.envs[i];
        env->env = i;
        int64_t left_ns = end_ns - now_ns();
        enum corps_err asked = corps_stats(corps, i, left_ns > LEAST_NS ? left_ns : LEAST_NS, &env->box);
        if (asked == CORPS_ERR_EXITED || asked == CORPS_ERR_NO_MEMORY) {
            err = asked;
        } else if (asked != CORPS_OK) {
            last = asked;
            snprintf(env->why, sizeof env->why, "%s",
                     asked == CORPS_ERR_TIMEOUT ? "no answer in time" : corps_error_detail());
        } else {
            answers++;
            read_env(env);
            err = read_workers(&taken, env);
        }
    }
    if (err == CORPS_OK && answers == 0 && last == CORPS_ERR_WORKER_LOST) {
        err = CORPS_ERR_EXITED;
    }
    if (err != CORPS_OK) {
        top_reading_free(&taken);
        return err;
    }
    *reading = taken;
    return CORPS_OK;
}

void top_reading_free(struct top_reading *reading) {
    for (unsigned i = 0; reading->envs != NULL && i < reading->env_count; i++) {
        corps_box_unref(reading->envs[i].box);
    }
    free(reading->envs);
    free(reading->workers);
    *reading = (struct top_reading){.envs = NULL};
}

/* ---- comparing ---- */

static const struct top_env *same_env(const struct top_reading *before, const struct top_env *env) {
    const struct top_env *same = before != NULL && env->env < before->env_count ? &before->envs[env->env] : NULL;
    return same != NULL && same->box != NULL && same->incarnation == env->incarnation && same->pid == env->pid &&
                   same->up_ns < env->up_ns
               ? same
               : NULL;
}

/* Both lists are in the order of their numbers. */
static const struct top_worker *same_worker(const struct top_reading *before, const struct top_env *env, size_t *at,
                                            int64_t conc) {
    while (env != NULL && *at < env->count && before->workers[env->first + *at].conc < conc) {
        ++*at;
    }
    const struct top_worker *found = env != NULL && *at < env->count ? &before->workers[env->first + *at] : NULL;
    return found != NULL && found->conc == conc ? found : NULL;
}

static void compare_worker(struct top_worker *worker, const struct top_worker *before, double seconds) {
    int64_t served = worker->served - (before != NULL ? before->served : 0);
    int64_t failed = worker->failed - (before != NULL ? before->failed : 0);
    worker->wait_now = worker->wait;
    worker->service_now = worker->service;
    if (before != NULL) {
        top_spread_subtract(&worker->wait_now, &before->wait);
        top_spread_subtract(&worker->service_now, &before->service);
    }
    int64_t busy_ns = worker->service_now.sum_ns;
    worker->served_rate = seconds > 0 && served > 0 ? (double)served / seconds : 0;
    worker->failed_rate = seconds > 0 && failed > 0 ? (double)failed / seconds : 0;
    worker->busy = seconds > 0 && busy_ns > 0 ? (double)busy_ns / 1e9 / seconds : 0;
}

void top_reading_compare(struct top_reading *reading, const struct top_reading *before) {
    for (unsigned i = 0; i < reading->env_count; i++) {
        struct top_env *env = &reading->envs[i];
        const struct top_env *was = same_env(before, env);
        env->seconds = (double)(env->up_ns - (was != NULL ? was->up_ns : 0)) / 1e9;
        env->cpu = env->seconds > 0 ? (double)(env->cpu_ns - (was != NULL ? was->cpu_ns : 0)) / 1e9 / env->seconds : 0;
        env->served_rate = 0;
        size_t at = 0;
        for (size_t j = env->first; j < env->first + env->count; j++) {
            struct top_worker *worker = &reading->workers[j];
            compare_worker(worker, same_worker(before, was, &at, worker->conc), env->seconds);
            env->served_rate += worker->served_rate;
        }
    }
}
