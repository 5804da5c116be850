#include "actor/future.h"

#include "actor/again.h"
#include "base/slab.h"
#include "link/peer.h"
#include "value/failure.h"
#include "value/plain.h"
#include "wait/trace.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- making: Futures by number ---- */

enum { PAGE = 64, PAGES = 65536 }; /* 4 million calls at once */

static struct {
    pthread_mutex_t lock;
    struct corps_future *_Atomic pages[PAGES]; /* never moved, never freed: looking up needs no lock */
    _Atomic uint32_t count;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *make_page(size_t bytes, unsigned count) {
    _Static_assert(offsetof(struct corps_future, word) >= sizeof(struct corps__slab_item), "free Futures keep it");
    _Static_assert(sizeof(struct corps_future) % 64 == 0, "Futures lie on lines of their own, one after the other");
    struct corps_future *page = count == PAGE ? aligned_alloc(64, bytes * count) : NULL;
    if (page == NULL) {
        return NULL;
    }
    memset(page, 0, bytes * count);
    pthread_mutex_lock(&table.lock);
    uint32_t number = atomic_load(&table.count);
    bool fits = number < PAGES;
    if (fits) {
        for (uint32_t i = 0; i < PAGE; i++) {
            page[i].number = number * PAGE + i;
        }
        atomic_store(&table.pages[number], page);
        atomic_store(&table.count, number + 1);
    }
    pthread_mutex_unlock(&table.lock);
    if (!fits) {
        free(page);
    }
    return fits ? page : NULL;
}

static const struct corps__slab_source source = {.bytes = sizeof(struct corps_future), .make = make_page};

/* The count alone stays, for the next call. */
static uint64_t call_count(uint64_t word) {
    return word & ~(uint64_t)UINT32_MAX;
}

static uint64_t refs_of(uint64_t word) {
    return word & UINT32_MAX & ~(uint64_t)(CORPS__REFERENCE - 1);
}

struct corps_future *corps__future_create(int64_t deadline_ns, enum corps_keep keep_objects, unsigned refs) {
    struct corps_future *future = corps__slab_take(CORPS__SLAB_FUTURE, &source);
    if (future != NULL) {
        future->route = NULL;
        future->bytes = 0;
        uint64_t count = call_count(atomic_load_explicit(&future->word, memory_order_relaxed));
        atomic_store_explicit(&future->word, count | (uint64_t)refs * CORPS__REFERENCE, memory_order_relaxed);
        atomic_store_explicit(&future->peer, NULL, memory_order_relaxed);
        future->remote_conc = 0;
        future->span = 0;
        future->interests = NULL;
        future->notify = NULL;
        future->deadline_ns = deadline_ns;
        future->keep_objects = keep_objects;
        future->outcome = CORPS_OK;
        atomic_store_explicit(&future->encoded, 0, memory_order_relaxed);
        future->box = NULL;
        future->plain = NULL;
        future->failure = NULL;
        future->frame = NULL;
    }
    return future;
}

struct corps_future *corps__future_ref(struct corps_future *future) {
    atomic_fetch_add_explicit(&future->word, CORPS__REFERENCE, memory_order_relaxed);
    return future;
}

static void recycle_future(struct corps_future *future, uint64_t word) {
    corps_box_unref(future->box);
    corps_block_unref(future->frame);
    free(future->failure);
    future->local = NULL;
    atomic_store_explicit(&future->word, call_count(word), memory_order_relaxed);
    corps__slab_give(CORPS__SLAB_FUTURE, &source, future);
}

void corps__future_unref(struct corps_future *future) {
    if (future == NULL) {
        return;
    }
    /* Acquire: whoever frees sees what the others did. The last one's reference is its own alone, so nobody else can
     * count meanwhile. */
    uint64_t word = atomic_load_explicit(&future->word, memory_order_acquire);
    if (refs_of(word) != CORPS__REFERENCE) {
        word = atomic_fetch_sub(&future->word, CORPS__REFERENCE);
    }
    if (refs_of(word) == CORPS__REFERENCE) {
        recycle_future(future, word);
    }
}

/* ---- fulfilling ---- */

/* Guards the pairing with waiters. Sharded by number: Futures are many, and this is short. */
enum { SHARDS = 64 };
static pthread_mutex_t shards[SHARDS];

static void start_shards(void) {
    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&shards[i], NULL);
    }
}

