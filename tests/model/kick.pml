/* How the leader falls asleep and is woken: lib/wait/lead.c, reactor.c, wait.c.
 *
 * A thread that leads while it waits, and two others. Each of these brings something, and either notifies the leader's
 * waiter of it (corps__notify) or has the leader look: something is stored, then corps__kick. That is for the step (a
 * job, an alarm, a check, what the watchman has found), or for the predicate of a wait without a waiter
 * (corps__wait_leading). The leader sleeps on descriptors, or on a word of memory that may go as soon as it is awake. Found
 * wanting: a state in which the leader sleeps for ever before it has seen both, and a write to a word that has gone.
 *
 * Steps, as the C names them:
 *   K1 `kicked` is set                                S1 the look at `kicked`, which is cleared: before the other looks
 *   K2 the look at `sleeping`                         S2 the leader looks at what it may have been kicked for
 *   K3 who is going to ring counts itself             S3 `sleeping` is set, after where the word is
 *   K4 the eventfd, or the word where that still is   S4 the fence before the looks
 *   N1 the word becomes NOTIFIED                      S5 the looks at `kicked` and at the word
 *   N2 the look at `leading`, and a kick              S6 awake: `sleeping` is cleared, and the eventfd is read
 *   L1 `leading` is set                               S7 the look whether somebody rings: then the word is no more
 *   L2 the word, once NOTIFIED, is WAITING again
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
#define ASLEEP 6  /* the word to sleep on, … */
#define AT 7      /* … and that it is there */
#define RINGING 8
#define PLACES 9

#define ON_DESCRIPTORS 1 /* values of `sleeping` */
#define ON_WORD 2
#define SPURIOUS 1 /* wake-ups by the peer whose word it is */

#define WAITING 0
#define NOTIFIED 2

#include "memory.pml"

#define NOTIFIES 0
#define KICKS 1 /* for what the step looks at */
#define KICKS_FOR_PREDICATE 2
byte how[OTHERS]; /* the other has chosen */
bool eventfd;
bool waits;   /* the leader sleeps in FUTEX_WAIT */
bool mapped;  /* the word's memory is there */
bool locked;  /* word.lock */

/* ---- the others ---- */

inline ring_word() {
    lock(locked);
    load(self, AT, seen);
    if
    :: seen ->
        assert(mapped);
#ifndef WORD_IS_NOT_CHANGED
        store(self, ASLEEP, 0, STRONG)
#endif
    :: else
    fi;
    fence(self);
    assert(!seen || mapped);
    unlock(self, locked);
    if
    :: seen -> waits = false
    :: else
    fi
}

inline kick() {
#ifndef KICKED_IS_RELAXED
    store(self, KICKED, 1, STRONG); /* K1 */
#else
    store(self, KICKED, 1, RELAXED);
#endif
    load_strong(self, SLEEPING, seen); /* K2 */
    if
    :: seen ->
#ifndef NOT_COUNTED
        add(self, RINGING, 1); /* K3 */
#endif
        exchange(self, SLEEPING, 0, seen);
        if
        :: seen == ON_DESCRIPTORS -> fence(self); eventfd = true /* K4 */
        :: seen == ON_WORD -> ring_word()
        :: else
        fi;
#ifndef NOT_COUNTED
        add(self, RINGING, -1)
#endif
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
    byte spurious = SPURIOUS;
    bool called, rung, kicked, on_word;
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
        if
        :: true -> on_word = false
        :: true ->
            on_word = true;
            mapped = true;
            exchange(LEADER, ASLEEP, 1, seen)
        fi;
        store(LEADER, AT, on_word, RELAXED);
#ifndef SLEEPING_IS_RELAXED
        store(LEADER, SLEEPING, (on_word -> ON_WORD : ON_DESCRIPTORS), RELEASE); /* S3 */
#else
        store(LEADER, SLEEPING, (on_word -> ON_WORD : ON_DESCRIPTORS), RELAXED);
#endif
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
        :: !called && !on_word -> eventfd -> rung = true
        :: !called && on_word ->
            fence(LEADER);
            waits = memory[ASLEEP];
            if
            :: !waits
            :: spurious > 0 -> spurious--; waits = false
            fi
        fi;
        store(LEADER, SLEEPING, 0, STRONG); /* S6 */
        if
        :: on_word ->
#ifndef NO_LOOK_AT_RINGING
            load_strong(LEADER, RINGING, seen); /* S7 */
            if
            :: seen ->
                lock(locked);
                store(LEADER, AT, 0, RELAXED);
                unlock(LEADER, locked)
            :: else
            fi;
#endif
            mapped = false
        :: else
        fi;
        if
        :: rung -> eventfd = false
        :: else
        fi;
stepped:
        kicked = false;
        called = false;
        rung = false;
        on_word = false;
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
