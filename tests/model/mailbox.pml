/* How it is seen to that every mail of a Worker is handled, by one thread at a time: transports/queue.c, lib/actor/runq.h,
 * run.c, thread_pool.c.
 *
 * Two threads post a mail each, one takes tasks from the run queue, and one runs the task once without that, as who waits
 * for the Worker does. How threads sleep is pool.pml's: here they see at once what is in the run queue. Found wanting: a
 * mail that lies there while nobody is going to look, two that run the task at a time.
 *
 * Steps, as the C names them:
 *   M1 a mail becomes the mailbox's newest          R1 an entry was taken out: the task has none, and is claimed if QUEUED
 *   M2 it can be found, from the one before         R2 the task is claimed where its entry is, if it is QUEUED
 *   M3 after that: an IDLE task becomes QUEUED,     R3 the task is IDLE again; its entry stays
 *      and gets an entry, unless it has one         R4 the look at the newest mail: is there one? then M3
 */

#define MAILS 2 /* posted by threads 0 and 1 */
#define RUNNER 2
#define WAITER 3
#define THREADS 4
#define SLOTS 2
#define SPLIT 1

#define NEWEST 0 /* its number */
#define TASK 1   /* its state, and IN_QUEUE */
#define FOUND 2  /* and 3: mails that can be found */
#define PLACES 4

#define IDLE 0
#define QUEUED 1
#define RUNNING 2
#define IN_QUEUE 4 /* beside the state */

#include "memory.pml"

byte entries; /* in the run queue, whose lock is around them */
byte handled; /* mails; guarded by who runs the task */
byte running; /* how many run it */

/* corps__conc_wake */
inline wake(self) {
    do
    :: load_strong(self, TASK, seen);
        if
        :: seen % IN_QUEUE == IDLE ->
            compare_exchange(self, TASK, seen, QUEUED + IN_QUEUE, won); /* M3 */
            if
            :: won && seen == IDLE -> fence(self) /* the lock */; assert(entries == 0); entries++; break
            :: won && seen != IDLE -> break /* the old entry serves */
            :: else
            fi
        :: else -> break
        fi
    od;
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

/* corps__conc_run, of a task that was claimed */
inline run_it(self) {
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
#ifndef END_FORGETS_ENTRY
    add(self, TASK, IDLE - RUNNING); /* R3 */
#else
    store(self, TASK, IDLE, STRONG);
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
}

/* corps__task_taken */
inline taken(self) {
    do
    :: load_strong(self, TASK, seen);
        assert(seen >= IN_QUEUE);
        mine = seen == QUEUED + IN_QUEUE;
        compare_exchange(self, TASK, seen, (mine -> RUNNING : seen - IN_QUEUE), won); /* R1 */
        if
        :: won -> break
        :: else
        fi
    od;
    won = false;
    seen = 0
}

proctype runner() {
    byte seen;
    bool won, mail, mine;
end:
    do
    :: atomic { entries > 0 -> entries-- }
#ifndef CLAIMED_BEFORE_TAKEN_OUT
        taken(RUNNER);
#else
        compare_exchange(RUNNER, TASK, QUEUED + IN_QUEUE, RUNNING + IN_QUEUE, mine);
#endif
        if
        :: mine -> mine = false; run_it(RUNNER)
        :: else
        fi;
#ifdef CLAIMED_BEFORE_TAKEN_OUT
        add(RUNNER, TASK, -IN_QUEUE)
#endif
    od
}

proctype waiter() {
    byte seen;
    bool won, mail;
    if
    :: memory[TASK] == QUEUED + IN_QUEUE ->
        compare_exchange(WAITER, TASK, QUEUED + IN_QUEUE, RUNNING + IN_QUEUE, won); /* R2 */
        if
        :: won -> won = false; run_it(WAITER)
        :: else
        fi
    :: skip
    fi
}

proctype finale() {
    timeout;
    assert(handled == MAILS && memory[TASK] == IDLE)
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
