/* Methods that classes of many test programs have. */
#ifndef CORPS_TEST_METHODS_H
#define CORPS_TEST_METHODS_H

#include <corps.h>

#include <time.h>
#include <unistd.h>

/* Gives its argument back. */
static inline enum corps_err method_echo(struct corps_context *context, void *self, const struct corps_value *args,
                                         struct corps_value *result) {
    (void)context;
    (void)self;
    *result = *args;
    return CORPS_OK;
}

/* Which process the Worker is in. */
static inline enum corps_err method_pid(struct corps_context *context, void *self, const struct corps_value *args,
                                        struct corps_value *result) {
    (void)context;
    (void)self;
    (void)args;
    *result = corps_int(getpid());
    return CORPS_OK;
}

/* Takes so many milliseconds, and gives their number back. */
static inline enum corps_err method_sleep(struct corps_context *context, void *self, const struct corps_value *args,
                                          struct corps_value *result) {
    (void)context;
    (void)self;
    const struct timespec time = {.tv_sec = args->integer / 1000, .tv_nsec = args->integer % 1000 * 1000000};
    nanosleep(&time, NULL);
    *result = *args;
    return CORPS_OK;
}

#endif
