#include "future.h"

#include "conc.h"
#include "deadlock.h"
#include "failure.h"
#include "message.h"
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct corps_future *corps__future_create(int64_t deadline_ns, enum corps_keep keep_objects) {
    struct corps_future *future = malloc(sizeof *future);
    if (future != NULL) {
        memset(future, 0, sizeof *future);
        future->refs = 1;
        future->deadline_ns = deadline_ns;
        future->keep_objects = keep_objects;
    }
    return future;
}

struct corps_future *corps__future_ref(struct corps_future *future) {
    atomic_fetch_add_explicit(&future->refs, 1, memory_order_relaxed);
    return future;
}

void corps__future_unref(struct corps_future *future) {
    if (future != NULL && atomic_fetch_sub(&future->refs, 1) == 1) {
        corps_box_unref(future->box);
        corps_block_unref(future->frame);
        free(future->failure);
        free(future);
    }
}

/* ---- fulfilling ---- */

/* Guards the step from unfulfilled to ready, which several threads may try (reply, death of the peer, deadline), and
 * the pairing with waiters. Sharded by address: Futures are many, and this is short. */
enum { SHARDS = 64 };
static pthread_mutex_t shards[SHARDS];

void corps__futures_start(void) {
    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&shards[i], NULL);
    }
}

static pthread_mutex_t *shard_of(const struct corps_future *future) {
    return &shards[((uintptr_t)future >> 6) % SHARDS];
}

static bool begin(struct corps_future *future) {
    pthread_mutex_lock(shard_of(future));
    if (atomic_load_explicit(&future->ready, memory_order_relaxed)) {
        pthread_mutex_unlock(shard_of(future));
        return false;
    }
    return true;
}

static void finish(struct corps_future *future) {
    atomic_store(&future->ready, true);
    for (struct corps__interest *at = future->interests; at != NULL; at = at->next) {
        corps__notify(at->waiter); /* under the lock: the waiter cannot leave its stack frame, see interest_drop */
    }
    void (*notify)(void *arg) = future->notify;
    void *arg = future->notify_arg;
    pthread_mutex_unlock(shard_of(future));
    if (notify != NULL) {
        notify(arg); /* the caller's reference keeps the Future until here */
    }
}

void corps_future_on_ready(struct corps_future *future, void (*notify)(void *arg), void *arg) {
    pthread_mutex_lock(shard_of(future));
    bool ready = atomic_load(&future->ready);
    future->notify = ready ? NULL : notify;
    future->notify_arg = arg;
    pthread_mutex_unlock(shard_of(future));
    if (ready) {
        notify(arg);
    }
}

struct corps_future *corps_future_ref(struct corps_future *future) {
    return corps__future_ref(future);
}

struct corps_future *corps_future_create(void) {
    return corps__future_create(CORPS_FOREVER, CORPS_KEEP_NONE);
}

void corps_future_fulfil(struct corps_future *future) {
    corps__future_complete(future, NULL);
}

static void interest_take(struct corps_future *future, struct corps__interest *interest, struct corps__waiter *waiter) {
    pthread_mutex_lock(shard_of(future));
    *interest = (struct corps__interest){.waiter = waiter, .next = future->interests};
    future->interests = interest;
    pthread_mutex_unlock(shard_of(future));
}

static void interest_drop(struct corps_future *future, const struct corps__interest *interest) {
    pthread_mutex_lock(shard_of(future));
    struct corps__interest **at = &future->interests;
    while (*at != interest) {
        at = &(*at)->next;
    }
    *at = interest->next;
    pthread_mutex_unlock(shard_of(future));
}

void corps__future_complete(struct corps_future *future, struct corps_box *box) {
    if (!begin(future)) {
        corps_box_unref(box);
        return;
    }
    future->box = box;
    finish(future);
}

void corps__future_complete_frame(struct corps_future *future, struct corps_block *frame,
                                  const struct corps__header *header) {
    if (!begin(future)) {
        corps_block_unref(frame);
        return;
    }
    future->frame = frame;
    future->header = *header;
    atomic_store(&future->encoded, true);
    finish(future);
}

