#include "pool.h"

#include "base/clock.h"

#include <corps/transport.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- the mapping ---- */

struct corps__mapping *corps__mapping_create(void *memory, size_t bytes) {
    struct corps__mapping *mapping = malloc(sizeof *mapping);
    if (mapping == NULL) {
        munmap(memory, bytes);
        return NULL;
    }
    mapping->generation = corps_fork_generation();
    mapping->memory = memory;
    mapping->bytes = bytes;
    atomic_init(&mapping->refs, 1);
    return mapping;
}

struct corps__mapping *corps__mapping_ref(struct corps__mapping *mapping) {
    atomic_fetch_add_explicit(&mapping->refs, 1, memory_order_relaxed);
    return mapping;
}

void corps__mapping_unref(struct corps__mapping *mapping) {
    if (mapping != NULL && atomic_fetch_sub_explicit(&mapping->refs, 1, memory_order_acq_rel) == 1) {
        munmap(mapping->memory, mapping->bytes);
        free(mapping);
    }
}

/* Not so in the child of a fork. */
static bool is_ours(const struct corps__mapping *mapping) {
    return mapping->generation == corps_fork_generation();
}

/* ---- the sender's books ---- */

struct loan {
    struct corps_block block;
    struct corps__pool *pool;
    struct loan *next; /* spare */
    uint32_t first;
};

/* Of a block's first page. */
struct page {
    uint32_t count; /* pages of the block */
    uint32_t holds; /* messages on the way and the loan; 0: free */
};

enum {
    /* The word that tells what was given back moves from the receiver's cache each time: it is looked at after so much.
     */
    COLLECT_BYTES = 1 << 18,
    /* Memory beyond this that was never used yet: a payload of 64 KiB takes both sides so long to fault in, and leaves
     * the cache before it is read. So its sender rather waits as long for a receiver that is reading. */
    AHEAD_BYTES = 1 << 20,
    AHEAD_WAIT_NS = 20 * 1000,
};

struct corps__pool {
    pthread_mutex_t lock;
    _Atomic unsigned refs;
    struct corps__mapping *mapping;
    struct corps__pool_shared *shared;
    uint8_t *data;
    unsigned page_shift; /* a page has 1 << page_shift bytes */
    bool returns;        /* gives the memory of free blocks back to the system */
    uint32_t page_count;
    uint32_t block_of[CORPS__POOL_TICKETS]; /* the first page */
    uint64_t out[CORPS__POOL_WORDS];        /* tickets, a bit each */
    uint64_t *used;                         /* pages, a bit each … */
    uint64_t *starts;                       /* … and the first ones of blocks */
    struct page *pages;
    size_t taken_bytes;  /* since the last collect */
    uint32_t out_count;  /* tickets */
    uint32_t fresh_from; /* pages from there on were never used */
    struct loan *spare;  /* of those that were dropped */
};

static size_t bytes_of(const struct corps__pool *pool, uint32_t page_count) {
    return (size_t)page_count << pool->page_shift;
}

static struct corps__pool *create(struct corps__mapping *mapping, void *memory, size_t bytes, uint32_t page_bytes) {
    struct corps__pool *pool = calloc(1, sizeof *pool);
    size_t page_count = bytes / page_bytes;
    size_t words = (page_count + 63) / 64;
    uint64_t *used = calloc(2 * words, sizeof *used);
    struct page *pages = calloc(page_count, sizeof *pages);
    if (pool == NULL || used == NULL || pages == NULL) {
        free(pages);
        free(used);
        free(pool);
        return NULL;
    }
    pthread_mutex_init(&pool->lock, NULL);
    atomic_init(&pool->refs, 1);
    pool->mapping = corps__mapping_ref(mapping);
    pool->shared = memory;
    pool->data = (uint8_t *)memory + CORPS__POOL_HEAD_BYTES;
    pool->page_shift = (unsigned)__builtin_ctz(page_bytes);
    pool->page_count = (uint32_t)page_count;
    pool->used = used;
    pool->starts = used + words;
    pool->pages = pages;
    return pool;
}

