/* Concs: Workers with a mailbox, one request at a time.
 *
 * A Conc is a task (runq.h): QUEUED while something is in its mailbox, RUNNING while a thread has claimed it. Whoever
 * puts mail into the mailbox of an IDLE Conc queues it; whoever claims it runs its messages (run.h).
 *
 * The mailbox is an endpoint of a transport that carries messages by reference.
 */
#ifndef CORPS_CONC_H
#define CORPS_CONC_H

#include "actor/message.h"
#include "actor/state.h"
#include "base/hot.h"

#define CORPS__MANAGER 0u    /* Conc 0 of every Env makes and ends Concs */
#define CORPS__FRONT_CONC 1u /* the first Conc made in Env 0: the Corps' own, if it has one */

struct corps__cancel;
struct corps__cancel_watch;
struct corps__group;
struct corps__keep;
struct corps__once;
struct corps__open_batch;
struct corps__timing;
struct corps_home;
struct corps_name;

/* What few Concs have: made when something is put into it first, and then as long-lived as the Conc. */
struct corps__rare {
    struct corps_home *_Atomic home;  /* NULL: any thread runs it */
    struct corps_name *_Atomic name;  /* its own, once it has asked */
    const char *class_name;           /* NULL: its class's; as it was asked for otherwise. Its malloc's */
    int64_t stuck_ns;                 /* how long a method may run, see stuck.h; 0: for ever. Of the running thread */
    struct corps__keep *_Atomic keep; /* NULL: its state was not kept yet, see checkpoint.h. Its malloc's */
    struct corps__once *once;         /* with `keep`: answers that are kept with the state, see once.h; the running
                                         thread's */
    char *tag;                        /* NULL: none. Its malloc's; under the lock of the table */
    struct corps__cancel *cancelled;  /* under the lock of cancel.c */
    struct corps__timing *_Atomic timing; /* NULL: nothing was timed */
    _Atomic uint64_t failed;              /* requests that were answered by an error, or refused */
    _Atomic uint32_t restarted;
};

/* A Conc, its mailbox and eight bytes of the user's take three cache lines. */
struct corps__conc {
    struct corps__task task; /* first */
    bool alive : 1;          /* init has succeeded and cleanup has not run; only the running thread looks */
    bool keeps : 1;          /* what it knows is kept, by itself or on demand; likewise */
    bool leaving : 1;        /* it moves away as soon as what was put aside has run; likewise */
    bool away : 1;           /* it was alive when it moved away, and its cleanup has not run; likewise */
    bool is_probed : 1;      /* somebody may ask whether it has anything to do; likewise */
    bool hooked : 1;         /* its class has something around each request */
    _Atomic uint8_t down;    /* it is to be made again: what comes for it waits, see broken.h; 0: it is not */
    _Atomic bool lost;       /* it will not be made again, and broken.h knows why */
    _Atomic bool moved;      /* it takes no more requests: see corps__conc_move_away */
    _Atomic uint8_t life;    /* how often it was made again */
    _Atomic bool cancels;    /* some request was given up: see cancel.h */
    _Atomic bool times_all;  /* every request is timed, see timing.h */
    _Atomic bool ended;      /* cleanup has run, and it was not made again since */
    _Atomic bool serves;     /* `alive`, for other threads: who looks for Workers finds this one */
    uint16_t self_at;        /* where the user's memory begins */
    uint32_t id;
    _Atomic uint32_t local_count; /* requests of this Env in the mailbox */
    unsigned deferred_count;      /* requests that were put aside, see defer.h; the running thread's */
    _Atomic uint32_t held_count;  /* requests whose replies were put off, of those that were counted (is_probed) */
    uint32_t over; /* requests of others that came on links which are gone (modulo 2^32), see workers.c; the leader's */
    const struct corps_class *class;
    const struct corps__rare *_Atomic rare; /* corps__rare_none: nothing */
    struct corps_link *inbox;
    uint64_t sender;                     /* the number of the peer whose request without reply came last … */
    struct corps__route *sender_route;   /* … and its route; the running thread's */
    struct corps__cancel_watch *watches; /* under the lock of cancel.c */
    _Atomic uint64_t begun[2]; /* requests whose turn has come, of this Env and of others; the running thread's. On a
                                  line that who sends to the Conc does not look at */
};