void corps__future_failed(struct corps_future *future, enum corps_err code, struct corps__failure *failure) {
    if (!begin(future)) {
        free(failure);
        return;
    }
    future->outcome = code;
    future->failure = failure;
    finish(future);
}

void corps__future_fail(struct corps_future *future, enum corps_err code, const char *text) {
    const struct corps_error_info info = {.code = code, .text = text};
    corps__future_failed(future, code, corps__failure_create(&info));
}

/* ---- the table of calls ---- */

struct row {
    struct corps_future *future; /* one reference; NULL when free, or when nobody wants the answer */
    struct corps__peer *peer;    /* NULL when free */
    struct corps__route *route;
    size_t bytes;
    uint32_t generation;
    uint32_t next_free;
};

static struct {
    pthread_mutex_t lock;
    struct row *rows;
    uint32_t count, capacity;
    uint32_t first_free; /* UINT32_MAX: none */
} calls = {.lock = PTHREAD_MUTEX_INITIALIZER, .first_free = UINT32_MAX};

static bool grow_locked(void) {
    uint32_t capacity = calls.capacity == 0 ? 256 : calls.capacity * 2;
    struct row *rows = capacity > calls.capacity ? realloc(calls.rows, capacity * sizeof *rows) : NULL;
    if (rows == NULL) {
        return false;
    }
    memset(rows + calls.capacity, 0, (capacity - calls.capacity) * sizeof *rows);
    calls.rows = rows;
    calls.capacity = capacity;
    return true;
}

enum corps_err corps__calls_enter(struct corps_future *future, struct corps__peer *peer, struct corps__route *route,
                                  size_t bytes, uint64_t *id) {
    pthread_mutex_lock(&calls.lock);
    uint32_t index = calls.first_free;
    if (index != UINT32_MAX) {
        calls.first_free = calls.rows[index].next_free;
    } else if (calls.count < calls.capacity || grow_locked()) {
        index = calls.count++;
    } else {
        pthread_mutex_unlock(&calls.lock);
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for another call in flight");
    }
    struct row *row = &calls.rows[index];
    row->future = corps__future_ref(future);
    row->peer = peer;
    row->route = route;
    row->bytes = bytes;
    row->generation++;
    *id = (uint64_t)row->generation << 32 | index;
    pthread_mutex_unlock(&calls.lock);
    return CORPS_OK;
}

static struct corps_future *take_locked(uint32_t index, struct corps__route **route, size_t *bytes) {
    struct row *row = &calls.rows[index];
    struct corps_future *future = row->future;
    *route = row->route;
    *bytes = row->bytes;
    row->future = NULL;
    row->peer = NULL;
    row->next_free = calls.first_free;
    calls.first_free = index;
    return future;
}

struct corps_future *corps__calls_take(uint64_t id, const struct corps__peer *peer) {
    uint32_t index = (uint32_t)id;
    struct corps__route *route = NULL;
    size_t bytes = 0;
    struct corps_future *future = NULL;
    pthread_mutex_lock(&calls.lock);
    if (index < calls.count && calls.rows[index].peer == peer && calls.rows[index].generation == (uint32_t)(id >> 32)) {
        future = take_locked(index, &route, &bytes);
    }
    pthread_mutex_unlock(&calls.lock);
    if (route != NULL) {
        corps__route_give_back(route, 1, bytes);
    }
    return future;
}

void corps__calls_fail(const struct corps__peer *peer, enum corps_err code, const char *text) {
    /* One at a time: completing notifies threads, which must not happen under the table's lock. */
    for (uint32_t index = 0;; index++) {
        struct corps__route *route = NULL;
        size_t bytes = 0;
        struct corps_future *future = NULL;
        pthread_mutex_lock(&calls.lock);
        bool end = index >= calls.count;
        if (!end && calls.rows[index].peer == peer) {
            future = take_locked(index, &route, &bytes);
        }
        pthread_mutex_unlock(&calls.lock);
        if (end) {
            return;
        }
        if (route != NULL) {
            corps__route_give_back(route, 1, bytes);
        }
        if (future != NULL) {
            corps__future_fail(future, code, text);
            corps__future_unref(future);
        }
    }
}

