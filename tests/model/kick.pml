/* How the leader falls asleep and is woken: lib/wait/lead.c, reactor.c, wait.c.
 *
 * A thread that leads while it waits, and two others. Each of these brings something, and either notifies the leader's
 * waiter of it (corps__notify) or has the leader look: something is stored, then corps__kick. That is for the step (a
 * job, an alarm, a check), or for the predicate of a wait without a waiter (corps__wait_leading). Found wanting: a
 * state in which the leader sleeps for ever before it has seen both.
 *
 * Steps, as the C names them:
 *   K1 `kicked` is set                                S1 the look at `kicked`, which is cleared: before the other looks
 *   K2 the look at `sleeping`, and the eventfd        S2 the leader looks at what it may have been kicked for
 *   N1 the word becomes NOTIFIED                      S3 `sleeping` is set
 *   N2 the look at `leading`, and a kick              S4 the fence before the looks
 *   L1 `leading` is set                               S5 the looks at `kicked` and at the word
 *   L2 the word, once NOTIFIED, is WAITING again      S6 awake: `sleeping` is cleared, and the eventfd is read
 *   L3 the predicate is looked at after that
 *   L4 no sleep after a kick that was seen: the predicate is looked at first
 */

#define LEADER 0
#define OTHERS 2
#define THREADS 3
#define SLOTS 2
#define SPLIT 1

#define WORD 0
#define LEADING 1
#define KICKED 2
#define SLEEPING 3
#define BROUGHT 4 /* and 5: by each of the others, for a look or for the predicate */
#define PLACES 6

#define WAITING 0
#define NOTIFIED 2

#include "memory.pml"

#define NOTIFIES 0
#define KICKS 1 /* for what the step looks at */
#define KICKS_FOR_PREDICATE 2
byte how[OTHERS]; /* the other has chosen */
bool eventfd;

/* ---- the others ---- */

inline kick() {
#ifndef KICKED_IS_RELAXED
    store(self, KICKED, 1, STRONG); /* K1 */
#else
    store(self, KICKED, 1, RELAXED);
#endif
    load_strong(self, SLEEPING, seen); /* K2 */
    if
    :: seen ->
        exchange(self, SLEEPING, 0, seen);
        if
        :: seen -> fence(self); eventfd = true
        :: else
        fi
    :: else
    fi
}

proctype other(byte self) {
    byte seen;
    if
    :: how[self - 1] == NOTIFIES ->
        store(self, BROUGHT + self - 1, 1, RELAXED);
        exchange(self, WORD, NOTIFIED, seen); /* N1 */
        load_strong(self, LEADING, seen); /* N2 */
        if
        :: seen -> kick()
        :: else
        fi
    :: else ->
        store(self, BROUGHT + self - 1, 1, RELEASE);
        kick()
    fi
}

/* ---- the leader ---- */

/* The predicate, which knows of what was notified, and of what it was kicked for. */
inline look_at_predicate() {
    n = 0;
    do
    :: n < OTHERS ->
        if
        :: how[n] != KICKS && !found[n] -> load(LEADER, BROUGHT + n, found[n])
        :: else
        fi;
        n++
    :: else -> break
    od;
    n = 0
}

/* Jobs, alarms, checks. */
inline look_around() {
    n = 0;
    do
    :: n < OTHERS ->
        if
        :: how[n] == KICKS && !found[n] -> load(LEADER, BROUGHT + n, found[n])
        :: else
        fi;
        n++
    :: else -> break
    od;
    n = 0
}

#define IS_DONE (found[0] && found[1])

proctype leader() {
    byte seen, n;
    byte found[OTHERS];
    bool called, rung, kicked;
    store(LEADER, LEADING, 1, STRONG); /* L1 */
    do
    :: look_at_predicate();
        if
        :: IS_DONE -> break
        :: else
        fi;
        load(LEADER, WORD, seen);
        if
        :: seen != WAITING ->
#ifdef WORD_IS_STORED
            store(LEADER, WORD, WAITING, STRONG);
#else
            exchange(LEADER, WORD, WAITING, seen); /* L2 */
#endif
#ifndef NO_LOOK_AFTER_WAITING
            look_at_predicate(); /* L3 */
            if
            :: IS_DONE -> break
            :: else
            fi
#endif
        :: else
        fi;
        /* corps__reactor_step */
#ifndef CLEARED_AFTER_LOOK
        load(LEADER, KICKED, seen);
        if
        :: seen ->
#ifdef KICKED_IS_STORED
            store(LEADER, KICKED, 0, STRONG)
#else
            exchange(LEADER, KICKED, 0, seen) /* S1 */
#endif
            ;
            kicked = true
        :: else
        fi;
        look_around(); /* S2 */
#else
        look_around();
        load(LEADER, KICKED, seen);
        if
        :: seen -> exchange(LEADER, KICKED, 0, seen)
        :: else
        fi;
#endif
        if
        :: IS_DONE -> break /* there is nothing more to come */
        :: else
        fi;
#ifndef SLEEPS_AFTER_KICK
        if
        :: kicked -> goto stepped /* L4 */
        :: else
        fi;
#endif
        /* sleep_once */
        store(LEADER, SLEEPING, 1, RELAXED); /* S3 */
#ifndef NO_FENCE_BEFORE_SLEEP
        fence(LEADER); /* S4 */
#endif
        called = false;
#ifndef NO_LOOK_AT_KICKED
        load(LEADER, KICKED, seen); /* S5 */
        called = seen;
#endif
#ifndef NO_LOOK_AT_WORD
        load(LEADER, WORD, seen);
        called = called || seen == NOTIFIED;
#endif
        rung = false;
        if
        :: called
        :: else -> eventfd -> rung = true
        fi;
        store(LEADER, SLEEPING, 0, STRONG); /* S6 */
        if
        :: rung -> eventfd = false
        :: else
        fi;
stepped:
        kicked = false;
        called = false;
        rung = false;
        seen = 0
    od
}

init {
    atomic {
        if
        :: how[0] = NOTIFIES
        :: how[0] = KICKS
        :: how[0] = KICKS_FOR_PREDICATE
        fi;
        if
        :: how[1] = NOTIFIES
        :: how[1] = KICKS
        :: how[1] = KICKS_FOR_PREDICATE
        fi;
        run memory_of(0);
        run memory_of(1);
        run memory_of(2);
        run leader();
        run other(1);
        run other(2)
    }
}
