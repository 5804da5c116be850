/* etcd-load ENDPOINTS HOSTS SECONDS: as many hosts as that, each with a book of the ledger etcd as its agent would have
 * it, and the shipped code that decides what is asked of it (hosts/owners.h), in one process: what that costs etcd,
 * etcd_load.py reads from etcd itself.
 *
 * Each host owns one Corps, whose Env 0 is not there: it begins and acts at once. After SECONDS the first host is off:
 * it says nothing any more, and another one claims its Corps. Tells events as lines of JSON: "steady", "over" (before
 * the first is off), "taken", each of which waits for a line on standard input. Exit status: 0 good, 1 something
 * failed.
 */
#include "agent/etcd/etcd.h"
#include "hosts/ledgers.h"
#include "hosts/owners.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HOSTS_MAX = 1000, ROWS = 4, TIMES_MAX = 1 << 18, RECORD_BYTES = 4096 };
#define SECOND_NS INT64_C(1000000000)
#define TAKEN_NS (30 * SECOND_NS)
#define LONG_NS (3600 * SECOND_NS)

/* How long operations of one kind took. */
struct times {
    const char *name;
    _Atomic uint32_t count;
    int64_t took_ns[TIMES_MAX];
};

struct simulated {
    uint32_t number;
    struct corps_ledger_book *book;
    struct corps__owners owners;
    struct corps__owned *rows;
    /* The last list. */
    uint32_t *living, living_count;
    struct corps__owners_seen *seen;
    uint32_t seen_count;
    pthread_t thread;
};

static struct {
    const struct corps_ledger *ledger;
    unsigned count;
    struct simulated hosts[HOSTS_MAX];
    struct times renewals, lists, claims;
    _Atomic uint64_t failed, hints;
    _Atomic unsigned acting;
    atomic_bool first_is_off, stops;
    _Atomic int64_t off_ns, seen_ns, taken_ns;
} all = {.renewals.name = "renew", .lists.name = "list", .claims.name = "claim"};

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static uint64_t corps_of(uint32_t number) {
    return (uint64_t)number << 48 | 0xabc;
}

static void fail(const struct simulated *host, const char *what, enum corps_err err) {
    fprintf(stderr, "host %u: %s: %s: %s\n", host->number, what, corps_error_name(err), corps_error_detail());
    atomic_fetch_add(&all.failed, 1);
}

static void note_time(struct times *times, int64_t began_ns) {
    uint32_t at = atomic_fetch_add(&times->count, 1);
    if (at < TIMES_MAX) {
        times->took_ns[at] = now_ns() - began_ns;
    }
}

/* ---- what is asked of the ledger ---- */

static void renew(struct simulated *host) {
    int64_t until_ns = 0, began_ns = now_ns();
    enum corps_err err = all.ledger->renew(host->book, began_ns, &until_ns);
    note_time(&all.renewals, began_ns);
    if (err != CORPS_OK) {
        fail(host, "renew", err);
    }
    corps__owners_renewed(&host->owners, err, until_ns, now_ns());
}

static void on_host(void *arg, const struct corps_ledger_host *row) {
    struct simulated *host = arg;
    if (host->living_count < all.count) {
        host->living[host->living_count++] = row->number;
    }
}

static void on_corps(void *arg, const struct corps_ledger_corps *row) {
    struct simulated *host = arg;
    int64_t none = 0;
    if (host->seen_count == all.count) {
        return;
    }
    host->seen[host->seen_count++] = (struct corps__owners_seen){.corps_id = row->corps_id,
                                                                 .epoch = row->epoch,
                                                                 .owner = row->host,
                                                                 .mine = row->is_mine,
                                                                 .given = row->is_given,
                                                                 .restart = CORPS_RESTART_ALWAYS,
                                                                 .rank = CORPS__OWNERS_NO_RANK};
    if (row->corps_id == corps_of(1) && row->host == 0) {
        (void)atomic_compare_exchange_strong(&all.seen_ns, &none, now_ns()); /* the first time counts */
    }
}

static void list(struct simulated *host) {
    static const struct corps_ledger_each each = {.host = on_host, .corps = on_corps};
    int64_t began_ns = now_ns();
    host->living_count = host->seen_count = 0;
    enum corps_err err = all.ledger->list(host->book, &each, host);
    note_time(&all.lists, began_ns);
    if (err != CORPS_OK) {
        fail(host, "list", err);
    }
    for (uint32_t i = 0; i < host->seen_count; i++) {
        struct corps__owners_seen *seen = &host->seen[i];
        seen->rank = seen->owner == 0
                         ? corps__owners_rank(seen->corps_id, host->number, host->living, host->living_count)
                         : CORPS__OWNERS_NO_RANK;
    }
    corps__owners_listed(&host->owners, err, host->seen, host->seen_count, now_ns());
    corps__owners_crowd(&host->owners, host->living_count);
}

