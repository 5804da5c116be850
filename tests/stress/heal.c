#include "heal.h"

#include "../core/room.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* stress-heal TRANSPORT CYCLES [SEED [FIRST]]: see heal.h. A cycle depends on SEED and its number alone: FIRST begins
 * at a later one. In one of eight the new process is killed, too, as soon as it is there. */

enum { LATEST_US = 15000, AGAIN_US = 3000, TWICE_IN = 8, SETTLED = 10, BACKOFF_NS = 1000000, PERIOD_NS = 1000000 };
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
enum { GROWTH_KIB = 1 << 20 }; /* a sanitizer keeps what is freed */
#else
enum { GROWTH_KIB = 8192 };
#endif
enum { GROWTH_PER_CYCLE_KIB = 8, GROWTH_THREADS = 8, GROWTH_DESCRIPTORS = 8, GROWTH_FILES = 2 };
#define STUCK_S 240 /* so long after a cycle's beginning nobody may still wait */

enum { WATCHED_PROGRAM = HEAL_ENVS, WATCHED_STRANGER, WATCHED }; /* after the Envs */
struct state {
    struct usage usage[WATCHED];
    long files, children;
};

static struct {
    struct corps *corps;
    struct corps_name *books[HEAL_ENVS], *callers[HEAL_ENVS], *between; /* no Book in Env 0 */
    struct corps_name *tallies[HEAL_ENVS];                              /* nor a Tally */
    int64_t tallied[HEAL_ENVS][ONCE_CALLERS];
    struct stranger stranger;
    struct ledger_page *page;
    char path[96], keep[96];
    struct state settled;
    int64_t *healed_ns;
    unsigned cycles, healed, unhealed, twice, grown, not_once;
    struct verdict verdict;
} all;

struct cycle {
    unsigned number, generation, victim, sibling, delay_us, again_us;
    bool twice;
    uint64_t seed;
    struct load loads[SENDERS];
};

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* ---- what is there ---- */

static const char *watched_name(unsigned i) {
    static char env[8];
    snprintf(env, sizeof env, "Env %u", i);
    return i == WATCHED_PROGRAM ? "the program" : i == WATCHED_STRANGER ? "the stranger" : env;
}

static int watched_pid(unsigned i) {
    return i == WATCHED_PROGRAM ? getpid() : i == WATCHED_STRANGER ? all.stranger.pid : corps_env_pid(all.corps, i);
}

