/* Peers: the other ends of links, and ordered, bounded sending to them.
 *
 * A peer is made when this process first wants to call an Env (and connects), or when somebody connects to it. States:
 * NEW → CONNECTING → GREETING → READY → CLOSED; a CLOSED peer of a living Env may be connected again by the next call.
 * One that we connect is READY once it has said HELLO and is the process that the table of Envs tells of: so no call is
 * ever under way to another. (On another host it has also got to know our clock by then, see clocks.h.) An accepted one
 * is READY at once.
 *
 * Life: peers are freed by the leader alone. One that this process connects belongs to its Corps and goes with it
 * (known.h). An accepted one is freed when its link has gone and every request that came on it is over: requests that
 * wait, run or are held refer to it, to be answered. The leader counts those that came. Those that are over are counted
 * where their thread writes anyway, so that no call pays an atomic operation for it: requests that are answered by a
 * frame under tx, the others (batches, requests without reply) in the route of their Conc, which the thread that runs
 * the Conc has to itself. Only for peers whose link has gone are the sums compared (peers.c).
 *
 * Sending: any thread, under the peer's lock `tx`. Where the transport has no room the thread waits (leading or parked,
 * as any waiter) without the lock; after PARTIAL it is the owner, and others wait for it. The leader must not wait:
 * what it has to send (credit, refusals) goes by corps__peer_post, which keeps what finds no room. Replies are kept
 * too (corps__peer_answer), see posts.h.
 *
 * Routes: how much this process has in the mailbox of one Worker of the peer. A request reserves room before it is
 * sent; its reply gives it back, or a CREDIT message does for requests without reply. So the receiver never has to stop
 * reading, and replies never queue behind requests.
 *
 * Batch frames: small requests without reply that a method sends in a stream are put together in one frame (BATCH, see
 * wire.h), which goes when it is full, when anything else is sent to this peer, when the method ends or waits, and a
 * millisecond later at the latest (corps_flush).
 */
#ifndef CORPS_PEER_H
#define CORPS_PEER_H

#include "base/symbol.h"
#include "codec/definitions.h"
#include "codec/wire.h"
#include "link/grant.h"
#include "link/mail.h"
#include "link/port.h"
#include "link/state.h"
#include "wait/wait.h"

enum { CORPS__PEER_NEW, CORPS__PEER_CONNECTING, CORPS__PEER_GREETING, CORPS__PEER_READY, CORPS__PEER_CLOSED };

struct corps__open_batch;
struct corps__post; /* a frame that waits for room */
struct corps__skew;

struct corps__route {
    struct corps__peer *peer;
    uint32_t conc;
    _Atomic uint64_t load; /* requests sent and not yet given back, see route.c */
    struct corps__route *next;
    /* The other way, of an accepted link: requests without reply that came for our Worker `conc`. Its running thread's.
     */
    uint32_t owed_count; /* handled, and their room not given back yet */
    size_t owed_bytes;
    _Atomic uint64_t handled;                    /* as the peer's `answered` */
    struct corps_node *deferred, *last_deferred; /* put aside: see defer.h. The running thread's, but for: */
    _Atomic bool waits;                          /* there are some */
    _Atomic bool resuming;                       /* `resume` is in the mailbox */
    struct corps__mail resume;
};

struct corps__peer {
    struct corps *corps; /* NULL: a guest, or an Env of another Corps, that connected to us */
    struct corps__env *env_info;
    uint32_t env;
    uint64_t peer_corps_id;       /* as it said in HELLO */
    _Atomic uint64_t incarnation; /* … of an accepted one; else of the process that was last connected to */
    uint64_t features;            /* likewise; the leader's */
    bool hello_seen;              /* on the present link */
    bool elsewhere;           /* on the present link it has said that it is on another host, and we have called it */
    struct corps__skew *skew; /* of an accepted one on another host: what its clock says, see clocks.h. The leader's */
    uint64_t identity[2];     /* of an accepted one's process, as it said in HELLO; 0, 0: none */
    bool is_old;              /* that process has made a newer link */
    bool discards;            /* the transport delivers nothing */
    uint64_t number;          /* no other peer of this process ever has it */
    _Atomic int64_t
        unreached_ns; /* since when it cannot be reached, of a Corps that roams; 0: it was, or nobody tried */
    _Atomic int state;
    struct corps__port *port;

