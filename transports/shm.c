#include "cma.h"
#include "parcel.h"
#include "pool.h"
#include "rendezvous.h"
#include "reopen.h"
#include "ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Shared memory: a memfd with two rings per link, handed over at the rendezvous, which stays as the sign of life. An
 * endpoint has one bell, a pipe that its peers write to: rung for a message when it sleeps, or for room when it waits
 * for that. (An eventfd could not be opened again by those who share it, see reopen.h.) Nothing has a name, so nothing
 * stays behind. The memfd is sealed against shrinking, so that a peer cannot make us fault.
 *
 * Beside each ring there is a pool (pool.h): when a frame's last segment is large, the ring carries the rest of the
 * frame and where that segment lies. So a payload is copied once, or not at all when it was written into a loan. Its
 * receiver sees it in place until it drops the event's block; nobody waits for that. */

enum { DEFAULT_BYTES = 1 << 20, BYTES_MIN = 1 << 16, TOTAL_BYTES = 8 };
#define BYTES_MAX ((uint64_t)1 << 30)

/* Segments of at least this many bytes go into the pool: what the serializers set apart. */
enum { PLACED_BYTES_MIN = 4096, POOL_PER_RING = 32 };

/* Transport cma: payloads of at least this many bytes are read by the receiver. Below it the hand-shake costs more. */
enum { REMOTE_BYTES_MIN = 16384 };

/* No bell is held back beyond this: what follows would push what waits out of the cache. */
enum { HELD_BYTES_MAX = 1 << 18 };
#define POOL_BYTES_MAX ((uint64_t)256 << 20)

struct endpoint {
    struct corps_endpoint base;
    struct corps__rendezvous *rendezvous;
    struct link *links, *turn;
    unsigned link_count;
    unsigned news_count;
    _Atomic unsigned blocked_count;
    int bell;        /* its read end … */
    int handed_bell; /* … and the other one, for peers */
    bool armed;
    const struct pollfd *armed_fds; /* arm's, to see afterwards whether the bell was rung */
    uint64_t ring_bytes;
    size_t frame_bytes_max;
    bool by_kernel; /* transport cma */
};

struct link {
    struct corps_link base;
    struct link *next;
    struct corps__meeting *meeting;
    struct corps__mapping *memory; /* both rings and pools; NULL until the peers have met */
    struct corps__ring in, out;
    void *pool_in, *pool_out; /* where they begin */
    size_t pool_bytes;        /* of the data of each */
    struct corps__pool *pool; /* out, as its sender sees it; made on first use, under the core's lock of the link */
    int peer_bell;            /* −1 until met */
    struct corps__cma_shared *cma_in, *cma_out;
    struct corps__cma_peer process; /* transport cma */
    enum { QUIET, IS_ACCEPTED, IS_CONNECTED } news;
    _Atomic bool started; /* senders may use `out` … */
    _Atomic bool shut;    /* … until it is known that nobody reads it any more */
    bool gone;            /* the peer has ended; what is in the ring is still read */
    bool ended, told;
    enum corps_err reason;
    struct corps_block *large; /* a frame of several records */
    size_t large_bytes;
    size_t lent;
    bool is_lent;

    /* Sending, under the core's lock of the link. */
    size_t sent; /* bytes of the present frame that are in the ring */
    bool under_way;
    bool bell_owed;
    size_t held_bytes;             /* sent since the bell was last looked to */
    _Atomic uint64_t remote_count; /* frames that the peer was told to read */
    _Atomic bool awaiting;         /* it has not read the last one yet … */
    const void *awaited;           /* … which lies here */
    bool refuses;                  /* it is not allowed to read any */
    _Atomic bool blocked;
};

static struct endpoint *endpoint_of(const struct link *link) {
    return (struct endpoint *)link->base.endpoint;
}

static void ring_bell(int bell) {
    /* EAGAIN: it is full of rings, so the peer is being woken already. A dead peer's bell takes the ring too: it is
     * open for reading here as well, so there is no SIGPIPE. */
    (void)!write(bell, "", 1);
}

/* ---- links ---- */

static struct link *create_link(struct endpoint *endpoint) {
    struct link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        (void)corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a link");
        return NULL;
    }
    link->base.transport = endpoint->base.transport;
    link->base.endpoint = &endpoint->base;
    link->peer_bell = -1;
    link->process.pidfd = -1;
    link->next = endpoint->links;
    endpoint->links = link;
    endpoint->link_count++;
    return link;
}

static void set_blocked(struct link *link, bool blocked) {
    if (atomic_exchange(&link->blocked, blocked) != blocked) {
        if (blocked) {
            atomic_fetch_add(&endpoint_of(link)->blocked_count, 1);
        } else {
            atomic_fetch_sub(&endpoint_of(link)->blocked_count, 1);
        }
    }
}

