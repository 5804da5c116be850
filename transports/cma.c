#include "cma_read.h"
#include "parcel.h"
#include "ring_links.h"

#include <string.h>

/* Single copies by the kernel, for comparison: as shm, but the receiver of a large payload reads it out of the sender's
 * memory.
 *
 * A record says where in the sender's memory the payload lies, and the sender, who has answered PARTIAL, keeps it there
 * until the receiver says that it has read it. Where the system does not allow reading (Yama's ptrace_scope 1 and
 * above, containers) the receiver says so, and the frame goes as in shm. */

enum {
    REMOTE_BYTES_MIN = 16384, /* payloads of so many bytes are read; below, the hand-shake costs more */
    SHARED_AT = 1024,         /* what both share of a direction, in the head of its pool */
};

struct cma_link {
    struct corps__ring_link ring; /* first */
    struct corps__cma_shared *in, *out;
    struct corps__cma_peer peer;

    /* Sending, under the core's lock of the link; what is atomic the polling thread reads too. */
    _Atomic uint64_t remote_count; /* frames that the peer was told to read */
    _Atomic bool awaiting;         /* it has not read the last one yet … */
    const void *awaited;           /* … which lies here */
    bool refuses;                  /* it is not allowed to read any */
};

static struct corps__ring_endpoint *endpoint_of(const struct cma_link *link) {
    return (struct corps__ring_endpoint *)link->ring.base.base.endpoint;
}

static struct corps__cma_shared *shared_of(void *pool) {
    return (struct corps__cma_shared *)(void *)((char *)pool + SHARED_AT);
}

static void start_cma_link(struct corps__ring_link *ring) {
    struct cma_link *link = (struct cma_link *)ring;
    link->in = shared_of(ring->pool_in);
    link->out = shared_of(ring->pool_out);
    link->peer.pidfd = corps__session_process(ring->base.session, &link->peer.pid);
}

/* ---- sending ---- */

/* Is the peer done with the frame that it was told to read? It may have had to refuse it. */
static bool is_remote_settled(const struct cma_link *link) {
    return corps__cma_outcome_of(link->out, link->remote_count) != CORPS__CMA_OPEN;
}

/* The sender's memory is its own again, read or not. */
static void let_remote_go(struct cma_link *link) {
    if (link->awaiting) {
        link->awaiting = false;
        (void)corps__cma_decide(link->out, link->remote_count, CORPS__CMA_CANCELLED);
    }
}

/* Where does the part of the frame lie that can be read there? */
static const struct iovec *last_part(const struct corps_parcel *parcel) {
    return &parcel->segments[parcel->segment_count - 1];
}

/* OK when the peer has read the frame, UNSUPPORTED when it must go another way, PARTIAL while it lies where it lies. */
static enum corps_err await_read(struct cma_link *link, const struct corps_parcel *parcel) {
    if (last_part(parcel)->iov_base != link->awaited) {
        /* A copy, which goes another way, should the first not have been read. */
        (void)corps__cma_decide(link->out, link->remote_count, CORPS__CMA_CANCELLED);
    }
    if (!is_remote_settled(link)) {
        (void)corps__link_set_blocked(&link->ring.base, true);
        /* Else whoever polls has yet to look, and to ask for the doorbell before it sleeps. Sequentially consistent, as
         * setting `blocked` is: pairs with arm, which sets `armed` before it looks at that. */
        if (atomic_load(&endpoint_of(link)->armed)) {
            corps__ring_want_doorbell(&link->ring.out);
        }
        if (!is_remote_settled(link)) {
            return CORPS_ERR_PARTIAL;
        }
    }
    (void)corps__link_set_blocked(&link->ring.base, false);
    link->awaiting = false;
    enum corps__cma_outcome outcome = corps__cma_outcome_of(link->out, link->remote_count);
    link->refuses = outcome == CORPS__CMA_REFUSED;
    return outcome == CORPS__CMA_READ ? CORPS_OK : CORPS_ERR_UNSUPPORTED;
}

static bool may_be_read(const struct cma_link *link, const struct corps_parcel *parcel) {
    return parcel->bytes >= REMOTE_BYTES_MIN && parcel->segment_count > 1 && !link->ring.under_way &&
           last_part(parcel)->iov_len >= REMOTE_BYTES_MIN && !link->refuses;
}

/* Tells the peer where the frame's last segment lies. UNSUPPORTED: it has to go another way. */
static enum corps_err send_remote(struct cma_link *link, const struct corps_parcel *parcel) {
    const struct iovec *last = last_part(parcel);
    size_t head_bytes = parcel->bytes - last->iov_len;
    struct corps__remote remote = {
        .address = (uintptr_t)last->iov_base, .bytes = last->iov_len, .number = link->remote_count + 1};
    if (sizeof remote + head_bytes > corps__ring_record_max(&link->ring.out)) {
        return CORPS_ERR_UNSUPPORTED;
    }
    void *memory;
    enum corps_err err = corps__ring_link_reserve(&link->ring, sizeof remote + head_bytes, &memory);
    if (err != CORPS_OK) {
        return err;
    }
    memcpy(memory, &remote, sizeof remote);
    corps__parcel_copy(parcel, 0, (uint8_t *)memory + sizeof remote, head_bytes);
    link->remote_count++;
    link->awaiting = true;
    link->awaited = last->iov_base;
    corps__ring_commit(&link->ring.out, sizeof remote + head_bytes, CORPS__RECORD_REMOTE);
    corps__ring_link_wake(&link->ring, 0, parcel->bytes);
    return await_read(link, parcel);
}