    pthread_mutex_t tx; /* link, fault, named, owner, posts, what was sent, answered */
    struct corps_link *link;
    enum corps_err fault; /* why we have closed the last link; OK: the other side has */
    char fault_text[160];
    uint64_t link_count;   /* how many it has had */
    enum corps_err broken; /* a fault of sending, OK for none: the leader is to close the link for it */
    char broken_text[160];
    pthread_t owner; /* of a PARTIAL frame */
    bool owned;
    _Atomic bool writable;
    _Atomic bool held;    /* the transport may hold frames back (SEND_MORE) */
    int64_t last_send_ns; /* for deciding whether to batch */
    uint8_t *named;       /* a bit for each symbol that the peer knows by number; as long as the highest one needs */
    size_t named_bytes;
    uint8_t *defined; /* a bit for each definition that the link has carried */
    size_t defined_bytes;
    struct corps__post *first_post, **last_post;
    size_t kept_bytes; /* of them */
    uint64_t frames_sent, bytes_sent;
    _Atomic bool behind;             /* so many that its requests have to wait; see posts.h */
    _Atomic bool has_deferred;       /* … and some do; see defer.h */
    struct corps__post *batch_frame; /* a BATCH that is held back, while there is room in it; NULL: none */
    uint32_t batch_entry_count;
    struct corps__post *spare_frame; /* the memory of one that has gone; NULL: none */
    struct corps__open_batch *open;  /* what a thread adds to it without tx, see batch_frame.h; NULL: none does */
    struct corps__waitlist waiters;  /* for readiness, room and the owner */
    uint64_t answered;               /* requests that came from it, were answered and are over */

    pthread_mutex_t routes_lock;
    struct corps__route *_Atomic routes[64]; /* by Worker, chained */
    struct corps__waitlist credit_waiters;

    struct corps__symbol **methods; /* of the peer's numbers, for as long as it is there; the leader's alone */
    uint32_t method_count;
    struct corps__grants grants; /* of a peer that calls us; the leader's alone */
    struct corps__brought brought;
    bool refusal_told; /* that requests without reply were refused */
    uint64_t arrived;  /* requests that came from it, batches as one; the leader's, as the next two */
    uint64_t frames_received, bytes_received;
    uint64_t frames_looked_at; /* as many of them as there were at the last look of roam.c */
    _Atomic bool retired;      /* its link has gone: it is freed when all of them are over */
    struct corps__peer *next_retired;
    struct corps__peer *next, **previous_next; /* all peers */
    struct corps__again *_Atomic again;        /* calls that are sent again, see actor/again.h; NULL: none so far */
    int64_t grace_end_ns;           /* until when what was under way when the link closed waits for the news of how the
                                       Env ended; 0: nothing does; with the lead */
    _Atomic unsigned watcher_count; /* threads that wait for news of its Env, see look.h */
};

/* Is there a link, or is one being made? Any thread, for a hint. */
static inline bool corps__peer_has_link(const struct corps__peer *peer) {
    int state = atomic_load(&peer->state);
    return state == CORPS__PEER_CONNECTING || state == CORPS__PEER_GREETING || state == CORPS__PEER_READY;
}

/* ---- finding (connect.c) ---- */

/* The peer for calls to Env `env` of `corps` (data: for measured sends where the data transport discards). Errors:
 * INVALID (no such Env), WORKER_LOST, EXITED. Does not connect. */
enum corps_err corps__peer_of(struct corps *corps, uint32_t env, bool data, struct corps__peer **peer) CORPS_CHECKED;

/* A peer for a link that was accepted. With the lead. NULL when out of memory. */
struct corps__peer *corps__peer_accepted(struct corps__port *port, struct corps_link *link);

/* ---- making and freeing (peers.c) ---- */

/* Lists a new peer. NULL when out of memory. */
struct corps__peer *corps__peer_create(struct corps__port *port);

/* Every peer, by `next`, until corps__peers_walked, which must follow soon: none is freed meanwhile. */
struct corps__peer *corps__peers_walk(void);
void corps__peers_walked(void);

/* How many there are; for tests. */
uint64_t corps__peers_count(void);

/* With the lead: what an accepted peer has said of its process. Its earlier links are old from now on. */
void corps__peer_identify(struct corps__peer *peer, const uint64_t identity[2]);

/* With the lead: takes it off the list and frees it; its link is gone and nobody refers to it. Accepts NULL. */
void corps__peer_free(struct corps__peer *peer);

/* With the lead: an accepted peer, whose link is gone, is freed by the sweep that finds that its last request is over.
 */