static void end_link(struct link *link, enum corps_err reason) {
    if (!link->ended) {
        link->ended = true;
        atomic_store(&link->shut, true);
        link->reason = reason;
        endpoint_of(link)->news_count++;
    }
}

/* Under the core's lock of the link: the sender's memory is its own again, read or not. */
static void let_go(struct link *link) {
    if (link->awaiting) {
        link->awaiting = false;
        (void)corps__cma_decide(link->cma_out, link->remote_count, CORPS__CMA_CANCELLED);
    }
}

static void shm_disconnect(struct corps_link *base) {
    struct link *link = (struct link *)base;
    struct endpoint *endpoint = endpoint_of(link);
    struct link **at = &endpoint->links;
    while (*at != link) {
        at = &(*at)->next;
    }
    *at = link->next;
    endpoint->link_count--;
    endpoint->turn = endpoint->turn == link ? link->next : endpoint->turn;
    endpoint->news_count -= (link->news != QUIET ? 1u : 0u) + (link->ended && !link->told ? 1u : 0u);
    set_blocked(link, false);
    let_go(link);
    corps__cma_peer_close(&link->process);
    corps__meeting_close(link->meeting);
    if (link->peer_bell >= 0) {
        close(link->peer_bell);
    }
    corps__ring_finish(&link->out);
    corps__pool_unref(link->pool);
    corps__mapping_unref(link->memory);
    corps_block_unref(link->large);
    free(link);
}

/* ---- memory ---- */

/* Room for whoever sends ahead; what is not needed is never touched. */
static size_t pool_bytes_of(uint64_t ring_bytes) {
    return (size_t)(ring_bytes * POOL_PER_RING < POOL_BYTES_MAX ? ring_bytes * POOL_PER_RING : POOL_BYTES_MAX);
}

static size_t memory_bytes_of(uint64_t ring_bytes) {
    return 2 * (CORPS__RING_HEAD_BYTES + (size_t)ring_bytes + CORPS__POOL_HEAD_BYTES + pool_bytes_of(ring_bytes));
}

static enum corps_err make_memory(uint64_t ring_bytes, int *fd) {
    int made = memfd_create("corps", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (made < 0) {
        return corps_error_system("cannot make shared memory");
    }
    if (ftruncate(made, (off_t)memory_bytes_of(ring_bytes)) != 0 ||
        fcntl(made, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        enum corps_err err = corps_error_system("cannot size shared memory to %zu bytes", memory_bytes_of(ring_bytes));
        close(made);
        return err;
    }
    *fd = made;
    return CORPS_OK;
}

/* Maps both directions; the first one is the connector's out. */
static enum corps_err map_memory(struct link *link, int fd, uint64_t ring_bytes, bool connector) {
    size_t bytes = memory_bytes_of(ring_bytes);
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        return corps_error_system("cannot map shared memory");
    }
    struct corps__mapping *mapping = corps__mapping_create(memory, bytes);
    if (mapping == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a link");
    }
    link->memory = mapping;
    char *in = memory + (connector ? bytes / 2 : 0), *out = memory + (connector ? 0 : bytes / 2);
    link->pool_in = in + CORPS__RING_HEAD_BYTES + ring_bytes;
    link->pool_out = out + CORPS__RING_HEAD_BYTES + ring_bytes;
    link->pool_bytes = pool_bytes_of(ring_bytes);
    link->cma_in = (struct corps__cma_shared *)(void *)((char *)link->pool_in + CORPS__CMA_SHARED_AT);
    link->cma_out = (struct corps__cma_shared *)(void *)((char *)link->pool_out + CORPS__CMA_SHARED_AT);
    enum corps_err err = corps__ring_init(&link->in, in, ring_bytes, false);
    return err == CORPS_OK ? corps__ring_init(&link->out, out, ring_bytes, true) : err;
}

/* Is this memory what a connector must bring? */
static enum corps_err check_memory(int fd, uint64_t ring_bytes) {
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);
    bool good = ring_bytes >= BYTES_MIN && ring_bytes <= BYTES_MAX && (ring_bytes & (ring_bytes - 1)) == 0 &&
                seals >= 0 && (seals & F_SEAL_SHRINK) != 0 && fstat(fd, &st) == 0 &&
                st.st_size == (off_t)memory_bytes_of(ring_bytes);
    return good ? CORPS_OK
                : corps_error_set(CORPS_ERR_PROTOCOL, "a peer brought shared memory of the wrong size or unsealed");
}

/* ---- rendezvous: the connector's hello carries the ring size, memfd and bell; the answer the other bell ---- */

