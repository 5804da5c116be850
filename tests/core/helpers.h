/* What the core's test programs share: calls that must succeed, and a main that takes TRANSPORT [TEST]. */
#ifndef CORPS_TEST_HELPERS_H
#define CORPS_TEST_HELPERS_H

#include <corps.h>
#include <corps/transport.h>

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "methods.h"
#include "room.h"

#define LONG_NS (60 * 1000000000LL) /* for what must happen: far beyond what it takes */

#define assert_ok(call)                                                                                                \
    do {                                                                                                               \
        enum corps_err err_ = (call);                                                                                  \
        if (err_ != CORPS_OK) {                                                                                        \
            fail_msg("%s: %s: %s", #call, corps_error_name(err_), corps_error_detail());                               \
        }                                                                                                              \
    } while (0)

static bool one_env_only; /* the transport joins threads of one Env */

/* A Corps with these options, of one Env where the transport wants it so. */
static inline struct corps *make_with(struct corps_options options) {
    struct corps *corps = NULL;
    options.env_count = one_env_only ? 1 : options.env_count;
    assert_ok(corps_create(NULL, NULL, &options, &corps));
    return corps;
}

static inline unsigned last_env(const struct corps *corps) {
    return corps_env_count(corps) - 1;
}

/* A Conc of `class` in Env `env`. */
static inline struct corps_name *worker_in(struct corps *corps, const char *class, unsigned env) {
    struct corps_name *name = NULL;
    assert_ok(corps_create_concs(corps, class, NULL, CORPS_ENV_ID(env), 1, &name));
    return name;
}

static inline struct corps_future *begin(const struct corps_name *name, const char *method, struct corps_value args) {
    struct corps_future *future = NULL;
    assert_ok(corps_call(name, method, &args, NULL, &future));
    return future;
}

/* Calls and waits; the caller destroys the Future. */
static inline struct corps_future *ask(const struct corps_name *name, const char *method, struct corps_value args,
                                       const struct corps_value **result) {
    struct corps_future *future = begin(name, method, args);
    assert_ok(corps_future_wait(future, LONG_NS, result));
    return future;
}

static inline int64_t ask_int(const struct corps_name *name, const char *method, struct corps_value args) {
    const struct corps_value *result;
    struct corps_future *future = ask(name, method, args, &result);
    assert_int_equal(result->kind, CORPS_INT);
    int64_t integer = result->integer;
    corps_future_destroy(future);
    return integer;
}

/* How many descriptors this process has, and one more. */
static inline int open_descriptors(void) {
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count;
}

/* Before anything else in main, which then runs its tests; 0, or an exit status. */
static inline int test_start(int argc, char **argv, const struct corps_class *const *classes) {
    corps_start(classes);
    if (argc < 2) {
        fprintf(stderr, "usage: %s TRANSPORT [TEST]\n", argv[0]);
        return 2;
    }
    const struct corps_transport *transport = corps_transport_find(argv[1]);
    if (transport == NULL) {
        fprintf(stderr, "%s: %s\n", argv[0], corps_error_detail());
        return 2;
    }
    if (!room_await(argv[1])) {
        return 2;
    }
    setenv("CORPS_TRANSPORT", argv[1], 1);
    one_env_only = (transport->capabilities & CORPS_TRANSPORT_INTRA) != 0;
    if (argc > 2) {
        cmocka_set_test_filter(argv[2]);
    }
    return 0;
}

#endif
