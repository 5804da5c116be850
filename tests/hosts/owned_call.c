#include "owned.h"

#include "load.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAUSE_US = 50000, RETRY_PAUSE_US = 500000, LOST_PAUSE_US = 20000 };
#define RETRY_NS 59000000000LL /* less than results are kept, and longer than anything is away here */
#define FIND_NS 60000000000LL
#define LOOK_NS 3000000000LL
#define SETTLE_NS 60000000000LL

/* One Corps, as this caller sees it. */
struct seat {
    char name[64];
    unsigned index;
    bool once; /* retry calls too */
    struct corps_name *front;
    _Atomic uint64_t life;
    int64_t answered_ns; /* the last plain call */
    _Atomic uint64_t kept, refused;
    struct load_counts counts;
    _Atomic uint64_t faults;
    pthread_t threads[2];
};

static struct {
    struct owned_fence *fences;
    unsigned caller, count;
    struct seat seats[OWNED_CORPS_MAX];
    atomic_bool stops;
    pthread_mutex_t line;
} all = {.line = PTHREAD_MUTEX_INITIALIZER};

/* ---- what is told ---- */

static void tell_life(const struct seat *seat, int64_t silent_ns, int64_t now_ns) {
    const struct owned_life *life = &all.fences[seat->index].lives[seat->life - 1];
    pthread_mutex_lock(&all.line);
    printf("{\"event\": \"life\", \"corps\": %u, \"life\": %llu, \"epoch\": %llu, \"host\": %u, \"at_s\": %.6f, "
           "\"silent_s\": %.6f}\n",
           seat->index, (unsigned long long)seat->life, (unsigned long long)life->epoch, life->host,
           (double)now_ns / 1e9, (double)silent_ns / 1e9);
    fflush(stdout);
    pthread_mutex_unlock(&all.line);
}

/* What is wrong is on standard error already. Told at once, since this process may be killed any time. */
static void tell_fault(struct seat *seat, const char *what) {
    atomic_fetch_add(&seat->faults, 1);
    pthread_mutex_lock(&all.line);
    printf("{\"event\": \"fault\", \"corps\": %u, \"what\": \"%s\", \"at_s\": %.6f}\n", seat->index, what,
           (double)load_real_ns() / 1e9);
    fflush(stdout);
    pthread_mutex_unlock(&all.line);
}

static void tell_seat(const struct seat *seat) {
    const struct load_counts *counts = &seat->counts;
    printf("{\"corps\": %u, \"life\": %llu, \"answered\": %llu, \"lost\": %llu, \"late\": %llu, \"hung\": %llu, "
           "\"wrong\": %llu, \"failed\": %llu, \"kept\": %llu, \"refused\": %llu, \"faults\": %llu}",
           seat->index, (unsigned long long)seat->life, (unsigned long long)counts->answered,
           (unsigned long long)counts->lost, (unsigned long long)counts->late, (unsigned long long)counts->hung,
           (unsigned long long)counts->wrong, (unsigned long long)counts->failed, (unsigned long long)seat->kept,
           (unsigned long long)seat->refused, (unsigned long long)seat->faults);
}

static void tell_all(const char *event, unsigned unsettled) {
    pthread_mutex_lock(&all.line);
    printf("{\"event\": \"%s\", \"at_s\": %.6f, \"unsettled\": %u, \"seats\": [", event, (double)load_real_ns() / 1e9,
           unsettled);
    for (unsigned i = 0; i < all.count; i++) {
        printf("%s", i > 0 ? ", " : "");
        tell_seat(&all.seats[i]);
    }
    printf("]}\n");
    fflush(stdout);
    pthread_mutex_unlock(&all.line);
}

/* ---- the load: two threads for each Corps ---- */

static uint64_t faults_of(const struct load_counts *counts) {
    return counts->hung + counts->wrong + counts->failed;
}

static void *call_plainly(void *arg) {
    struct seat *seat = arg;
    for (int64_t number = 1; !atomic_load(&all.stops); number++) {
        uint64_t before = faults_of(&seat->counts), life = load_entry(seat->front, number, &seat->counts);
        int64_t now_ns = load_real_ns();
        if (faults_of(&seat->counts) != before) {
            tell_fault(seat, "a plain call");
        }
        if (life > 0 && life <= OWNED_LIVES_MAX && life != seat->life) {
            seat->life = life;
            tell_life(seat, seat->answered_ns != 0 ? now_ns - seat->answered_ns : 0, now_ns);
        }
        seat->answered_ns = life != 0 ? now_ns : seat->answered_ns;
        usleep(life != 0 ? PAUSE_US : LOST_PAUSE_US);
    }
    return NULL;
}

static void *call_once(void *arg) {
    struct seat *seat = arg;
    for (int64_t number = 1; !atomic_load(&all.stops);) {
        struct corps_value items[] = {corps_int(all.caller), corps_int(number)};
        const struct corps_value args = corps_array(items, 2);
        enum load_once what = load_retry(seat->front, "next", &args, number, RETRY_NS);
        if (what == LOAD_NOT_ONCE) {
            tell_fault(seat, "a retry call");
            return NULL; /* nothing that follows would be in its order */
        }
        atomic_fetch_add(what == LOAD_ONCE ? &seat->kept : &seat->refused, 1);
        number += what == LOAD_ONCE;
        usleep(RETRY_PAUSE_US);
    }
    return NULL;
}

