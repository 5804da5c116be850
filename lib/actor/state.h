/* The state of the actor floor. */
#ifndef CORPS_ACTOR_STATE_H
#define CORPS_ACTOR_STATE_H

#include "actor/thread_pool.h"
#include "wait/wait.h"

struct corps__answers;
struct corps__batch;
struct corps__broken;
struct corps__conc;
struct corps__conc_piece;
struct corps__grant;
struct corps__keep_ops;
struct corps__long_wait;
struct corps__timers_ops;
struct corps_timer;
struct corps__message;
struct corps__outgoing;
struct corps__peer;
struct corps__pool_view;
struct corps__probed;

enum { CORPS__CONC_PAGE = 1024, CORPS__CONC_PAGES = 16384 };

/* What was sent last, by a method or by the leader: where to, and the batch that was begun for it; see burst.h. */
struct corps__burst {
    struct corps__conc *to;
    uint32_t id;                /* its own, which is not looked up where others write */
    struct corps__batch *batch; /* NULL: none yet */
    uint32_t room;              /* reserved in the mailbox and not used yet */
};

/* What others have done to the timers, once there was one (timers.h). */
struct corps__timers_ops {
    void (*conc_ended)(uint32_t conc); /* not with the lead */
    void (*forked)(void);
    void (*empty)(void); /* with the end of the runtime */
};

struct corps__timers {
    pthread_mutex_t lock;
    const struct corps__timers_ops *_Atomic ops; /* NULL: there was none yet */
    struct corps_timer *first;
    struct corps_timer *due, **last_due; /* what is to be attended to … */
    bool asked;                          /* … and who does that knows */
    struct corps_name *conc;             /* an Env's "corps timers" */
    struct corps__alarms alarms;         /* a program's, and what its thread waits by */
    struct corps__waiter waiter;
    bool has_thread;
    _Atomic int busy;
};

/* The actor floor of one runtime. */
struct corps__actors {
    struct corps__thread_pool pool;
    const struct corps_class *const *classes;
    struct corps__classes_copy *classes_copy; /* the latest, where they had to be copied */
    char classes_error[256];                  /* why there are none, "" */
    const struct corps_class *builtin;        /* the core's own, see corps__class_builtin_set */

    /* Concs by number. Pages are added and never moved, so that looking up needs no lock. The first page is that of the
     * lowest numbers, the others are those behind `base` pages. */
    struct {
        pthread_mutex_t lock;
        uint32_t base; /* written before there are other threads */
        struct corps__conc *_Atomic *_Atomic pages[CORPS__CONC_PAGES];
        _Atomic uint32_t count;
        uint32_t bound;                   /* numbers from here on are told of before one is given … */
        void (*on_bound)(uint32_t bound); /* … by this, if anybody is to know */
        struct corps__conc_piece *pieces; /* their memory, the latest first … */
        char *at, *end;                   /* … and what is left of that */
    } concs;
    _Atomic bool leaves;                /* this Env is being taken from its Corps: see broken.h … */
    _Atomic bool moves;                 /* … or ends here, to be started again on another host */
    struct corps__waitlist room;        /* for room in mailboxes */
    const struct corps__keep_ops *keep; /* what is done with checkpoints; NULL: none are kept */
    void (*keep_answer)(const struct corps__conc *conc, const struct corps__message *message,
                        const struct corps__outgoing *out); /* corps__checkpoint_answer */
    bool keeps_all;                 /* … of all Concs; else of those that may be made again by themselves */
    struct corps__answers *answers; /* answers.h; NULL: no retry call has come */

    struct {
        pthread_mutex_t lock;
        struct corps__broken *first;
        void (*stopped)(uint32_t conc, bool failed, const char *how); /* NULL: nobody makes Concs again */
    } broken;                                                         /* see broken.h */

    struct {
        pthread_mutex_t lock;
        struct corps__pool_view *first;
    } pool_views; /* see pool_view.h */

    struct {
        pthread_mutex_t lock;
        struct corps__probed *first;
    } probes; /* see probe.h */

    struct {
        pthread_mutex_t lock; /* also keeps what a listed wait points to alive */
        struct corps__long_wait *first;
    } waits;

    struct corps__timers timers;
    _Atomic bool ending; /* the Corps of this Env ends: Concs that have ended are no news */

    /* The mailbox batch that the leader adds to, and what its entries have in common: kept here, since the Conc that
     * runs them writes to its own lines and the batch's. Guarded by the lead. */
    struct corps__burst burst;
    struct {
        struct corps__peer *from;
        struct corps__grant *grant;
        uint32_t destination;
        uint8_t serializer; /* an accepted one */
    } burst_of;
};

/* The present runtime's. */
extern struct corps__actors *corps__actors;

/* Zeroed memory becomes a floor without Workers. */
void corps__actors_init(struct corps__actors *actors);

#endif
