/* etcd-load ENDPOINTS HOSTS SECONDS: as many hosts as that, each with a book of the ledger etcd as its agent would have
 * it, in one process: what that costs etcd, etcd_load.py reads from etcd itself.
 *
 * Each host renews every 0.5 s, and lists every second and when the watch hints, at most every 0.1 s; it owns one
 * Corps. After SECONDS the first host is off: it says nothing any more. The second one claims its Corps, 5.1 s after it
 * has seen that nobody owns it. Tells events as lines of JSON: "steady", "over" (before the first is off), "taken",
 * each of which waits for a line on standard input. Exit status: 0 good, 1 something failed. */
#include "agent/etcd/etcd.h"
#include "hosts/ledgers.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HOSTS_MAX = 1000, TIMES_MAX = 1 << 18, RECORD_BYTES = 4096 };
#define SECOND_NS INT64_C(1000000000)
#define RENEW_NS (SECOND_NS / 2)
#define LIST_NS SECOND_NS
#define HINT_NS (SECOND_NS / 10)
#define GONE_NS INT64_C(5100000000)
#define TAKEN_NS (30 * SECOND_NS)

/* How long operations of one kind took. */
struct times {
    const char *name;
    _Atomic uint32_t count;
    int64_t took_ns[TIMES_MAX];
};

struct simulated {
    uint32_t number;
    struct corps_ledger_book *book;
    unsigned corps_seen, hosts_seen;
    bool sees_orphan; /* in this list: the first host's Corps has no owner */
    int64_t gone_ns;  /* since when; 0: it has one */
    pthread_t thread;
};

static struct {
    const struct corps_ledger *ledger;
    unsigned count;
    struct simulated hosts[HOSTS_MAX];
    struct times renewals, lists;
    _Atomic uint64_t failed, hints;
    atomic_bool first_is_off, stops;
    _Atomic int64_t off_ns, seen_ns, taken_ns;
} all = {.renewals.name = "renew", .lists.name = "list"};

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

/* ---- what one host does ---- */

static void renew(struct simulated *host) {
    int64_t until_ns = 0, began_ns = now_ns();
    enum corps_err err = all.ledger->renew(host->book, began_ns, &until_ns);
    if (err != CORPS_OK) {
        fail(host, "renew", err);
    }
    note_time(&all.renewals, began_ns);
}

static void on_host(void *arg, const struct corps_ledger_host *row) {
    (void)row;
    ((struct simulated *)arg)->hosts_seen++;
}

static void on_corps(void *arg, const struct corps_ledger_corps *row) {
    struct simulated *host = arg;
    host->corps_seen++;
    host->sees_orphan |= row->corps_id == corps_of(1) && row->host == 0;
}

static void list(struct simulated *host) {
    static const struct corps_ledger_each each = {.host = on_host, .corps = on_corps};
    int64_t began_ns = now_ns();
    host->hosts_seen = host->corps_seen = 0;
    host->sees_orphan = false;
    enum corps_err err = all.ledger->list(host->book, &each, host);
    if (err != CORPS_OK) {
        fail(host, "list", err);
        return;
    }
    note_time(&all.lists, began_ns);
    host->gone_ns = !host->sees_orphan ? 0 : host->gone_ns != 0 ? host->gone_ns : now_ns();
}

static void claim(struct simulated *host, uint32_t of, uint64_t epoch) {
    static const uint8_t record[RECORD_BYTES] = {1};
    char name[32], about[128];
    snprintf(name, sizeof name, "singleton-%u", of);
    snprintf(about, sizeof about, "tag\tload\nhosts\tauto\nnumber\t%u", of);
    const struct corps_ledger_request request = {.corps_id = corps_of(of),
                                                 .epoch = epoch,
                                                 .name = name,
                                                 .about = about,
                                                 .record = record,
                                                 .record_bytes = sizeof record};
    struct corps_ledger_claim claim;
    enum corps_err err = all.ledger->claim(host->book, &request, now_ns(), &claim);
    if (err != CORPS_OK) {
        fail(host, "claim", err);
    }
}

