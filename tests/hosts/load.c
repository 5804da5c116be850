#include "load.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* hosts-load ENVS HOSTS LEDGER: begins, and then reads commands from standard input, one a line: "hang ENV" (a method
 * of its Book never ends), "double ENV" (makes another Book of that number, which the oracle must find), "status",
 * "stop" (ends the load, looks whether all is as specified again, ends the Corps). End of file is "stop". What happens
 * it tells as lines of JSON on standard output. HOSTS is corps_options.hosts; "" for one host. Exit status: 0 good, 1
 * the oracle has found something, 2 it could not begin. */

enum { PAUSE_US = 2000, RETRY_PAUSE_US = 50000 };
#define RETRY_NS 30000000000LL
#define AS_SPECIFIED_NS 20000000000LL /* so long after the last fault everything must be there again */
#define EXIT_NS 20000000000LL

struct seat {
    unsigned env;
    struct corps_name *book, *tally, *caller;
    _Atomic uint64_t life;   /* of the Book that has answered last, and … */
    _Atomic int64_t seen_ns; /* … when */
    uint64_t not_once;
    struct load_counts plain, inside;
    pthread_t threads[3];
};

static struct {
    struct corps *corps;
    struct load_ledger *ledger;
    unsigned count;
    struct seat seats[LOAD_ENVS_MAX];
    atomic_bool stops;
    pthread_mutex_t line;
} all = {.line = PTHREAD_MUTEX_INITIALIZER};

static const struct corps_class *const classes[] = {&load_book_class, &load_tally_class, &load_caller_class, NULL};

/* ---- the load: three threads for each Env ---- */

static void tell_life(const struct seat *seat, uint64_t life, int64_t silent_ns) {
    const struct load_book *book = &all.ledger->books[seat->env];
    pthread_mutex_lock(&all.line);
    printf("{\"event\": \"life\", \"env\": %u, \"life\": %llu, \"host\": \"%s\", \"at_s\": %.6f, \"silent_s\": %.6f}\n",
           seat->env, (unsigned long long)life, book->host, (double)load_real_ns() / 1e9, (double)silent_ns / 1e9);
    fflush(stdout);
    pthread_mutex_unlock(&all.line);
}

static void *call_book(void *arg) {
    struct seat *seat = arg;
    for (int64_t number = 1; !atomic_load(&all.stops); number++) {
        uint64_t life = load_entry(seat->book, number, &seat->plain);
        if (life != 0) {
            int64_t now_ns = load_real_ns();
            if (atomic_exchange(&seat->life, life) != life) {
                int64_t seen_ns = atomic_load(&seat->seen_ns);
                tell_life(seat, life, seen_ns != 0 ? now_ns - seen_ns : 0);
            }
            atomic_store(&seat->seen_ns, now_ns);
        }
        usleep(PAUSE_US);
    }
    return NULL;
}

static void *call_tally(void *arg) {
    struct seat *seat = arg;
    for (int64_t number = 1; !atomic_load(&all.stops); number++) {
        const struct corps_value args = corps_int(number);
        if (load_retry(seat->tally, "next", &args, number, RETRY_NS) != LOAD_ONCE) {
            seat->not_once++;
            return NULL; /* nothing that follows would be in its order */
        }
        usleep(RETRY_PAUSE_US);
    }
    return NULL;
}

static void *run_caller(void *arg) {
    struct seat *seat = arg;
    const struct seat *next = &all.seats[(seat->env + 1) % all.count];
    while (!atomic_load(&all.stops)) {
        load_run_caller(seat->caller, next->book, &seat->inside);
    }
    return NULL;
}

/* ---- the beginning ---- */

static struct corps_name *place(const char *class_name, const struct corps_value *args, unsigned env) {
    struct corps_name *name = NULL;
    if (corps_create_concs(all.corps, class_name, args, CORPS_ENV_ID(env), 1, &name) != CORPS_OK) {
        fprintf(stderr, "hosts-load: no %s in Env %u: %s\n", class_name, env, corps_error_detail());
        exit(2);
    }
    return name;
}

static void create(const char *hosts, const char *path) {
    /* So that neither intensity nor backoff is what is seen. */
    const struct corps_options options = {.tag = "load",
                                          .env_count = all.count,
                                          .hosts = hosts[0] != '\0' ? hosts : NULL,
                                          .restart = CORPS_RESTART_ALWAYS,
                                          .intensity = 100,
                                          .period_ns = 1000000000,
                                          .backoff_ns = 10000000,
                                          .backoff_max_ns = 100000000};
    if (corps_create(NULL, NULL, &options, &all.corps) != CORPS_OK) {
        fprintf(stderr, "hosts-load: %s\n", corps_error_detail());
        exit(2);
    }
    for (unsigned env = 0; env < all.count; env++) {
        struct corps_value items[] = {corps_str(path), corps_int(env)};
        const struct corps_value args = corps_array(items, 2);
        struct seat *seat = &all.seats[env];
        seat->env = env;
        seat->book = place("Book", &args, env);
        seat->tally = place("Tally", NULL, env);
        seat->caller = place("Caller", NULL, env);
    }
}

static void begin_load(void) {
    void *(*const runs[])(void *) = {call_book, call_tally, run_caller};
    for (unsigned env = 0; env < all.count; env++) {
        for (unsigned i = 0; i < 3; i++) {
            if (pthread_create(&all.seats[env].threads[i], NULL, runs[i], &all.seats[env]) != 0) {
                perror("hosts-load: a thread");
                exit(2);
            }
        }
    }
}

/* ---- what is told ---- */