static void start(struct link *link, bool accepted) {
    if (endpoint_of(link)->by_kernel) {
        link->process.pidfd = corps__meeting_process(link->meeting, &link->process.pid);
    }
    link->news = accepted ? IS_ACCEPTED : IS_CONNECTED;
    endpoint_of(link)->news_count++;
    atomic_store_explicit(&link->started, true, memory_order_release);
}

/* Takes the descriptor of a peer's bell, and leaves −1. */
static enum corps_err take_bell(struct link *link, int *handed) {
    if (fcntl(*handed, F_GETPIPE_SZ) <= 0) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer's bell is no pipe");
    }
    enum corps_err err = corps__reopen(*handed, O_RDWR, &link->peer_bell);
    if (err == CORPS_OK) {
        close(*handed);
        *handed = -1;
    }
    return err;
}

static enum corps_err on_hello(void *owner, struct corps__meeting *meeting, struct corps__hello *theirs,
                               struct corps__hello *answer) {
    struct endpoint *endpoint = owner;
    uint64_t ring_bytes;
    if (theirs->fd_count != 2 || theirs->bytes != sizeof ring_bytes) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer did not bring its shared memory");
    }
    memcpy(&ring_bytes, theirs->data, sizeof ring_bytes);
    enum corps_err err = check_memory(theirs->fds[0], ring_bytes);
    struct link *link = err == CORPS_OK ? create_link(endpoint) : NULL;
    if (link == NULL) {
        return err != CORPS_OK ? err : CORPS_ERR_NO_MEMORY;
    }
    err = map_memory(link, theirs->fds[0], ring_bytes, false);
    err = err == CORPS_OK ? take_bell(link, &theirs->fds[1]) : err;
    if (err != CORPS_OK) {
        shm_disconnect(&link->base);
        return err;
    }
    close(theirs->fds[0]);
    theirs->fds[0] = -1;
    link->meeting = meeting;
    corps__meeting_set_user(meeting, link);
    answer->fds[0] = endpoint->handed_bell;
    answer->fd_count = 1;
    start(link, true);
    return CORPS_OK;
}

static enum corps_err on_answer(void *owner, struct corps__meeting *meeting, struct corps__hello *theirs) {
    (void)owner;
    struct link *link = corps__meeting_user(meeting);
    enum corps_err err = theirs->fd_count == 1 ? take_bell(link, &theirs->fds[0])
                                               : corps_error_set(CORPS_ERR_PROTOCOL, "a peer did not bring its bell");
    if (err != CORPS_OK) {
        link->meeting = NULL; /* closed by our error */
        end_link(link, err);
        return err;
    }
    start(link, false);
    return CORPS_OK;
}

static void on_closed(void *owner, struct corps__meeting *meeting, enum corps_err reason) {
    (void)owner;
    struct link *link = corps__meeting_user(meeting);
    link->gone = true;
    atomic_store(&link->shut, true);
    link->reason = reason;
    if (!atomic_load(&link->started)) {
        end_link(link, reason);
    }
}

static const struct corps__rendezvous_ops rendezvous_ops = {
    .on_hello = on_hello, .on_answer = on_answer, .on_closed = on_closed};

/* ---- endpoint ---- */

static uint64_t ring_bytes_for(size_t wanted) {
    uint64_t bytes = BYTES_MIN;
    wanted = wanted > 0 ? wanted : DEFAULT_BYTES;
    while (bytes < wanted && bytes < BYTES_MAX) {
        bytes *= 2;
    }
    return bytes;
}

static enum corps_err make_bell(struct endpoint *endpoint) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        return corps_error_system("cannot make a pipe");
    }
    (void)fcntl(ends[1], F_SETPIPE_SZ, 1); /* a page: there are few rings at a time */
    corps__reopen_allow(ends[1]);
    endpoint->bell = ends[0];
    endpoint->handed_bell = ends[1];
    return CORPS_OK;
}

static enum corps_err shm_open_endpoint(struct corps_endpoint *base, const struct corps_endpoint_options *options,
                                        char address[CORPS_ADDRESS_BYTES]) {
    struct endpoint *endpoint = (struct endpoint *)base;
    endpoint->ring_bytes = ring_bytes_for(options->buffer_bytes);
    endpoint->frame_bytes_max = options->frame_bytes_max;
    enum corps_err err = make_bell(endpoint);
    if (err != CORPS_OK) {
        return err;
    }
    err = corps__rendezvous_open(options, &rendezvous_ops, endpoint, address, &endpoint->rendezvous);
    if (err != CORPS_OK) {
        close(endpoint->bell);
        close(endpoint->handed_bell);
    }
    return err;
}