/* The mailbox is behind the Conc, and the user's memory behind that. */
static inline struct corps_endpoint *corps__conc_mailbox(const struct corps__conc *conc) {
    return (struct corps_endpoint *)(uintptr_t)(conc + 1);
}
static inline void *corps__conc_self(const struct corps__conc *conc) {
    return (char *)(uintptr_t)conc + conc->self_at;
}

/* What few Concs have, to look at; to be written to, NULL when out of memory. Any thread. */
extern const struct corps__rare corps__rare_none;
static inline const struct corps__rare *corps__rare(const struct corps__conc *conc) {
    return atomic_load_explicit(&conc->rare, memory_order_acquire); /* pairs with corps__rare_make */
}
struct corps__rare *corps__rare_make(const struct corps__conc *conc);

/* The name of its class as it was asked for; lives as long as the Conc. */
const char *corps__conc_class(const struct corps__conc *conc);

/* What a method is told about its request. On the stack of the thread that runs it. */
struct corps_context {
    struct corps__conc *conc;
    struct corps__burst burst;       /* what the method has sent last */
    struct corps__route *sent_route; /* where the last request without reply to another Env went … */
    unsigned sent_in_row;            /* … and how many did, without another in between */
    struct corps__open_batch *open;  /* for those that follow; NULL: none */
    const char *sent_text;           /* a method's name, as it was given for the last request */
    const struct corps__symbol *sent_method;
    int64_t deadline_ns; /* the request's, 0: none; the message may be another thread's once the reply was put off */
    uint64_t chain;      /* likewise: its number above, its span below; 0: none. See chain.h */
    struct corps__message *message;
    const struct corps_value *args; /* lies in `box`, in `batch`, or in the message */
    struct corps_box *box;
    struct corps__batch *batch;
    struct corps_box *scratch; /* corps_context_alloc's */
    bool held;
    struct corps__failure *failure; /* what the method said by corps_fail */
    unsigned depth;                 /* how many methods run on this thread's stack below this one */
    struct corps_context *outer;    /* the method on whose waiting stack this one runs */
};

enum { CORPS__NESTED_MAX = 16 }; /* methods on one thread's stack; deeper ones get threads of their own */

/* The context of the thread's innermost method, NULL outside methods; run.c sets it. */
extern CORPS__HOT_THREAD_LOCAL struct corps_context *corps__innermost;
static inline struct corps_context *corps__context(void) {
    return corps__innermost;
}

/* What calls on this thread belong to while no method runs on it: corps_chain_enter's. 0: they begin chains. */
extern CORPS__HOT_THREAD_LOCAL uint64_t corps__chained;

/* The same for the Python module, which has no thread-local variable of the library's. */
CORPS_API struct corps_context *corps__context_here(void);

/* Is a method of this Conc on the calling thread's stack? */
bool corps__conc_is_mine(const struct corps__conc *conc);

/* Makes a Conc and queues its INIT (argument: `box`, one reference is added). Without an init it lives at once, and the
 * group counts it, unless that would end the group. Errors: INVALID (its class's name), LIMIT, NO_MEMORY, and of the
 * mailbox's transport. */
enum corps_err corps__conc_create(const struct corps_class *class, const char *class_name, size_t class_bytes,
                                  struct corps_box *box, struct corps__group *group,
                                  struct corps__conc **conc) CORPS_CHECKED;