static uint64_t faults_of(const struct seat *seat) {
    const struct load_counts *plain = &seat->plain, *inside = &seat->inside;
    return plain->hung + plain->wrong + plain->failed + inside->hung + inside->wrong + inside->failed + seat->not_once +
           all.ledger->books[seat->env].twice;
}

static void tell_seat(const struct seat *seat) {
    const struct load_book *book = &all.ledger->books[seat->env];
    const struct load_counts *plain = &seat->plain, *inside = &seat->inside;
    printf("{\"env\": %u, \"host\": \"%s\", \"pid\": %d, \"life\": %llu, \"answered\": %llu, \"lost\": %llu, "
           "\"late\": %llu, \"hung\": %llu, \"wrong\": %llu, \"failed\": %llu, \"not_once\": %llu, \"twice\": %llu, "
           "\"overlap_s\": %.3f, \"acts\": %llu}",
           seat->env, book->host, book->pid, (unsigned long long)book->newest,
           (unsigned long long)(plain->answered + inside->answered), (unsigned long long)(plain->lost + inside->lost),
           (unsigned long long)(plain->late + inside->late), (unsigned long long)(plain->hung + inside->hung),
           (unsigned long long)(plain->wrong + inside->wrong), (unsigned long long)(plain->failed + inside->failed),
           (unsigned long long)seat->not_once, (unsigned long long)book->twice, (double)book->overlap_ns / 1e9,
           (unsigned long long)book->acts);
}

static void tell_status(const char *event, uint64_t unanswered, bool clean) {
    uint64_t faults = unanswered + !clean;
    for (unsigned env = 0; env < all.count; env++) {
        faults += faults_of(&all.seats[env]);
    }
    pthread_mutex_lock(&all.line);
    printf("{\"event\": \"%s\", \"at_s\": %.6f, \"faults\": %llu, \"unanswered\": %llu, \"clean\": %s, \"envs\": [",
           event, (double)load_real_ns() / 1e9, (unsigned long long)faults, (unsigned long long)unanswered,
           clean ? "true" : "false");
    for (unsigned env = 0; env < all.count; env++) {
        printf("%s", env > 0 ? ", " : "");
        tell_seat(&all.seats[env]);
    }
    printf("]}\n");
    fflush(stdout);
    pthread_mutex_unlock(&all.line);
}

/* ---- the end ---- */

/* Waits until each Book has answered that was asked just now; gives how many have not. */
static uint64_t count_unanswered(void) {
    uint64_t unanswered = 0;
    int64_t ends_ns = load_real_ns() + AS_SPECIFIED_NS;
    struct load_counts counts = {0}; /* what they come to is not the oracle's: only that they come */
    for (unsigned env = 0; env < all.count; env++) {
        while (load_entry(all.seats[env].book, -1, &counts) == 0 && load_real_ns() < ends_ns) {
        }
        if (load_real_ns() >= ends_ns) {
            fprintf(stderr, "the Book of Env %u does not answer: %s\n", env, corps_error_detail());
            unanswered++;
        }
    }
    return unanswered;
}

static int end(void) {
    uint64_t unanswered = count_unanswered();
    tell_status("settled", unanswered, true);
    atomic_store(&all.stops, true);
    for (unsigned env = 0; env < all.count; env++) {
        for (unsigned i = 0; i < 3; i++) {
            pthread_join(all.seats[env].threads[i], NULL);
        }
        corps_name_unref(all.seats[env].book);
        corps_name_unref(all.seats[env].tally);
        corps_name_unref(all.seats[env].caller);
    }
    enum corps_err err = corps_exit(all.corps, EXIT_NS);
    if (err != CORPS_OK) {
        fprintf(stderr, "the end: %s: %s\n", corps_error_name(err), corps_error_detail());
    }
    tell_status("ended", unanswered, err == CORPS_OK);
    uint64_t faults = unanswered + (err != CORPS_OK);
    for (unsigned env = 0; env < all.count; env++) {
        faults += faults_of(&all.seats[env]);
    }
    return faults == 0 ? 0 : 1;
}

static void hang(unsigned env) {
    if (env >= all.count || corps_send(all.seats[env].book, "hang", NULL, NULL) != CORPS_OK) {
        fprintf(stderr, "hosts-load: the Book of Env %u cannot be hung up: %s\n", env, corps_error_detail());
    }
}

/* A mistake that is made on purpose: from now on two act as one. */
static void make_double(const char *path, unsigned env) {
    struct corps_value items[] = {corps_str(path), corps_int(env)};
    const struct corps_value args = corps_array(items, 2);
    if (env < all.count) {
        corps_name_unref(place("Book", &args, env));
    }
}

int main(int argc, char **argv) {
    corps_start(classes);
    all.count = argc == 4 ? (unsigned)atoi(argv[1]) : 0;
    if (all.count < 2 || all.count > LOAD_ENVS_MAX) {
        fprintf(stderr, "usage: %s ENVS HOSTS LEDGER   (2 to %d Envs)\n", argv[0], LOAD_ENVS_MAX);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    all.ledger = load_ledger_open(argv[3], true);
    if (all.ledger == NULL) {
        return 2;
    }
    create(argv[2], argv[3]);
    begin_load();
    tell_status("begun", 0, true);
    char line[64];
    while (fgets(line, sizeof line, stdin) != NULL && strcmp(line, "stop\n") != 0) {
        if (strncmp(line, "hang ", 5) == 0) {
            hang((unsigned)atoi(line + 5));
        } else if (strncmp(line, "double ", 7) == 0) {
            make_double(argv[3], (unsigned)atoi(line + 7));
        } else {
            tell_status("status", 0, true);
        }
    }
    return end();
}