static void shm_close(struct corps_endpoint *base) {
    struct endpoint *endpoint = (struct endpoint *)base;
    corps__rendezvous_close(endpoint->rendezvous);
    close(endpoint->bell);
    close(endpoint->handed_bell);
}

static enum corps_err shm_connect(struct corps_endpoint *base, const char *address, struct corps_link **out) {
    struct endpoint *endpoint = (struct endpoint *)base;
    struct link *link = create_link(endpoint);
    if (link == NULL) {
        return CORPS_ERR_NO_MEMORY;
    }
    int fd = -1;
    enum corps_err err = make_memory(endpoint->ring_bytes, &fd);
    if (err == CORPS_OK) {
        err = map_memory(link, fd, endpoint->ring_bytes, true);
    }
    if (err == CORPS_OK) {
        struct corps__hello hello = {
            .bytes = sizeof endpoint->ring_bytes, .fds = {fd, endpoint->handed_bell}, .fd_count = 2};
        memcpy(hello.data, &endpoint->ring_bytes, sizeof endpoint->ring_bytes);
        err = corps__rendezvous_connect(endpoint->rendezvous, address, &hello, link, &link->meeting);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (err != CORPS_OK) {
        shm_disconnect(&link->base);
        return err;
    }
    *out = &link->base;
    return CORPS_OK;
}

/* ---- sending ---- */

/* Memory for a record; when there is none, says that room is wanted and looks once more. */
static enum corps_err reserve(struct link *link, size_t bytes, void **memory) {
    enum corps_err err = corps__ring_reserve(&link->out, bytes, memory);
    if (err == CORPS_ERR_FULL) {
        set_blocked(link, true);
        corps__ring_want_space(&link->out);
        err = corps__ring_reserve(&link->out, bytes, memory);
        if (err == CORPS_OK) {
            set_blocked(link, false);
        }
    }
    return err;
}

static void wake_peer(struct link *link, unsigned flags, size_t bytes) {
    link->held_bytes += bytes;
    if ((flags & CORPS_SEND_MORE) != 0 && link->held_bytes < HELD_BYTES_MAX) {
        link->bell_owed = true;
        return;
    }
    link->bell_owed = false;
    link->held_bytes = 0;
    if (corps__ring_consumer_sleeps(&link->out)) {
        ring_bell(link->peer_bell);
    }
}

/* A frame of several records: the first one announces the whole length. */
static enum corps_err send_large(struct link *link, const struct corps_parcel *parcel, unsigned flags) {
    size_t chunk_max = link->out.bytes / 8;
    while (link->sent < parcel->bytes || !link->under_way) {
        size_t extra = link->under_way ? 0 : TOTAL_BYTES;
        size_t part = parcel->bytes - link->sent < chunk_max ? parcel->bytes - link->sent : chunk_max;
        void *memory;
        enum corps_err err = reserve(link, part + extra, &memory);
        if (err != CORPS_OK) {
            wake_peer(link, 0, 0); /* it must read to make room */
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
        wake_peer(link, flags, part);
    }
    link->under_way = false;
    link->sent = 0;
    return CORPS_OK;
}

static struct corps__pool *pool_of(struct link *link) {
    if (link->pool == NULL) {
        link->pool = corps__pool_create(link->memory, link->pool_out, link->pool_bytes);
    }
    return link->pool;
}

/* A frame whose last segment goes into the pool, or lies there already. UNSUPPORTED: it has to go another way. */
static enum corps_err send_placed(struct link *link, const struct corps_parcel *parcel, unsigned flags) {
    const struct iovec *last = &parcel->segments[parcel->segment_count - 1];
    struct corps__place place;
    size_t head_bytes = parcel->bytes - last->iov_len, record_bytes = sizeof place + head_bytes;
    if (record_bytes > corps__ring_record_max(&link->out)) {
        return CORPS_ERR_UNSUPPORTED;
    }
    void *memory;
    enum corps_err err = reserve(link, record_bytes, &memory);
    if (err != CORPS_OK) {
        return err;
    }
    struct corps__pool *pool = pool_of(link);
    if (pool == NULL || !corps__pool_put(pool, last->iov_base, last->iov_len, &place)) {
        return CORPS_ERR_UNSUPPORTED; /* the reservation is simply forgotten */
    }
    memcpy(memory, &place, sizeof place);
    corps__parcel_copy(parcel, 0, (uint8_t *)memory + sizeof place, head_bytes);
    corps__ring_commit(&link->out, record_bytes, CORPS__RECORD_PLACED);
    wake_peer(link, flags, parcel->bytes);
    return CORPS_OK;
}

/* Is the peer done with the frame that it was told to read? It may have had to refuse it. */
static bool is_settled(const struct link *link) {
    return corps__cma_outcome_of(link->cma_out, link->remote_count) != CORPS__CMA_OPEN;
}

/* Where does the part of the frame lie that can be read there? */
static const void *last_part(const struct corps_parcel *parcel) {
    return parcel->segments[parcel->segment_count - 1].iov_base;
}

/* OK when the peer has read the frame, UNSUPPORTED when it must go another way, PARTIAL while it lies where it lies. */
static enum corps_err await_read(struct link *link, const struct corps_parcel *parcel) {
    if (last_part(parcel) != link->awaited) { /* a copy, which goes another way, should the first not have been read */
        (void)corps__cma_decide(link->cma_out, link->remote_count, CORPS__CMA_CANCELLED);
    }
    if (!is_settled(link)) {
        set_blocked(link, true);
        corps__ring_want_bell(&link->out);
        if (!is_settled(link)) {
            return CORPS_ERR_PARTIAL;
        }
    }
    set_blocked(link, false);
    link->awaiting = false;
    enum corps__cma_outcome outcome = corps__cma_outcome_of(link->cma_out, link->remote_count);
    link->refuses = outcome == CORPS__CMA_REFUSED;
    return outcome == CORPS__CMA_READ ? CORPS_OK : CORPS_ERR_UNSUPPORTED;
}

static bool may_be_read(const struct link *link, const struct corps_parcel *parcel) {
    return endpoint_of(link)->by_kernel && parcel->bytes >= REMOTE_BYTES_MIN && parcel->segment_count > 1 &&
           !link->under_way && parcel->segments[parcel->segment_count - 1].iov_len >= REMOTE_BYTES_MIN &&
           !link->refuses;
}

/* Tells the peer where the frame's last segment lies. UNSUPPORTED: it has to go another way. */
static enum corps_err send_remote(struct link *link, const struct corps_parcel *parcel) {
    const struct iovec *last = &parcel->segments[parcel->segment_count - 1];
    size_t head_bytes = parcel->bytes - last->iov_len;
    struct corps__remote remote = {
        .address = (uintptr_t)last->iov_base, .bytes = last->iov_len, .number = link->remote_count + 1};
    if (sizeof remote + head_bytes > corps__ring_record_max(&link->out)) {
        return CORPS_ERR_UNSUPPORTED;
    }
    void *memory;
    enum corps_err err = reserve(link, sizeof remote + head_bytes, &memory);
    if (err != CORPS_OK) {
        return err;
    }
    memcpy(memory, &remote, sizeof remote);
    corps__parcel_copy(parcel, 0, (uint8_t *)memory + sizeof remote, head_bytes);
    link->remote_count++;
    link->awaiting = true;
    link->awaited = last->iov_base;
    corps__ring_commit(&link->out, sizeof remote + head_bytes, CORPS__RECORD_REMOTE);
    wake_peer(link, 0, parcel->bytes);
    return await_read(link, parcel);
}

static bool may_be_placed(const struct link *link, const struct corps_parcel *parcel) {
    return parcel->bytes >= PLACED_BYTES_MIN && parcel->segment_count > 1 && !link->under_way &&
           parcel->segments[parcel->segment_count - 1].iov_len >= PLACED_BYTES_MIN;
}

static enum corps_err shm_send(struct corps_link *base, const struct corps_parcel *parcel, unsigned flags) {
    struct link *link = (struct link *)base;
    if (atomic_load_explicit(&link->shut, memory_order_relaxed)) {
        let_go(link);
        return CORPS_ERR_CLOSED;
    }
    if (!atomic_load_explicit(&link->started, memory_order_acquire)) {
        set_blocked(link, true);
        return CORPS_ERR_FULL;
    }
    if (parcel->segment_count == 0) {
        if (link->bell_owed) {
            wake_peer(link, 0, 0);
        }
        return CORPS_OK;
    }
    enum corps_err err = link->awaiting              ? await_read(link, parcel)
                         : may_be_read(link, parcel) ? send_remote(link, parcel)
                                                     : CORPS_ERR_UNSUPPORTED;
    if (err == CORPS_ERR_UNSUPPORTED && may_be_placed(link, parcel)) {
        err = send_placed(link, parcel, flags);
    }
    if (err == CORPS_OK || err == CORPS_ERR_PARTIAL) {
        return err;
    }
    if (err == CORPS_ERR_UNSUPPORTED && parcel->bytes > corps__ring_record_max(&link->out)) {
        return send_large(link, parcel, flags);
    }
    void *memory;
    err = err == CORPS_ERR_UNSUPPORTED ? reserve(link, parcel->bytes, &memory) : err;
    if (err != CORPS_OK) {
        if (link->bell_owed) {
            wake_peer(link, 0, 0);
        }
        return err;
    }
    corps__parcel_copy(parcel, 0, memory, parcel->bytes);
    corps__ring_commit(&link->out, parcel->bytes, CORPS__RECORD_WHOLE);
    wake_peer(link, flags, parcel->bytes);
    return CORPS_OK;
}

static struct corps_block *shm_loan(struct corps_link *base, size_t bytes) {
    struct link *link = (struct link *)base;
    if (!atomic_load_explicit(&link->started, memory_order_acquire) || bytes < PLACED_BYTES_MIN) {
        return NULL;
    }
    struct corps__pool *pool = pool_of(link);
    return pool != NULL ? corps__pool_loan(pool, bytes) : NULL;
}

/* ---- receiving ---- */

static void release_record(struct link *link, size_t bytes) {
    if (corps__ring_release(&link->in, bytes)) {
        ring_bell(link->peer_bell);
    }
}

static enum corps_err too_large(const struct link *link, uint64_t bytes) {
    return corps_error_set(CORPS_ERR_TOO_LARGE, "a peer sent a frame of %llu bytes; at most %zu are allowed",
                           (unsigned long long)bytes, endpoint_of(link)->frame_bytes_max);
}

/* A record of a large frame. OK when the frame is whole, EMPTY when more must come. */
static enum corps_err gather(struct link *link, const uint8_t *data, size_t bytes, enum corps__record kind) {
    size_t skip = 0;
    if (kind == CORPS__RECORD_FIRST) {
        uint64_t total;
        if (link->large != NULL || bytes < TOTAL_BYTES) {
            return corps_error_set(CORPS_ERR_PROTOCOL, "a peer began a frame within a frame");
        }
        memcpy(&total, data, sizeof total);
        if (total > endpoint_of(link)->frame_bytes_max) {
            return too_large(link, total);
        }
        link->large = corps_block_create((size_t)total);
        if (link->large == NULL) {
            return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a frame of %llu bytes",
                                   (unsigned long long)total);
        }
        link->large_bytes = 0;
        skip = TOTAL_BYTES;
    }
    if (link->large == NULL || bytes - skip > link->large->bytes - link->large_bytes) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer sent more of a frame than it had announced");
    }
    memcpy(link->large->data + link->large_bytes, data + skip, bytes - skip);
    link->large_bytes += bytes - skip;
    return link->large_bytes == link->large->bytes ? CORPS_OK : CORPS_ERR_EMPTY;
}