struct corps__pool *corps__pool_create(struct corps__mapping *mapping, void *memory, size_t bytes) {
    return create(mapping, memory, bytes, CORPS__POOL_PAGE);
}

struct corps__pool *corps__pool_create_returning(struct corps__mapping *mapping, void *memory, size_t bytes) {
    struct corps__pool *pool = create(mapping, memory, bytes, CORPS__POOL_LARGE_PAGE);
    if (pool != NULL) {
        pool->returns = true;
    }
    return pool;
}

void corps__pool_unref(struct corps__pool *pool) {
    if (pool != NULL && atomic_fetch_sub_explicit(&pool->refs, 1, memory_order_acq_rel) == 1) {
        while (pool->spare != NULL) {
            struct loan *loan = pool->spare;
            pool->spare = loan->next;
            free(loan);
        }
        corps__mapping_unref(pool->mapping);
        pthread_mutex_destroy(&pool->lock);
        free(pool->pages);
        free(pool->used);
        free(pool);
    }
}

/* ---- blocks, under the lock ---- */

/* The lowest run of `wanted` free pages; page_count when there is none. */
static uint32_t find_run(const struct corps__pool *pool, uint32_t wanted) {
    uint32_t run = 0;
    for (uint32_t page = 0; page < pool->page_count && run < wanted;) {
        uint64_t word = pool->used[page / 64];
        bool whole = page % 64 == 0 && (word == 0 || word == UINT64_MAX) && pool->page_count - page >= 64;
        uint32_t step = whole ? 64 : 1;
        run = (word >> page % 64 & 1) != 0 ? 0 : run + step;
        page += step;
        if (run >= wanted) {
            return page - run;
        }
    }
    return pool->page_count;
}

static void mark(struct corps__pool *pool, uint32_t first, uint32_t count, bool taken) {
    pool->starts[first / 64] ^= UINT64_C(1) << first % 64;
    for (uint32_t page = first; page < first + count;) {
        uint32_t in_word = 64 - page % 64 < first + count - page ? 64 - page % 64 : first + count - page;
        uint64_t bits = UINT64_MAX >> (64 - in_word) << page % 64;
        pool->used[page / 64] = taken ? pool->used[page / 64] | bits : pool->used[page / 64] & ~bits;
        page += in_word;
    }
}

/* The first page of the block that a taken page belongs to. */
static uint32_t start_of(const struct corps__pool *pool, uint32_t page) {
    uint32_t w = page / 64;
    uint64_t word = pool->starts[w] & UINT64_MAX >> (63 - page % 64);
    while (word == 0) {
        word = pool->starts[--w];
    }
    return w * 64 + 63 - (uint32_t)__builtin_clzll(word);
}

static void drop_hold(struct corps__pool *pool, uint32_t first) {
    if (--pool->pages[first].holds == 0) {
        uint32_t count = pool->pages[first].count;
        mark(pool, first, count, false);
        if (pool->returns) { /* where the system cannot, it stays, as in other pools */
            (void)madvise(pool->data + bytes_of(pool, first), bytes_of(pool, count), MADV_REMOVE);
        }
    }
}

/* Takes in what the receiver has given back. */
static void collect(struct corps__pool *pool) {
    pool->taken_bytes = 0;
    for (uint32_t w = 0; w < CORPS__POOL_WORDS; w++) {
        if (pool->out[w] == 0 || atomic_load_explicit(&pool->shared->returned[w], memory_order_relaxed) == 0) {
            continue;
        }
        /* Acquire: the receiver's reads come before we overwrite. Pairs with the release in free_view. Masked: a bit of
         * a ticket that is not out is the receiver's mistake, and means nothing. */
        uint64_t back = atomic_exchange_explicit(&pool->shared->returned[w], 0, memory_order_acquire) & pool->out[w];
        pool->out[w] &= ~back;
        pool->out_count -= (uint32_t)__builtin_popcountll(back);
        for (; back != 0; back &= back - 1) {
            drop_hold(pool, pool->block_of[w * 64 + (uint32_t)__builtin_ctzll(back)]);
        }
    }
}

