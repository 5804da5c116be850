/* What the test programs about Envs that come and go share: the class Hand, whose objects do as they are told, and
 * changes that a thread makes. */
#ifndef CORPS_TEST_HAND_H
#define CORPS_TEST_HAND_H

#include "gate.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

/* ---- Hand: does as it is told; its cleanup is noted in the file that its init is told, if that is a text ---- */

struct hand {
    char path[64];
    int64_t value;
    struct corps_request *held;
    struct corps_future *asked;
    struct corps_name *made[4];
    unsigned made_count;
};

static inline enum corps_err hand_init(struct corps_context *context, void *self, const struct corps_value *args,
                                       struct corps_value *result) {
    (void)context;
    (void)result;
    struct hand *hand = self;
    if (args->kind == CORPS_STR) {
        snprintf(hand->path, sizeof hand->path, "%.*s", (int)args->count, args->str);
    } else if (args->kind == CORPS_INT) {
        hand->value = args->integer;
    }
    return CORPS_OK;
}

static inline void hand_cleanup(struct corps_context *context, void *self) {
    struct hand *hand = self;
    FILE *file = hand->path[0] != '\0' ? fopen(hand->path, "a") : NULL;
    if (file != NULL) {
        uint64_t corps;
        unsigned env;
        unsigned conc;
        corps_name_address(corps_context_name(context), &corps, &env, &conc);
        fprintf(file, "%u\n", conc);
        fclose(file);
    }
    for (unsigned i = 0; i < hand->made_count; i++) {
        corps_name_unref(hand->made[i]);
    }
    if (hand->held != NULL) {
        struct corps_value late = corps_str("late");
        (void)!corps_request_reply(hand->held, &late);
    }
}

static inline enum corps_err hand_add(struct corps_context *context, void *self, const struct corps_value *args,
                                      struct corps_value *result) {
    (void)context;
    struct hand *hand = self;
    hand->value += args->integer;
    *result = corps_int(hand->value);
    return CORPS_OK;
}

static inline enum corps_err hand_hold(struct corps_context *context, void *self, const struct corps_value *args,
                                       struct corps_value *result) {
    (void)args;
    (void)result;
    ((struct hand *)self)->held = corps_request_hold(context);
    return CORPS_ERR_PENDING;
}

/* [Name, number]: has it add that. */
static inline enum corps_err hand_ask(struct corps_context *context, void *self, const struct corps_value *args,
                                      struct corps_value *result) {
    (void)context;
    (void)self;
    *result = corps_int(ask_int(corps_value_item(args, 0)->name, "add", *corps_value_item(args, 1)));
    return CORPS_OK;
}

/* The same in two steps. */
static inline enum corps_err hand_begin_ask(struct corps_context *context, void *self, const struct corps_value *args,
                                            struct corps_value *result) {
    (void)context;
    (void)result;
    return corps_call(corps_value_item(args, 0)->name, "add", corps_value_item(args, 1), NULL,
                      &((struct hand *)self)->asked);
}

static inline enum corps_err hand_end_ask(struct corps_context *context, void *self, const struct corps_value *args,
                                          struct corps_value *result) {
    (void)context;
    (void)args;
    (void)result;
    struct hand *hand = self;
    enum corps_err err = corps_future_wait(hand->asked, LONG_NS, NULL);
    corps_future_destroy(hand->asked);
    return err;
}

static inline enum corps_err outcome(struct corps_context *context, enum corps_err err) {
    return err == CORPS_OK ? err : corps_fail(context, corps_error_name(err), "%s", corps_error_detail());
}

static inline enum corps_err hand_env_add(struct corps_context *context, void *self, const struct corps_value *args,
                                          struct corps_value *result) {
    (void)self;
    (void)args;
    unsigned env = 0;
    enum corps_err err = corps_env_add(corps_context_corps(context), &env);
    *result = corps_int(env);
    return outcome(context, err);
}

/* [count, path]: so many Envs, one after the other; then there is something in the file. */
static inline enum corps_err hand_come_and_go(struct corps_context *context, void *self, const struct corps_value *args,
                                              struct corps_value *result) {
    (void)self;
    (void)result;
    enum corps_err err = CORPS_OK;
    for (int64_t i = 0; err == CORPS_OK && i < corps_value_item(args, 0)->integer; i++) {
        unsigned env = 0;
        err = corps_env_add(corps_context_corps(context), &env);
        err = err == CORPS_OK ? corps_env_take(corps_context_corps(context), env, LONG_NS) : err;
    }
    char path[64];
    const struct corps_value *text = corps_value_item(args, 1);
    snprintf(path, sizeof path, "%.*s", (int)text->count, text->str);
    FILE *file = fopen(path, "w");
    if (file != NULL) {
        fputs(err == CORPS_OK ? "x" : "", file);
        fclose(file);
    }
    return outcome(context, err);
}

static inline enum corps_err hand_env_take(struct corps_context *context, void *self, const struct corps_value *args,
                                           struct corps_value *result) {
    (void)self;
    (void)result;
    return outcome(context, corps_env_take(corps_context_corps(context), (unsigned)args->integer, LONG_NS));
}

