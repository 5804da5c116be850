/** @file
 * The transport contract: for those who write a transport. (Users of the library include corps.h alone.)
 *
 * A transport moves frames (byte strings of any length, 0 included) between endpoints, in order per link, each
 * exactly once, and knows nothing else: what a frame means, who waits, how long and on which processor is the
 * core's business. The contract is pull, non-blocking and message-oriented: no operation ever waits. An
 * endpoint has one *polling thread* at a time (whoever holds the reactor's lead); a link is the duplex
 * connection of two endpoints and may be written by any thread, one at a time.
 *
 * Threads: "polling thread" below means: the one thread that now holds the lead; the core hands the lead over
 * with a full memory barrier. `send` and `loan` may run on any thread while the polling thread is
 * inside any other operation of the same endpoint except `close` and `disconnect` of that link; the core
 * serialises the two per link (the link's lock) and orders them before `disconnect`.
 *
 * Lifecycle: open endpoint → connect links, or receive them as ACCEPTED events → send/poll → disconnect
 * every link → close. Nothing that a transport makes may outlive its processes: no named object stays behind
 * after `close`, and anonymous objects (memfd, unlinked queues, descriptors passed over a socket) are preferred
 * because they vanish even when a process is killed.
 *
 * Source of the shape: nng's transport table (written contracts, one suite for all), verbs' arm-then-poll
 * (ibv_req_notify_cq), fio's one-file engines.
 */
#ifndef CORPS_TRANSPORT_H
#define CORPS_TRANSPORT_H

#include <corps/block.h>
#include <corps/error.h>

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct uv_loop_s;
struct corps_transport;

/** X(NAME, bit, word, text): what others may ask of a transport; nobody asks for its name. `word` is how tools write
 * it. The last three are roles: exactly one transport has each, and it neither discards nor is there for comparison. */
#define CORPS_TRANSPORT_CAPABILITIES(X)                                                                                \
    X(INTRA, 0, "intra", "joins threads of one process; no other process can connect")                                 \
    X(BY_REFERENCE, 1, "by-reference", "carries parcel.object, so that nothing is serialized; INTRA")                  \
    X(REMOTE, 2, "remote",                                                                                             \
      "reaches other hosts: listens on `bind`, and peers prove `secret`, sealed where that is asked")                  \
    X(LOAN, 3, "loan", "has loan")                                                                                     \
    X(DISCARDS, 4, "discards", "delivers nothing: for measuring the harness only")                                     \
    X(COMPARISON, 5, "comparison", "is there to be compared with; programs have better choices")                       \
    X(DEFAULT, 6, "default", "what a Corps uses between Envs when nobody chose")                                       \
    X(MAILBOX, 7, "mailbox", "what carries messages inside an Env when nobody chose; BY_REFERENCE")                    \
    X(SYSTEM, 8, "system", "creates, calls and ends a Corps where the chosen transport cannot: between processes")

enum {
#define CORPS_TRANSPORT_ENUM(name, bit, word, text) CORPS_TRANSPORT_##name = 1u << (bit),
    CORPS_TRANSPORT_CAPABILITIES(CORPS_TRANSPORT_ENUM)
#undef CORPS_TRANSPORT_ENUM
};

#define CORPS_ADDRESS_BYTES 256u /**< longest address, with its NUL */
#define CORPS_SECRET_BYTES 32u
#define CORPS_FRAME_BYTES_MAX ((size_t)1 << 31) /**< no frame is longer: 2 GiB, its headers included */

/** Which links of a REMOTE transport are sealed: encrypted, and their peers proved (docs/security.md). */
enum corps_seal {
    CORPS_SEAL_AUTO,   /**< those of an endpoint whose address is not loopback, and those to such addresses */
    CORPS_SEAL_ALWAYS, /**< all: an endpoint takes no others, and connects to none that takes others */
    CORPS_SEAL_NEVER,  /**< none. For networks that one trusts: peers still prove `secret` when they connect */
};

