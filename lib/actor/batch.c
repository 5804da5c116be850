#include "actor/batch.h"

#include "actor/sample.h"
#include "actor/thread_pool.h"
#include "base/clock.h"
#include "base/slab.h"
#include "value/plain.h"

#include <stddef.h>
#include <string.h>

/* How long a Conc waits for a batch's next entry: about half a microsecond; and about four more, which bring a batch
 * to its end, where that brought several. */
enum { PAUSES = 16, PAUSES_MORE = 128, SEVERAL = 2, MANY = 64 };

_Static_assert(offsetof(struct corps__batch, data) == CORPS__BATCH_HEAD_BYTES, "the head is as long as it says");
_Static_assert(sizeof(struct corps__batch) == CORPS__BATCH_BYTES, "a batch is as long as it says");

static const struct corps__slab_source source = {.bytes = sizeof(struct corps__batch)};

static uint32_t entry_count(uint32_t word) {
    return word & ~(CORPS__BATCH_CLOSED | CORPS__BATCH_LEFT);
}

static void free_batch(struct corps_block *block) {
    corps__slab_give(CORPS__SLAB_BATCH, &source, (char *)block - offsetof(struct corps__batch, block));
}

struct corps__batch *corps__batch_create(struct corps__peer *from, struct corps__grant *grant,
                                         enum corps_keep keep_objects) {
    struct corps__batch *batch = corps__slab_take(CORPS__SLAB_BATCH, &source);
    if (batch != NULL) {
        batch->mail.kind = CORPS__MAIL_BATCH;
        batch->from = from;
        batch->grant = grant;
        batch->keep_objects = keep_objects;
        corps_block_init(&batch->block, batch->data, sizeof batch->data, free_batch);
        (void)corps_block_ref(&batch->block); /* one for the sender, one for the Conc */
        batch->used = 0;
        corps__batch_prepare(batch, CORPS__BATCH_AHEAD);
        batch->timed = batch->timed_after = corps__sample_entry();
        atomic_store_explicit(&batch->word, 0, memory_order_relaxed);
    }
    return batch;
}

void corps__batch_stamp(struct corps__batch *batch) {
    batch->timed_ns = corps__now_ns();
}

bool corps__batch_commit(struct corps__batch *batch, uint32_t count) {
    /* Release: the entries come before their number. Pairs with the load in corps__batch_count. */
    return (atomic_fetch_add_explicit(&batch->word, count, memory_order_release) & CORPS__BATCH_CLOSED) == 0;
}

enum corps_err corps__batch_add_plain(struct corps__batch *batch, const struct corps__batch_entry *entry,
                                      const struct corps_value *value) {
    corps__batch_stamp_if_timed(batch);
    size_t left = sizeof batch->data - batch->used;
    struct corps__batch_entry *made = (struct corps__batch_entry *)(void *)(batch->data + batch->used);
    size_t bytes = 0;
    enum corps_err err = CORPS_ERR_FULL;
    if (left > sizeof *made) {
        left -= sizeof *made;
        err =
            corps__plain_copy(value, made->data, left < CORPS__ENTRY_BYTES_MAX ? left : CORPS__ENTRY_BYTES_MAX, &bytes);
    }
    if (err != CORPS_OK) {
        return err == CORPS_ERR_FULL && batch->used == 0 ? CORPS_ERR_REFUSED
                                                         : err; /* a batch of its own is too small */
    }
    memcpy(made, entry, sizeof *made);
    made->bytes = (uint32_t)bytes;
    batch->used += (uint32_t)(sizeof *made + bytes);
    corps__batch_prepare(batch, (uint32_t)(sizeof *made + bytes));
    return corps__batch_commit(batch, 1) ? CORPS_OK : CORPS_ERR_FULL;
}

void corps__batch_put_again(const struct corps__batch *closed, uint32_t first, uint32_t count,
                            struct corps__batch *batch) {
    const struct corps__batch_entry *entry = (const struct corps__batch_entry *)(const void *)(closed->data + first);
    for (uint32_t i = 0; i < count; i++) {
        const struct corps_value *value = (const struct corps_value *)(const void *)entry->data;
        const void *data = entry->encoded ? entry->data : value->kind == CORPS_BIN ? value->bin : NULL;
        (void)corps__batch_put(batch, entry, data, entry->charge); /* they had room there, too */
        entry = corps__batch_next(closed, entry);
    }
}

/* ---- ending ---- */

void corps__batch_leave(struct corps__batch *batch) {
    atomic_fetch_or_explicit(&batch->word, CORPS__BATCH_LEFT, memory_order_release);
    corps_block_unref(&batch->block);
}

static void pause_for(int pauses) {
    for (int i = 0; i < pauses; i++) {
        corps__relax();
    }
}

void corps__batch_pause(void) {
    if (!corps__thread_pool_is_single()) {
        pause_for(PAUSES);
    }
}

/* Lets a sender that is at it on another processor get ahead. It has the line with the count to itself meanwhile: each
 * look takes that away, and its next entry then waits for the line. */
static uint32_t let_get_ahead(const struct corps__batch *batch, unsigned taken) {
    uint32_t word = atomic_load_explicit(&batch->word, memory_order_acquire);
    for (int pauses = PAUSES; entry_count(word) - taken < MANY && (word & CORPS__BATCH_LEFT) == 0;
         pauses = PAUSES_MORE) {
        uint32_t before = entry_count(word);
        pause_for(pauses);
        word = atomic_load_explicit(&batch->word, memory_order_acquire);
        if (pauses == PAUSES_MORE || entry_count(word) - before < SEVERAL) {
            break;
        }
    }
    return word;
}

unsigned corps__batch_count(struct corps__batch *batch, unsigned taken) {
    uint32_t word = taken > 0 && !corps__thread_pool_is_single()
                        ? let_get_ahead(batch, taken)
                        : atomic_load_explicit(&batch->word, memory_order_acquire);
    while (entry_count(word) == taken) {
        if ((word & CORPS__BATCH_LEFT) != 0 ||
            atomic_compare_exchange_strong(&batch->word, &word, word | CORPS__BATCH_CLOSED)) {
            corps_block_unref(&batch->block);
            return taken;
        }
    }
    return entry_count(word);
}
