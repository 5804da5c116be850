/* How the two sides of a shared-memory ring sleep and wake each other: transports/ring.c, ring_links_poll.c,
 * ring_links_send.c.
 *
 * One producer and one consumer, each alone in its process and so its leader. The producer's doorbell rings for room, the
 * consumer's for records. The consumer may also sleep on `asleep` itself, a futex, and hears no doorbell then. (It could
 * do with less: sleeps on a word have a limit, and a watchman hears the doorbell.) Found wanting: a state in which one
 * sleeps for ever, or a record that is read before its content is there.
 *
 * Steps, as the C names them:
 *   C1 commit: the record's word, after its content     B1 arm: `asleep` is set
 *   C2 the fence before the look at `asleep`             B2 the fence before the look at the ring
 *   C3 the look at `asleep`, and what wakes there        B3 the look at the next record
 *   W1 `wants_space` is set                              B4 `asleep`, if still set, says that we sleep there
 *   W2 the fence before the look at `head`               D1 disarm: `asleep` is cleared
 *   W3 the look at `head`                                D2 the doorbell's rings are read, before the next B3
 *   W4 the doorbells that are owed are rung first        R1 release: `head` is published
 *                                                        R2 the fence before the look at `wants_space`
 *                                                        R3 the look at `wants_space`, and the doorbell
 */

#define RECORDS 4
#define ROOM 2 /* records in the ring at most */
#define FEW 0  /* there is room again for who has waited when no more than so many are there */
#define SPURIOUS 1

#define PRODUCER 0
#define CONSUMER 1
#define THREADS 2
#define SLOTS 3
#define SPLIT 1

#define ON_DOORBELL 1 /* values of `asleep` */
#define ON_WORD 2

#define WORD 0 /* how many records were committed; as good as the word of each */
#define HEAD 1
#define ASLEEP 2
#define WANTS_SPACE 3
#define CONTENT 4 /* and 5: of two records */
#define PLACES 6

#include "memory.pml"

bool producer_bell, consumer_bell; /* the pipes: there is something to read */
bool on_word;                      /* the consumer sleeps in FUTEX_WAIT */

/* ---- the producer ---- */

/* corps__ring_consumer_sleeps, and the doorbell. */
inline wake_consumer() {
#ifndef NO_FENCE_AT_COMMIT
    fence(PRODUCER); /* C2 */
#endif
    load(PRODUCER, ASLEEP, seen); /* C3 */
    if
    :: seen ->
        exchange(PRODUCER, ASLEEP, 0, seen);
        if
        :: seen == ON_DOORBELL -> fence(PRODUCER); consumer_bell = true
        :: seen == ON_WORD ->
            fence(PRODUCER);
#ifndef WORD_GETS_DOORBELL
            on_word = false
#else
            consumer_bell = true
#endif
        :: else
        fi
    :: else
    fi;
    seen = 0;
    owed = false
}

/* corps__ring_want_doorbell. */
inline want_doorbell() {
    store(PRODUCER, WANTS_SPACE, 1, RELAXED); /* W1 */
#ifndef NO_FENCE_AT_WANT
    fence(PRODUCER) /* W2 */
#endif
}

proctype producer() {
    byte position, known, seen;
    bool owed;
    do
    :: position == RECORDS -> break
    :: else ->
        /* corps__ring_link_reserve */
        if
        :: position - known == ROOM -> load(PRODUCER, HEAD, known)
        :: else
        fi;
        if
        :: position - known == ROOM ->
            want_doorbell();
            load(PRODUCER, HEAD, known) /* W3 */
        :: else
        fi;
        if
        :: position - known == ROOM ->
#ifndef OWED_IS_KEPT
            if
            :: owed -> wake_consumer() /* W4 */
            :: else
            fi;
#endif
            /* The leader: corps__ring_has_room when it polls and when it arms, and its sleep. */
            do
            :: load(PRODUCER, HEAD, known);
                if
                :: position - known <= FEW -> break
                :: else
                fi;
#ifndef NOT_ASKED_ANEW
                want_doorbell();
#endif
#ifndef NO_SECOND_LOOK_AT_HEAD
                load(PRODUCER, HEAD, known); /* W3 */
                if
                :: position - known <= FEW -> break
                :: else
                fi;
#endif
                atomic { producer_bell -> producer_bell = false }
            od
        :: else
        fi;
        store(PRODUCER, CONTENT + position % ROOM, position + 1, RELAXED);
#ifndef COMMIT_IS_RELAXED
        store(PRODUCER, WORD, position + 1, RELEASE); /* C1 */
#else
        store(PRODUCER, WORD, position + 1, RELAXED);
#endif
        position++;
        owed = true;
        if
        :: wake_consumer()
        :: position < RECORDS -> skip /* CORPS_SEND_MORE */
        fi
    od
}