/* A Hand in that Env. */
static inline enum corps_err hand_make(struct corps_context *context, void *self, const struct corps_value *args,
                                       struct corps_value *result) {
    struct corps_name *name = NULL;
    enum corps_err err =
        corps_create_concs(corps_context_corps(context), "Hand", NULL, CORPS_ENV_ID((unsigned)args->integer), 1, &name);
    if (err == CORPS_OK) {
        struct hand *hand = self;
        hand->made[hand->made_count++] = name; /* the few that a test makes */
        *result = corps_value_of_name(name);
    }
    return outcome(context, err);
}

static inline enum corps_err hand_descriptors(struct corps_context *context, void *self, const struct corps_value *args,
                                              struct corps_value *result) {
    (void)context;
    (void)self;
    (void)args;
    *result = corps_int(open_descriptors());
    return CORPS_OK;
}

static inline enum corps_err hand_kill(struct corps_context *context, void *self, const struct corps_value *args,
                                       struct corps_value *result) {
    (void)context;
    (void)self;
    (void)args;
    (void)result;
    kill(getpid(), SIGKILL);
    return CORPS_OK;
}

/* Which life of its Env this is. */
static inline enum corps_err hand_epoch(struct corps_context *context, void *self, const struct corps_value *args,
                                        struct corps_value *result) {
    (void)self;
    (void)args;
    *result = corps_int((int64_t)corps_context_epoch(context));
    return CORPS_OK;
}

static const struct corps_method hand_methods[] = {{"epoch", hand_epoch},
                                                   {"add", hand_add},
                                                   {"kill", hand_kill},
                                                   {"pid", method_pid},
                                                   {"ask", hand_ask},
                                                   {"begin_ask", hand_begin_ask},
                                                   {"end_ask", hand_end_ask},
                                                   {"env_add", hand_env_add},
                                                   {"env_take", hand_env_take},
                                                   {"make", hand_make},
                                                   {"descriptors", hand_descriptors},
                                                   {"come_and_go", hand_come_and_go},
                                                   {"hold", hand_hold},
                                                   {"wait_for", method_wait_for},
                                                   {NULL, NULL}};

/* One without a cleanup. */
static const struct corps_method bare_methods[] = {{"hold", hand_hold}, {"wait_for", method_wait_for}, {NULL, NULL}};
static const struct corps_class bare_class = {.name = "Bare", .bytes = sizeof(struct hand), .methods = bare_methods};

static const struct corps_class hand_class = {
    .name = "Hand", .bytes = sizeof(struct hand), .init = hand_init, .cleanup = hand_cleanup, .methods = hand_methods};

static const struct corps_class *const classes[] = {&hand_class, &bare_class, NULL};

/* ---- what the tests share ---- */

static inline struct corps *make(unsigned envs) {
    return make_with((struct corps_options){.env_count = envs});
}

static inline struct corps_name *hand_in(struct corps *corps, unsigned env) {
    return worker_in(corps, "Hand", env);
}

static inline int64_t add(const struct corps_name *name, int64_t number) {
    return ask_int(name, "add", corps_int(number));
}

static inline unsigned add_env(struct corps *corps) {
    unsigned env = 0;
    assert_ok(corps_env_add(corps, &env));
    return env;
}

static inline enum corps_err try_add(const struct corps_name *name, int64_t *out) {
    struct corps_value one = corps_int(1);
    struct corps_future *future;
    enum corps_err err = corps_call(name, "add", &one, NULL, &future);
    if (err != CORPS_OK) {
        return err;
    }
    const struct corps_value *value = NULL;
    err = corps_future_wait(future, LONG_NS, &value);
    *out = err == CORPS_OK ? value->integer : -1;
    corps_future_destroy(future);
    return err;
}

static inline void assert_taken(const struct corps_name *name) {
    int64_t unused;
    assert_int_equal(try_add(name, &unused), CORPS_ERR_WORKER_LOST);
    assert_non_null(strstr(corps_error_detail(), "was taken from the Corps"));
}

/* How many processes `pid` has started that are there. */
static inline unsigned children_of(int pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    unsigned count = 0;
    for (struct dirent *task; tasks != NULL && (task = readdir(tasks)) != NULL;) {
        char list[400];
        snprintf(list, sizeof list, "%s/%s/children", path, task->d_name);
        FILE *file = fopen(list, "r");
        int child;
        while (file != NULL && fscanf(file, "%d", &child) == 1) {
            count++;
        }
        if (file != NULL) {
            fclose(file);
        }
    }
    if (tasks != NULL) {
        closedir(tasks);
    }
    return count;
}

/* Adding or taking by a thread of its own. */
struct change {
    struct corps *corps;
    bool adds;
    unsigned env;
    int64_t timeout_ns;
    enum corps_err err;
    char text[512];
    _Atomic bool over;
    pthread_t thread;
};

static inline void *do_change(void *arg) {
    struct change *change = arg;
    change->err = change->adds ? corps_env_add(change->corps, &change->env)
                               : corps_env_take(change->corps, change->env, change->timeout_ns);
    snprintf(change->text, sizeof change->text, "%s", corps_error_detail());
    atomic_store(&change->over, true);
    return NULL;
}

static inline void begin_change(struct change *change) {
    atomic_store(&change->over, false);
    assert_int_equal(pthread_create(&change->thread, NULL, do_change, change), 0);
}

#endif