void corps__futures_start(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, start_shards);
}

static pthread_mutex_t *shard_of(const struct corps_future *future) {
    return &shards[future->number % SHARDS];
}

bool corps__future_claim(struct corps_future *future) {
    return (atomic_fetch_or(&future->word, CORPS__CLAIMED) & CORPS__CLAIMED) == 0;
}

/* It has an alarm if there is somebody to notify: what a thread waits for it ends itself. */
static void clear_alarm(struct corps_future *future) {
    if (future->deadline_ns != CORPS_FOREVER && corps__alarm_clear(&corps__reactor->alarms, &future->alarm)) {
        corps__future_unref(future); /* the promise's reference is still there */
    }
}

static void notify_watchers(struct corps_future *future) {
    pthread_mutex_lock(shard_of(future));
    for (struct corps__interest *at = future->interests; at != NULL; at = at->next) {
        corps__notify(
            at->waiter); /* under the lock: the waiter cannot leave its stack frame, see corps__interest_drop */
    }
    void (*notify)(void *arg) = future->notify;
    void *arg = future->notify_arg;
    pthread_mutex_unlock(shard_of(future));
    if (notify != NULL) {
        clear_alarm(future);
        notify(arg); /* the caller's reference keeps the Future until here */
    }
}

/* Who waits as the leader may be asleep, unless we are the leader. */
static void wake_leader(uint64_t word) {
    if ((word & CORPS__LED) != 0) {
        corps__kick();
    }
}

/* Sequentially consistent, as is the setting of WATCHED and LED: either we see that somebody waits, or he sees READY.
 */
static void publish_ready(struct corps_future *future, uint32_t more) {
    uint64_t word = atomic_fetch_or(&future->word, CORPS__READY | more);
    wake_leader(word);
    if ((word & CORPS__WATCHED) != 0) {
        notify_watchers(future);
    }
}

/* Under the Future's lock. True when it is ready already. */
static bool watch_locked(struct corps_future *future) {
    return (atomic_fetch_or(&future->word, CORPS__WATCHED) & CORPS__READY) != 0;
}

static void on_alarm(struct corps__alarm *alarm) {
    struct corps_future *future = (struct corps_future *)((char *)alarm - offsetof(struct corps_future, alarm));
    corps__future_end_late(future);
    corps__future_unref(future);
}

/* Before anybody can find out that there is somebody to notify. */
static void set_alarm(struct corps_future *future) {
    if (future->deadline_ns != CORPS_FOREVER &&
        corps__alarm_set(&corps__reactor->alarms, &corps__future_ref(future)->alarm, future->deadline_ns, on_alarm)) {
        corps__kick();
    }
}

void corps_future_on_ready(struct corps_future *future, void (*notify)(void *arg), void *arg) {
    set_alarm(future);
    pthread_mutex_lock(shard_of(future));
    bool ready = watch_locked(future);
    future->notify = ready ? NULL : notify;
    future->notify_arg = arg;
    pthread_mutex_unlock(shard_of(future));
    if (ready) {
        clear_alarm(future);
        notify(arg);
    }
}

struct corps_future *corps_future_ref(struct corps_future *future) {
    return corps__future_ref(future);
}

struct corps_future *corps_future_create(void) {
    return corps__future_create(CORPS_FOREVER, CORPS_KEEP_NONE, 1);
}

