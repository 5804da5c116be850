/* The state of the link floor, and who this process is. */
#ifndef CORPS_LINK_STATE_H
#define CORPS_LINK_STATE_H

#include "value/name.h"
#include "wait/lead.h"

struct corps__far_known;
struct corps__peer;
struct corps__port;

/* What the floor above does for this one. All with the lead, but for those that say otherwise. */
struct corps__link_ops {
    /* Nothing that was under way to or from the peer comes any more: its calls fail with this. */
    void (*on_lost)(struct corps__peer *peer, enum corps_err code, const char *text);
    /* The peer may have read what was kept for it. */
    void (*on_read)(struct corps__peer *peer);
    /* The peer will be freed once every request is over that came from it. */
    void (*on_retired)(struct corps__peer *peer);
    /* Reads again what is known of the Envs of a Corps of others (foreign.h). */
    enum corps_err (*refresh)(struct corps *corps);
    /* Takes what an agent has said of a Corps that roams (far.h). */
    enum corps_err (*hear)(struct corps *corps, const struct corps__far_known *known);
    /* A link is there: sends what was waiting for it. Under tx. */
    void (*on_connected)(struct corps__peer *peer);
    /* Does what is under way wait for another link to the peer? */
    bool (*waits)(struct corps__peer *peer);
    /* Nothing counts the `count` requests any more that a peer had for Worker `conc` and that are over. */
    void (*on_counted)(uint32_t conc, uint64_t count);
    /* Something is held back that corps_flush should send within a millisecond. Any thread. */
    void (*on_held)(void);
};

/* The link floor of one runtime. */
struct corps__link_floor {
    const struct corps__link_ops *ops;

    /* Who this process is. Written before there are other threads. */
    bool is_env;
    uint64_t corps_id; /* of the own Corps; a guest has a random one */
    uint32_t env;
    uint64_t identity[2]; /* random bytes; see hello.h */
    struct corps *own;    /* an Env's Corps */

    /* known.c; the lock guards the lists. */
    pthread_mutex_t lock;
    struct corps *listed;
    struct corps *unheld; /* those that nobody holds */
    _Atomic unsigned corps_count;

    struct corps__port *ports[CORPS__ENDPOINTS_MAX]; /* port.c; with the lead */
    unsigned port_count;

    struct {
        pthread_rwlock_t lock; /* who walks reads; who adds or, with the lead, takes off writes */
        struct corps__peer *first;
        uint64_t made, freed;
    } peers;
    /* Peers whose link has gone and that requests still refer to, the one looked at longest ago first; the leader's. */
    struct {
        struct corps__peer *first, **last;
        unsigned count;
    } retired;
    _Atomic unsigned held_count; /* links that hold something back */

    void (*_Atomic read_news)(struct corps *corps); /* news.h; NULL: nobody sends any */

    struct { /* look.c; the leader's */
        uv_timer_t timer;
        bool started;
        uint64_t count;
    } look;
    struct { /* roam.c; the leader's */
        uv_timer_t timer;
        bool started;
        unsigned looks;
    } roam;
    struct { /* clocks.c; the leader's */
        uv_timer_t timer;
        bool started;
        int64_t due_ns;
    } clocks;

    /* What corps__link_floor_tend has to do. */
    _Atomic bool check_links;   /* a link is to be closed, or a peer has read */
    _Atomic bool check_unused;  /* a peer or a Corps may be freed */
    _Atomic bool check_foreign; /* a link to a Corps of others has closed */
};

/* The present runtime's. */
extern struct corps__link_floor *corps__link_floor;

/* Zeroed memory becomes a floor that knows nobody. */
void corps__link_floor_init(struct corps__link_floor *links);

/* Who this process is: its Corps (NULL in a program), the Corps' id, the Env's number (CORPS__GUEST_ENV in a program).
 */
static inline struct corps *corps__own(void) {
    return corps__link_floor->own;
}
static inline uint64_t corps__own_id(void) {
    return corps__link_floor->corps_id;
}
static inline uint32_t corps__own_env(void) {
    return corps__link_floor->env;
}
static inline bool corps__is_env(void) {
    return corps__link_floor->is_env;
}

/* Says so, before other threads are started. A guest gets a random id. */
void corps__identify(bool is_env, uint64_t corps_id, uint32_t env);

/* No clock is asked any more (clocks.h): with the lead, at the end of the process or of the runtime. */
void corps__clocks_stop(void);

/* Have the leader look for links to close and peers that have read; for peers and Corps to free; for Corps of others
 * that have ended. Any thread. */
void corps__check_links(void);
void corps__check_unused(void);
void corps__check_foreign(void);

#endif