/* ---- the consumer ---- */

proctype consumer() {
    byte position, seen;
    byte spurious = SPURIOUS; /* so often it wakes for something else */
    bool rung;
    do
    :: position == RECORDS -> break
    :: else ->
        /* corps__ring_links_poll: disarm_rings, and corps__ring_peek */
        load(CONSUMER, ASLEEP, seen); /* D1 */
        if
        :: seen -> store(CONSUMER, ASLEEP, 0, RELAXED)
        :: else
        fi;
#ifndef BELL_IS_READ_LATE
        if
        :: rung -> consumer_bell = false; rung = false /* D2 */
        :: else
        fi;
#endif
        load(CONSUMER, WORD, seen);
        if
        :: seen > position ->
            load(CONSUMER, CONTENT + position % ROOM, seen);
            assert(seen == position + 1);
            position++;
            /* corps__ring_release, and the doorbell */
            store(CONSUMER, HEAD, position, RELEASE); /* R1 */
#ifndef NO_FENCE_AT_RELEASE
            fence(CONSUMER); /* R2 */
#endif
            load(CONSUMER, WANTS_SPACE, seen); /* R3 */
            if
            :: seen ->
                exchange(CONSUMER, WANTS_SPACE, 0, seen);
                if
                :: seen -> fence(CONSUMER); producer_bell = true
                :: else
                fi
            :: else
            fi
        :: else ->
            /* corps__ring_arm, and the sleep */
#ifdef LOOK_COMES_FIRST
            load(CONSUMER, WORD, seen);
#endif
            store(CONSUMER, ASLEEP, ON_DOORBELL, RELAXED); /* B1 */
#ifndef NO_FENCE_AT_ARM
            fence(CONSUMER); /* B2 */
#endif
#ifndef LOOK_COMES_FIRST
            load(CONSUMER, WORD, seen); /* B3 */
#endif
            if
            :: seen > position
            :: else ->
#ifdef BELL_IS_READ_LATE
                if
                :: rung -> consumer_bell = false; rung = false
                :: else
                fi;
#endif
                if
                :: true ->
                    if
                    :: consumer_bell -> rung = true
                    :: spurious > 0 -> spurious--; rung = consumer_bell
                    fi
                :: true ->
                    /* corps__ring_arm_word, and FUTEX_WAIT */
#ifndef WORD_IS_STORED
                    compare_exchange(CONSUMER, ASLEEP, ON_DOORBELL, ON_WORD, seen); /* B4 */
#else
                    store(CONSUMER, ASLEEP, ON_WORD, STRONG);
                    seen = true;
#endif
                    fence(CONSUMER);
                    if
                    :: seen ->
                        atomic {
#ifndef WORD_IS_NOT_COMPARED
                            on_word = memory[ASLEEP] == ON_WORD
#else
                            on_word = true
#endif
                        }
                        if
                        :: !on_word
                        :: spurious > 0 -> spurious--; on_word = false
                        fi
                    :: else -> rung = consumer_bell
                    fi
                fi
            fi
        fi;
        seen = 0
    od
}

init {
    atomic {
        run memory_of(PRODUCER);
        run memory_of(CONSUMER);
        run producer();
        run consumer()
    }
}