/* A record whose frame goes on in the pool. */
static enum corps_err open_placed(struct link *link, const uint8_t *data, size_t bytes, struct corps_event *event) {
    struct corps__place place; /* copied before it is checked: the peer can still write the record */
    if (bytes < sizeof place) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer's record is too short to say where its frame goes on");
    }
    memcpy(&place, data, sizeof place);
    if (!corps__place_fits(&place, link->pool_bytes)) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer says that a frame lies where it has no memory");
    }
    size_t head_bytes = bytes - sizeof place;
    if (head_bytes + place.bytes > endpoint_of(link)->frame_bytes_max) {
        return too_large(link, head_bytes + place.bytes);
    }
    uint8_t *head;
    event->block = corps__pool_view(link->memory, link->pool_in, &place, head_bytes, &head);
    if (event->block == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a frame's head of %zu bytes", head_bytes);
    }
    memcpy(head, data + sizeof place, head_bytes);
    event->data = head;
    event->bytes = head_bytes;
    return CORPS_OK;
}

/* A record whose frame goes on in the peer's own memory: read it, and say so. EMPTY: the frame comes another way, or
 * the sender has let go of it. */
static enum corps_err open_remote(struct link *link, const uint8_t *data, size_t bytes, struct corps_event *event) {
    struct corps__remote remote; /* copied before it is checked: the peer can still write the record */
    if (bytes < sizeof remote || !endpoint_of(link)->by_kernel) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer's record is none that tells where to read");
    }
    memcpy(&remote, data, sizeof remote);
    size_t head_bytes = bytes - sizeof remote;
    if (remote.bytes > endpoint_of(link)->frame_bytes_max ||
        head_bytes + remote.bytes > endpoint_of(link)->frame_bytes_max) {
        return too_large(link, remote.bytes);
    }
    struct corps_block *block = corps_block_create(head_bytes + (size_t)remote.bytes);
    if (block == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a frame of %llu bytes",
                               (unsigned long long)remote.bytes);
    }
    memcpy(block->data, data + sizeof remote, head_bytes);
    enum corps_err err = corps__cma_read(&link->process, &remote, block->data + head_bytes);
    bool cancelled = corps__cma_outcome_of(link->cma_in, remote.number) == CORPS__CMA_CANCELLED;
    if (err != CORPS_OK && err != CORPS_ERR_UNSUPPORTED && !cancelled) { /* else the memory may be gone already */
        corps_block_unref(block);
        return err;
    }
    bool taken =
        corps__cma_decide(link->cma_in, remote.number, err == CORPS_OK ? CORPS__CMA_READ : CORPS__CMA_REFUSED) &&
        err == CORPS_OK;
    if (corps__ring_producer_waits(&link->in)) {
        ring_bell(link->peer_bell);
    }
    if (!taken) {
        corps_block_unref(block);
        return CORPS_ERR_EMPTY;
    }
    event->block = block;
    event->data = block->data;
    event->bytes = block->bytes;
    return CORPS_OK;
}

