#include "stress.h"

#include "../core/room.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* stress-cycles DEED TRANSPORT CYCLES [SEED [FIRST]]: see stress.h. DEED is kill, stop (then kill), pause (stop and go
 * on), cut (every link of a process), unread (a caller that is stopped with thousands of replies unread, then killed)
 * or all. A cycle depends on SEED and its number alone: FIRST begins at a later one. */

enum deed { KILL, STOP, PAUSE, CUT, UNREAD, DEEDS };
static const char *const deed_names[DEEDS] = {"kill", "stop", "pause", "cut", "unread"};
enum { CREATOR = VICTIM_ENVS, ROLES };
static const char *const role_names[ROLES] = {"Env 0", "Env 1 (caller)", "Env 2 (callee)", "creator"};

enum { CALLS = 400, UNREAD_CALLS = 3000, LATEST_US = 30000, HOLD_US = 100000, PAUSE_MS = 100, ROOM_TRIES = 50 };
enum { GROWTH_KIB = 8192, GROWTH_PER_CYCLE_KIB = 4, GROWTH_THREADS = 8 };
enum { GROWTH_DESCRIPTORS = 8 }; /* the endpoint for a Corps that ended last is given back when the next one ends */
#define SOON_NS (40 * 1000000000LL)

struct cycle {
    unsigned number;
    enum deed deed;
    unsigned role;
    unsigned delay_us, hold_us;
    struct victims victims;
    int victim; /* its pid */
};

static struct {
    const char *transport;
    struct corps *corps;
    struct corps_name *caller, *ledger; /* in Env 0 and Env 1 */
    int pids[WATCHED_MAX];
    struct usage before[WATCHED_MAX];
} survivors;

static struct {
    unsigned cycles, hung, lost_too_much, wrong, disorder, killed_at_exit, left, grown, no_room;
    int64_t answered, lost;
} total;

/* ---- the deeds ---- */

/* In the victim: shuts every socket that has a name on either side, so its links, and not its control channels. */
static void cut_links(int signal_number) {
    (void)signal_number;
    int saved = errno;
    for (int fd = 3; fd < 1024; fd++) {
        struct sockaddr_storage near, far;
        socklen_t near_bytes = sizeof near, far_bytes = sizeof far;
        if (getsockname(fd, (struct sockaddr *)&near, &near_bytes) == 0 &&
            getpeername(fd, (struct sockaddr *)&far, &far_bytes) == 0 &&
            (near_bytes > sizeof(sa_family_t) || far_bytes > sizeof(sa_family_t))) {
            shutdown(fd, SHUT_RDWR);
        }
    }
    errno = saved;
}

static void *do_deed(void *arg) {
    const struct cycle *cycle = arg;
    usleep(cycle->delay_us);
    switch (cycle->deed) {
    case STOP:
        kill(cycle->victim, SIGSTOP);
        usleep(cycle->hold_us);
        break;
    case PAUSE:
        kill(cycle->victim, SIGSTOP);
        usleep(cycle->hold_us);
        kill(cycle->victim, SIGCONT);
        return NULL;
    case CUT:
        kill(cycle->victim, SIGUSR1);
        return NULL;
    default:
        break;
    }
    kill(cycle->victim, SIGKILL);
    return NULL;
}

/* ---- what everybody saw ---- */

static void stacks_of_all(const struct cycle *cycle) {
    for (unsigned i = 0; i < WATCHED_MAX; i++) {
        printf("-- survivor %d\n", survivors.pids[i]);
        show_stacks(survivors.pids[i]);
    }
    for (unsigned i = 0; i < VICTIM_ENVS; i++) {
        printf("-- Env %u, %d\n", i, cycle->victims.pids[i]);
        show_stacks(cycle->victims.pids[i]);
    }
}

static void complain(const struct cycle *cycle, const char *what, const char *who) {
    printf("cycle %u (%s, %s, after %u us): %s: %s\n", cycle->number, deed_names[cycle->deed], role_names[cycle->role],
           cycle->delay_us, who, what);
    fflush(stdout);
}

