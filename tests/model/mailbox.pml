/* How it is seen to that every mail of a Worker is handled, by one thread at a time: transports/queue.c, lib/actor/runq.h,
 * run.c, thread_pool.c.
 *
 * Two threads post a mail each, one takes tasks from the run queue, and one runs the task once without that, as who waits
 * for the Worker does. How threads sleep is pool.pml's: here they see at once what is in the run queue. Found wanting: a
 * mail that lies there while nobody is going to look, two that run the task at a time.
 *
 * Steps, as the C names them:
 *   M1 a mail becomes the mailbox's newest          R1 an entry was taken out: the task has none any more
 *   M2 it can be found, from the one before         R2 the task is claimed, if it is QUEUED
 *   M3 after that: an IDLE task becomes QUEUED      R3 the task is IDLE again
 *   M4 it gets an entry, unless it has one          R4 the look at the newest mail: is there one? then M3
 */

#define MAILS 2 /* posted by threads 0 and 1 */
#define RUNNER 2
#define WAITER 3
#define THREADS 4
#define SLOTS 2
#define SPLIT 1

#define NEWEST 0 /* its number */
#define STATE 1
#define IN_QUEUE 2
#define FOUND 3 /* and 4: mails that can be found */
#define PLACES 5

#define IDLE 0
#define QUEUED 1
#define RUNNING 2

#include "memory.pml"

byte entries; /* in the run queue, whose lock is around them */
byte handled; /* mails; guarded by who runs the task */
byte running; /* how many run it */

/* corps__conc_wake */
inline wake(self) {
    compare_exchange(self, STATE, IDLE, QUEUED, won); /* M3 */
    if
    :: won ->
        exchange(self, IN_QUEUE, 1, seen); /* M4 */
        if
        :: !seen -> entries++
        :: else
        fi
    :: else
    fi;
    won = false;
    seen = 0
}

/* corps__conc_post */
proctype poster(byte self) {
    byte seen, number;
    bool won;
#ifdef WOKEN_FIRST
    wake(self);
#endif
    fetch_add(self, NEWEST, 1, number); /* M1 */
    store(self, FOUND + number, 1, RELEASE); /* M2 */
#ifndef WOKEN_FIRST
    wake(self)
#endif
}

/* corps__task_claim, corps__conc_run */
inline claim_and_run(self) {
    compare_exchange(self, STATE, QUEUED, RUNNING, won); /* R2 */
    if
    :: won ->
        won = false;
        running++;
        assert(running == 1);
        do
        :: handled < MAILS ->
            load(self, FOUND + handled, seen);
            if
            :: seen -> handled++
            :: else -> break
            fi
        :: else -> break
        od;
        running--;
#ifdef LOOK_COMES_FIRST
        load_strong(self, NEWEST, seen);
        mail = seen > handled;
#endif
#ifndef IDLE_IS_RELEASED_ONLY
        store(self, STATE, IDLE, STRONG); /* R3 */
#else
        store(self, STATE, IDLE, RELEASE);
#endif
#ifndef LOOK_COMES_FIRST
        load_strong(self, NEWEST, seen); /* R4 */
        mail = seen > handled;
#endif
        seen = 0;
        if
        :: mail -> mail = false; wake(self)
        :: else
        fi
    :: else
    fi
}

proctype runner() {
    byte seen;
    bool won, mail;
end:
    do
    :: atomic { entries > 0 -> entries-- }
#ifndef CLAIMED_BEFORE_TAKEN_OUT
        store(RUNNER, IN_QUEUE, 0, STRONG); /* R1 */
        claim_and_run(RUNNER)
#else
        claim_and_run(RUNNER);
        store(RUNNER, IN_QUEUE, 0, STRONG)
#endif
    od
}

proctype waiter() {
    byte seen;
    bool won, mail;
    if
    :: memory[STATE] == QUEUED -> claim_and_run(WAITER)
    :: skip
    fi
}

proctype finale() {
    timeout;
    assert(handled == MAILS && memory[STATE] == IDLE)
}

init {
    atomic {
        run memory_of(0);
        run memory_of(1);
        run memory_of(2);
        run memory_of(3);
        run poster(0);
        run poster(1);
        run runner();
        run waiter();
        run finale()
    }
}
