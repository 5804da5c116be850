/* How the threads of the pool go idle and are woken: lib/actor/thread_pool.c, over lib/wait/reactor.c.
 *
 * Two pool threads, of which one may be in a method all the time; a thread of somebody else's, which makes a task runnable
 * and then leads, for a moment or until both tasks were run; and a message, for which whoever polls makes another task
 * runnable. Found wanting: a state in which all sleep before both tasks were run. There is no monitor here: what it mends
 * it mends late, so threads are woken without it, but for methods that take long.
 *
 * Steps, as the C names them:
 *   P1 a task is counted as runnable               I1 the leader says that it idles
 *   P2 nobody parks and the leader idles? a kick   I2 it looks at what is runnable, last when it has said that it sleeps
 *   P3 a parked thread is woken                    I3 it idles no more, then the lead is free
 *   V1 the lead was left free: a thread is woken   I4 it looks at what is runnable
 *   B1 under the lock: is nothing runnable?        B2 is the lead taken?
 *   B3 the thread is listed, and parks
 */

#define POOL_THREADS 2
#define OTHER 2
#define THREADS 3
#define TASKS 2
#define SLOTS 1
#define SPLIT 0

#define RUNNABLE 0
#define IDLE 1
#define IDLE_COUNT 2
#define LEAD 3
#define KICKED 4
#define SLEEPING 5
#define WORD 6 /* and 7 */
#define PLACES 8

#define WAITING 0
#define PARKED 1
#define NOTIFIED 2

#include "memory.pml"

bool locked; /* it guards: */
byte idle[POOL_THREADS]; /* their numbers, each plus one; the latest first */

bool message;
bool eventfd;
bool asleep[POOL_THREADS]; /* in the kernel */
byte ran;

inline kick(self) {
    store(self, KICKED, 1, STRONG);
    load_strong(self, SLEEPING, seen);
    if
    :: seen ->
        exchange(self, SLEEPING, 0, seen);
        if
        :: seen -> fence(self); eventfd = true
        :: else
        fi
    :: else
    fi;
    seen = 0
}

/* corps__thread_pool_wake_one */
inline wake_one(self) {
    load_strong(self, IDLE_COUNT, seen);
    if
    :: seen == 0 -> load_strong(self, IDLE, seen)
    :: else -> seen = 0
    fi;
    if
    :: seen -> kick(self) /* P2 */
    :: else ->
        lock(locked);
        worker = idle[0];
        if
        :: worker > 0 ->
            idle[0] = idle[1];
            idle[1] = 0;
            add(self, IDLE_COUNT, -1);
            exchange(self, WORD + worker - 1, NOTIFIED, seen); /* P3 */
            if
            :: seen == PARKED -> fence(self); asleep[worker - 1] = false
            :: else
            fi
        :: else ->
            load_strong(self, IDLE, seen);
            if
            :: seen -> kick(self)
            :: else
            fi
        fi;
        worker = 0;
        unlock(self, locked)
    fi;
    seen = 0
}

inline lead_try(self) {
    compare_exchange(self, LEAD, 0, 1, taken)
}

/* Nobody waits but the pool's threads. */
inline lead_release(self) {
    store(self, LEAD, 0, STRONG)
}

/* ---- a pool thread ---- */

inline take_message(self) {
    if
    :: message -> message = false; add(self, RUNNABLE, 1) /* it will run the task itself */
    :: else
    fi
}

inline sleep_once(self) {
    store(self, SLEEPING, 1, RELAXED);
    fence(self);
    load(self, KICKED, seen);
    called = seen;
#ifndef NO_LOOK_BEFORE_SLEEP
    load(self, RUNNABLE, seen); /* I2 */
    called = called || seen > 0;
#endif
    seen = 0;
#ifdef IDLES_LATE
    store(self, IDLE, 1, STRONG);
#endif
    if
    :: called -> called = false
    :: else ->
end_of_leader:
        eventfd || message
    fi;
    store(self, SLEEPING, 0, STRONG);
    eventfd = false
}

inline lead_idle(self) {
#ifndef IDLES_LATE
    store(self, IDLE, 1, STRONG); /* I1 */
#endif
    do
    :: load(self, RUNNABLE, seen);
        if
        :: seen > 0 -> break
        :: else
        fi;
        load(self, KICKED, seen);
        if
        :: seen -> exchange(self, KICKED, 0, seen)
        :: else
        fi;
        seen = 0;
        sleep_once(self);
        take_message(self)
    od;
    seen = 0;
    store(self, IDLE, 0, RELEASE); /* I3 */
    lead_release(self)
}

/* corps__park, and what is around it */
inline park_idle(self) {
    lock(locked);
    seen = 0;
#ifndef NO_LOOK_AT_RUNNABLE
    load_strong(self, RUNNABLE, seen); /* B1 */
#endif
#ifndef NO_LOOK_AT_LEAD
    if
    :: seen == 0 -> load_strong(self, LEAD, seen); seen = !seen /* B2 */
    :: else
    fi;
#endif
    if
    :: seen > 0 -> unlock(self, locked)
    :: else ->
        idle[1] = idle[0]; /* B3 */
        idle[0] = self + 1;
        add(self, IDLE_COUNT, 1);
        unlock(self, locked);
        compare_exchange(self, WORD + self, WAITING, PARKED, taken);
        do
        :: taken ->
            load_strong(self, WORD + self, seen);
            if
            :: seen != PARKED -> break
            :: else
            fi;
            fence(self);
            atomic { asleep[self] = memory[WORD + self] == PARKED }
end_of_parked:
            !asleep[self]
        :: else -> break
        od;
        taken = false;
        exchange(self, WORD + self, WAITING, seen);
        lock(locked); /* whether somebody has taken it off the list: nobody else wakes it here */
        unlock(self, locked)
    fi;
    seen = 0
}

proctype pool_thread(byte self) {
    byte seen;
    bool taken, called;
    if
    :: self > 0 ->
end_of_busy:
        false /* it runs a method that takes long */
    :: skip
    fi;
    do
    :: load_strong(self, RUNNABLE, seen); /* I4 */
        if
        :: seen > 0 ->
            /* A queue's lock is around that: somebody else may have been quicker. */
            atomic {
                buffer[self].count == 0 && !held[RUNNABLE];
                if
                :: memory[RUNNABLE] > 0 -> add(self, RUNNABLE, -1); ran++
                :: else
                fi
            }
        :: else ->
            lead_try(self);
            if
            :: taken -> taken = false; lead_idle(self)
            :: else -> park_idle(self)
            fi
        fi;
        seen = 0
    od
}

/* ---- somebody else's ---- */

inline push(self) {
#ifndef COUNTED_LATE
    add(self, RUNNABLE, 1); /* P1 */
    wake_one(self)
#else
    wake_one(self);
    add(self, RUNNABLE, 1)
#endif
}

inline lead(self) {
    lead_try(self);
    if
    :: taken ->
        do
        :: message -> message = false; push(self)
        :: hurries || ran == TASKS -> break
        od;
        lead_release(self);
#ifndef NOT_HANDED_ON
        wake_one(self) /* V1 */
#endif
    :: else
    fi;
    taken = false
}

proctype other() {
    byte seen, worker;
    bool taken, hurries;
    if
    :: hurries = true
    :: skip
    fi;
    push(OTHER);
    lead(OTHER)
}

proctype network() {
    message = true
}

proctype finale() {
    timeout;
    assert(ran == TASKS)
}

init {
    atomic {
        run memory_of(0);
        run memory_of(1);
        run memory_of(2);
        run pool_thread(0);
        run pool_thread(1);
        run other();
        run network();
        run finale()
    }
}
