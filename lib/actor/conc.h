/* Concs: Workers with a mailbox, one request at a time.
 *
 * States: IDLE → QUEUED (something is in the mailbox, a run queue holds it) → RUNNING (a thread has claimed it) → IDLE.
 * Whoever puts a message into the mailbox of an IDLE Conc moves it to QUEUED and pushes it to a run queue; whoever
 * claims it runs its messages. A thread may claim a QUEUED Conc without taking it out of its run queue (a waiter that
 * runs the Conc it waits for): the old entry stays, `in_queue` says so, and serves when the Conc is queued again.
 *
 * The mailbox is an endpoint of the `queue` transport, which carries messages by reference.
 */
#ifndef CORPS_CONC_H
#define CORPS_CONC_H

#include "actor/batch.h"
#include "actor/scheduler.h"
#include "wait/runtime.h"

enum { CORPS__IDLE, CORPS__QUEUED, CORPS__RUNNING };

struct corps__conc {
    _Atomic int state;
    _Atomic bool in_queue;
    bool alive; /* init has succeeded and cleanup has not run; only the running thread looks */
    uint32_t id;
    struct corps__conc *run_next;
    const struct corps_class *class;
    const char *class_name;            /* as it was asked for; lives as long as the Conc */
    _Atomic uint32_t local_count;      /* requests of this Env in the mailbox */
    uint64_t sender;                   /* the number of the peer whose request without reply came last … */
    struct corps__route *sender_route; /* … and its route; the running thread's */
    unsigned deferred_count;           /* requests that were put aside, see defer.h; the running thread's */
    struct corps_name *_Atomic name;
    struct corps_endpoint *mailbox;
    struct corps_link *inbox;
    void *self;
};

/* What a method is told about its request. On the stack of the thread that runs it. */
struct corps_context {
    struct corps__conc *conc;
    struct corps__stream stream; /* what the method has sent last */
    const char *sent_text;       /* a method's name, as it was given for the last request */
    const struct corps__symbol *sent_method;
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

/* Where the thread that runs the Conc keeps what concerns a peer that calls it. NULL when out of memory. */
struct corps__route *corps__conc_route(struct corps__conc *conc, struct corps__peer *peer);

/* The context of the calling thread's innermost method, NULL outside methods. */
struct corps_context *corps__context(void);

/* What the running method sends next comes after all that it has sent, and after what others send meanwhile. */
void corps__context_end_stream(void);

/* Makes a Conc and queues its INIT (argument: `box`, one reference is added); without an init it lives at once, and the
 * group counts it, where that has others to wait for. Errors: UNKNOWN, NO_MEMORY, LIMIT. */
enum corps_err corps__conc_create(const struct corps_class *class, const char *class_name, size_t class_bytes,
                                  struct corps_box *box, struct corps__group *group,
                                  struct corps__conc **conc) CORPS_CHECKED;

/* The Conc with this number, NULL when there is none. */
struct corps__conc *corps__conc_find(uint32_t id);
uint32_t corps__conc_count(void); /* numbers 0 … count − 1 have been given */

const struct corps_class *corps__class_find(const char *name, size_t bytes);

/* Puts mail into the mailbox and makes the Conc runnable. Takes it. Any thread. */
void corps__conc_post(struct corps__conc *conc, struct corps__mail *mail, enum corps__push how);

/* QUEUED → RUNNING, for this thread. */
bool corps__conc_claim(struct corps__conc *conc);
bool corps__conc_is_queued(const struct corps__conc *conc);

/* IDLE → RUNNING, for this thread, which has a message for it; has it others in its mailbox? */
bool corps__conc_begin(struct corps__conc *conc);
bool corps__conc_has_mail(struct corps__conc *conc);

/* Is a method of this Conc on the calling thread's stack? */
bool corps__conc_is_mine(const struct corps__conc *conc);

/* Runs messages of a claimed Conc, those of the list `first` before those in the mailbox, until there is none, a batch
 * is over, or stop(arg) (may be NULL). Takes the list. */
void corps__conc_run(struct corps__conc *conc, struct corps_node *first, bool (*stop)(void *arg), void *arg);

/* Waits until the mailbox has room for one more request of this Env. Errors: FULL (TRY, or for itself), TIMEOUT, LIMIT.
 */
enum corps_err corps__conc_room(struct corps__conc *conc, bool try_only, int64_t deadline_ns) CORPS_CHECKED;

/* Reserves room for a stream of requests, if there is plenty: for how many, or 0. Counting each apart would have the
 * count's line go to and fro between two processors. */
uint32_t corps__conc_room_ahead(struct corps__conc *conc);

/* So many requests of this Env have left the mailbox, or do not come. */
void corps__conc_leave_room(struct corps__conc *conc, uint32_t count);

/* reply.c: answers a request, by Future or by frame; frees the message. */
void corps__reply(struct corps__message *message, const struct corps__conc *conc, struct corps_box *args_box,
                  const struct corps_value *result);
void corps__reply_failure(struct corps__message *message, const struct corps__conc *conc, enum corps_err code,
                          const char *type, const char *text);
void corps__reply_failed(struct corps__message *message, const struct corps__conc *conc,
                         const struct corps_error_info *info);

/* Refuses a request for which there is no message, and gives its room back. With the lead: never waits. Errors:
 * PROTOCOL (the peer reads no answers), NO_MEMORY. */
enum corps_err corps__refuse(struct corps__peer *peer, const struct corps__header *request, size_t charge_bytes,
                             enum corps_err code, const char *text) CORPS_CHECKED;

/* manager.c: the class of Conc 0. */
extern const struct corps_class corps__manager_class;

#endif
