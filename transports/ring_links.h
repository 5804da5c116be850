/* Links over rings in shared memory: what shm and cma share.
 *
 * A link is a memfd with two rings and two pools, one of each for either direction. The connector makes it and hands it
 * over at the rendezvous, which stays as the sign of life. An endpoint has one doorbell, a pipe that its peers write
 * to: rung for a message when it sleeps, or for room when it waits for that. (An eventfd could not be opened again by
 * those who share it, see reopen.h.) Where one link alone keeps waking an endpoint, that may sleep on a word in the
 * link's memory instead (ring.h), which saves a system call and a half each time. Nothing has a name, so nothing stays
 * behind. The memfd is sealed against shrinking, so that a peer cannot make us fault.
 *
 * Beside each ring there is a pool (pool.h): when a frame has large segments, the ring carries what comes before the
 * first of them and the extent in which the others lie from there on, one after the other as in the frame. So payloads
 * are copied once, or not at all when the last segment was written into a loan and the ring can carry the others. Their
 * receiver sees them in place until it drops the event's block; nobody waits for that.
 *
 * What is too large for a pool, which lends half of itself at most, lies in a second one, mapped by those who use it
 * when they first do. Its memory stays with the link, as that of the first does: new pages for each payload cost
 * several times what a second copy through the ring costs, which is how still larger ones go. Nor does a pool that is
 * full give over to the other: what a peer that reads nothing makes its sender hold is bounded by what is meant for
 * that size. A third one lends memory for what is larger still, and takes no copies: its pages are there while somebody
 * has the loan or what was sent from it.
 *
 * A transport embeds struct corps__ring_link first in its links, says in a struct corps__ring_kind what it does
 * otherwise, and puts the functions below into its table. Threads: as in corps/transport.h.
 */
#ifndef CORPS_RING_LINKS_H
#define CORPS_RING_LINKS_H

#include "links_rendezvous.h"
#include "pool.h"
#include "ring.h"

/* Segments from one of so many bytes on go into the pool: what serializers set apart. */
enum { CORPS__RING_POOLED_BYTES_MIN = 4096 };

/* The pools that are mapped on first use. In an extent's ticket, bit 63 − i says that it is in the i-th. */
enum corps__ring_annex { CORPS__RING_LARGE, CORPS__RING_HUGE, CORPS__RING_ANNEXES };

struct corps__ring_link {
    struct corps__link base;       /* first */
    struct corps__mapping *memory; /* both rings and pools; NULL before connect or hello */
    struct corps__ring in, out;
    void *pool_in, *pool_out; /* where they begin */
    size_t pool_bytes;        /* of the data of each */
    struct corps__pool *pool; /* out, as its sender sees it; made on first use, under the core's lock of the link */
    bool is_connector;
    unsigned annex_count; /* how many of them there are */
    struct {
        struct corps__mapping *in;  /* mapped by the polling thread … */
        struct corps__mapping *out; /* … and under the core's lock of the link */
        struct corps__pool *pool;   /* out */
        bool failed;                /* it could not be mapped for sending */
    } annexes[CORPS__RING_ANNEXES];
    int peer_doorbell; /* −1 until the peer has handed it over */
    size_t lent;       /* the record of the last event, … */
    bool is_lent;      /* … while it is not released */

    /* Sending, under the core's lock of the link. */
    size_t sent;        /* bytes of the present frame that are in the ring */
    bool under_way;     /* a part of a frame is */
    bool doorbell_owed; /* there are records after which nobody has looked whether the peer sleeps */
    size_t held_bytes;  /* sent since the last such look */
};

struct corps__ring_endpoint {
    struct corps__links links; /* first */
    const struct corps__ring_kind *kind;
    int doorbell;        /* its read end … */
    int handed_doorbell; /* … and the other one, for peers */
    _Atomic bool armed;
    const struct pollfd *armed_fds; /* arm's, to see afterwards whether the doorbell was rung */
    uint64_t ring_bytes;
    struct corps__ring_link *busy; /* the one link that has ended each of the last sleeps, … */
    unsigned streak;               /* … so many */
};