static long count_files(const char *path) {
    DIR *dir = opendir(path);
    long count = 0;
    for (struct dirent *entry = dir != NULL ? readdir(dir) : NULL; entry != NULL; entry = readdir(dir)) {
        char below[600];
        if (entry->d_name[0] != '.') {
            snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
            count += 1 + (entry->d_type == DT_DIR ? count_files(below) : 0);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return count;
}

/* Processes that Env 0 has started and that are there still, ended or not. */
static long count_children(int pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *dir = opendir(path);
    long count = 0;
    for (struct dirent *task = dir != NULL ? readdir(dir) : NULL; task != NULL; task = readdir(dir)) {
        char children[400];
        snprintf(children, sizeof children, "%s/%s/children", path, task->d_name);
        FILE *file = task->d_name[0] != '.' ? fopen(children, "re") : NULL;
        for (int child; file != NULL && fscanf(file, "%d", &child) == 1;) {
            count++;
        }
        if (file != NULL) {
            fclose(file);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return count;
}

static void look(struct state *state) {
    *state =
        (struct state){.files = count_files(getenv("XDG_RUNTIME_DIR")), .children = count_children(watched_pid(0))};
    for (unsigned i = 0; i < WATCHED; i++) {
        usage_of(watched_pid(i), &state->usage[i]);
    }
}

static bool has_grown(const struct state *now, unsigned i, unsigned cycles) {
    const struct usage *then = &all.settled.usage[i];
    return now->usage[i].memory_kib > then->memory_kib + GROWTH_KIB + GROWTH_PER_CYCLE_KIB * (long)cycles ||
           now->usage[i].descriptors > then->descriptors + GROWTH_DESCRIPTORS ||
           now->usage[i].threads > then->threads + GROWTH_THREADS;
}

static unsigned count_grown(const struct state *now, unsigned cycles) {
    unsigned grown = (now->files > all.settled.files + GROWTH_FILES) + (now->children > all.settled.children);
    for (unsigned i = 0; i < WATCHED; i++) {
        grown += has_grown(now, i, cycles);
    }
    return grown;
}

/* Compares with what was there when all had settled. What goes in passing has time to go. */
static void check_growth(unsigned cycles) {
    struct state now;
    look(&now);
    for (int tries = 0; count_grown(&now, cycles) > 0 && tries < 50; tries++) {
        usleep(100000);
        look(&now);
    }
    all.grown = count_grown(&now, cycles);
    for (unsigned i = 0; i < WATCHED; i++) {
        const struct usage *then = &all.settled.usage[i];
        printf("%s: memory %ld -> %ld KiB, descriptors %ld -> %ld, threads %ld -> %ld%s\n", watched_name(i),
               then->memory_kib, now.usage[i].memory_kib, then->descriptors, now.usage[i].descriptors, then->threads,
               now.usage[i].threads, has_grown(&now, i, cycles) ? ": GROWN" : "");
    }
    printf("files %ld -> %ld, Env 0's children %ld -> %ld\n", all.settled.files, now.files, all.settled.children,
           now.children);
}

/* ---- a cycle ---- */

static void give_up(int signal_number) {
    (void)signal_number;
    printf("nothing more happens in cycle %u\n", all.cycles);
    for (unsigned i = 0; i < WATCHED; i++) {
        printf("-- %s, %d\n", watched_name(i), watched_pid(i));
        show_stacks(watched_pid(i));
    }
    _exit(1);
}

static void *run_load(void *arg) {
    load_run(all.page, arg);
    return NULL;
}

static struct cycle cycle_of(uint64_t seed, unsigned number) {
    struct chance chance = chance_of(seed * 1000003 + number);
    struct cycle cycle = {.number = number, .generation = number % GENERATIONS};
    cycle.victim = 1 + chance_below(&chance, HEAL_ENVS - 1);
    cycle.sibling = 1 + (cycle.victim + chance_below(&chance, HEAL_ENVS - 2)) % (HEAL_ENVS - 1);
    cycle.delay_us = chance_below(&chance, LATEST_US);
    cycle.twice = number % TWICE_IN == TWICE_IN / 2;
    cycle.again_us = chance_below(&chance, AGAIN_US);
    for (unsigned sender = 0; sender < SENDERS; sender++) {
        bool to_sibling = sender == IN_VICTIM || sender == BETWEEN_OTHERS;
        cycle.loads[sender] = (struct load){.book = all.books[to_sibling ? cycle.sibling : cycle.victim],
                                            .generation = cycle.generation,
                                            .sender = sender,
                                            .seed = chance_next(&chance) >> 1};
    }
    return cycle;
}

static struct corps_future *begin_in(const struct corps_name *caller, const struct load *load) {
    struct corps_value items[4];
    struct corps_value args = load_value(load, items);
    struct corps_future *future = NULL;
    if (corps_call(caller, "run", &args, NULL, &future) != CORPS_OK) {
        printf("a Caller cannot be called: %s\n", corps_error_detail());
        exit(1);
    }
    return future;
}

/* Waits for a Caller to be through; one whose Env dies never is. */
static void end_in(struct corps_future *future, bool dies, const char *who) {
    enum corps_err err = corps_future_wait(future, STUCK_S * 1000000000LL, NULL);
    if (err != CORPS_OK && !(dies && err == CORPS_ERR_WORKER_LOST)) {
        printf("cycle %u: %s is not through: %s: %s\n", all.cycles, who, corps_error_name(err), corps_error_detail());
        all.verdict.without_cause++;
    }
    corps_future_destroy(future);
}

/* Kills the victim; gives when. */
static int64_t kill_victim(const struct cycle *cycle) {
    int pid = corps_env_pid(all.corps, cycle->victim);
    int64_t killed_ns = now_ns();
    kill(pid, SIGKILL);
    if (!cycle->twice) {
        return killed_ns;
    }
    int next = pid;
    for (int tries = 0; (next == pid || next == 0) && tries < 20000; tries++) {
        usleep(100);
        next = corps_env_pid(all.corps, cycle->victim);
    }
    usleep(cycle->again_us);
    if (next != pid && next > 0 && kill(next, SIGKILL) == 0) {
        all.twice++;
        killed_ns = now_ns();
    }
    return killed_ns;
}

/* Asks until another life answers than the last one of before, under all the load that there is. */
static void await_healed(const struct cycle *cycle, uint32_t before, int64_t killed_ns) {
    uint32_t life = before;
    enum corps_err err = CORPS_OK;
    while ((life == before || err != CORPS_OK) && now_ns() - killed_ns < ENDS_NS) {
        err = book_life(all.books[cycle->victim], ENDS_NS, &life);
        if (err != CORPS_OK) {
            usleep(50);
        }
    }
    if (life == before || err != CORPS_OK) {
        printf("cycle %u: Env %u does not answer: %s\n", cycle->number, cycle->victim, corps_error_detail());
        all.unhealed++;
        return;
    }
    all.healed_ns[all.healed++] = now_ns() - killed_ns;
}

/* Each Name answers: of those who died and of the others. */
static void check_names(const struct cycle *cycle) {
    for (unsigned env = 0; env < HEAL_ENVS; env++) {
        uint32_t life;
        struct corps_future *future = NULL;
        enum corps_err err = corps_call(all.callers[env], "ping", NULL, NULL, &future);
        err = err == CORPS_OK ? corps_future_wait(future, ENDS_NS, NULL) : err;
        corps_future_destroy(future);
        if (err == CORPS_OK && env > 0) {
            err = book_life(all.books[env], ENDS_NS, &life);
        }
        if (err != CORPS_OK) {
            printf("cycle %u: a Name of Env %u does not answer: %s\n", cycle->number, env, corps_error_detail());
            all.unhealed++;
        }
    }
}

static void run_cycle(struct cycle *cycle) {
    pthread_t threads[2 + ONCE_CALLERS];
    struct once onces[ONCE_CALLERS];
    uint32_t before = 0;
    alarm(STUCK_S);
    if (book_life(all.books[cycle->victim], ENDS_NS, &before) != CORPS_OK) {
        printf("cycle %u: Env %u does not answer before: %s\n", cycle->number, cycle->victim, corps_error_detail());
        all.unhealed++;
    }
    struct load *loads = cycle->loads;
    ledger_begin(all.page, cycle->generation);
    struct corps_future *zero = begin_in(all.callers[0], &loads[IN_ENV_ZERO]);
    struct corps_future *between = begin_in(all.between, &loads[BETWEEN_OTHERS]);
    struct corps_future *sibling = begin_in(all.callers[cycle->sibling], &loads[IN_SIBLING]);
    struct corps_future *victim = begin_in(all.callers[cycle->victim], &loads[IN_VICTIM]);
    bool begun = stranger_begin(&all.stranger, cycle->victim, &loads[STRANGER]) &&
                 pthread_create(&threads[0], NULL, run_load, &loads[PROGRAM]) == 0 &&
                 pthread_create(&threads[1], NULL, run_load, &loads[PROGRAM_TOO]) == 0;
    for (unsigned i = 0; i < ONCE_CALLERS; i++) {
        onces[i] =
            (struct once){.tally = all.tallies[cycle->victim], .caller = i, .last = &all.tallied[cycle->victim][i]};
        begun = begun && pthread_create(&threads[2 + i], NULL, once_run, &onces[i]) == 0;
    }
    if (!begun) {
        perror("the load does not begin");
        exit(1);
    }
    usleep(cycle->delay_us);
    await_healed(cycle, before, kill_victim(cycle));
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    for (unsigned i = 0; i < ONCE_CALLERS; i++) {
        pthread_join(threads[2 + i], NULL);
        all.not_once += onces[i].faults;
    }
    end_in(zero, false, sender_names[IN_ENV_ZERO]);
    end_in(between, false, sender_names[BETWEEN_OTHERS]);
    end_in(sibling, false, sender_names[IN_SIBLING]);
    end_in(victim, true, sender_names[IN_VICTIM]);
    if (!stranger_await(&all.stranger)) {
        printf("cycle %u: the stranger has ended\n", cycle->number);
        exit(1);
    }
    check_names(cycle);
    for (unsigned sender = 0; sender < SENDERS; sender++) {
        ledger_judge(all.page, cycle->number, cycle->generation, sender, sender == IN_VICTIM, sender == BETWEEN_OTHERS,
                     &all.verdict);
    }
    alarm(0);
}

static void run_cycles(unsigned first, unsigned count, uint64_t seed) {
    unsigned settled = count < 2 * SETTLED ? count / 2 : SETTLED;
    for (unsigned i = 0; i < count; i++) {
        struct cycle cycle = cycle_of(seed, first + i);
        all.cycles = cycle.number;
        if (i == settled) {
            look(&all.settled);
        }
        run_cycle(&cycle);
    }
    check_growth(count - settled);
}

/* ---- the whole ---- */

static struct corps_name *place(const char *class_name, unsigned env) {
    struct corps_value path = corps_str(all.path);
    struct corps_name *name = NULL;
    if (corps_create_concs(all.corps, class_name, &path, CORPS_ENV_ID(env), 1, &name) != CORPS_OK) {
        fprintf(stderr, "stress: no %s in Env %u: %s\n", class_name, env, corps_error_detail());
        exit(2);
    }
    return name;
}

/* So that neither intensity nor backoff is what is seen: an Env that has run for a millisecond begins anew. */
static void set_up(const char *transport, unsigned cycles) {
    struct corps_options options = stress_options(transport, HEAL_ENVS);
    options.restart = CORPS_RESTART_ON_FAILURE;
    options.intensity = 100;
    options.period_ns = PERIOD_NS;
    options.backoff_ns = options.backoff_max_ns = BACKOFF_NS;
    snprintf(all.path, sizeof all.path, "%s/ledger", getenv("XDG_RUNTIME_DIR"));
    snprintf(all.keep, sizeof all.keep, "%s/keep", getenv("XDG_RUNTIME_DIR"));
    options.keep_directory = all.keep;
    all.page = ledger_open(all.path, true);
    all.healed_ns = calloc(cycles + 1, sizeof *all.healed_ns);
    if (all.page == NULL || all.healed_ns == NULL) {
        exit(2);
    }
    if (corps_create(NULL, NULL, &options, &all.corps) != CORPS_OK) {
        fprintf(stderr, "stress: %s\n", corps_error_detail());
        exit(2);
    }
    for (unsigned env = 0; env < HEAL_ENVS; env++) {
        all.callers[env] = place("Caller", env);
        all.books[env] = env > 0 ? place("Book", env) : NULL;
        all.tallies[env] = env > 0 ? place("Tally", env) : NULL;
    }
    all.between = place("Caller", 0);
    if (!stranger_start(all.path, all.books, &all.stranger)) {
        perror("stress: a stranger cannot be started");
        exit(2);
    }
}

/* True when nothing is left, and all ended in order. */
static bool tear_down(void) {
    bool good = stranger_end(&all.stranger);
    for (unsigned env = 0; env < HEAL_ENVS; env++) {
        corps_name_unref(all.callers[env]);
        corps_name_unref(all.books[env]);
        corps_name_unref(all.tallies[env]);
    }
    corps_name_unref(all.between);
    if (corps_exit(all.corps, ENDS_NS) != CORPS_OK) {
        printf("the end: %s\n", corps_error_detail());
        good = false;
    }
    unlink(all.path);
    rmdir(all.keep);
    return left_nothing(NULL, 0) && good;
}

static int by_time(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static double healed_ms(unsigned percent) {
    qsort(all.healed_ns, all.healed, sizeof *all.healed_ns, by_time);
    return all.healed > 0 ? (double)all.healed_ns[(all.healed - 1) * percent / 100] / 1e6 : 0;
}

int main(int argc, char **argv) {
    corps_start(heal_classes);
    if (argc > 2 && strcmp(argv[1], "stranger") == 0) {
        return stranger_main(argc, argv);
    }
    if (argc < 3) {
        fprintf(stderr, "usage: %s TRANSPORT CYCLES [SEED [FIRST]]\n", argv[0]);
        return 2;
    }
    unsigned cycles = (unsigned)atoi(argv[2]);
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    if (!room_await(argv[1])) {
        return 2;
    }
    signal(SIGALRM, give_up);
    signal(SIGPIPE, SIG_IGN);
    left_prepare();
    set_up(argv[1], cycles);
    run_cycles(argc > 4 ? (unsigned)atoi(argv[4]) : 0, cycles, seed);
    bool clean = tear_down();
    const struct verdict *verdict = &all.verdict;
    printf(
        "heal %s seed %llu: %u cycles (%u killed twice), %u answered, %u sent, %u lost, %u late; killed to next answer "
        "p50 %.1f ms, p99 %.1f ms, max %.1f ms; %u hung, %u wrong, %u twice, %u disorder, %u not once, %u failed "
        "without cause, %u "
        "do not answer, %u grown, %s\n",
        argv[1], (unsigned long long)seed, cycles, all.twice, verdict->answered, verdict->sent, verdict->lost,
        verdict->late, healed_ms(50), healed_ms(99), healed_ms(100), verdict->hung, verdict->wrong, verdict->twice,
        verdict->disorder, all.not_once, verdict->without_cause, all.unhealed, all.grown,
        clean ? "nothing left behind" : "SOMETHING LEFT BEHIND");
    return clean && verdict->hung + verdict->wrong + verdict->twice + verdict->disorder + verdict->without_cause +
                            all.not_once + all.unhealed + all.grown ==
                        0
               ? 0
               : 1;
}