static enum corps_err next_frame(struct link *link, struct corps_event *event) {
    for (;;) {
        const uint8_t *data;
        size_t bytes;
        enum corps__record kind;
        enum corps_err err = corps__ring_peek(&link->in, &data, &bytes, &kind);
        if (err != CORPS_OK) {
            return err;
        }
        event->kind = CORPS_EVENT_MESSAGE;
        event->link = &link->base;
        if (kind == CORPS__RECORD_WHOLE && bytes > endpoint_of(link)->frame_bytes_max) {
            return too_large(link, bytes);
        }
        if (kind == CORPS__RECORD_WHOLE) {
            event->data = data;
            event->bytes = bytes;
            link->lent = bytes;
            link->is_lent = true;
            return CORPS_OK;
        }
        bool apart = kind == CORPS__RECORD_PLACED || kind == CORPS__RECORD_REMOTE;
        err = kind == CORPS__RECORD_PLACED   ? open_placed(link, data, bytes, event)
              : kind == CORPS__RECORD_REMOTE ? open_remote(link, data, bytes, event)
                                             : gather(link, data, bytes, kind);
        if (err != CORPS_OK && err != CORPS_ERR_EMPTY) {
            return err;
        }
        release_record(link, bytes);
        if (apart && err == CORPS_OK) {
            return CORPS_OK;
        }
        if (err == CORPS_OK) {
            event->block = link->large;
            event->data = link->large->data;
            event->bytes = link->large->bytes;
            link->large = NULL;
            return CORPS_OK;
        }
    }
}