/* May calls to the ledger of this cycle's Corps fail, or calls from one of its Envs? */
static bool may_lose(const struct cycle *cycle) {
    return cycle->deed == CUT || (cycle->deed != PAUSE && cycle->role != 1);
}

static void judge(const struct cycle *cycle, const struct tally *tally, const char *who) {
    total.answered += tally->answered;
    total.lost += tally->lost;
    if (tally->hung > 0) {
        total.hung++;
        complain(cycle, "calls did not end", who);
        stacks_of_all(cycle);
    }
    if (tally->wrong > 0) {
        total.wrong++;
        complain(cycle, "replies of other calls", who);
    }
    if (tally->repeated > 0 || (tally->skipped > 0 && cycle->deed != CUT)) {
        total.disorder++;
        complain(cycle, tally->repeated > 0 ? "requests twice or out of order" : "requests left out", who);
    }
    if (tally->lost > 0 && !may_lose(cycle)) {
        total.lost_too_much++;
        complain(cycle, "calls failed that nobody was lost for", who);
    }
}

/* Takes the Future of a Caller's run. */
static void judge_future(const struct cycle *cycle, struct corps_future *future, bool must_answer, const char *who) {
    const struct corps_value *result;
    enum corps_err err = future != NULL ? corps_future_wait(future, 2 * ENDS_NS, &result) : CORPS_ERR_WORKER_LOST;
    struct tally tally = {0};
    if (err == CORPS_OK && tally_of(result, &tally)) {
        judge(cycle, &tally, who);
    } else if (err == CORPS_ERR_TIMEOUT) {
        judge(cycle, &(struct tally){.hung = 1}, who);
    } else if (must_answer) {
        total.lost_too_much++;
        complain(cycle, corps_error_detail(), who);
    }
    corps_future_destroy(future);
}

static enum corps_err call_once(const struct corps_name *name, const char *method, const struct corps_value *args,
                                int64_t timeout_ns) {
    struct corps_future *future = NULL;
    enum corps_err err = corps_call(name, method, args, NULL, &future);
    err = err == CORPS_OK ? corps_future_wait(future, timeout_ns, NULL) : err;
    corps_future_destroy(future);
    return err;
}

/* Does a Worker that nothing happened to still answer within `timeout_ns`? After a cut, when its links are new. */
static void must_answer(const struct cycle *cycle, const struct corps_name *name, const char *method,
                        struct corps_value args, int64_t timeout_ns, const char *who) {
    enum corps_err err = call_once(name, method, &args, timeout_ns);
    for (int tries = 0; cycle->deed == CUT && err == CORPS_ERR_WORKER_LOST && tries < 100; tries++) {
        usleep(1000);
        err = call_once(name, method, &args, timeout_ns);
    }
    if (err == CORPS_ERR_TIMEOUT) {
        total.hung++;
        complain(cycle, "gives no answer", who);
        stacks_of_all(cycle);
    } else if (err != CORPS_OK) {
        total.lost_too_much++;
        complain(cycle, corps_error_detail(), who);
    }
}

static struct corps_value entry_value(struct corps_value *items, int64_t sender, int64_t number) {
    items[0] = corps_int(sender);
    items[1] = corps_int(number);
    items[2] = corps_bin("", 0);
    return corps_array(items, 3);
}

/* ---- a cycle under load ---- */

static struct corps_future *begin_load(const struct corps_name *caller, const struct corps_name *ledger, int64_t sender,
                                       const struct cycle *cycle) {
    struct series series = {
        .ledger = ledger, .sender = sender, .count = CALLS, .persist = cycle->deed == CUT, .seed = (uint64_t)sender};
    struct corps_value items[5];
    struct corps_value args = series_value(&series, items);
    struct corps_future *future = NULL;
    return corps_call(caller, "run", &args, NULL, &future) == CORPS_OK ? future : NULL;
}

