#include "owned.h"

#include <stdio.h>
#include <string.h>

#define ACT_EVERY_NS 10000000LL
#define LOOK_NS 1000000000LL /* so long a Pulse has to answer */

static int64_t integer(const struct corps_value *args, size_t index) {
    const struct corps_value *item = corps_value_item(args, index);
    return item != NULL && item->kind == CORPS_INT ? item->integer : -1;
}

/* The fence that [path, which of them] says; NULL: the request has failed. */
static struct owned_fence *find_fence(const struct corps_value *args, char path[OWNED_PATH_BYTES]) {
    const struct corps_value *text = corps_value_item(args, 0);
    int64_t index = integer(args, 1);
    if (text == NULL || text->kind != CORPS_STR || index < 0 || index >= OWNED_CORPS_MAX) {
        return NULL;
    }
    snprintf(path, OWNED_PATH_BYTES, "%.*s", (int)text->count, text->str);
    struct owned_fence *fences = owned_fences_open(path, false);
    return fences != NULL ? &fences[index] : NULL;
}

/* ---- Pulse: acts in each Env as long as that may act ---- */

struct pulse {
    struct owned_fence *fence;
    uint64_t life;
    struct corps_timer *timer;
};

/* [path of the fences, which of them, life] */
static enum corps_err pulse_init(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)result;
    struct pulse *pulse = self;
    char path[OWNED_PATH_BYTES];
    pulse->fence = find_fence(args, path);
    if (pulse->fence == NULL) {
        return corps_fail(context, "NoFence", "a Pulse finds no fence");
    }
    pulse->life = (uint64_t)integer(args, 2);
    const struct corps_timer_options steps = {.every_ns = ACT_EVERY_NS};
    return corps_timer_start(corps_context_name(context), "act", NULL, &steps, &pulse->timer);
}

static void pulse_cleanup(struct corps_context *context, void *self) {
    (void)context;
    corps_timer_destroy(((struct pulse *)self)->timer);
}

static enum corps_err pulse_act(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)context;
    (void)args;
    struct pulse *pulse = self;
    (void)owned_fence_act(pulse->fence, pulse->life); /* it is counted there */
    *result = corps_int((int64_t)pulse->life);
    return CORPS_OK;
}

const struct corps_class owned_pulse_class = {.name = "Pulse",
                                              .bytes = sizeof(struct pulse),
                                              .init = pulse_init,
                                              .cleanup = pulse_cleanup,
                                              .methods =
                                                  (const struct corps_method[]){{"act", pulse_act}, {NULL, NULL}}};

/* ---- Front: what is called by Name from everywhere ---- */

struct front {
    struct owned_fence *fence;
    uint64_t life, epoch;
    unsigned env_count;
    struct corps_name *pulses[OWNED_ENVS_MAX];
    int64_t last[OWNED_CALLERS_MAX]; /* its state: the number of each caller's last retry call */
};

static enum corps_err make_pulses(struct corps_context *context, struct front *front, const char *path,
                                  const struct corps_value *index) {
    struct corps *corps = corps_context_corps(context);
    struct corps_value items[] = {corps_str(path), *index, corps_int((int64_t)front->life)};
    const struct corps_value args = corps_array(items, 3);
    front->env_count = corps_env_count(corps);
    if (front->env_count > OWNED_ENVS_MAX) {
        return corps_fail(context, "TooMany", "a Front has room for %d Envs", OWNED_ENVS_MAX);
    }
    enum corps_err err = CORPS_OK;
    for (unsigned env = 0; env < front->env_count && err == CORPS_OK; env++) {
        err = corps_create_concs(corps, "Pulse", &args, CORPS_ENV_ID(env), 1, &front->pulses[env]);
    }
    return err;
}

static enum corps_err front_init(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)result;
    struct front *front = self;
    char path[OWNED_PATH_BYTES];
    front->fence = find_fence(args, path);
    front->epoch = corps_context_epoch(context);
    front->life = front->fence != NULL ? owned_fence_begin(front->fence, front->epoch) : 0;
    if (front->life == 0) {
        return corps_fail(context, "NoFence", "a Front finds no fence, or one without room for more lives");
    }
    return make_pulses(context, front, path, corps_value_item(args, 1));
}