static void claim(struct simulated *host, uint64_t corps_id, uint64_t epoch) {
    static const uint8_t record[RECORD_BYTES] = {1};
    char name[32], about[128];
    unsigned of = (unsigned)(corps_id >> 48);
    snprintf(name, sizeof name, "singleton-%u", of);
    snprintf(about, sizeof about, "tag\tload\nhosts\tauto\nnumber\t%u", of);
    const struct corps_ledger_request request = {.corps_id = corps_id,
                                                 .epoch = epoch,
                                                 .name = name,
                                                 .about = about,
                                                 .record = record,
                                                 .record_bytes = sizeof record};
    struct corps_ledger_claim claim;
    int64_t began_ns = now_ns();
    enum corps_err err = all.ledger->claim(host->book, &request, began_ns, &claim);
    note_time(&all.claims, began_ns);
    if (err != CORPS_OK) {
        fail(host, "claim", err);
    } else if (epoch > 1) {
        all.taken_ns = now_ns();
    }
    corps__owners_answered(&host->owners, err, now_ns());
}

static void read_record(struct simulated *host, uint64_t corps_id) {
    const struct corps__policy policy = {
        .restart = CORPS_RESTART_ALWAYS, .intensity = 1, .period_ns = SECOND_NS, .start_ns = LONG_NS};
    uint8_t *record = NULL;
    size_t bytes = 0;
    enum corps_err err = all.ledger->read(host->book, corps_id, &record, &bytes);
    if (err != CORPS_OK) {
        fail(host, "read", err);
    }
    free(record);
    corps__owners_read(&host->owners, err, &policy, now_ns());
}

/* ---- what one host does ---- */

static void act(struct simulated *host, const struct corps__owners_action *action) {
    switch (action->what) {
    case CORPS__OWNERS_RENEW:
        renew(host);
        break;
    case CORPS__OWNERS_LIST:
        list(host);
        break;
    case CORPS__OWNERS_CLAIM:
        claim(host, action->corps_id, action->epoch);
        break;
    case CORPS__OWNERS_READ:
        read_record(host, action->corps_id);
        break;
    case CORPS__OWNERS_START:
        corps__owners_started(&host->owners, action->corps_id, action->epoch, now_ns());
        break;
    case CORPS__OWNERS_GO:
        all.acting++;
        break;
    default:
        fail(host, "something is to end, and nothing should", CORPS_ERR_INVALID);
        break;
    }
}

/* Waits until then; true: the watch has hinted before. It goes on hinting until there was a list. */
static bool wait_until(const struct simulated *host, int64_t when_ns, bool listens) {
    struct pollfd fd = {.fd = listens ? all.ledger->watch(host->book) : -1, .events = POLLIN};
    int64_t left_ns = when_ns - now_ns();
    return left_ns > 0 && poll(&fd, 1, (int)(left_ns / 1000000) + 1) > 0;
}

static void *run(void *arg) {
    struct simulated *host = arg;
    uint32_t hinted_at = UINT32_MAX, lists = 0; /* a hint counts once for each list */
    while (!all.stops && !(all.first_is_off && host->number == 1)) {
        struct corps__owners_action action;
        while (!all.stops && corps__owners_next(&host->owners, now_ns(), &action)) {
            lists += action.what == CORPS__OWNERS_LIST ? 1 : 0;
            act(host, &action);
        }
        if (wait_until(host, corps__owners_due(&host->owners), hinted_at != lists)) {
            all.hints++;
            hinted_at = lists;
            corps__owners_hinted(&host->owners, now_ns());
        }
    }
    return NULL;
}

/* ---- all of them ---- */

static int compare(const void *a, const void *b) {
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
    return (one > other) - (one < other);
}

static void print_times(struct times *times) {
    uint32_t count = times->count < TIMES_MAX ? times->count : TIMES_MAX;
    qsort(times->took_ns, count, sizeof *times->took_ns, compare);
    printf(", \"%s_took\": {\"count\": %u, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"worst_ms\": %.3f}", times->name, count,
           count > 0 ? (double)times->took_ns[count / 2] / 1e6 : 0,
           count > 0 ? (double)times->took_ns[(uint64_t)count * 99 / 100] / 1e6 : 0,
           count > 0 ? (double)times->took_ns[count - 1] / 1e6 : 0);
}