/* Must calls from that Env, and to Workers in it, go on as if nothing happened? */
static bool stays(const struct cycle *cycle, unsigned role) {
    return cycle->deed == PAUSE || (cycle->deed != CUT && cycle->role == 1 && role != 1);
}

static void load_and_deed(struct cycle *cycle) {
    struct corps_name **names = cycle->victims.names;
    int64_t sender = (int64_t)cycle->number * 16 + 1;
    struct corps_future *of_survivor = begin_load(survivors.caller, names[LEDGER], sender, cycle);
    struct corps_future *of_0 = begin_load(names[IN_ENV_0], names[LEDGER], sender + 1, cycle);
    struct corps_future *of_1 = begin_load(names[IN_ENV_1], names[LEDGER], sender + 2, cycle);
    struct corps_future *outwards = begin_load(names[IN_ENV_1_TOO], survivors.ledger, sender + 3, cycle);
    pthread_t doer;
    if (pthread_create(&doer, NULL, do_deed, cycle) != 0) {
        perror("pthread_create");
        exit(2);
    }
    struct tally own;
    series_run(&(struct series){.ledger = names[LEDGER],
                                .sender = sender + 4,
                                .count = CALLS,
                                .persist = cycle->deed == CUT,
                                .seed = (uint64_t)sender},
               &own);
    judge(cycle, &own, "the program");
    pthread_join(doer, NULL);
    judge_future(cycle, of_survivor, cycle->deed != CUT, "a survivor");
    judge_future(cycle, of_0, stays(cycle, 0), "Env 0");
    judge_future(cycle, of_1, stays(cycle, 1), "Env 1");
    judge_future(cycle, outwards, stays(cycle, 1), "Env 1 to a survivor");
    if (stays(cycle, 2) || cycle->deed == CUT) {
        struct corps_value items[3];
        must_answer(cycle, names[LEDGER], "entry", entry_value(items, sender + 5, 1), ENDS_NS, "the ledger");
    }
}

/* ---- a caller that has much to read, and is stopped ---- */

static void wait_until_held(const struct corps_name *ledger, int64_t count) {
    for (int tries = 0; tries < 2000; tries++) {
        struct corps_future *future = NULL;
        const struct corps_value *held;
        enum corps_err err = corps_call(ledger, "held", NULL, NULL, &future);
        err = err == CORPS_OK ? corps_future_wait(future, ENDS_NS, &held) : err;
        bool enough = err != CORPS_OK || held->integer >= count;
        corps_future_destroy(future);
        if (enough) {
            return;
        }
        usleep(1000);
    }
}

/* A Ledger answers requests of a caller that is stopped by then, and after them owes it credit. Checked: while the
 * caller is stopped others get answers from the Worker whose replies it does not read, and from its neighbours; after
 * it is killed everything that was called ends. */
static void leave_unread_and_kill(struct cycle *cycle) {
    const struct corps_name *ledger = cycle->number % 2 == 0 ? survivors.ledger : cycle->victims.names[LEDGER];
    struct series series = {.ledger = ledger, .count = UNREAD_CALLS};
    struct corps_value items[5];
    must_answer(cycle, cycle->victims.names[IN_ENV_1], "leave_unread", series_value(&series, items), ENDS_NS,
                "Env 1, asked to leave replies unread");
    wait_until_held(ledger, UNREAD_CALLS);
    struct corps_future *let_go = NULL;
    struct corps_value pause_ms = corps_int(PAUSE_MS); /* meanwhile the caller is stopped */
    (void)!corps_call(ledger, "let_go", &pause_ms, NULL, &let_go);
    must_answer(cycle, cycle->victims.names[IN_ENV_1], "leave_owing", series_value(&series, items), ENDS_NS,
                "Env 1, asked to leave credit owing");
    kill(cycle->victim, SIGSTOP);
    int64_t sender = (int64_t)cycle->number * 16 + 1;
    must_answer(cycle, ledger, "entry", entry_value(items, sender, 1), SOON_NS, "the ledger, its asker stopped");
    must_answer(cycle, survivors.caller, "ping", corps_nil(), SOON_NS, "a survivor, the asker stopped");
    usleep(cycle->hold_us);
    kill(cycle->victim, SIGKILL);
    must_answer(cycle, ledger, "entry", entry_value(items, sender, 2), ENDS_NS, "the ledger, its asker killed");
    enum corps_err err = let_go != NULL ? corps_future_wait(let_go, ENDS_NS, NULL) : CORPS_OK;
    if (err == CORPS_ERR_TIMEOUT) {
        judge(cycle, &(struct tally){.hung = 1}, "the ledger's replies");
    }
    corps_future_destroy(let_go);
}