/* ---- whether all is as specified ---- */

/* The life that answers is the newest one, and each of its Envs answers. Else says what is not so. */
static bool is_settled(const struct seat *seat, char what[256]) {
    const struct corps_call_options options = {.timeout_ns = LOOK_NS};
    struct corps_future *future = NULL;
    const struct corps_value *result = NULL;
    enum corps_err err = corps_call(seat->front, "look", NULL, &options, &future);
    if (err == CORPS_OK) {
        err = corps_future_wait(future, LOOK_NS, &result);
    }
    if (err != CORPS_OK) {
        snprintf(what, 256, "%s: %.200s", corps_error_name(err), corps_error_detail());
    }
    bool settled = err == CORPS_OK;
    if (settled) {
        long long life = corps_value_item(result, 0)->integer, answered = corps_value_item(result, 2)->integer,
                  envs = corps_value_item(result, 3)->integer;
        long long newest = (long long)all.fences[seat->index].newest;
        settled = life == newest && answered == envs;
        snprintf(what, 256, "life %lld of %lld answers, with %lld of its %lld Envs", life, newest, answered, envs);
    }
    corps_future_destroy(future);
    return settled;
}

static void settle(void) {
    int64_t ends_ns = load_real_ns() + SETTLE_NS;
    unsigned unsettled = 0;
    for (unsigned i = 0; i < all.count; i++) {
        char what[256];
        bool settled = is_settled(&all.seats[i], what);
        while (!settled && load_real_ns() < ends_ns) {
            usleep(LOST_PAUSE_US);
            settled = is_settled(&all.seats[i], what);
        }
        if (!settled) {
            fprintf(stderr, "%s is not as specified: %s\n", all.seats[i].name, what);
            unsettled++;
        }
    }
    tell_all("settled", unsettled);
}

/* ---- the beginning and the end ---- */

static bool begin_seat(struct seat *seat, const char *word) {
    char how[16] = "";
    if (sscanf(word, "%63[^:]:%u:%15s", seat->name, &seat->index, how) != 3 || seat->index >= OWNED_CORPS_MAX) {
        fprintf(stderr, "hosts-owned: '%s' is not NAME:INDEX:once or NAME:INDEX:plain\n", word);
        return false;
    }
    seat->once = strcmp(how, "once") == 0;
    enum corps_err err = CORPS_ERR_UNKNOWN;
    for (int64_t ends_ns = load_real_ns() + FIND_NS; err != CORPS_OK && load_real_ns() < ends_ns;) {
        err = corps_find_singleton(seat->name, FIND_NS, &seat->front);
        usleep(err != CORPS_OK ? LOST_PAUSE_US : 0);
    }
    if (err != CORPS_OK) {
        fprintf(stderr, "hosts-owned: %s is not found: %s: %s\n", seat->name, corps_error_name(err),
                corps_error_detail());
    }
    return err == CORPS_OK;
}

static bool begin_threads(struct seat *seat) {
    return pthread_create(&seat->threads[0], NULL, call_plainly, seat) == 0 &&
           (!seat->once || pthread_create(&seat->threads[1], NULL, call_once, seat) == 0);
}

static void stop(void) {
    atomic_store(&all.stops, true);
    for (unsigned i = 0; i < all.count; i++) {
        pthread_join(all.seats[i].threads[0], NULL);
        if (all.seats[i].once) {
            pthread_join(all.seats[i].threads[1], NULL);
        }
    }
    tell_all("stopped", 0);
}

static void leave(unsigned index) {
    const struct corps_call_options options = {.timeout_ns = LOOK_NS};
    for (unsigned i = 0; i < all.count; i++) {
        struct corps_future *future = NULL;
        if (all.seats[i].index != index) {
            continue;
        }
        enum corps_err err = corps_call(all.seats[i].front, "leave", NULL, &options, &future);
        if (err == CORPS_OK) {
            err = corps_future_wait(future, LOOK_NS, NULL);
        }
        if (err != CORPS_OK) {
            fprintf(stderr, "%s does not leave: %s: %s\n", all.seats[i].name, corps_error_name(err),
                    corps_error_detail());
            tell_fault(&all.seats[i], "leaving");
        }
        corps_future_destroy(future);
    }
}

int owned_call(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    all.fences = owned_fences_open(argv[0], false);
    all.caller = (unsigned)atoi(argv[1]);
    all.count = (unsigned)argc - 2;
    if (all.fences == NULL || all.caller >= OWNED_CALLERS_MAX || all.count > OWNED_CORPS_MAX) {
        fprintf(stderr, "hosts-owned: no fences, too many callers or too many Corps\n");
        return 2;
    }
    for (unsigned i = 0; i < all.count; i++) {
        if (!begin_seat(&all.seats[i], argv[2 + i]) || !begin_threads(&all.seats[i])) {
            return 2;
        }
    }
    tell_all("begun", 0);
    char line[64];
    while (fgets(line, sizeof line, stdin) != NULL && strcmp(line, "end\n") != 0) {
        if (strcmp(line, "stop\n") == 0) {
            stop();
        } else if (strcmp(line, "settle\n") == 0) {
            settle();
        } else if (strncmp(line, "leave ", 6) == 0) {
            leave((unsigned)atoi(line + 6));
        } else {
            tell_all("status", 0);
        }
    }
    return 0; /* the threads end with the process */
}