/* Whoever reads this looks at etcd now, and says when to go on. */
static void tell(const char *event) {
    char line[16];
    printf("{\"event\": \"%s\", \"at_s\": %.3f, \"failed\": %llu, \"hints\": %llu, \"hosts_seen\": %u, \"corps_seen\": "
           "%u, "
           "\"seen_gone_s\": %.3f, \"taken_s\": %.3f",
           event, (double)now_ns() / 1e9, (unsigned long long)all.failed, (unsigned long long)all.hints,
           all.hosts[1].living_count, all.hosts[1].seen_count,
           all.seen_ns != 0 ? (double)(all.seen_ns - all.off_ns) / 1e9 : 0,
           all.taken_ns != 0 ? (double)(all.taken_ns - all.off_ns) / 1e9 : 0);
    printf(", \"claims\": %u, \"renewals\": %u, \"lists\": %u", all.claims.count, all.renewals.count, all.lists.count);
    if (strcmp(event, "over") == 0) {
        print_times(&all.renewals);
        print_times(&all.lists);
    }
    printf("}\n");
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL) {
        exit(1); /* nobody reads any more */
    }
}

static bool make_room(struct simulated *host) {
    host->rows = calloc(ROWS, sizeof *host->rows);
    host->living = calloc(all.count, sizeof *host->living);
    host->seen = calloc(all.count, sizeof *host->seen);
    return host->rows != NULL && host->living != NULL && host->seen != NULL;
}

static bool open_books(const char *endpoints) {
    const struct corps__policy policy = {
        .restart = CORPS_RESTART_ALWAYS, .intensity = 1, .period_ns = SECOND_NS, .start_ns = LONG_NS};
    for (unsigned i = 0; i < all.count; i++) {
        struct simulated *host = &all.hosts[i];
        host->number = i + 1;
        const struct corps_ledger_options options = {.host = host->number,
                                                     .boot = 1000 + host->number,
                                                     .slots = 4,
                                                     .address = "10.0.0.1:7400",
                                                     .endpoints = endpoints,
                                                     .cluster = "00000000000000aa"};
        enum corps_err err = make_room(host) ? all.ledger->open(&options, &host->book) : CORPS_ERR_NO_MEMORY;
        if (err != CORPS_OK) {
            fail(host, "open", err);
            return false;
        }
        corps__owners_init(&host->owners, host->number, host->rows, ROWS);
        err =
            corps__owners_ordered(&host->owners, corps_of(host->number), &policy, false, now_ns() + LONG_NS, now_ns());
        if (err != CORPS_OK) {
            fail(host, "order", err);
        }
    }
    return all.failed == 0;
}

static void close_books(void) {
    for (unsigned i = 0; i < all.count; i++) {
        struct simulated *host = &all.hosts[i];
        all.ledger->close(host->book);
        free(host->rows);
        free(host->living);
        free(host->seen);
    }
}

static void sleep_s(int seconds) {
    (void)poll(NULL, 0, seconds * 1000);
}

int main(int argc, char **argv) {
    all.count = argc == 4 ? (unsigned)atoi(argv[2]) : 0;
    if (all.count < 2 || all.count > HOSTS_MAX) {
        fprintf(stderr, "usage: %s ENDPOINTS HOSTS SECONDS   (2 to %d hosts)\n", argv[0], HOSTS_MAX);
        return 2;
    }
    agent_etcd_add();
    all.ledger = corps__ledger_find("etcd");
    if (all.ledger == NULL) {
        fprintf(stderr, "%s\n", corps_error_detail());
        return 1;
    }
    if (!open_books(argv[1])) {
        return 1;
    }
    for (unsigned i = 0; i < all.count; i++) {
        if (pthread_create(&all.hosts[i].thread, NULL, run, &all.hosts[i]) != 0) {
            perror("a thread");
            return 1;
        }
        (void)poll(NULL, 0, (int)(500 / all.count)); /* agents do not begin in step */
    }
    while (all.acting < all.count && all.failed == 0) {
        (void)poll(NULL, 0, 20);
    }
    sleep_s(2);
    tell("steady");
    all.renewals.count = all.lists.count = 0; /* of the beginning: nobody asks for these */
    sleep_s(atoi(argv[3]));
    tell("over");
    all.off_ns = now_ns();
    all.first_is_off = true;
    for (int64_t ends_ns = now_ns() + TAKEN_NS; all.taken_ns == 0 && now_ns() < ends_ns;) {
        (void)poll(NULL, 0, 20);
    }
    sleep_s(1); /* does anybody else claim it? */
    tell("taken");
    all.stops = true;
    for (unsigned i = 0; i < all.count; i++) {
        pthread_join(all.hosts[i].thread, NULL);
    }
    close_books();
    return all.failed == 0 && all.taken_ns != 0 ? 0 : 1;
}