/* What transports over such links do in different ways. */
struct corps__ring_kind {
    size_t link_bytes;
    /* Optional. The link is about to start. Polling thread. */
    void (*start)(struct corps__ring_link *link);
    /* Is it worth trying again to send? If not, asks for the doorbell anew. Polling thread, while the sender waits. */
    bool (*has_room)(struct corps__link *link);
    /* Optional. Opens a record of the kind REMOTE. OK with the event filled, EMPTY, or a fault of the link. Without it
     * such a record is a fault. Polling thread. */
    enum corps_err (*open_remote)(struct corps__ring_link *link, const uint8_t *data, size_t bytes,
                                  struct corps_event *event);
};

/* Opens an endpoint of this kind: `open` of the table. */
enum corps_err corps__ring_links_open(struct corps__ring_endpoint *endpoint, const struct corps__ring_kind *kind,
                                      const struct corps_endpoint_options *options,
                                      char address[CORPS_ADDRESS_BYTES]) CORPS_CHECKED;

/* Operations for the table. */
void corps__ring_links_close(struct corps_endpoint *base);
enum corps_err corps__ring_links_connect(struct corps_endpoint *base, const char *address, struct corps_link **out);
void corps__ring_links_disconnect(struct corps_link *base);
enum corps_err corps__ring_links_send(struct corps_link *base, const struct corps_parcel *parcel, unsigned flags);
struct corps_block *corps__ring_links_loan(struct corps_link *base, size_t bytes);
enum corps_err corps__ring_links_poll(struct corps_endpoint *base, struct corps_event *event);
void corps__ring_links_release(struct corps_endpoint *base, struct corps_event *event);
enum corps_err corps__ring_links_arm(struct corps_endpoint *base, struct pollfd *fds, size_t capacity, size_t *count);
uint32_t *corps__ring_links_arm_word(struct corps_endpoint *base);
void corps__ring_links_forget(struct corps_endpoint *base);

#define CORPS__RING_LINKS_OPERATIONS                                                                                   \
    .close = corps__ring_links_close, .connect = corps__ring_links_connect, .poll = corps__ring_links_poll,            \
    .release = corps__ring_links_release, .arm = corps__ring_links_arm, .arm_word = corps__ring_links_arm_word

/* ---- for kinds ---- */

/* `has_room` of what only ever waits for room in its ring. */
bool corps__ring_link_has_room(struct corps__link *link);

/* Memory for a record of `bytes`; FULL, and WRITABLE will follow. Under the core's lock of the link. */
enum corps_err corps__ring_link_reserve(struct corps__ring_link *link, size_t bytes, void **memory) CORPS_CHECKED;

/* After a commit of so many bytes: wakes the peer if it sleeps, or leaves that to a later send where more follows
 * (CORPS_SEND_MORE). Under the core's lock of the link. */
void corps__ring_link_wake(struct corps__ring_link *link, unsigned flags, size_t bytes);

/* Of an annex's data. Those of the last are the most that a link can lend at a time: addresses, not memory. */
static inline uint64_t corps__ring_annex_bytes(enum corps__ring_annex annex) {
    return annex == CORPS__RING_LARGE ? (uint64_t)256 << 20 : (uint64_t)64 << 30;
}

/* With the ticket of an extent that is there. */
static inline uint64_t corps__ring_annex_bit(enum corps__ring_annex annex) {
    return (uint64_t)1 << (63 - annex);
}

/* Maps one of them, of one direction. NULL where the system does not allow that. */
struct corps__mapping *corps__ring_link_map_annex(const struct corps__ring_link *link, enum corps__ring_annex annex,
                                                  bool out);

/* Rings the peer's doorbell. Any thread. */
void corps__ring_link_ring_doorbell(const struct corps__ring_link *link);

#endif
