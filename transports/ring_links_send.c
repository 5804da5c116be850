#include "ring_links.h"

#include "base/calls.h"
#include "base/futex.h"
#include "parcel.h"

#include <string.h>
#include <sys/sysinfo.h>

/* Sending over rings: a frame is one record, or several, or one and an extent in the pool. */

enum {
    TOTAL_BYTES = 8, /* of a frame's length, at the start of the first of its records */
    HELD_BYTES_MAX =
        1 << 18 /* no doorbell is held back beyond this: what follows would push what waits out of the cache */
};

void corps__ring_link_ring_doorbell(const struct corps__ring_link *link) {
    /* EAGAIN: it is full of rings, so the peer is being woken already. A dead peer's doorbell takes the ring too: it is
     * open for reading here as well, so there is no SIGPIPE. */
    (void)!corps__write(link->peer_doorbell, "", 1);
}

void corps__ring_link_wake(struct corps__ring_link *link, unsigned flags, size_t bytes) {
    link->held_bytes += bytes;
    if ((flags & CORPS_SEND_MORE) != 0 && link->held_bytes < HELD_BYTES_MAX) {
        link->doorbell_owed = true;
        return;
    }
    link->doorbell_owed = false;
    link->held_bytes = 0;
    enum corps__ring_sleep how = corps__ring_consumer_sleeps(&link->out);
    if (how == CORPS__RING_ON_DOORBELL ||
        (how == CORPS__RING_ON_WORD && corps__futex_wake(&link->out.shared->asleep) < 0)) {
        corps__ring_link_ring_doorbell(link);
    }
}

static void flush_doorbell(struct corps__ring_link *link) {
    if (link->doorbell_owed) {
        corps__ring_link_wake(link, 0, 0);
    }
}

/* When there is none, says that room is wanted and looks once more. The peer must read to make some. */
enum corps_err corps__ring_link_reserve(struct corps__ring_link *link, size_t bytes, void **memory) {
    enum corps_err err = corps__ring_reserve(&link->out, bytes, memory);
    if (err == CORPS_ERR_FULL) {
        (void)corps__link_set_blocked(&link->base, true);
        corps__ring_want_space(&link->out);
        err = corps__ring_reserve(&link->out, bytes, memory);
        if (err == CORPS_OK) {
            (void)corps__link_set_blocked(&link->base, false);
        }
    }
    if (err != CORPS_OK) {
        flush_doorbell(link); /* else both would sleep; model: ring_sleep.pml, step W4 */
    }
    return err;
}

bool corps__ring_link_has_room(struct corps__link *link) {
    return corps__ring_has_room(&((struct corps__ring_link *)link)->out);
}

/* A frame of several records: the first one announces the whole length. */
static enum corps_err send_large(struct corps__ring_link *link, const struct corps_parcel *parcel, unsigned flags) {
    size_t chunk_max = link->out.bytes / 8;
    while (link->sent < parcel->bytes || !link->under_way) {
        size_t extra = link->under_way ? 0 : TOTAL_BYTES;
        size_t part = parcel->bytes - link->sent < chunk_max ? parcel->bytes - link->sent : chunk_max;
        void *memory;
        enum corps_err err = corps__ring_link_reserve(link, part + extra, &memory);
        if (err != CORPS_OK) {
            return err == CORPS_ERR_FULL && link->under_way ? CORPS_ERR_PARTIAL : err;
        }
        if (!link->under_way) {
            uint64_t total = parcel->bytes;
            memcpy(memory, &total, sizeof total);
        }
        corps__parcel_copy(parcel, link->sent, (uint8_t *)memory + extra, part);
        corps__ring_commit(&link->out, part + extra, link->under_way ? CORPS__RECORD_MORE : CORPS__RECORD_FIRST);
        link->under_way = true;
        link->sent += part;
        corps__ring_link_wake(link, flags, part);
    }
    link->under_way = false;
    link->sent = 0;
    return CORPS_OK;
}

static struct corps__pool *pool_of(struct corps__ring_link *link) {
    if (link->pool == NULL) {
        link->pool = corps__pool_create(link->memory, link->pool_out, link->pool_bytes);
    }
    return link->pool;
}