static void front_cleanup(struct corps_context *context, void *self) {
    (void)context;
    struct front *front = self;
    for (unsigned env = 0; env < front->env_count; env++) {
        corps_name_unref(front->pulses[env]);
    }
}

static enum corps_err front_checkpoint(struct corps_context *context, void *self, const struct corps_value *args,
                                       struct corps_value *result) {
    (void)context;
    (void)args;
    struct front *front = self;
    *result = corps_bin(front->last, sizeof front->last);
    return CORPS_OK;
}

static enum corps_err front_restore(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)result;
    struct front *front = self;
    if (args->kind != CORPS_BIN || args->count != sizeof front->last) {
        return corps_fail(context, "BadState", "this is no state of a Front");
    }
    memcpy(front->last, args->bin, sizeof front->last);
    return CORPS_OK;
}

static enum corps_err array(struct corps_context *context, const struct corps_value *items, size_t count,
                            struct corps_value *result) {
    struct corps_value *copy = corps_context_alloc(context, count * sizeof *copy);
    if (copy == NULL) {
        return CORPS_ERR_NO_MEMORY;
    }
    memcpy(copy, items, count * sizeof *copy);
    *result = corps_array(copy, count);
    return CORPS_OK;
}

static enum corps_err front_entry(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    struct front *front = self;
    (void)owned_fence_act(front->fence, front->life);
    const struct corps_value items[] = {corps_int(integer(args, 0)), corps_int((int64_t)front->life)};
    return array(context, items, 2, result);
}

static enum corps_err front_next(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    struct front *front = self;
    int64_t caller = integer(args, 0), number = integer(args, 1);
    if (caller < 0 || caller >= OWNED_CALLERS_MAX) {
        return corps_fail(context, "BadCall", "there is no caller %lld", (long long)caller);
    }
    if (number != front->last[caller] + 1) {
        return corps_fail(context, "NotOnce", "call %lld of caller %lld came after call %lld", (long long)number,
                          (long long)caller, (long long)front->last[caller]);
    }
    if (!owned_fence_write(front->fence, front->life, (unsigned)caller, number)) {
        return corps_fail(context, "Refused", "the store knows a later life than number %lld", (long long)front->life);
    }
    front->last[caller] = number; /* the last thing that is done */
    *result = corps_int(number);
    return CORPS_OK;
}

/* Does every Env serve? */
static enum corps_err front_look(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)args;
    struct front *front = self;
    const struct corps_call_options options = {.timeout_ns = LOOK_NS};
    struct corps_future *futures[OWNED_ENVS_MAX] = {NULL};
    int64_t answered = 0;
    for (unsigned env = 0; env < front->env_count; env++) {
        if (corps_call(front->pulses[env], "act", NULL, &options, &futures[env]) != CORPS_OK) {
            futures[env] = NULL; /* then it does not answer, which is what is told */
        }
    }
    for (unsigned env = 0; env < front->env_count; env++) {
        answered += futures[env] != NULL && corps_future_wait(futures[env], LOOK_NS, NULL) == CORPS_OK;
        corps_future_destroy(futures[env]);
    }
    const struct corps_value items[] = {corps_int((int64_t)front->life), corps_int((int64_t)front->epoch),
                                        corps_int(answered), corps_int(front->env_count)};
    return array(context, items, 4, result);
}

static enum corps_err front_leave(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)context;
    (void)self;
    (void)args;
    (void)result;
    return corps_end(corps_own());
}

const struct corps_class owned_front_class = {
    .name = "Front",
    .bytes = sizeof(struct front),
    .init = front_init,
    .cleanup = front_cleanup,
    .methods =
        (const struct corps_method[]){
            {"entry", front_entry}, {"next", front_next}, {"look", front_look}, {"leave", front_leave}, {NULL, NULL}},
    .checkpoint = front_checkpoint,
    .restore = front_restore};