void corps_future_fulfil(struct corps_future *future) {
    if (corps__future_claim(future)) {
        corps__future_complete(future, NULL);
    }
}

void corps__interest_take(struct corps_future *future, struct corps__interest *interest, struct corps__waiter *waiter) {
    pthread_mutex_lock(shard_of(future));
    *interest = (struct corps__interest){.waiter = waiter, .next = future->interests};
    future->interests = interest;
    (void)watch_locked(future); /* who waits looks again */
    pthread_mutex_unlock(shard_of(future));
}

void corps__interest_drop(struct corps_future *future, const struct corps__interest *interest) {
    pthread_mutex_lock(shard_of(future));
    struct corps__interest **at = &future->interests;
    while (*at != interest) {
        at = &(*at)->next;
    }
    *at = interest->next;
    pthread_mutex_unlock(shard_of(future));
}

void corps__future_complete(struct corps_future *future, struct corps_box *box) {
    future->box = box;
    publish_ready(future, 0);
}

bool corps__future_put_plain(struct corps_future *future, const struct corps_value *result) {
    size_t unused;
    if (corps__plain_copy(result, future->small, sizeof future->small, &unused) != CORPS_OK) {
        return false;
    }
    future->plain = (const struct corps_value *)(const void *)future->small;
    return true;
}

/* May the promise's reference go in the same step that makes the Future ready? Not where somebody is notified, for
 * which the Future must stay, nor where it is the last one. */
static bool may_let_go(uint64_t word) {
    return (word & CORPS__WATCHED) == 0 && refs_of(word) > CORPS__REFERENCE;
}

void corps__future_keep(struct corps_future *future, struct corps_box *box) {
    future->box = box; /* nobody looks at it before READY, nor if the outcome is an error */
    uint64_t word = atomic_load_explicit(&future->word, memory_order_relaxed), next;
    do {
        if ((word & CORPS__CLAIMED) != 0) {
            corps__future_unref(future); /* the deadline has passed; the box goes with the Future */
            return;
        }
        next = (word | CORPS__CLAIMED | CORPS__READY) - (may_let_go(word) ? CORPS__REFERENCE : 0);
    } while (!atomic_compare_exchange_weak(&future->word, &word, next));
    wake_leader(word);
    if (may_let_go(word)) {
        return; /* it may be gone */
    }
    if ((word & CORPS__WATCHED) != 0) {
        notify_watchers(future);
    }
    corps__future_unref(future);
}

/* Puts the frame down, which only the promise does: nobody looks at it before FRAMED. False: no memory. */
static bool put_frame(struct corps_future *future, struct corps_event *event, const struct corps__header *header) {
    future->frame_bytes = event->bytes;
    future->header = *header;
    future->frame_data = future->small;
    if (corps_frame_tail(event->data, event->block) != NULL ||
        (event->block != NULL && event->bytes > sizeof future->small)) {
        future->frame = event->block;
        future->frame_data = event->data;
        event->block = NULL;
    } else if (event->bytes <= sizeof future->small) {
        memcpy(future->small, event->data, event->bytes);
    } else {
        future->frame = corps_block_create(event->bytes);
        if (future->frame == NULL) {
            return false;
        }
        memcpy(future->frame->data, event->data, event->bytes);
        future->frame_data = future->frame->data;
    }
    atomic_store_explicit(&future->encoded, 1, memory_order_relaxed); /* READY publishes it */
    return true;
}

void corps__future_complete_frame(struct corps_future *future, struct corps_event *event,
                                  const struct corps__header *header) {
    if (put_frame(future, event, header)) {
        publish_ready(future, CORPS__FRAMED);
        return;
    }
    const struct corps_error_info info = {.code = CORPS_ERR_NO_MEMORY, .text = "no memory for the reply"};
    corps__future_failed(future, CORPS_ERR_NO_MEMORY, corps__failure_create(&info));
}