static struct corps__pool *annex_pool_of(struct corps__ring_link *link, enum corps__ring_annex annex) {
    if (link->annexes[annex].pool == NULL && annex < link->annex_count && !link->annexes[annex].failed) {
        struct corps__mapping *out = corps__ring_link_map_annex(link, annex, true);
        link->annexes[annex].out = out;
        link->annexes[annex].failed = out == NULL; /* it is not tried again */
        if (out != NULL) {
            size_t bytes = corps__ring_annex_bytes(annex);
            link->annexes[annex].pool = annex == CORPS__RING_HUGE
                                            ? corps__pool_create_returning(out, out->memory, bytes)
                                            : corps__pool_create(out, out->memory, bytes);
        }
    }
    return link->annexes[annex].pool;
}

/* The annex that something lies in; CORPS__RING_ANNEXES: in none. */
static enum corps__ring_annex annex_with(const struct corps__ring_link *link, const void *data) {
    enum corps__ring_annex annex = CORPS__RING_LARGE;
    while (annex < CORPS__RING_ANNEXES &&
           (link->annexes[annex].pool == NULL || !corps__pool_contains(link->annexes[annex].pool, data))) {
        annex++;
    }
    return annex;
}

/* The pool to send a payload from, and in which annex that is, if in one: where it lies, or where it can be copied to.
 * NULL: there is none. */
static struct corps__pool *pool_for(struct corps__ring_link *link, const void *data, size_t bytes,
                                    enum corps__ring_annex *annex) {
    *annex = annex_with(link, data);
    if (*annex == CORPS__RING_ANNEXES && bytes > link->pool_bytes / 2) {
        *annex = CORPS__RING_LARGE;
    }
    return *annex < CORPS__RING_ANNEXES ? annex_pool_of(link, *annex) : pool_of(link);
}

/* The segment from which on a frame may lie in a pool. */
static unsigned tail_of(const struct corps_parcel *parcel) {
    return parcel->tail_from != 0 ? parcel->tail_from : parcel->segment_count - 1;
}

static bool may_be_pooled(const struct corps__ring_link *link, const struct corps_parcel *parcel) {
    return parcel->bytes >= CORPS__RING_POOLED_BYTES_MIN && parcel->segment_count > 1 && !link->under_way &&
           parcel->segments[tail_of(parcel)].iov_len >= CORPS__RING_POOLED_BYTES_MIN;
}

/* A frame whose segments from `from` on go into a pool, or lie there already. UNSUPPORTED: not so. */
static enum corps_err send_tail(struct corps__ring_link *link, const struct corps_parcel *parcel, unsigned from,
                                unsigned flags) {
    const struct iovec *parts = &parcel->segments[from];
    unsigned count = parcel->segment_count - from;
    size_t tail_bytes = 0;
    for (unsigned i = 0; i < count; i++) {
        tail_bytes += parts[i].iov_len;
    }
    struct corps__extent extent;
    size_t head_bytes = parcel->bytes - tail_bytes, record_bytes = sizeof extent + head_bytes;
    if (record_bytes > corps__ring_record_max(&link->out)) {
        return CORPS_ERR_UNSUPPORTED;
    }
    void *memory;
    enum corps_err err = corps__ring_link_reserve(link, record_bytes, &memory);
    if (err != CORPS_OK) {
        return err;
    }
    enum corps__ring_annex annex;
    struct corps__pool *pool = pool_for(link, count == 1 ? parts->iov_base : NULL, tail_bytes, &annex);
    if (pool == NULL || !corps__pool_put_parts(pool, parts, count, tail_bytes, &extent)) {
        return CORPS_ERR_UNSUPPORTED; /* the reservation is simply forgotten */
    }
    extent.ticket |= annex < CORPS__RING_ANNEXES ? corps__ring_annex_bit(annex) : 0;
    memcpy(memory, &extent, sizeof extent);
    corps__parcel_copy(parcel, 0, (uint8_t *)memory + sizeof extent, head_bytes);
    corps__ring_commit(&link->out, record_bytes, CORPS__RECORD_POOLED);
    corps__ring_link_wake(link, flags, parcel->bytes);
    return CORPS_OK;
}

static bool lies_in_pool(const struct corps__ring_link *link, const struct iovec *segment) {
    return (link->pool != NULL && corps__pool_contains(link->pool, segment->iov_base)) ||
           annex_with(link, segment->iov_base) < CORPS__RING_ANNEXES;
}