void corps__peer_retire(struct corps__peer *peer);

/* With the lead: has every request been answered that came from a peer whose link is there, and has everything gone
 * that was kept for one? */
bool corps__peers_are_idle(void);
bool corps__peer_is_idle(struct corps__peer *peer); /* of one of them */

/* With the lead: frees what can be of the retired ones; are there any left? */
void corps__peers_sweep(void);
bool corps__peers_retired(void);

/* A request of this peer's is over (a batch counts as one), and with it the caller's right to refer to the peer. */
void corps__peer_let_go(struct corps__peer *peer);

/* Everything that was under way to it has failed with this, and what it was to give back is back. */
void corps__peer_fail(struct corps__peer *peer, enum corps_err code, const char *text);

/* ---- connecting (connect.c) ---- */

/* With the lead: begins to connect, unless it does, or there is news of the Env's end. Errors: CLOSED (nobody is
 * there), and of the transport. */
enum corps_err corps__peer_connect(struct corps__peer *peer) CORPS_CHECKED;

/* The same right after what is known of its Corps was read. */
enum corps_err corps__peer_connect_known(struct corps__peer *peer) CORPS_CHECKED;

/* Connects if need be, and waits for it, also for an Env that is being started again; that not with `try_only` (FULL).
 * Errors: as corps__peer_send. */
enum corps_err corps__peer_ensure_ready(struct corps__peer *peer, bool try_only, int64_t deadline_ns) CORPS_CHECKED;

/* The error of a peer that is not READY. Under tx. */
enum corps_err corps__peer_lost(const struct corps__peer *peer);

/* Nobody listens there, or the link has just closed: how the Env ended its parent reports, usually within a
 * millisecond, so that is waited for, as when a link closes with calls under way. Not with the lead. Errors:
 * WORKER_LOST (with what the detail said before, when no news came), EXITED; AGAIN (it is being started again). */
enum corps_err corps__peer_await_news(struct corps__peer *peer, int64_t deadline_ns) CORPS_CHECKED;

/* May its Env be heard again, though there is no link and nobody says why? So it is of one on another host: until that
 * is given up, seconds pass; and of a Corps that roams (far.h). Any thread. */
bool corps__peer_may_return(const struct corps__peer *peer);

/* Has its Corps ended? Of others one hears that only by what they leave. */
bool corps__peer_has_exited(const struct corps__peer *peer);

#define CORPS__GRACE_NS INT64_C(300000000) /* between a link's end and the news of how the Env ended */

/* ---- sending (sending.c) ---- */

struct corps__outgoing {
    struct corps__header header;
    const struct corps__symbol *method; /* REQUEST: named on first use; else NULL */
    const struct iovec *segments;       /* header.segment_count of them */
    const uint32_t *definitions;        /* numbers of what the peer must have been told before */
    size_t definition_count;
    struct corps__grant *grant; /* of answers and CREDIT: what requests take up of it is settled when this goes */
    uint32_t charge_count;
    size_t charge_bytes;
};

/* Sends a frame; connects first if need be. Waits for room until `deadline_ns`, unless `try_only` (then FULL, if
 * nothing was taken). `may_hold`: the request may be held back for a moment, in a batch frame. Not with the lead.
 * Errors: FULL, TIMEOUT, WORKER_LOST, DENIED, VERSION, LIMIT, SYSTEM. */
enum corps_err corps__peer_send(struct corps__peer *peer, const struct corps__outgoing *out, bool may_hold,
                                bool try_only, int64_t deadline_ns) CORPS_CHECKED;

/* Answers a request of the peer's: sends the frame, or keeps a copy of it until there is room (posts.h). May wait for a
 * moment, while a large frame is on its way. Not with the lead. */
void corps__peer_answer(struct corps__peer *peer, const struct corps__outgoing *out);

/* Would corps__peer_send send, or fail, without connecting first? */
bool corps__peer_is_ready(const struct corps__peer *peer);

/* Sends a small frame, or keeps a copy of it until there is room. Never waits; any thread, also with the lead. */
void corps__peer_post(struct corps__peer *peer, const struct corps__outgoing *out);

/* The same for what need not arrive: does nothing while anything is kept already. */
void corps__peer_try_post(struct corps__peer *peer, const struct corps__outgoing *out);

/* As corps__peer_post, under tx. */
void corps__post_locked(struct corps__peer *peer, const struct corps__outgoing *out);

/* A request or reply as a whole, with the definitions that it needs: as corps__post_locked, behind all that was sent
 * before. Under tx. */