void corps__future_failed(struct corps_future *future, enum corps_err code, struct corps__failure *failure) {
    future->outcome = code;
    future->failure = failure;
    publish_ready(future, 0);
}

void corps__future_fail(struct corps_future *future, enum corps_err code, const char *text) {
    if (corps__future_claim(future)) {
        const struct corps_error_info info = {.code = code, .text = text};
        corps__future_failed(future, code, corps__failure_create(&info));
    }
    while (!corps__future_is_ready(future)) {
        (void)sched_yield(); /* who came first is putting down the outcome: without it, a call would seem to be over */
    }
}

void corps__future_end_late(struct corps_future *future) {
    corps__future_fail(future, CORPS_ERR_TIMEOUT, "the call's deadline passed before its reply came");
}

/* ---- calls under way ---- */

static void enter_call(struct corps_future *future, struct corps__peer *peer, struct corps__route *route, size_t bytes,
                       uint32_t bits, uint64_t *id) {
    future->route = route;
    future->bytes = bytes;
    atomic_store_explicit(&future->peer, peer, memory_order_relaxed);
    uint64_t word = atomic_load_explicit(&future->word, memory_order_relaxed) + ((uint64_t)1 << 32);
    *id = call_count(word) | future->number;
    /* Release: whoever finds the call by its id, or by its peer, finds it whole. */
    atomic_store_explicit(&future->word, word | bits, memory_order_release);
}

void corps__calls_enter(struct corps_future *future, struct corps__peer *peer, struct corps__route *route, size_t bytes,
                        uint64_t *id) {
    enter_call(future, peer, route, bytes, CORPS__AWAITED, id);
}

void corps__calls_enter_listed(struct corps_future *future, struct corps__kept *kept, struct corps__peer *peer,
                               struct corps__route *route, size_t bytes, uint64_t *id) {
    future->kept = kept;
    enter_call(future, peer, route, bytes, CORPS__AWAITED | CORPS__LISTED, id);
}

/* Ends the call if it is still this one: true, with whether the caller has claimed the Future. */
static bool end_call(struct corps_future *future, uint64_t count, const struct corps__peer *peer, bool *claimed) {
    uint64_t word = atomic_load_explicit(&future->word, memory_order_acquire);
    do {
        if (call_count(word) != count || (word & CORPS__AWAITED) == 0 ||
            atomic_load_explicit(&future->peer, memory_order_relaxed) != peer) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(&future->word, &word, (word & ~(uint64_t)CORPS__AWAITED) | CORPS__CLAIMED));
    *claimed = (word & CORPS__CLAIMED) == 0;
    if ((word & CORPS__LISTED) != 0) {
        corps__again_end(future->kept);
    }
    corps__route_give_back(future->route, 1, future->bytes);
    return true;
}

static struct corps_future *future_numbered(uint32_t number) {
    struct corps_future *page =
        number / PAGE < PAGES ? atomic_load_explicit(&table.pages[number / PAGE], memory_order_acquire) : NULL;
    return page != NULL ? &page[number % PAGE] : NULL;
}