static bool take_news(struct endpoint *endpoint, struct corps_event *event) {
    for (struct link *link = endpoint->links; link != NULL; link = link->next) {
        if (link->news != QUIET) {
            event->kind = link->news == IS_ACCEPTED ? CORPS_EVENT_ACCEPTED : CORPS_EVENT_CONNECTED;
            link->news = QUIET;
        } else if (link->ended && !link->told) {
            event->kind = CORPS_EVENT_CLOSED;
            event->reason = link->reason;
            link->told = true;
        } else {
            continue;
        }
        event->link = &link->base;
        endpoint->news_count--;
        return true;
    }
    return false;
}

static bool may_send(struct link *link) {
    return atomic_load(&link->started) && !atomic_load(&link->shut);
}

/* Is it worth trying again? If not, asks for the bell anew. */
static bool is_writable(struct link *link) {
    if (!link->awaiting) {
        return corps__ring_has_room(&link->out);
    }
    if (is_settled(link)) {
        return true;
    }
    corps__ring_want_bell(&link->out);
    return is_settled(link);
}

static bool take_writable(struct endpoint *endpoint, struct corps_event *event) {
    for (struct link *link = endpoint->links; link != NULL; link = link->next) {
        if (!atomic_load(&link->blocked) || !may_send(link) || link->news != QUIET) {
            continue;
        }
        /* `known` and `position` are the sender's, which does not send while it is blocked: the flag hands them over.
         */
        if (is_writable(link)) {
            set_blocked(link, false);
            event->kind = CORPS_EVENT_WRITABLE;
            event->link = &link->base;
            return true;
        }
    }
    return false;
}

static bool take_frame(struct endpoint *endpoint, struct corps_event *event) {
    struct link *link = endpoint->turn != NULL ? endpoint->turn : endpoint->links;
    for (unsigned i = 0; i < endpoint->link_count; i++) {
        struct link *next = link->next != NULL ? link->next : endpoint->links;
        if (link->news == QUIET && !link->ended && link->memory != NULL) {
            bool gone = link->gone; /* looked at first: nothing more can come after it */
            enum corps_err err = next_frame(link, event);
            if (err == CORPS_OK) {
                endpoint->turn = next;
                return true;
            }
            if (err != CORPS_ERR_EMPTY) {
                end_link(link, err);
            } else if (gone) {
                end_link(link, link->reason);
            }
        }
        link = next;
    }
    return false;
}