/* ---- all cycles ---- */

/* The kernel has few message queues for all processes of a user together: others may have them just now. */
static bool create_victims(struct cycle *cycle) {
    for (unsigned tries = 0; tries < ROOM_TRIES; tries++) {
        if (victims_create(survivors.transport, cycle->role == CREATOR, &cycle->victims) == CORPS_OK) {
            cycle->victim = cycle->role == CREATOR ? cycle->victims.creator_pid : cycle->victims.pids[cycle->role];
            return true;
        }
        fprintf(stderr, "stress: %s\n", corps_error_detail());
        victims_end(&cycle->victims);
        if (strcmp(survivors.transport, "mqueue") != 0) {
            break;
        }
        total.no_room++;
        usleep(200000);
    }
    return false;
}

static void run_cycle(struct cycle *cycle) {
    if (!create_victims(cycle)) {
        total.lost_too_much++;
        complain(cycle, "could not be created", "the Corps");
        return;
    }
    if (cycle->deed == UNREAD) {
        leave_unread_and_kill(cycle);
    } else {
        load_and_deed(cycle);
    }
    struct corps_value items[3];
    must_answer(cycle, survivors.caller, "ping", corps_nil(), ENDS_NS, "a survivor");
    must_answer(cycle, survivors.ledger, "entry", entry_value(items, (int64_t)cycle->number * 16 + 9, 1), ENDS_NS,
                "a survivor's ledger");
    if (!victims_end(&cycle->victims)) {
        total.killed_at_exit++;
        complain(cycle, "had to be killed", "the rest of the Corps");
    }
    if (!left_nothing(survivors.pids, WATCHED_MAX)) {
        total.left++;
        complain(cycle, "something was left", "afterwards");
    }
}

static struct cycle cycle_of(uint64_t seed, unsigned number, enum deed deed) {
    struct chance chance = chance_of(seed * 1000003 + number);
    struct cycle cycle = {.number = number};
    cycle.deed = deed == DEEDS ? (enum deed)chance_below(&chance, DEEDS) : deed;
    /* The creator's links are the program's: nothing of this cycle to cut. */
    cycle.role = cycle.deed == UNREAD ? 1 : chance_below(&chance, cycle.deed == CUT ? VICTIM_ENVS : ROLES);
    cycle.delay_us = chance_below(&chance, LATEST_US);
    cycle.hold_us = chance_below(&chance, HOLD_US);
    return cycle;
}

static bool create_survivors(void) {
    struct corps_options options = stress_options(survivors.transport, 2);
    if (corps_create(NULL, NULL, &options, &survivors.corps) != CORPS_OK) {
        fprintf(stderr, "stress: %s\n", corps_error_detail());
        return false;
    }
    survivors.caller = stress_place(survivors.corps, "Caller", 0);
    survivors.ledger = stress_place(survivors.corps, "Ledger", 1);
    survivors.pids[0] = corps_env_pid(survivors.corps, 0);
    survivors.pids[1] = corps_env_pid(survivors.corps, 1);
    survivors.pids[2] = getpid();
    return survivors.caller != NULL && survivors.ledger != NULL;
}

