#include "pool.h"

#include <corps/transport.h>

#include <stdlib.h>
#include <sys/mman.h>

/* Mappings, and payloads as their receiver sees them. */

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

bool corps__mapping_is_ours(const struct corps__mapping *mapping) {
    return mapping->generation == corps_fork_generation();
}

/* ---- receiving ---- */

struct view {
    struct corps_block block;
    struct corps__mapping *mapping;
    struct corps__pool_shared *shared;
    uint64_t ticket;
    uint8_t *passing;     /* its pages that the pool does not keep, … */
    size_t passing_bytes; /* … so much of them */
    uint8_t head[];       /* from the next multiple of LINE on */
};
enum { LINE = 64 };

static void free_view(struct corps_block *block) {
    struct view *view = (struct view *)block;
    if (corps__mapping_is_ours(view->mapping)) {
        if (view->passing_bytes > 0) { /* should this fail, the link keeps it */
            (void)madvise(view->passing, view->passing_bytes, MADV_REMOVE);
        }
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

static void note_passing(struct view *view, uint8_t *pool_data, size_t kept_bytes, const struct corps__extent *extent) {
    size_t first = extent->offset / CORPS__POOL_PAGE * CORPS__POOL_PAGE, from = first > kept_bytes ? first : kept_bytes;
    size_t end = (extent->offset + extent->bytes + CORPS__POOL_PAGE - 1) / CORPS__POOL_PAGE * CORPS__POOL_PAGE;
    view->passing = pool_data + from;
    view->passing_bytes = end > from ? end - from : 0;
}

struct corps_block *corps__pool_view(struct corps__mapping *mapping, void *memory, size_t kept_bytes,
                                     const struct corps__extent *extent, size_t head_bytes, uint8_t **head) {
    struct view *view = malloc(sizeof *view + LINE + head_bytes);
    if (view == NULL) {
        return NULL;
    }
    uint8_t *data = (uint8_t *)memory + CORPS__POOL_HEAD_BYTES;
    corps_block_init(&view->block, data + extent->offset, (size_t)extent->bytes, free_view);
    note_passing(view, data, kept_bytes, extent);
    view->mapping = corps__mapping_ref(mapping);
    view->shared = memory;
    view->ticket = extent->ticket;
    *head = (uint8_t *)(((uintptr_t)view->head + LINE - 1) / LINE * LINE);
    return &view->block;
}