/* A frame with several large segments: all of them, or else the last one alone, which comes first where it was written
 * into a loan. */
static enum corps_err send_several(struct corps__ring_link *link, const struct corps_parcel *parcel, unsigned flags) {
    unsigned last = parcel->segment_count - 1;
    if (parcel->segments[last].iov_len < CORPS__RING_POOLED_BYTES_MIN) {
        return send_tail(link, parcel, parcel->tail_from, flags);
    }
    bool is_lent = lies_in_pool(link, &parcel->segments[last]);
    enum corps_err err = send_tail(link, parcel, is_lent ? last : parcel->tail_from, flags);
    return err == CORPS_ERR_UNSUPPORTED ? send_tail(link, parcel, is_lent ? parcel->tail_from : last, flags) : err;
}

/* A frame whose large segments go into a pool, or lie there already. UNSUPPORTED: it has to go another way. */
static enum corps_err send_pooled(struct corps__ring_link *link, const struct corps_parcel *parcel, unsigned flags) {
    unsigned from = tail_of(parcel);
    return from + 1 < parcel->segment_count ? send_several(link, parcel, flags) : send_tail(link, parcel, from, flags);
}

/* All of it, by shorter steps than corps__parcel_copy's. */
static inline void copy_whole(const struct corps_parcel *parcel, uint8_t *to) {
    for (unsigned i = 0; i < parcel->segment_count; i++) {
        size_t bytes = parcel->segments[i].iov_len;
        if (bytes > 0) {
            memcpy(to, parcel->segments[i].iov_base, bytes);
            to += bytes;
        }
    }
}

enum corps_err corps__ring_links_send(struct corps_link *base, const struct corps_parcel *parcel, unsigned flags) {
    struct corps__ring_link *link = (struct corps__ring_link *)base;
    enum corps_err err = corps__link_check(&link->base);
    if (err != CORPS_OK) {
        return err;
    }
    if (parcel->segment_count == 0) {
        flush_doorbell(link);
        return CORPS_OK;
    }
    void *memory;
    if (!link->under_way && corps__ring_reserve_slot(&link->out, parcel->bytes, &memory)) {
        copy_whole(parcel, memory);
        corps__ring_commit_slot(&link->out, parcel->bytes, CORPS__RECORD_WHOLE);
        corps__ring_link_wake(link, flags, parcel->bytes);
        return CORPS_OK;
    }
    if (may_be_pooled(link, parcel)) {
        err = send_pooled(link, parcel, flags);
        if (err != CORPS_ERR_UNSUPPORTED) {
            return err;
        }
    }
    if (parcel->bytes > corps__ring_record_max(&link->out)) {
        return send_large(link, parcel, flags);
    }
    err = corps__ring_link_reserve(link, parcel->bytes, &memory);
    if (err != CORPS_OK) {
        return err;
    }
    copy_whole(parcel, memory);
    corps__ring_commit(&link->out, parcel->bytes, CORPS__RECORD_WHOLE);
    corps__ring_link_wake(link, flags, parcel->bytes);
    return CORPS_OK;
}

static uint64_t memory_of_host(void) {
    struct sysinfo info;
    return sysinfo(&info) == 0 ? ((uint64_t)info.totalram + info.totalswap) * info.mem_unit : UINT64_MAX;
}

struct corps_block *corps__ring_links_loan(struct corps_link *base, size_t bytes) {
    struct corps__ring_link *link = (struct corps__ring_link *)base;
    if (!atomic_load_explicit(&link->base.started, memory_order_acquire) || bytes < CORPS__RING_POOLED_BYTES_MIN) {
        return NULL;
    }
    if (bytes > corps__ring_annex_bytes(CORPS__RING_LARGE) / 2 && bytes > memory_of_host()) {
        return NULL; /* it could never be written */
    }
    struct corps__pool *pool = bytes <= link->pool_bytes / 2 ? pool_of(link)
                               : bytes <= corps__ring_annex_bytes(CORPS__RING_LARGE) / 2
                                   ? annex_pool_of(link, CORPS__RING_LARGE)
                                   : annex_pool_of(link, CORPS__RING_HUGE);
    return pool != NULL ? corps__pool_loan(pool, bytes) : NULL;
}