bool corps__calls_reply(uint64_t id, const struct corps__peer *peer, struct corps_event *event,
                        const struct corps__header *header) {
    enum { UNUSUAL = CORPS__CLAIMED | CORPS__READY | CORPS__WATCHED | CORPS__LISTED };
    struct corps_future *future = future_numbered((uint32_t)id);
    uint64_t word = future != NULL ? atomic_load_explicit(&future->word, memory_order_acquire) : 0;
    if (call_count(word) != call_count(id) || (word & (CORPS__AWAITED | UNUSUAL)) != CORPS__AWAITED ||
        refs_of(word) <= CORPS__REFERENCE || atomic_load_explicit(&future->peer, memory_order_relaxed) != peer) {
        return false;
    }
    bool is_nil = (header->flags & CORPS__NIL_PAYLOAD) != 0;
    if (!is_nil && (event->block != NULL || event->bytes > sizeof future->small || !put_frame(future, event, header))) {
        return false; /* what is large is not put down twice */
    }
    struct corps__route *route = future->route; /* once it is ready, the Future may be gone */
    size_t bytes = future->bytes;
    /* Both reserved and given back: whoever sees the reply may call again, and must find the room. Should the step
     * below fail, the room is taken again, and the whole way is gone. */
    uint64_t next =
        ((word & ~(uint64_t)CORPS__AWAITED) | CORPS__CLAIMED | CORPS__READY | (is_nil ? 0 : CORPS__FRAMED)) -
        CORPS__REFERENCE;
    corps__route_give_back(route, 1, bytes);
    /* Sequentially consistent, as in publish_ready: who sets WATCHED either comes before, and this fails, or sees
     * READY.
     */
    if (!atomic_compare_exchange_strong(&future->word, &word, next)) {
        corps__route_take(route, bytes);
        return false;
    }
    return true;
}

struct corps_future *corps__calls_take(uint64_t id, const struct corps__peer *peer) {
    struct corps_future *future = future_numbered((uint32_t)id);
    bool claimed;
    if (future == NULL || !end_call(future, call_count(id), peer, &claimed)) {
        return NULL;
    }
    if (!claimed) {
        corps__future_unref(future);
        return NULL;
    }
    return future;
}

bool corps__calls_awaits(const struct corps_future *future) {
    return (atomic_load_explicit(&future->word, memory_order_acquire) & CORPS__AWAITED) != 0;
}

uint64_t corps__calls_id(const struct corps_future *future) {
    return call_count(atomic_load_explicit(&future->word, memory_order_relaxed)) | future->number;
}

void corps__calls_fail(const struct corps__peer *peer, enum corps_err code, const char *text) {
    const struct corps_error_info info = {.code = code, .text = text};
    uint32_t pages = atomic_load(&table.count);
    for (uint32_t i = 0; i < pages * PAGE; i++) {
        struct corps_future *future = &atomic_load(&table.pages[i / PAGE])[i % PAGE];
        uint64_t word = atomic_load_explicit(&future->word, memory_order_acquire);
        bool claimed;
        if ((word & CORPS__LISTED) == 0 && end_call(future, call_count(word), peer, &claimed)) {
            if (claimed) {
                corps__future_failed(future, code, corps__failure_create(&info));
            }
            corps__future_unref(future);
        }
    }
}

/* ---- after a fork ---- */

/* The answer comes to the parent, or was just being put here by a thread that is not in this process. */
static void forget_call(struct corps_future *future) {
    uint64_t word = atomic_load(&future->word);
    future->alarm = (struct corps__alarm){.link = NULL}; /* all of them are forgotten */
    if (atomic_load(&future->encoded) == 2) {
        atomic_store(&future->encoded, 1); /* the thread that decoded it is not here: once more */
    }
    bool is_call = (word & (CORPS__AWAITED | CORPS__CLAIMED)) != 0 || future->local != NULL;
    if ((word & CORPS__READY) != 0 || !is_call) {
        return;
    }
    static const struct corps_error_info info = {
        .code = CORPS_ERR_CLOSED,
        .text = "this process was forked while the call was under way, and its answer goes to the parent: call again"};
    future->interests = NULL;
    future->notify = NULL;
    future->outcome = info.code;
    future->failure = corps__failure_create(&info);
    atomic_store(&future->encoded, 0);
    atomic_store(&future->word, (word & ~(uint64_t)CORPS__AWAITED) | CORPS__CLAIMED | CORPS__READY);
}

void corps__futures_forked(void) {
    start_shards();
    pthread_mutex_init(&table.lock, NULL);
    uint32_t pages = atomic_load(&table.count);
    for (uint32_t i = 0; i < pages * PAGE; i++) {
        forget_call(&atomic_load(&table.pages[i / PAGE])[i % PAGE]);
    }
}
