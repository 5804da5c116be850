/* Batches between a sender and a Conc on two threads, with a third that keeps some arguments for a while: every entry
 * that was added is run once and in order, whoever closes or leaves the batch, and what is kept stays as it was. */
#include "threads.h"

#include "actor/batch.h"
#include "base/clock.h"

#include <corps/block.h>

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

/* Entries come within a time that is some four times a Conc's patience, and there are so many of them: so the moment
 * between its last look and its closing of the batch, some nanoseconds, is met on a busy machine too. Under
 * ThreadSanitizer that moment is longer. */
#ifdef __SANITIZE_THREAD__
enum { ENTRIES = 250000 };
#else
enum { ENTRIES = 2500000 };
#endif
enum { BYTES_MAX = 200, KEPT = 64, SPREAD = 64 };

/* Batches that were begun, in order; and arguments that are kept: one puts, one takes. */
struct kept {
    struct corps_block *block;
    const uint8_t *data;
    uint8_t content;
};
struct way {
    void *_Atomic slots[KEPT];
};
static struct way mailbox, keeping;

static void put(struct way *way, size_t n, void *object) {
    while (atomic_load_explicit(&way->slots[n % KEPT], memory_order_acquire) != NULL) {
        sched_yield();
    }
    atomic_store_explicit(&way->slots[n % KEPT], object, memory_order_release);
}

static void *take(struct way *way, size_t n) {
    void *object;
    while ((object = atomic_exchange_explicit(&way->slots[n % KEPT], NULL, memory_order_acq_rel)) == NULL) {
        sched_yield();
    }
    return object;
}

static void relax_for(uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        corps__relax();
    }
}

static bool add_to(struct corps__batch *batch, const struct corps__batch_entry *entry, const void *data,
                   uint32_t bytes) {
    return corps__batch_put(batch, entry, data, bytes) && corps__batch_commit(batch, 1);
}

/* Does as a burst does: adds where that goes, and begins another batch where it does not. */
static void *sender(void *unused) {
    (void)unused;
    uint64_t random = 1;
    size_t begun = 0;
    struct corps__batch *batch = NULL;
    uint8_t data[BYTES_MAX];
    for (unsigned n = 0; n < ENTRIES; n++) {
        const struct corps__batch_entry entry = {.deadline_ns = n, .encoded = true};
        uint32_t bytes = (uint32_t)(next_random(&random) % BYTES_MAX);
        memset(data, (int)(n % 251), bytes);
        if (batch == NULL || !add_to(batch, &entry, data, bytes)) {
            if (batch != NULL) {
                corps__batch_leave(batch);
            }
            batch = corps__batch_create(NULL, NULL, CORPS_KEEP_NONE);
            check(batch != NULL && add_to(batch, &entry, data, bytes), "an empty batch has no room");
            put(&mailbox, begun++, batch);
        }
        if (next_random(&random) % 100 == 0) { /* something else has to come after it */
            corps__batch_leave(batch);
            batch = NULL;
        }
        if (next_random(&random) % 50 == 0) {
            sched_yield(); /* the Conc closes it meanwhile */
        }
        if (next_random(&random) % 4 == 0) { /* or at the very moment at which the next entry comes */
            relax_for(next_random(&random) % SPREAD);
        }
    }
    if (batch != NULL) {
        corps__batch_leave(batch);
    }
    return NULL;
}

static void run_entry(const struct corps__batch_entry *entry, unsigned n) {
    check(entry->deadline_ns == n, "entry %u comes in place of entry %u", (unsigned)entry->deadline_ns, n);
    for (uint32_t i = 0; i < entry->bytes; i++) {
        check(entry->data[i] == n % 251, "entry %u is not what it was", n);
    }
}

static void *conc(void *unused) {
    (void)unused;
    size_t keeps = 0;
    unsigned run = 0;
    for (size_t b = 0; run < ENTRIES; b++) {
        struct corps__batch *batch = take(&mailbox, b);
        const struct corps__batch_entry *entry = NULL;
        unsigned count = 0;
        for (unsigned known; (known = corps__batch_count(batch, count)) > count;) {
            for (; count < known; count++, run++) {
                entry = corps__batch_next(batch, entry);
                run_entry(entry, run);
                if (run % 97 == 0 && entry->bytes > 0) {
                    struct kept *one = malloc(sizeof *one);
                    check(one != NULL, "no memory");
                    *one = (struct kept){corps_block_ref(&batch->block), entry->data, (uint8_t)(run % 251)};
                    put(&keeping, keeps++, one);
                }
            }
        }
    }
    check(run == ENTRIES, "more than was sent");
    put(&keeping, keeps, &keeping); /* the end */
    return NULL;
}

/* Looks at what is kept when the batch may long be gone for the other two, and is the last to let go of it. */
static void *keeper(void *unused) {
    (void)unused;
    struct kept *held[KEPT / 2] = {NULL};
    bool ended = false;
    for (size_t n = 0, empty = 0; empty < KEPT / 2; n++) {
        struct kept **place = &held[n % (KEPT / 2)];
        if (*place != NULL) {
            check(*(*place)->data == (*place)->content, "what was kept is not what it was");
            corps_block_unref((*place)->block);
            free(*place);
            *place = NULL;
        }
        void *next = ended ? NULL : take(&keeping, n);
        ended = ended || next == &keeping;
        *place = ended ? NULL : next;
        empty = ended ? empty + 1 : 0;
    }
    return NULL;
}

static void *part(void *which) {
    static void *(*const parts[])(void *) = {sender, conc, keeper};
    return parts[*(unsigned *)which](NULL);
}

int main(void) {
    unsigned parts[] = {0, 1, 2};
    on_threads(3, part, parts, sizeof *parts);
    for (size_t i = 0; i < KEPT; i++) {
        check(mailbox.slots[i] == NULL && keeping.slots[i] == NULL, "something is left over");
    }
    return 0;
}