void corps__peer_post_whole(struct corps__peer *peer, const struct corps__outgoing *out);

/* Under tx, not owned: corps__posts_flush; a fault closes the link. */
enum corps_err corps__peer_flush(struct corps__peer *peer) CORPS_CHECKED;

/* Under tx: has the leader close the link, for a fault that is not the peer's end. */
void corps__peer_break(struct corps__peer *peer, enum corps_err reason, const char *text);

/* Gives `count` requests of `bytes` bytes of room in Worker `conc`'s mailbox back to the peer, and settles them with
 * `grant`, once that goes. */
void corps__peer_credit(struct corps__peer *peer, uint32_t conc, struct corps__grant *grant, uint32_t count,
                        size_t bytes);

/* Something is held back on some link: see to a flush soon. Is there? */
void corps__held_add(void);
bool corps__held_any(void);

/* With the lead: one that we have connected has said HELLO, and is the one that was meant. */
void corps__peer_greeted(struct corps__peer *peer);

/* Under tx: says HELLO. */
void corps__peer_greet_locked(struct corps__peer *peer);

/* ---- events, with the lead (peer.c) ---- */
void corps__peer_connected(struct corps__peer *peer);
void corps__peer_writable(struct corps__peer *peer);
void corps__peer_closed(struct corps__peer *peer, enum corps_err reason);

/* A line of the log about its link, of level debug. */
void corps__peer_log(const struct corps__peer *peer, const char *event, const char *text);

/* Env `env` of `corps` has ended: every call to it fails with this text, now and later. With the lead. */
void corps__env_lost(struct corps *corps, uint32_t env, const char *text);

/* The same for one that is taken from its Corps, and may have answers under way: calls that were sent to it fail when
 * its link ends. */
void corps__env_taken(struct corps *corps, uint32_t env, const char *text);

/* Its process has ended and another is to take its place: what was under way to it fails with this text, and calls from
 * now on wait for corps__env_is_up, by which time its new addresses stand in its row (or for corps__env_lost). */
void corps__env_restarts(struct corps *corps, uint32_t env, const char *text);
void corps__env_is_up(struct corps *corps, uint32_t env, uint64_t incarnation);

/* With the lead: closes links that are to be closed, tells who has read, frees what is unused; and gives up what is of
 * Corps that have ended. Not from within a poll or a callback. */
void corps__link_floor_tend(void);

/* Closes links of processes that are not of the own Corps and wait for nothing here: they look again where its Envs
 * are. With the lead. */
void corps__peers_part(void);

/* Disconnects everything. With the lead, at the end of the process or of a Corps (NULL: all). */
void corps__peers_close(const struct corps *corps);

/* ---- routes (route.c) ---- */
/* Made at first use; lives as long as the peer. NULL when out of memory. */
struct corps__route *corps__route_of(struct corps__peer *peer, uint32_t conc);

/* NULL: there is none yet. */
struct corps__route *corps__route_find(const struct corps__peer *peer, uint32_t conc);

/* How many requests were sent there and are not given back yet. */
uint32_t corps__route_count(const struct corps__route *route);

/* The sum of `handled`; and of the requests that are reserved for, and not given back yet. */
uint64_t corps__routes_handled(const struct corps__peer *peer);
uint64_t corps__routes_outstanding(const struct corps__peer *peer);
void corps__routes_free(struct corps__peer *peer);

/* Nothing is outstanding any more: the link is gone. */
void corps__routes_clear(struct corps__peer *peer);

/* Reserves room for one request. Errors: FULL, TIMEOUT, WORKER_LOST, LIMIT. */
enum corps_err corps__route_reserve(struct corps__route *route, size_t bytes, bool try_only,
                                    int64_t deadline_ns) CORPS_CHECKED;

/* Reserves room for a stream of requests, if there is plenty: `count` of `bytes` in all. And how many that may be at
 * once; 0: none, since the mailbox is small. */
bool corps__route_reserve_ahead(struct corps__route *route, uint32_t count, size_t bytes);
uint32_t corps__room_step(const struct corps__peer *peer);

/* Counts a request that had reserved room on an earlier link. */
void corps__route_take(struct corps__route *route, size_t bytes);
void corps__route_give_back(struct corps__route *route, uint32_t count, size_t bytes);

/* In the child of a fork: the links are the parent's, and nothing is held back. */
void corps__peers_forked(void);
void corps__sending_forked(void);

#endif
