/* The pool of payloads under two senders' threads and two receivers': nobody's bytes are overwritten while they are
 * looked at, and in the end all pages and tickets are free. */
#include "threads.h"

#include "base/clock.h"
#include "pool.h"

#include <sched.h>
#include <string.h>
#include <sys/mman.h>

enum { POOL_BYTES = 1 << 19, MESSAGES = 5000, SENDERS = 2, RECEIVERS = 2, WAY = 32, BYTES_MAX = 5 * CORPS__POOL_PAGE };

static struct corps__mapping *mapping;
static struct corps__pool *pool;

struct message {
    struct corps__extent extent;
    unsigned number;
    uint8_t mark;
};

/* Places on their way. */
static struct {
    pthread_mutex_t lock;
    struct message messages[WAY];
    unsigned sent, received; /* ever */
    unsigned times[SENDERS * MESSAGES];
} way = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void send(const struct message *message) {
    for (;;) {
        pthread_mutex_lock(&way.lock);
        if (way.sent - way.received < WAY) {
            way.messages[way.sent++ % WAY] = *message;
            pthread_mutex_unlock(&way.lock);
            return;
        }
        pthread_mutex_unlock(&way.lock);
        sched_yield();
    }
}

/* Until there are none to come. */
static bool receive(struct message *message) {
    for (;;) {
        pthread_mutex_lock(&way.lock);
        bool is_there = way.received < way.sent, is_last = way.received == SENDERS * MESSAGES;
        if (is_there) {
            *message = way.messages[way.received++ % WAY];
        }
        pthread_mutex_unlock(&way.lock);
        if (is_there || is_last) {
            return is_there;
        }
        sched_yield();
    }
}

static void *until_there_is(void *(*get)(void *arg), void *arg) {
    int64_t end = corps__deadline_ns(THREADS_LONG_NS);
    void *got;
    while ((got = get(arg)) == NULL) {
        check(corps__now_ns() < end, "no memory of the pool comes back");
        sched_yield();
    }
    return got;
}

struct request {
    const uint8_t *data;
    size_t bytes;
    struct corps__extent extent;
};

static void *put(void *arg) {
    struct request *request = arg;
    return corps__pool_put(pool, request->data, request->bytes, &request->extent) ? request : NULL;
}

static void *put_in_parts(void *arg) {
    struct request *request = arg;
    size_t half = request->bytes / 2;
    const struct iovec parts[] = {{.iov_base = (void *)(uintptr_t)request->data, .iov_len = half},
                                  {.iov_base = (void *)(uintptr_t)request->data, .iov_len = request->bytes - half}};
    return corps__pool_put_parts(pool, parts, 2, request->bytes, &request->extent) ? request : NULL;
}

static void *loan(void *arg) {
    return corps__pool_loan(pool, ((struct request *)arg)->bytes);
}

/* By turns: from memory of its own, in parts; a loan that is given back at once; and one that is sent twice, in parts.
 */
static void *send_all(void *number) {
    unsigned sender = *(unsigned *)number;
    uint64_t random = sender + 1;
    static _Thread_local uint8_t own[BYTES_MAX];
    for (unsigned n = 0; n < MESSAGES; n++) {
        struct message message = {.number = sender * MESSAGES + n, .mark = (uint8_t)next_random(&random)};
        struct request request = {.data = own, .bytes = 2 + next_random(&random) % (BYTES_MAX - 2)};
        struct corps_block *block = n % 4 != 0 ? until_there_is(loan, &request) : NULL;
        memset(block != NULL ? block->data : own, message.mark, request.bytes);
        if (block != NULL) {
            request.data = block->data;
        }
        if (n % 4 == 1 && n + 1 < MESSAGES) { /* the first half is a message of its own */
            struct request half = {.data = request.data, .bytes = request.bytes / 2};
            until_there_is(put, &half);
            message.extent = half.extent;
            send(&message);
            message.number = sender * MESSAGES + ++n;
            request.data += half.bytes;
            request.bytes -= half.bytes;
        }
        until_there_is(block == NULL ? put_in_parts : put, &request);
        check(block == NULL || request.data - (uint8_t *)mapping->memory ==
                                   (ptrdiff_t)request.extent.offset + CORPS__POOL_HEAD_BYTES,
              "a loan is copied");
        if (block != NULL) {
            corps_block_unref(block);
        }
        message.extent = request.extent;
        send(&message);
    }
    return NULL;
}

static void *receive_all(void *unused) {
    (void)unused;
    struct message message;
    while (receive(&message)) {
        uint8_t *head;
        check(corps__extent_fits(&message.extent, POOL_BYTES), "an extent lies outside");
        struct corps_block *view = corps__pool_view(mapping, mapping->memory, &message.extent, 16, &head);
        check(view != NULL, "no memory");
        for (int look = 0; look < 2; look++) {
            check(view->data[0] == message.mark && memcmp(view->data, view->data + 1, view->bytes - 1) == 0,
                  "message %u is overwritten", message.number);
            sched_yield();
        }
        pthread_mutex_lock(&way.lock);
        way.times[message.number]++;
        pthread_mutex_unlock(&way.lock);
        corps_block_unref(view);
    }
    return NULL;
}

static void *side(void *number) {
    return *(unsigned *)number < SENDERS ? send_all(number) : receive_all(NULL);
}

/* Page by page: a large loan may lie amid what the sender has not yet seen given back, and split what is free. */
static void expect_all_free(void) {
    enum { PAGES = POOL_BYTES / CORPS__POOL_PAGE };
    struct corps_block *pages[PAGES];
    for (unsigned i = 0; i < PAGES; i++) {
        pages[i] = corps__pool_loan(pool, CORPS__POOL_PAGE);
        check(pages[i] != NULL, "only %u pages are left", i);
    }
    struct corps__extent extent;
    for (unsigned i = 0; i < CORPS__POOL_TICKETS; i++) {
        check(corps__pool_put(pool, pages[0]->data, 1, &extent), "only %u tickets are left", i);
    }
    for (unsigned i = 0; i < PAGES; i++) {
        corps_block_unref(pages[i]);
    }
}

int main(void) {
    size_t bytes = CORPS__POOL_HEAD_BYTES + POOL_BYTES;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    check(memory != MAP_FAILED, "no memory");
    mapping = corps__mapping_create(memory, bytes);
    pool = mapping != NULL ? corps__pool_create(mapping, memory, POOL_BYTES) : NULL;
    check(pool != NULL, "no memory");
    unsigned numbers[SENDERS + RECEIVERS] = {0, 1, 2, 3};
    on_threads(SENDERS + RECEIVERS, side, numbers, sizeof *numbers);
    for (unsigned i = 0; i < SENDERS * MESSAGES; i++) {
        check(way.times[i] == 1, "message %u came %u times", i, way.times[i]);
    }
    expect_all_free();
    corps__pool_unref(pool);
    corps__mapping_unref(mapping);
    return 0;
}