/* A run that was found is of new memory: may one that was used come back soon? */
static bool is_too_far_ahead(const struct corps__pool *pool, uint32_t at, uint32_t count) {
    return at + count > pool->fresh_from && bytes_of(pool, at + count) > AHEAD_BYTES && pool->out_count > 0 &&
           !pool->returns;
}

/* As find_run, after a short wait for one of memory that was used before. Each wait that is in vain makes such memory,
 * so there are few. */
static uint32_t find_used_run(struct corps__pool *pool, uint32_t count, uint32_t at) {
    int64_t deadline_ns = corps__now_ns() + AHEAD_WAIT_NS;
    do {
        uint32_t out_count = pool->out_count;
        corps__relax();
        collect(pool);
        at = pool->out_count < out_count ? find_run(pool, count) : at;
    } while (is_too_far_ahead(pool, at, count) && corps__now_ns() < deadline_ns);
    return at;
}

/* A new block with one hold. */
static bool take_pages(struct corps__pool *pool, size_t bytes, uint32_t *first) {
    if (bytes > bytes_of(pool, pool->page_count) / 2) {
        return false; /* one that large would leave too little for others */
    }
    uint32_t count = (uint32_t)((bytes + bytes_of(pool, 1) - 1) >> pool->page_shift);
    pool->taken_bytes += bytes;
    uint32_t at = pool->taken_bytes < COLLECT_BYTES ? find_run(pool, count) : pool->page_count;
    if (at == pool->page_count) {
        collect(pool);
        at = find_run(pool, count);
    }
    if (count == 0 || at == pool->page_count) {
        return false;
    }
    if (is_too_far_ahead(pool, at, count)) {
        at = find_used_run(pool, count, at);
    }
    pool->fresh_from = at + count > pool->fresh_from ? at + count : pool->fresh_from;
    mark(pool, at, count, true);
    pool->pages[at].count = count;
    pool->pages[at].holds = 1;
    *first = at;
    return true;
}

static uint32_t free_ticket(const struct corps__pool *pool) {
    uint32_t w = 0;
    while (w < CORPS__POOL_WORDS && pool->out[w] == UINT64_MAX) {
        w++;
    }
    return w < CORPS__POOL_WORDS ? w * 64 + (uint32_t)__builtin_ctzll(~pool->out[w]) : CORPS__POOL_TICKETS;
}

/* ---- loans ---- */

static void free_loan(struct corps_block *block) {
    struct loan *loan = (struct loan *)block;
    struct corps__pool *pool = loan->pool;
    if (!is_ours(pool->mapping)) {
        return; /* whoever held the lock may not be in this process */
    }
    pthread_mutex_lock(&pool->lock);
    drop_hold(pool, loan->first);
    if (pool->returns) {
        collect(pool);
    }
    loan->next = pool->spare;
    pool->spare = loan;
    pthread_mutex_unlock(&pool->lock);
    corps__pool_unref(pool);
}

struct corps_block *corps__pool_loan(struct corps__pool *pool, size_t bytes) {
    uint32_t first;
    pthread_mutex_lock(&pool->lock);
    struct loan *loan = pool->spare != NULL ? pool->spare : calloc(1, sizeof *loan);
    bool taken = loan != NULL && take_pages(pool, bytes, &first);
    if (loan != NULL) { /* a new one that is not needed is spare */
        pool->spare = taken ? loan->next : loan;
    }
    pthread_mutex_unlock(&pool->lock);
    if (!taken) {
        return NULL;
    }
    loan->first = first;
    loan->pool = pool;
    atomic_fetch_add_explicit(&pool->refs, 1, memory_order_relaxed);
    corps_block_init(&loan->block, pool->data + bytes_of(pool, first), bytes, free_loan);
    return &loan->block;
}

/* ---- sending ---- */

