#include "owned.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* hosts-owned fences PATH                     makes the file of fences
 * hosts-owned look PATH COUNT                 tells what they say, as one line of JSON
 * hosts-owned lives PATH EPOCH …              whether the fence works: lives of these epochs begin, then each acts once
 * hosts-owned create PATH INDEX NAME HOSTS ENVS KEEP stop|stay      creates an owned Corps, tells what came of it, and
 *                                             ends: the Corps goes on. KEEP: a directory, or "" for none
 * hosts-owned leave NAME                      ends a Corps
 * hosts-owned call PATH CALLER NAME:INDEX:once|plain …      calls Corps by their names until it is told to end. Reads
 *                                             commands, one a line: "status", "settle" (waits until all is as
 *                                             specified), "leave INDEX" (ends that Corps), "stop" (no more calls),
 *                                             "end". What happens it tells as lines of JSON
 * Exit status: 0 good, 1 the Corps was not created, 2 it could not begin. */

#define LEAVE_NS 20000000000LL

static const struct corps_class *const classes[] = {&owned_front_class, &owned_pulse_class, NULL};

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* PATH EPOCH … */
static int live(unsigned count, char **argv) {
    struct owned_fence *fences = owned_fences_open(argv[0], false);
    uint64_t lives[8];
    if (fences == NULL || count > sizeof lives / sizeof lives[0]) {
        return 2;
    }
    for (unsigned i = 0; i < count; i++) {
        lives[i] = owned_fence_begin(fences, strtoull(argv[1 + i], NULL, 10));
    }
    for (unsigned i = 0; i < count; i++) {
        (void)owned_fence_write(fences, lives[i], 0, (int64_t)i + 1);
    }
    owned_fences_print(fences, 1);
    return 0;
}

/* PATH INDEX NAME HOSTS ENVS KEEP stop|stay */
static int create(char **argv) {
    struct corps_value items[] = {corps_str(argv[0]), corps_int(atoi(argv[1]))};
    const struct corps_value args = corps_array(items, 2);
    const struct corps_options options = {
        .tag = argv[2],
        .singleton = argv[2],
        .hosts = argv[3],
        .env_count = (unsigned)atoi(argv[4]),
        .keep_directory = argv[5][0] != '\0' ? argv[5] : NULL,
        .cut_off = strcmp(argv[6], "stay") == 0 ? CORPS_CUT_OFF_STAY : CORPS_CUT_OFF_STOP,
        .detached = 1,
        .restart = CORPS_RESTART_ALWAYS,
        .intensity = 100, /* so that neither this nor backoff is what is seen */
        .period_ns = 1000000000,
        .backoff_ns = 10000000,
        .backoff_max_ns = 100000000,
    };
    struct corps *corps = NULL;
    double began_s = seconds();
    enum corps_err err = corps_create("Front", &args, &options, &corps);
    if (err != CORPS_OK) {
        fprintf(stderr, "hosts-owned: %s: %s: %s\n", argv[2], corps_error_name(err), corps_error_detail());
    }
    printf("{\"event\": \"%s\", \"code\": \"%s\", \"id\": \"%016llx\", \"took_s\": %.3f}\n",
           err == CORPS_OK ? "created" : "refused", corps_error_name(err),
           (unsigned long long)(corps != NULL ? corps_id(corps) : 0), seconds() - began_s);
    return err == CORPS_OK ? 0 : 1;
}

static int leave(const char *name) {
    struct corps_name *front = NULL;
    struct corps_future *future = NULL;
    const struct corps_call_options options = {.timeout_ns = LEAVE_NS};
    enum corps_err err = corps_find_singleton(name, LEAVE_NS, &front);
    err = err == CORPS_OK ? corps_call(front, "leave", NULL, &options, &future) : err;
    err = err == CORPS_OK ? corps_future_wait(future, LEAVE_NS, NULL) : err;
    if (err != CORPS_OK) {
        fprintf(stderr, "hosts-owned: %s: %s: %s\n", name, corps_error_name(err), corps_error_detail());
    }
    corps_future_destroy(future);
    corps_name_unref(front);
    return err == CORPS_OK ? 0 : 1;
}

int main(int argc, char **argv) {
    corps_start(classes);
    const char *what = argc > 2 ? argv[1] : "";
    if (strcmp(what, "fences") == 0 && argc == 3) {
        return owned_fences_open(argv[2], true) != NULL ? 0 : 2;
    }
    if (strcmp(what, "look") == 0 && argc == 4) {
        const struct owned_fence *fences = owned_fences_open(argv[2], false);
        if (fences != NULL) {
            owned_fences_print(fences, (unsigned)atoi(argv[3]));
        }
        return fences != NULL ? 0 : 2;
    }
    if (strcmp(what, "lives") == 0 && argc > 3) {
        return live((unsigned)argc - 3, &argv[2]);
    }
    if (strcmp(what, "leave") == 0 && argc == 3) {
        return leave(argv[2]);
    }
    if (strcmp(what, "create") == 0 && argc == 9) {
        return create(&argv[2]);
    }
    if (strcmp(what, "call") == 0 && argc > 4) {
        return owned_call(argc - 2, &argv[2]);
    }
    fprintf(stderr,
            "usage: %s fences PATH | look PATH COUNT | lives PATH EPOCH … | create PATH INDEX NAME HOSTS ENVS KEEP "
            "stop|stay | "
            "leave NAME | call PATH CALLER NAME:INDEX:once|plain …\n",
            argv[0]);
    return 2;
}