/* ---- the owner's side ---- */

static bool ready_now(const struct corps_future *future) {
    return atomic_load_explicit(&future->ready, memory_order_acquire);
}

static bool is_ready(void *arg) {
    return ready_now(arg);
}

bool corps_future_ready(const struct corps_future *future) {
    if (!ready_now(future)) {
        corps_flush();
        corps__poke();
    }
    return ready_now(future);
}

/* The reply's bytes become the result in the thread that wants it, not in the one that leads. */
static void decode(struct corps_future *future) {
    if (!atomic_load_explicit(&future->encoded, memory_order_acquire)) {
        return;
    }
    pthread_mutex_lock(shard_of(future));
    struct corps_block *frame = future->frame != NULL ? corps_block_ref(future->frame) : NULL;
    pthread_mutex_unlock(shard_of(future));
    if (frame == NULL) {
        return; /* another thread has just done it */
    }
    /* Not under the lock, which must not be held while an interpreter's is taken: threads that read the same result at
     * once each decode it, and the first one counts. */
    struct corps_box *box = NULL;
    enum corps_err err =
        corps__payload_decode(frame->data, frame->bytes, &future->header, frame, future->keep_objects, &box);
    const struct corps_error_info info = {.code = err, .text = err != CORPS_OK ? corps_error_detail() : ""};
    struct corps__failure *failure = err != CORPS_OK ? corps__failure_create(&info) : NULL;
    pthread_mutex_lock(shard_of(future));
    bool first = atomic_load(&future->encoded);
    if (first) {
        future->box = box;
        future->outcome = err;
        future->failure = failure;
        future->frame = NULL;
        atomic_store_explicit(&future->encoded, false, memory_order_release);
    }
    pthread_mutex_unlock(shard_of(future));
    if (first) {
        corps_block_unref(frame); /* the Future's own reference */
    } else {
        corps_box_unref(box);
        free(failure);
    }
    corps_block_unref(frame);
}

static enum corps_err outcome(struct corps_future *future, const struct corps_value **result) {
    static const struct corps_value nil;
    decode(future);
    if (future->outcome != CORPS_OK) {
        const struct corps_error_info *info = corps_future_error(future);
        return info->type[0] != '\0' && future->outcome == CORPS_ERR_REMOTE
                   ? corps_error_set(future->outcome, "%s: %s (at %s)", info->type, info->text, info->origin)
                   : corps_error_set(future->outcome, "%s", info->text);
    }
    if (result != NULL) {
        *result = future->box != NULL ? corps_value_open(corps_box_root(future->box)) : &nil;
    }
    return CORPS_OK;
}

enum corps_err corps_future_wait(struct corps_future *future, int64_t timeout_ns, const struct corps_value **result) {
    if (!(timeout_ns > 0 ? ready_now(future) : corps_future_ready(future))) {
        int64_t deadline = corps__deadline_ns(timeout_ns);
        bool calls_own = future->deadline_ns <= deadline;
        if (future->local != NULL && corps__conc_is_mine(future->local)) {
            return corps_error_set(CORPS_ERR_DEADLOCK,
                                   "the wait could never end: it is for a Conc whose own method waits on this thread");
        }
        struct corps__waiter waiter = CORPS__WAITER_INIT;
        struct corps__interest interest;
        interest_take(future, &interest, &waiter);
        enum corps_err err =
            corps__context() == NULL
                ? corps__wait(&waiter, is_ready, future, calls_own ? future->deadline_ns : deadline, future->local)
                : corps__deadlock_wait(future, &waiter, is_ready, calls_own ? future->deadline_ns : deadline);
        interest_drop(future, &interest);
        if (err == CORPS_ERR_TIMEOUT && calls_own) {
            corps__future_fail(future, CORPS_ERR_TIMEOUT, "the call's deadline passed before its reply came");
        } else if (err != CORPS_OK) {
            return err == CORPS_ERR_TIMEOUT ? corps_error_set(err, "no reply yet") : err;
        }
    }
    return outcome(future, result);
}