static void disarm(struct endpoint *endpoint) {
    endpoint->armed = false;
    for (struct link *link = endpoint->links; link != NULL; link = link->next) {
        if (link->memory != NULL) {
            corps__ring_disarm(&link->in);
        }
    }
    if (endpoint->armed_fds != NULL && endpoint->armed_fds->revents != 0) {
        char rings[256]; /* should there be more, the next sleep is short */
        (void)!read(endpoint->bell, rings, sizeof rings);
    }
    endpoint->armed_fds = NULL;
}

static enum corps_err shm_poll(struct corps_endpoint *base, struct corps_event *event) {
    struct endpoint *endpoint = (struct endpoint *)base;
    if (endpoint->armed) {
        disarm(endpoint);
    }
    if (endpoint->news_count > 0 && take_news(endpoint, event)) {
        return CORPS_OK;
    }
    if (atomic_load_explicit(&endpoint->blocked_count, memory_order_relaxed) > 0 && take_writable(endpoint, event)) {
        return CORPS_OK;
    }
    if (take_frame(endpoint, event)) {
        return CORPS_OK;
    }
    return endpoint->news_count > 0 && take_news(endpoint, event) ? CORPS_OK : CORPS_ERR_EMPTY;
}

static void shm_release(struct corps_endpoint *base, struct corps_event *event) {
    (void)base;
    struct link *link = event->kind == CORPS_EVENT_MESSAGE ? (struct link *)event->link : NULL;
    if (link != NULL && link->is_lent) {
        link->is_lent = false;
        release_record(link, link->lent);
    }
}

static enum corps_err shm_arm(struct corps_endpoint *base, struct pollfd *fds, size_t capacity, size_t *count) {
    struct endpoint *endpoint = (struct endpoint *)base;
    *count = 0;
    if (capacity < 1) {
        return corps_error_set(CORPS_ERR_LIMIT, "arm needs room for a descriptor");
    }
    endpoint->armed = true;
    bool idle = endpoint->news_count == 0;
    for (struct link *link = endpoint->links; link != NULL; link = link->next) {
        if (link->memory == NULL || link->ended) {
            continue;
        }
        idle = corps__ring_arm(&link->in) && !link->gone && idle;
        /* Room that came since the last poll: its bell may have been rung before anybody listened. */
        if (atomic_load(&link->blocked) && may_send(link)) {
            idle = !is_writable(link) && idle;
        }
    }
    if (!idle) {
        return CORPS_ERR_AGAIN;
    }
    fds[0] = (struct pollfd){.fd = endpoint->bell, .events = POLLIN};
    endpoint->armed_fds = fds;
    *count = 1;
    return CORPS_OK;
}

/* The memory stays mapped: what was received in place may still be read. */
static void shm_forget(struct corps_endpoint *base) {
    const struct endpoint *endpoint = (const struct endpoint *)base;
    for (struct link *link = endpoint->links; link != NULL; link = link->next) {
        corps__cma_peer_close(&link->process);
        if (link->peer_bell >= 0) {
            close(link->peer_bell);
        }
    }
    close(endpoint->bell);
    close(endpoint->handed_bell);
}

const struct corps_transport corps_transport_shm = {
    .name = "shm",
    .summary = "rings in shared memory between Envs of one host",
    .capabilities = CORPS_TRANSPORT_LOAN | CORPS_TRANSPORT_DEFAULT,
    .endpoint_bytes = sizeof(struct endpoint),
    .control_block = "raw:futex",
    .control_spin = "raw:cacheline",
    .open = shm_open_endpoint,
    .close = shm_close,
    .connect = shm_connect,
    .disconnect = shm_disconnect,
    .send = shm_send,
    .loan = shm_loan,
    .poll = shm_poll,
    .release = shm_release,
    .arm = shm_arm,
    .forget = shm_forget,
};

static enum corps_err cma_open_endpoint(struct corps_endpoint *base, const struct corps_endpoint_options *options,
                                        char address[CORPS_ADDRESS_BYTES]) {
    ((struct endpoint *)base)->by_kernel = true;
    return shm_open_endpoint(base, options, address);
}

const struct corps_transport corps_transport_cma = {
    .name = "cma",
    .summary = "as shm, but large payloads are read from the sender by process_vm_readv, for comparison",
    .capabilities = CORPS_TRANSPORT_COMPARISON,
    .endpoint_bytes = sizeof(struct endpoint),
    .control_block = "raw:futex",
    .control_spin = "raw:cacheline",
    .open = cma_open_endpoint,
    .close = shm_close,
    .connect = shm_connect,
    .disconnect = shm_disconnect,
    .send = shm_send,
    .poll = shm_poll,
    .release = shm_release,
    .arm = shm_arm,
    .forget = shm_forget,
};
