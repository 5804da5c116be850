/* What this process knows of a pool: one view for all Names of it, held by those that were called by.
 *
 * It has the table of members (link/replicas.h), when that was asked for and for how long from then on it may be used,
 * and a question for the next one that is under way. Who calls looks at it; nobody else works for it: no thread, no
 * timer.
 *
 * Threads: any; what changes does so under the view's lock, which nobody keeps for longer than a few instructions.
 */
#ifndef CORPS_POOL_VIEW_H
#define CORPS_POOL_VIEW_H

#include "link/replicas.h"

#include <pthread.h>

struct corps_future;

/* A question for a table. */
struct corps__members_question {
    struct corps_future *future;   /* one reference; NULL: none is under way */
    struct corps__replicas *known; /* what was known when it was asked, NULL: nothing; one reference */
    int64_t asked_ns;
};

struct corps__pool_view {
    struct corps__held held; /* first */
    struct corps__pool_view *next;
    unsigned refs; /* these two under the lock of the list */
    uint64_t corps_id;
    struct corps_name *own;        /* of the pool's own Conc, as a Worker; it holds the Corps */
    const char *class_name;        /* of the members; lies in `own` */
    _Atomic uint64_t random;       /* so many choices, and where they began */
    pthread_mutex_t lock;          /* what follows */
    struct corps__replicas *table; /* NULL: none yet; one reference */
    int64_t asked_ns, valid_ns;    /* of the table */
    struct corps__members_question question;
    bool asking;       /* a thread is about to put it there */
    int64_t ask_at_ns; /* no sooner, where the last one could not be sent */
};

/* The view of a pool's Name, which holds it from now on. Errors: NO_MEMORY, and of the system's random numbers. */
enum corps_err corps__pool_view_of(const struct corps_name *pool, struct corps__pool_view **view) CORPS_CHECKED;

/* What one look at a view finds. */
struct corps__pool_look {
    struct corps__replicas *table;           /* one reference; NULL: there is none, or it is too old */
    int64_t until_ns;                        /* it may be used */
    struct corps__members_question answered; /* its answer is here: take it (the caller ends it), and look again */
    bool should_ask;                         /* this thread, now; then corps__pool_view_asked must follow */
};

/* `waits`: the caller asks for itself, and waits, if there is no table. */
void corps__pool_view_look(struct corps__pool_view *view, int64_t now_ns, bool waits, struct corps__pool_look *look);

/* The table, however old: one reference; NULL when there is none. */
struct corps__replicas *corps__pool_view_table(struct corps__pool_view *view);

/* It has asked: takes what is in `question`. Or (its Future is NULL) it could not just now. */
void corps__pool_view_asked(struct corps__pool_view *view, const struct corps__members_question *question,
                            int64_t now_ns);

/* An answer to a question asked at `asked_ns`; borrows the table. An older one than what is there changes nothing. */
void corps__pool_view_put(struct corps__pool_view *view, struct corps__replicas *table, int64_t asked_ns,
                          int64_t valid_ns);

/* Any number. */
uint64_t corps__pool_view_random(struct corps__pool_view *view);

/* How many views there are; for tests. */
unsigned corps__pool_views_count(void);

/* In the child of a fork: locks that others held are free again, and questions under way have failed. */
void corps__pool_views_forked(void);

#endif