bool corps__pool_contains(const struct corps__pool *pool, const void *data) {
    return (uintptr_t)data - (uintptr_t)pool->data < bytes_of(pool, pool->page_count);
}

/* The block that holds all of these bytes; false when there is none. */
static bool find_block(const struct corps__pool *pool, const void *data, size_t bytes, uint32_t *first) {
    uintptr_t offset = (uintptr_t)data - (uintptr_t)pool->data;
    uint32_t page = (uint32_t)(offset >> pool->page_shift);
    if (!corps__pool_contains(pool, data) || (pool->used[page / 64] >> page % 64 & 1) == 0) {
        return false;
    }
    *first = start_of(pool, page);
    return offset + bytes <= bytes_of(pool, *first + pool->pages[*first].count);
}

static void copy_parts(uint8_t *to, const struct iovec *parts, unsigned count) {
    for (unsigned i = 0; i < count; to += parts[i++].iov_len) {
        if (parts[i].iov_len > 0) { /* an empty one may have no address */
            memcpy(to, parts[i].iov_base, parts[i].iov_len);
        }
    }
}

bool corps__pool_put_parts(struct corps__pool *pool, const struct iovec *parts, unsigned count, size_t bytes,
                           struct corps__extent *extent) {
    uint32_t first = 0;
    pthread_mutex_lock(&pool->lock);
    bool in_place = count == 1 && find_block(pool, parts->iov_base, bytes, &first);
    uint32_t ticket = free_ticket(pool);
    if (ticket == CORPS__POOL_TICKETS) {
        collect(pool);
        ticket = free_ticket(pool);
    }
    bool found = ticket < CORPS__POOL_TICKETS && (in_place || (!pool->returns && take_pages(pool, bytes, &first)));
    if (found) {
        pool->pages[first].holds += in_place;
        pool->block_of[ticket] = first;
        pool->out[ticket / 64] |= UINT64_C(1) << ticket % 64;
        pool->out_count++;
    }
    pthread_mutex_unlock(&pool->lock);
    if (!found) {
        return false;
    }
    uint8_t *at = in_place ? (uint8_t *)parts->iov_base : pool->data + bytes_of(pool, first);
    if (!in_place) {
        copy_parts(at, parts, count);
    }
    *extent = (struct corps__extent){.offset = (uint64_t)(at - pool->data), .bytes = bytes, .ticket = ticket};
    return true;
}

/* ---- receiving ---- */

struct view {
    struct corps_block block;
    struct corps__mapping *mapping;
    struct corps__pool_shared *shared;
    uint64_t ticket;
    uint8_t head[]; /* from the next multiple of LINE on */
};
enum { LINE = 64 };

static void free_view(struct corps_block *block) {
    struct view *view = (struct view *)block;
    if (is_ours(view->mapping)) {
        /* Release: our reads come first. Pairs with the acquire in collect. */
        atomic_fetch_or_explicit(&view->shared->returned[view->ticket / 64], UINT64_C(1) << view->ticket % 64,
                                 memory_order_release);
    }
    corps__mapping_unref(view->mapping);
    free(view);
}

bool corps__extent_fits(const struct corps__extent *extent, size_t pool_bytes) {
    return extent->ticket < CORPS__POOL_TICKETS && extent->offset <= pool_bytes &&
           extent->bytes <= pool_bytes - extent->offset;
}

struct corps_block *corps__pool_view(struct corps__mapping *mapping, void *memory, const struct corps__extent *extent,
                                     size_t head_bytes, uint8_t **head) {
    struct view *view = malloc(sizeof *view + LINE + head_bytes);
    if (view == NULL) {
        return NULL;
    }
    uint8_t *data = (uint8_t *)memory + CORPS__POOL_HEAD_BYTES + extent->offset;
    corps_block_init(&view->block, data, (size_t)extent->bytes, free_view);
    view->mapping = corps__mapping_ref(mapping);
    view->shared = memory;
    view->ticket = extent->ticket;
    *head = (uint8_t *)(((uintptr_t)view->head + LINE - 1) / LINE * LINE);
    return &view->block;
}