const struct corps_error_info *corps_future_error(const struct corps_future *future) {
    static const struct corps_error_info none = {.type = "", .text = "", .traceback = "", .detail = ""};
    static const struct corps_error_info untold = {
        .code = CORPS_ERR_NO_MEMORY, .type = "", .text = "no memory to say what failed", .traceback = "", .detail = ""};
    return future->outcome == CORPS_OK ? &none : future->failure != NULL ? &future->failure->info : &untold;
}

struct corps_box *corps_future_box(struct corps_future *future) {
    if (!ready_now(future)) {
        return NULL;
    }
    decode(future);
    return future->box != NULL ? corps_box_ref(future->box) : NULL;
}

void corps_future_destroy(struct corps_future *future) {
    corps__future_unref(future);
}

/* ---- several ---- */

struct several {
    struct corps_future *const *futures;
    size_t count;
    size_t ready; /* all: the first ones known to be ready; next: the index found */
};

static bool all_ready(void *arg) {
    struct several *s = arg;
    while (s->ready < s->count && (s->futures[s->ready] == NULL || ready_now(s->futures[s->ready]))) {
        s->ready++;
    }
    return s->ready == s->count;
}

static bool any_ready(void *arg) {
    struct several *s = arg;
    for (s->ready = 0; s->ready < s->count; s->ready++) {
        if (s->futures[s->ready] != NULL && ready_now(s->futures[s->ready])) {
            return true;
        }
    }
    return false;
}

enum corps_err corps_wait_all(struct corps_future *const *futures, size_t count, int64_t timeout_ns) {
    /* One after the other is no slower than all at once: the last one decides. */
    int64_t deadline = corps__deadline_ns(timeout_ns);
    struct several s = {.futures = futures, .count = count};
    while (!all_ready(&s)) {
        int64_t left = deadline == CORPS_FOREVER ? CORPS_FOREVER : deadline - corps__now_ns();
        enum corps_err err = corps_future_wait(futures[s.ready], left > 0 ? left : 0, NULL);
        if (!ready_now(futures[s.ready])) {
            return err;
        }
    }
    return CORPS_OK;
}

enum corps_err corps_wait_next(struct corps_future *const *futures, size_t count, int64_t timeout_ns, size_t *index) {
    struct several s = {.futures = futures, .count = count};
    struct corps__waiter waiter = CORPS__WAITER_INIT;
    int64_t deadline = corps__deadline_ns(timeout_ns);
    struct corps__conc *local = NULL;
    size_t waited = 0;
    struct corps_future *soonest = NULL;
    for (size_t i = 0; i < count; i++) {
        if (futures[i] != NULL) {
            waited++;
            local = futures[i]->local;
            soonest = soonest == NULL || futures[i]->deadline_ns < soonest->deadline_ns ? futures[i] : soonest;
        }
    }
    if (waited == 0) {
        return corps_error_set(CORPS_ERR_INVALID, "wait_next was given no Future to wait for");
    }
    struct corps__interest few[16];
    struct corps__interest *interests = count <= sizeof few / sizeof few[0] ? few : malloc(count * sizeof *interests);
    if (interests == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to wait for %zu Futures", count);
    }
    for (size_t i = 0; i < count; i++) {
        if (futures[i] != NULL) {
            interest_take(futures[i], &interests[i], &waiter);
        }
    }
    bool calls_own = soonest->deadline_ns < deadline;
    enum corps_err err = corps__wait(&waiter, any_ready, &s, calls_own ? soonest->deadline_ns : deadline,
                                     waited == 1 && corps__is_patient(deadline) ? local : NULL);
    for (size_t i = 0; i < count; i++) {
        if (futures[i] != NULL) {
            interest_drop(futures[i], &interests[i]);
        }
    }
    if (interests != few) {
        free(interests);
    }
    if (err == CORPS_ERR_TIMEOUT && calls_own) {
        corps__future_fail(soonest, CORPS_ERR_TIMEOUT, "the call's deadline passed before its reply came");
        err = CORPS_OK;
        (void)any_ready(&s);
    }
    if (err == CORPS_OK) {
        *index = s.ready;
    }
    return err;
}
