/* The ring between two threads: every record once, in order and whole, of all sizes, with both sides asleep now and
 * then; no bell that is waited for stays away. */
#include "threads.h"

#include "base/futex.h"
#include "ring.h"

#include <errno.h>
#include <semaphore.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

enum { RING_BYTES = 1 << 14, RECORDS = 150000 };

static struct corps__ring out, in;
static sem_t producer_bell, consumer_bell;

static void wait_for(sem_t *bell, const char *who) {
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += THREADS_LONG_NS / 1000000000;
    int outcome;
    while ((outcome = sem_timedwait(bell, &end)) != 0 && errno == EINTR) {
    }
    check(outcome == 0, "the %s sleeps and nobody rings", who);
}

/* What both sides know of record n. Small ones mostly; the largest there are; none at all. */
static size_t bytes_of(uint64_t n) {
    uint64_t state = n * 0x9e3779b97f4a7c15u + 1, random = next_random(&state);
    size_t most = corps__ring_record_max(&out);
    return random % 16 == 0 ? most - random / 16 % 3 : random % 4 == 0 ? random / 4 % most : random / 4 % 200;
}

static enum corps__record kind_of(uint64_t n) {
    return n % 3 == 0 ? CORPS__RECORD_FIRST : CORPS__RECORD_WHOLE;
}

static uint8_t *room_for(size_t bytes) {
    void *memory;
    enum corps_err err;
    while ((err = corps__ring_reserve(&out, bytes, &memory)) == CORPS_ERR_FULL) {
        corps__ring_want_space(&out);
        if (corps__ring_reserve(&out, bytes, &memory) == CORPS_OK) {
            return memory; /* a bell may still come: it is one too many */
        }
        wait_for(&producer_bell, "producer");
    }
    check(err == CORPS_OK, "reserve gives %d", (int)err);
    return memory;
}

static void *produce(void *unused) {
    (void)unused;
    for (uint64_t n = 0; n < RECORDS; n++) {
        size_t bytes = bytes_of(n);
        memset(room_for(bytes), (int)(n % 251), bytes);
        corps__ring_commit(&out, bytes, kind_of(n));
        enum corps__ring_sleep how = corps__ring_consumer_sleeps(&out);
        if (how == CORPS__RING_ON_WORD) {
            check(corps__futex_wake(&out.shared->asleep) >= 0, "no futex");
        } else if (how == CORPS__RING_ON_DOORBELL) {
            sem_post(&consumer_bell);
        }
    }
    return NULL;
}

static void expect(uint64_t n, const uint8_t *data, size_t bytes, enum corps__record kind) {
    check(bytes == bytes_of(n), "record %d has %zu bytes instead of %zu", (int)n, bytes, bytes_of(n));
    check(kind == kind_of(n), "record %d is of kind %d", (int)n, (int)kind);
    check(bytes == 0 || (data[0] == n % 251 && memcmp(data, data + 1, bytes - 1) == 0), "record %d is damaged", (int)n);
}

/* In turn on the bell and on the word. A sleep on a word may end for no reason. */
static void sleep_once(uint64_t n) {
    if (n % 2 == 0 && corps__ring_arm_word(&in)) {
        struct timespec patience = {.tv_sec = THREADS_LONG_NS / 1000000000};
        check(corps__futex_wait(&in.shared->asleep, CORPS__RING_ON_WORD, &patience) == 0 || errno != ETIMEDOUT,
              "the consumer's word is not rung");
    } else {
        wait_for(&consumer_bell, "consumer");
    }
}

static void *consume(void *unused) {
    (void)unused;
    for (uint64_t n = 0; n < RECORDS;) {
        const uint8_t *data;
        size_t bytes;
        enum corps__record kind;
        enum corps_err err = corps__ring_peek(&in, &data, &bytes, &kind);
        if (err == CORPS_ERR_EMPTY) {
            if (corps__ring_arm(&in)) {
                sleep_once(n);
            }
            corps__ring_disarm(&in);
            continue;
        }
        check(err == CORPS_OK, "peek gives %d at record %d", (int)err, (int)n);
        expect(n++, data, bytes, kind);
        if (corps__ring_release(&in, bytes)) {
            sem_post(&producer_bell);
        }
    }
    return NULL;
}

static void *side(void *produces) {
    return *(bool *)produces ? produce(NULL) : consume(NULL);
}

int main(void) {
    void *memory = aligned_alloc(4096, CORPS__RING_HEAD_BYTES + RING_BYTES);
    check(memory != NULL, "no memory");
    memset(memory, 0, CORPS__RING_HEAD_BYTES + RING_BYTES);
    check(corps__ring_init(&out, memory, RING_BYTES, true) == CORPS_OK, "no memory");
    check(corps__ring_init(&in, memory, RING_BYTES, false) == CORPS_OK, "no memory");
    sem_init(&producer_bell, 0, 0);
    sem_init(&consumer_bell, 0, 0);
    bool produces[] = {true, false};
    on_threads(2, side, produces, sizeof *produces);
    check(out.position == in.position && corps__ring_arm(&in), "something is left over");
    corps__ring_finish(&out);
    free(memory);
    return 0;
}
