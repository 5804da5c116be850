#include "keeper.h"
#include "methods.h"

#include "link/known.h"
#include "link/peer.h"

#include <assert.h>
#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#define ENDS_NS (60 * 1000000000LL)
enum { MAX_ENVS = 4 };

struct keeper {
    struct corps_request *held[HELD_MAX];
    unsigned held_count;
};

static enum corps_err init(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    (void)self;
    (void)result;
    return args->kind == CORPS_STR ? corps_fail(context, "Unwilling", "not with a text") : CORPS_OK;
}

static enum corps_err hold(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    (void)args;
    (void)result;
    struct keeper *keeper = self;
    assert(keeper->held_count < HELD_MAX);
    keeper->held[keeper->held_count++] = corps_request_hold(context);
    return CORPS_ERR_PENDING;
}

static enum corps_err release(struct corps_context *context, void *self, const struct corps_value *args,
                              struct corps_value *result) {
    (void)context;
    (void)args;
    struct keeper *keeper = self;
    *result = corps_int(keeper->held_count);
    while (keeper->held_count > 0) {
        (void)!corps_request_reply(keeper->held[--keeper->held_count], NULL);
    }
    return CORPS_OK;
}

struct usage own_usage(void) {
    struct mallinfo2 info = mallinfo2();
    struct usage usage = {.peers = (int64_t)corps__peers_count(),
                          .corps = corps__corps_count(),
                          .bytes = (int64_t)(info.uordblks + info.hblkhd)};
    FILE *file = fopen("/proc/self/statm", "r");
    long long pages = 0;
    if (file != NULL && fscanf(file, "%*s %lld", &pages) == 1) {
        usage.resident_bytes = pages * sysconf(_SC_PAGESIZE);
    }
    if (file != NULL) {
        fclose(file);
    }
    DIR *open_now = opendir("/proc/self/fd");
    while (open_now != NULL && readdir(open_now) != NULL) {
        usage.descriptors++;
    }
    if (open_now != NULL) {
        closedir(open_now);
    }
    return usage;
}

/* Of this Env. */
static enum corps_err usage(struct corps_context *context, void *self, const struct corps_value *args,
                            struct corps_value *result) {
    (void)self;
    (void)args;
    struct usage own = own_usage();
    struct corps_value *items = corps_context_alloc(context, 5 * sizeof *items);
    items[0] = corps_int(own.peers);
    items[1] = corps_int(own.corps);
    items[2] = corps_int(own.bytes);
    items[3] = corps_int(own.resident_bytes);
    items[4] = corps_int(own.descriptors);
    *result = corps_array(items, 5);
    return CORPS_OK;
}

enum corps_err round_of_a_corps(unsigned env_count) {
    struct corps_options options = {.env_count = env_count};
    struct corps *corps = NULL;
    struct corps_name *names[MAX_ENVS] = {NULL};
    struct corps_future *future = NULL;
    struct corps_value seven = corps_int(7);
    enum corps_err err = corps_create(NULL, NULL, &options, &corps);
    if (err != CORPS_OK) {
        return err;
    }
    err = corps_create_concs(corps, "Keeper", NULL, CORPS_PER_ENV, 1, names);
    err = err == CORPS_OK ? corps_send(names[0], "echo", &seven, NULL) : err;
    err = err == CORPS_OK ? corps_call(names[env_count - 1], "echo", &seven, NULL, &future) : err;
    err = err == CORPS_OK ? corps_future_wait(future, ENDS_NS, NULL) : err;
    for (unsigned i = 1; i < env_count; i++) {
        corps_name_unref(names[i]);
    }
    enum corps_err exit_err = corps_exit(corps, ENDS_NS);
    corps_future_destroy(future);
    corps_name_unref(names[0]); /* after the Corps has gone */
    return err != CORPS_OK ? err : exit_err;
}

/* Creates so many Corps, one after the other, calls and ends them. */
static enum corps_err create_many(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)context;
    (void)self;
    (void)result;
    enum corps_err err = CORPS_OK;
    for (int64_t i = 0; err == CORPS_OK && i < args->integer; i++) {
        err = round_of_a_corps(2);
    }
    return err;
}

/* [a Name, encoded]: calls it, in another Corps, and forgets it. */
static enum corps_err call_out(struct corps_context *context, void *self, const struct corps_value *args,
                               struct corps_value *result) {
    (void)context;
    (void)self;
    struct corps_name *name;
    struct corps_future *future = NULL;
    struct corps_value seven = corps_int(7);
    enum corps_err err = corps_name_decode(args->bin, args->count, &name);
    if (err == CORPS_OK) {
        err = corps_call(name, "echo", &seven, NULL, &future);
        err = err == CORPS_OK ? corps_future_wait(future, ENDS_NS, NULL) : err;
        *result = corps_int(err);
        corps_future_destroy(future);
        corps_name_unref(name);
    }
    return CORPS_OK;
}

static const struct corps_method methods[] = {{"echo", method_echo}, {"hold", hold},          {"release", release},
                                              {"usage", usage},      {"create", create_many}, {"call_out", call_out},
                                              {NULL, NULL}};
static const struct corps_class keeper_class = {
    .name = "Keeper", .bytes = sizeof(struct keeper), .init = init, .methods = methods};
const struct corps_class *const keeper_classes[] = {&keeper_class, NULL};

/* ---- for programs ---- */

enum corps_err usage_of(const struct corps_name *name, struct usage *usage) {
    struct corps_future *future = NULL;
    const struct corps_value *result;
    enum corps_err err = corps_call(name, "usage", NULL, NULL, &future);
    err = err == CORPS_OK ? corps_future_wait(future, ENDS_NS, &result) : err;
    if (err == CORPS_OK) {
        *usage = (struct usage){corps_value_item(result, 0)->integer, corps_value_item(result, 1)->integer,
                                corps_value_item(result, 2)->integer, corps_value_item(result, 3)->integer,
                                corps_value_item(result, 4)->integer};
    }
    corps_future_destroy(future);
    return err;
}

static enum corps_err drop_job(void *arg) {
    corps__peer_closed(arg, CORPS_ERR_SYSTEM);
    return CORPS_OK;
}

enum corps_err drop_link(struct corps *corps, unsigned env) {
    struct corps__peer *peer = atomic_load(&corps->envs[env].peer);
    return peer != NULL ? corps__with_lead(drop_job, peer) : CORPS_OK;
}