/** What the core tells an endpoint when it opens it. Borrowed until `open` returns, except `loop`. */
struct corps_endpoint_options {
    struct uv_loop_s *loop; /**< for rare work only (listening, connecting, a peer's death); callbacks run on
                               the polling thread inside its uv_run. Lent until `close`. NULL for INTRA. */
    const char *directory;  /**< existing 0700 directory for rendezvous sockets; NULL for INTRA */
    const char *name;       /**< this endpoint's name, unique within the directory, at most 31 bytes */
    const char *bind;       /**< REMOTE: address to listen on; NULL means 127.0.0.1. Numeric: "address",
                               "address:port", "address:FIRST-LAST" (the first free port of them), IPv6 in brackets.
                               "WHERE=ADDRESS" listens on WHERE and tells peers ADDRESS instead, with the port of
                               WHERE: for a host that others reach by another address */
    const uint8_t *secret;  /**< CORPS_SECRET_BYTES bytes; a REMOTE peer must prove that it knows them */
    size_t frame_bytes_max; /**< a longer incoming frame closes its link with TOO_LARGE */
    size_t buffer_bytes;    /**< wanted buffering per link and direction; 0 = the transport's default */
    size_t queue_count;     /**< wanted number of slots, where messages are counted; 0 = the transport's default */
    enum corps_seal seal;   /**< REMOTE */
    const char *identity;   /**< REMOTE: who this endpoint is, for peers that seal: at most 119 signs from '!' to '~'
                               without '>' and '#', unique among all that know `secret`. The address that `open` writes
                               ends in "#identity" where links to it are sealed, and connects to nobody else. NULL: a
                               random one */
};

/** Base of every transport's endpoint: the first member of its private struct. The core provides
 * `transport->endpoint_bytes` of zeroed memory, aligned to 64, and fills the base before `open`. */
struct corps_endpoint {
    const struct corps_transport *transport;
    void *user; /**< the core's */
};

/** Base of every transport's link: the first member of its private struct; the transport allocates links. */
struct corps_link {
    const struct corps_transport *transport;
    struct corps_endpoint *endpoint;
    void *user; /**< the core's; NULL when an ACCEPTED event delivers the link */
};

/** A message passed by reference is an object that begins with this; the queue links objects through it. */
struct corps_node {
    struct corps_node *next;
};

/** What is sent: segments in order (one frame), or an object (BY_REFERENCE only, then segments are ignored). */
struct corps_parcel {
    const struct iovec *segments;
    unsigned segment_count; /**< at most CORPS_SEGMENTS_MAX */

    /** The segment from which on the frame may lie together where its receiver sees it in place (corps_frame_tail),
     * even if its sender can still write there; it begins at a multiple of 64 of the frame. 0: only the last one may.
     */
    unsigned tail_from;

    size_t bytes; /**< the sum of the segments' lengths */
    struct corps_node *object;
};

#define CORPS_SEGMENTS_MAX 2048u

enum {
    CORPS_SEND_MORE = 1u << 0, /**< more will follow at once: the transport may hold this frame back until a
                                  send without MORE, or a send of an empty parcel (segment_count 0, no object),
                                  which only flushes */
};

enum corps_event_kind {
    CORPS_EVENT_MESSAGE,   /**< a frame: data and bytes (or object) */
    CORPS_EVENT_ACCEPTED,  /**< a peer has connected and proved itself: `link` is new */
    CORPS_EVENT_CONNECTED, /**< a link made by `connect` is ready */
    CORPS_EVENT_WRITABLE,  /**< after send said FULL or PARTIAL: try again. Not once the peer is known to be gone */
    CORPS_EVENT_CLOSED,    /**< no more will come from `link`; `reason` says why (CLOSED = orderly or died) */
};

struct corps_event {
    enum corps_event_kind kind;
    enum corps_err reason;   /**< CLOSED: why */
    struct corps_link *link; /**< whose event; NULL for messages of INTRA transports */

    /** MESSAGE: the frame, contiguous. Lent until release; where `block` is set, it lives as long as that. */
    const uint8_t *data;
    size_t bytes;

    /** MESSAGE: when not NULL, gives one reference to the core, which may keep it beyond release and drops it on any
     * thread. `data` should be aligned to 64 then: large parts of frames are at such multiples, and what lies elsewhere
     * may be copied once more. Where `data` lies outside of the block, the block holds the frame's last part: see
     * corps_frame_tail. */
    struct corps_block *block;