/* Apart from cma_send, so that what a frame that goes as in shm costs more than there is two comparisons. */
__attribute__((noinline)) static enum corps_err send_to_be_read(struct cma_link *link,
                                                                const struct corps_parcel *parcel, unsigned flags) {
    enum corps_err err = corps__link_check(&link->ring.base);
    if (err != CORPS_OK) {
        let_remote_go(link); /* where something is awaited, the link has been shut */
        return err;
    }
    err = link->awaiting ? await_read(link, parcel) : send_remote(link, parcel);
    return err == CORPS_ERR_UNSUPPORTED ? corps__ring_links_send(&link->ring.base.base, parcel, flags) : err;
}

static enum corps_err cma_send(struct corps_link *base, const struct corps_parcel *parcel, unsigned flags) {
    struct cma_link *link = (struct cma_link *)base;
    return parcel->segment_count > 0 && (link->awaiting || may_be_read(link, parcel))
               ? send_to_be_read(link, parcel, flags)
               : corps__ring_links_send(base, parcel, flags);
}

/* The doorbell costs the peer a system call for each payload: it is asked for only by who is going to sleep. */
static bool cma_has_room(struct corps__link *base) {
    struct cma_link *link = (struct cma_link *)base;
    if (!link->awaiting) {
        return corps__ring_link_has_room(base);
    }
    if (atomic_load_explicit(&endpoint_of(link)->armed, memory_order_relaxed)) {
        corps__ring_want_doorbell(&link->ring.out);
    }
    return is_remote_settled(link);
}

/* ---- receiving ---- */

/* Reads the payload to `to`, and decides the frame. OK; EMPTY: the frame comes another way, or the sender has let go of
 * it; or a fault of the link. */
static enum corps_err read_remote(struct cma_link *link, const struct corps__remote *remote, uint8_t *to) {
    enum corps_err err = corps__cma_read(&link->peer, remote, to);
    bool cancelled = corps__cma_outcome_of(link->in, remote->number) == CORPS__CMA_CANCELLED;
    if (err != CORPS_OK && err != CORPS_ERR_UNSUPPORTED && !cancelled) { /* else the memory may be gone already */
        return err;
    }
    bool taken = corps__cma_decide(link->in, remote->number, err == CORPS_OK ? CORPS__CMA_READ : CORPS__CMA_REFUSED) &&
                 err == CORPS_OK;
    if (corps__ring_producer_waits(&link->ring.in)) {
        corps__ring_link_ring_doorbell(&link->ring);
    }
    return taken ? CORPS_OK : CORPS_ERR_EMPTY;
}

static enum corps_err cma_open_remote(struct corps__ring_link *ring, const uint8_t *data, size_t bytes,
                                      struct corps_event *event) {
    struct corps__remote remote; /* copied before it is checked: the peer can still write the record */
    if (bytes < sizeof remote) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer's record is too short to say where its frame is to be read");
    }
    memcpy(&remote, data, sizeof remote);
    size_t head_bytes = bytes - sizeof remote;
    enum corps_err err = corps__link_check_bytes(&ring->base, remote.bytes);
    err = err == CORPS_OK ? corps__link_check_bytes(&ring->base, head_bytes + remote.bytes) : err;
    if (err != CORPS_OK) {
        return err;
    }
    struct corps_block *block = corps_block_create(head_bytes + (size_t)remote.bytes);
    if (block == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a frame of %llu bytes",
                               (unsigned long long)remote.bytes);
    }
    memcpy(block->data, data + sizeof remote, head_bytes);
    err = read_remote((struct cma_link *)ring, &remote, block->data + head_bytes);
    if (err != CORPS_OK) {
        corps_block_unref(block);
        return err;
    }
    corps__link_give(&ring->base, block->data, block->bytes, block, event);
    return CORPS_OK;
}

/* ---- table ---- */

static enum corps_err cma_open_endpoint(struct corps_endpoint *base, const struct corps_endpoint_options *options,
                                        char address[CORPS_ADDRESS_BYTES]) {
    static const struct corps__ring_kind kind = {
        .link_bytes = sizeof(struct cma_link),
        .start = start_cma_link,
        .has_room = cma_has_room,
        .open_remote = cma_open_remote,
    };
    return corps__ring_links_open((struct corps__ring_endpoint *)base, &kind, options, address);
}

static void cma_disconnect(struct corps_link *base) {
    struct cma_link *link = (struct cma_link *)base;
    let_remote_go(link);
    corps__cma_peer_close(&link->peer);
    corps__ring_links_disconnect(base);
}

static void cma_forget(struct corps_endpoint *base) {
    for (struct corps__link *link = ((struct corps__links *)base)->first; link != NULL; link = link->next) {
        corps__cma_peer_close(&((struct cma_link *)link)->peer);
    }
    corps__ring_links_forget(base);
}

const struct corps_transport corps_transport_cma = {
    .name = "cma",
    .summary = "as shm, but large payloads are read from the sender by process_vm_readv, for comparison",
    .capabilities = CORPS_TRANSPORT_COMPARISON,
    .endpoint_bytes = sizeof(struct corps__ring_endpoint),
    .control_block = "raw:futex",
    .control_spin = "raw:cacheline",
    .open = cma_open_endpoint,
    .disconnect = cma_disconnect,
    .send = cma_send,
    .forget = cma_forget,
    CORPS__RING_LINKS_OPERATIONS,
};