/* Waits until then; true: the watch has hinted before. It goes on hinting until there was a list. */
static bool wait_until(const struct simulated *host, int64_t when_ns, bool hinted) {
    bool listens = !hinted && all.ledger->watch != NULL;
    struct pollfd fd = {.fd = listens ? all.ledger->watch(host->book) : -1, .events = POLLIN};
    int64_t left_ns = when_ns - now_ns();
    return left_ns > 0 && poll(&fd, 1, (int)(left_ns / 1000000) + 1) > 0;
}

static void take_over(struct simulated *host) {
    int64_t seen_ns = 0;
    if (host->gone_ns != 0) {
        (void)atomic_compare_exchange_strong(&all.seen_ns, &seen_ns, host->gone_ns); /* the first time counts */
    }
    if (host->gone_ns != 0 && now_ns() - host->gone_ns >= GONE_NS && all.taken_ns == 0) {
        claim(host, 1, 2);
        all.taken_ns = now_ns();
    }
}

static void *run(void *arg) {
    struct simulated *host = arg;
    int64_t began_ns = now_ns() + RENEW_NS * host->number / all.count;
    int64_t renew_ns = began_ns, list_ns = began_ns, listed_ns = 0;
    bool hinted = false;
    while (!all.stops && !(all.first_is_off && host->number == 1)) {
        int64_t next_ns = renew_ns < list_ns ? renew_ns : list_ns;
        if (host->number == 2 && host->gone_ns != 0 && all.taken_ns == 0 && host->gone_ns + GONE_NS < next_ns) {
            next_ns = host->gone_ns + GONE_NS;
        }
        if (wait_until(host, next_ns, hinted)) {
            all.hints++;
            hinted = true;
            list_ns = listed_ns + HINT_NS < list_ns ? listed_ns + HINT_NS : list_ns;
        }
        if (now_ns() >= renew_ns) {
            renew(host);
            renew_ns += RENEW_NS;
        }
        if (now_ns() >= list_ns) {
            listed_ns = now_ns();
            list(host);
            hinted = false;
            list_ns = listed_ns + LIST_NS;
        }
        if (host->number == 2) {
            take_over(host);
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
    printf(", \"%s\": {\"count\": %u, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"worst_ms\": %.3f}", times->name, count,
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
           all.hosts[1].hosts_seen, all.hosts[1].corps_seen,
           all.seen_ns != 0 ? (double)(all.seen_ns - all.off_ns) / 1e9 : 0,
           all.taken_ns != 0 ? (double)(all.taken_ns - all.off_ns) / 1e9 : 0);
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

static bool open_books(const char *endpoints) {
    for (unsigned i = 0; i < all.count; i++) {
        struct simulated *host = &all.hosts[i];
        host->number = i + 1;
        const struct corps_ledger_options options = {.host = host->number,
                                                     .boot = 1000 + host->number,
                                                     .slots = 4,
                                                     .address = "10.0.0.1:7400",
                                                     .endpoints = endpoints,
                                                     .cluster = "00000000000000aa"};
        enum corps_err err = all.ledger->open(&options, &host->book);
        if (err != CORPS_OK) {
            fail(host, "open", err);
            return false;
        }
        renew(host);
        claim(host, host->number, 1);
    }
    return all.failed == 0;
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
    all.renewals.count = 0; /* of the beginning: nobody asks for these */
    for (unsigned i = 0; i < all.count; i++) {
        if (pthread_create(&all.hosts[i].thread, NULL, run, &all.hosts[i]) != 0) {
            perror("a thread");
            return 1;
        }
    }
    sleep_s(2);
    tell("steady");
    sleep_s(atoi(argv[3]));
    tell("over");
    all.off_ns = now_ns();
    all.first_is_off = true;
    for (int64_t ends_ns = now_ns() + TAKEN_NS; all.taken_ns == 0 && now_ns() < ends_ns;) {
        (void)poll(NULL, 0, 20);
    }
    tell("taken");
    all.stops = true;
    for (unsigned i = 0; i < all.count; i++) {
        pthread_join(all.hosts[i].thread, NULL);
        all.ledger->close(all.hosts[i].book);
    }
    return all.failed == 0 && all.taken_ns != 0 ? 0 : 1;
}