    struct corps_node *object; /**< MESSAGE by reference: gives the object to the core */
};

/** The last part of a frame, which follows `data`: one or more segments where the transport keeps them, maybe in memory
 * that the sender can still write. NULL when `data` is the whole frame. */
static inline const struct corps_block *corps_frame_tail(const uint8_t *data, const struct corps_block *block) {
    return block != NULL && (uintptr_t)data - (uintptr_t)block->data >= block->bytes ? block : NULL;
}

struct corps_transport {
    const char *name;    /**< "unix"; as in configuration */
    const char *summary; /**< one line for `corps-lab list` */
    uint32_t capabilities;
    size_t endpoint_bytes; /**< sizeof the private endpoint */

    /** The bare mechanisms that bound what it can reach, as the laboratory calls its controls ("raw:futex"): where
     * waiting threads sleep, and where they spin. Mandatory; NULL, both, for what DISCARDS. */
    const char *control_block;
    const char *control_spin;

    /** Mandatory. Opens an endpoint and writes the address that peers pass to `connect`.
     * Called by: polling thread. Does not block. Ownership: borrows options until return.
     * Errors: INVALID, SYSTEM, LIMIT (a kernel limit is below what was asked: says which; no port is free), NO_MEMORY,
     * UNSUPPORTED (REMOTE: its links would have to be sealed, and what seals is not installed);
     * after an error nothing is left open. */
    enum corps_err (*open)(struct corps_endpoint *endpoint, const struct corps_endpoint_options *options,
                           char address[CORPS_ADDRESS_BYTES]);

    /** Mandatory. Closes the endpoint; every link has been disconnected before. libuv handles may need one
     * more uv_run to be freed, which the core does. Called by: polling thread. Does not block. */
    void (*close)(struct corps_endpoint *endpoint);

    /** Mandatory. Starts a link to a peer's address and gives it at once; CONNECTED or CLOSED follows as an
     * event. Until then send says FULL. The link's memory is the transport's, valid until `disconnect`.
     * Called by: polling thread. Does not block.
     * Errors: INVALID (address not of this transport), SYSTEM, NO_MEMORY, CLOSED (nobody listens there, or nothing
     * leads there), DENIED and UNSUPPORTED (REMOTE: `seal` and the address do not agree, nothing here can seal). */
    enum corps_err (*connect)(struct corps_endpoint *endpoint, const char *address, struct corps_link **link);

    /** Mandatory. Ends a link and frees it. Frames already accepted by send and not yet delivered may be
     * lost unless the peer reads on (a stream or a ring still delivers what it holds). No event for this link
     * follows. Called by: polling thread, after the core has stopped all senders. Does not block. */
    void (*disconnect)(struct corps_link *link);

    /** Mandatory. Sends one frame.
     *   OK       the frame is taken whole; the caller may reuse its memory.
     *   FULL     nothing was taken; WRITABLE will follow, or CLOSED.
     *   PARTIAL  a part was taken; WRITABLE will follow, or CLOSED; the caller must come back with the *same* parcel
     *            (same memory, same contents) until OK; or with a copy of the same bytes in one segment, and from
     *            then on with that copy. It keeps the memory of what it came with last. Nobody may send anything else
     *            on this link in between.
     *   CLOSED   the link is gone; nothing will be delivered any more. So says every send from the moment on at which
     *            the transport knows of the end. The CLOSED event follows once what can still be read was read; it
     *            waits for no other link and needs nothing from senders.
     *   TOO_LARGE, SYSTEM, NO_MEMORY: faults; the link is then closed by the core.
     * Called by: any thread, serialised per link. Does not block. Ownership: borrows segments until OK or an
     * error; takes parcel.object when OK. */
    enum corps_err (*send)(struct corps_link *link, const struct corps_parcel *parcel, unsigned flags);

    /** Optional (LOAN): lends `bytes` of the transport's memory, as a block, to write a payload in place. A parcel
     * whose last segment lies within it is then sent without a copy of that segment, any number of times; the memory
     * stays as it is from the first send on. Dropping the block unsent gives it back. The block outlives the link, and
     * is ordinary memory to any other. NULL: there is none of this size now; write into any other memory, send that.
     * Called by: any thread, serialised per link. Does not block. Ownership: gives one reference, dropped on any
     * thread. */
    struct corps_block *(*loan)(struct corps_link *link, size_t bytes);