/* Compares with what they used when they had settled. */
static void check_growth(unsigned cycles) {
    static const char *const who[WATCHED_MAX] = {"survivor, Env 0", "survivor, Env 1", "program"};
    for (unsigned i = 0; i < WATCHED_MAX; i++) {
        struct usage now = {0};
        const struct usage *then = &survivors.before[i];
        for (int tries = 0; tries < 50; tries++) { /* endpoints of Corps that have ended are given back in passing */
            if (!usage_of(survivors.pids[i], &now) || now.descriptors <= then->descriptors + GROWTH_DESCRIPTORS) {
                break;
            }
            usleep(100000);
            (void)!call_once(survivors.caller, "ping", NULL, ENDS_NS);
        }
        bool grown = now.memory_kib > then->memory_kib + GROWTH_KIB + GROWTH_PER_CYCLE_KIB * (long)cycles ||
                     now.descriptors > then->descriptors + GROWTH_DESCRIPTORS ||
                     now.threads > then->threads + GROWTH_THREADS;
        total.grown += grown;
        printf("%s: memory %ld -> %ld KiB (%.2f a cycle), descriptors %ld -> %ld, threads %ld -> %ld%s\n", who[i],
               then->memory_kib, now.memory_kib,
               cycles > 0 ? (double)(now.memory_kib - then->memory_kib) / (double)cycles : 0.0, then->descriptors,
               now.descriptors, then->threads, now.threads, grown ? ": GROWN" : "");
    }
}

static void run_cycles(enum deed deed, unsigned first, unsigned count, uint64_t seed) {
    unsigned settled = count / 5 < 20 ? count / 5 : 20;
    for (unsigned i = 0; i < count; i++) {
        struct cycle cycle = cycle_of(seed, first + i, deed);
        run_cycle(&cycle);
        total.cycles++;
        if (i == settled) {
            for (unsigned k = 0; k < WATCHED_MAX; k++) {
                usage_of(survivors.pids[k], &survivors.before[k]);
            }
        }
    }
    check_growth(count - settled);
}

static enum deed deed_of(const char *word) {
    for (unsigned i = 0; i < DEEDS; i++) {
        if (strcmp(word, deed_names[i]) == 0) {
            return (enum deed)i;
        }
    }
    if (strcmp(word, "all") != 0) {
        fprintf(stderr, "stress: no deed %s; there are kill, stop, pause, cut, unread, all\n", word);
        exit(2);
    }
    return DEEDS;
}

int main(int argc, char **argv) {
    signal(SIGUSR1, cut_links);
    corps_start(stress_classes);
    if (argc == 3 && strcmp(argv[1], "creator") == 0) {
        return creator_main(argv[2]);
    }
    if (argc < 4) {
        fprintf(stderr, "usage: %s DEED TRANSPORT CYCLES [SEED [FIRST]]\n", argv[0]);
        return 2;
    }
    enum deed deed = deed_of(argv[1]);
    survivors.transport = argv[2];
    if (!room_await(argv[2])) {
        return 2;
    }
    uint64_t seed = argc > 4 ? strtoull(argv[4], NULL, 10) : 1;
    left_prepare();
    if (!create_survivors()) {
        return 2;
    }
    run_cycles(deed, argc > 5 ? (unsigned)atoi(argv[5]) : 0, (unsigned)atoi(argv[3]), seed);
    corps_name_unref(survivors.caller);
    corps_name_unref(survivors.ledger);
    enum corps_err err = corps_exit(survivors.corps, ENDS_NS);
    if (err != CORPS_OK) {
        printf("the survivors' end: %s\n", corps_error_detail());
    }
    printf("%s %s seed %llu: %u cycles, %lld answered, %lld lost, %u hung, %u wrong, %u disorder, %u failed without "
           "cause, %u killed at exit, %u left behind, %u grown, %u waits for room\n",
           argv[1], argv[2], (unsigned long long)seed, total.cycles, (long long)total.answered, (long long)total.lost,
           total.hung, total.wrong, total.disorder, total.lost_too_much, total.killed_at_exit, total.left, total.grown,
           total.no_room);
    return err == CORPS_OK && total.hung + total.wrong + total.disorder + total.lost_too_much + total.killed_at_exit +
                                      total.left + total.grown ==
                                  0
               ? 0
               : 1;
}