/* The same for a Conc that there was before, under the number that it had: one below those that are given now. */
enum corps_err corps__conc_create_again(uint32_t id, const struct corps_class *class, const char *class_name,
                                        size_t class_bytes, struct corps_box *box, struct corps__group *group,
                                        struct corps__conc **conc) CORPS_CHECKED;

/* Numbers are given from `first` on (a multiple of CORPS__CONC_PAGE; lower ones were given by an earlier process, and
 * are never used for another Conc). Before one of a new page is given, `on_bound` is told the end of that page; it may
 * be called by any thread and must not create Concs. Once, while there is one Conc. */
void corps__conc_numbers_begin(uint32_t first, void (*on_bound)(uint32_t bound));

/* Of a later life of a Corps, before there are other threads: numbers from one page's up to this (a multiple of
 * CORPS__CONC_PAGE, which is at least one) were given in earlier ones, so that none is given twice. Errors: LIMIT. */
enum corps_err corps__conc_numbers_after(uint32_t first) CORPS_CHECKED;

/* The Conc with this number, NULL when there is none. */
struct corps__conc *corps__conc_find(uint32_t id);
uint32_t corps__conc_count(void); /* numbers 0 … count − 1 have been given */

/* For walking along them: the lowest number from `id` on, and the highest up to `id`, that may be one's of this
 * process. */
uint32_t corps__conc_number_next(uint32_t id);
uint32_t corps__conc_number_previous(uint32_t id);

/* Its tag, for who looks for Workers (NULL: none). Setting copies. Getting gives a copy that the caller frees, NULL
 * where there is none or no memory. Any thread. Errors: NO_MEMORY. */
enum corps_err corps__conc_tag_set(struct corps__conc *conc, const char *tag) CORPS_CHECKED;
char *corps__conc_tag(struct corps__conc *conc);

/* Puts mail into the mailbox and makes the Conc runnable. Takes it. Any thread. */
void corps__conc_post(struct corps__conc *conc, struct corps__mail *mail, enum corps__push how);

/* The Conc becomes runnable, if it is not. Any thread. */
void corps__conc_wake(struct corps__conc *conc, enum corps__push how);

/* The next mail, NULL when there is none; and whether there is any. By the thread that runs the Conc. */
struct corps_node *corps__conc_next(struct corps__conc *conc);
bool corps__conc_has_mail(struct corps__conc *conc);

/* Waits until the mailbox has room for one more request of this Env. Errors: FULL (TRY, or for itself), TIMEOUT, LIMIT.
 */
enum corps_err corps__conc_room(struct corps__conc *conc, bool try_only, int64_t deadline_ns) CORPS_CHECKED;

/* Reserves room for a stream of requests, if there is plenty: for how many, or 0. Counting each apart would have the
 * count's line go to and fro between two processors. */
uint32_t corps__conc_room_ahead(struct corps__conc *conc);

/* How many requests of a burst reserve, and give back, their room at once. */
uint32_t corps__conc_room_step(void);

/* So many requests of this Env have left the mailbox, or do not come. */
void corps__conc_leave_room(struct corps__conc *conc, uint32_t count);

/* A request's turn has come; by the thread that runs the Conc. */
static inline void corps__conc_begins(struct corps__conc *conc, bool is_remote) {
    uint64_t before = atomic_load_explicit(&conc->begun[is_remote], memory_order_relaxed); /* there is one writer */
    atomic_store_explicit(&conc->begun[is_remote], before + 1, memory_order_relaxed);
}

/* So many requests of other Envs for it are counted nowhere else any more, and are over. With the lead. */
void corps__conc_count_over(uint32_t id, uint64_t count);

/* It has failed: counts that, if there is memory for it. Any thread; not often. */
void corps__conc_fails(const struct corps__conc *conc);

/* With the end of the runtime: frees all of them, which have ended and whose mailboxes are empty. */
void corps__concs_free(void);

/* In the child of a fork: no method runs, and locks that others held are free again. */
void corps__conc_forked(void);

#endif