    /** Mandatory. Takes the next event, in order per link and fair over links.
     *   OK     `event` is filled; release it before the next poll.
     *   EMPTY  nothing now. (Allowed at any time, but not for ever while something waits.)
     *   SYSTEM, NO_MEMORY: faults of the endpoint as a whole. A link's fault is a CLOSED event.
     * Everything that a peer can write is checked before it is believed: a bad length or index closes the link
     * with PROTOCOL, and never crashes. Called by: polling thread. Does not block. */
    enum corps_err (*poll)(struct corps_endpoint *endpoint, struct corps_event *event);

    /** Mandatory. Ends the borrowing of event->data. A block, an object or a link that the event gave stays
     * the core's. Called by: polling thread. Does not block. */
    void (*release)(struct corps_endpoint *endpoint, struct corps_event *event);

    /** Mandatory. "I am going to sleep": after OK, anything that poll would report makes at least one of the
     * descriptors ready (or wakes the loop), also what arrived between the last EMPTY poll and this call.
     *   OK     `fds[0..*count)` are filled with fd and events: sleep on them and on the loop. INTRA transports
     *          give none: whoever sends sees to it that the receiver polls.
     *   AGAIN  something has arrived already: poll, do not sleep.
     *   LIMIT  capacity is too small (an endpoint needs at most CORPS_ARM_FDS_MAX).
     * The core polls after every arm, whether it slept or not; poll disarms. `fds` stays as it is, with revents,
     * until the next arm. Called by: polling thread. Does not block. */
    enum corps_err (*arm)(struct corps_endpoint *endpoint, struct pollfd *fds, size_t capacity, size_t *count);

    /** Optional. In the child of a fork: closes the descriptors that only this endpoint and its links know, so that
     * the parent's end is seen while the child lives. Touches nothing else: no peer, no file, no loop (what the loop
     * watches is closed already), no lock, no memory that is freed or shared. The endpoint is not used again. Without
     * it such descriptors stay open. */
    void (*forget)(struct corps_endpoint *endpoint);

    /** Optional: the library that it needs and that library's version, as text, lent for ever; NULL, with a detail,
     * when the library is not there. Any thread. */
    const char *(*version)(void);

    /** Optional. After arm said OK: may the polling thread sleep on a word instead of the descriptors, because one and
     * the same link has ended each of its last sleeps? Gives a word of memory that is shared with that link's peer and
     * holds CORPS_WORD_ASLEEP: from now on what comes from that peer sets it to something else and wakes one who sleeps
     * there (futex(2), not private), and makes no descriptor ready. All else still does, which the core watches
     * otherwise. The peer may write anything there and wake, or not wake, whom it wants. The word stays until the link
     * is disconnected. NULL: not now; sleep on the descriptors.
     * Called by: polling thread, which polls afterwards, and does not sleep on the descriptors. Does not block. */
    uint32_t *(*arm_word)(struct corps_endpoint *endpoint);
};

#define CORPS_WORD_ASLEEP 2u /**< what such a word holds while somebody sleeps there, or is about to */

#define CORPS_ARM_FDS_MAX 16u

/** The transports that were built, by name. NULL and sets a detail that lists them when there is none.
 * Lent for ever. Any thread. */
CORPS_API const struct corps_transport *corps_transport_find(const char *name);

/** The i-th transport that was built, NULL past the end. */
CORPS_API const struct corps_transport *corps_transport_at(unsigned index);

/** The first transport that was built that has all of these capabilities; NULL when there is none. Lent for ever. Any
 * thread. */
CORPS_API const struct corps_transport *corps_transport_with(uint32_t capabilities);

/** How many forks lie between this process and the one that first used Corps. What was made under another number
 * belongs to another process: what it shares with peers must not be written. Any thread. */
CORPS_API unsigned corps_fork_generation(void);

/** Checks a table: mandatory fields and operations, capabilities that agree with them and with each other, sizes. Run
 * for every table at start. Errors: INVALID (which table). Any thread. */
CORPS_API enum corps_err corps_transport_check(const struct corps_transport *transport) CORPS_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
