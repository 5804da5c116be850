/* How the lead is taken, handed over and left free: lib/wait/lead.c, wait.c.
 *
 * Two threads wait for a message each, and one takes the lead to look once, as corps__poll_once and corps__with_lead do.
 * Who leads takes what has come and notifies its waiter. A waiter may give up, since its deadline has passed. Found
 * wanting: a state in which a waiter sleeps for ever though its message is there, two that lead, a lead that is given to
 * nobody, a waiter that is touched after it has gone, a lead that is not free at the end. How a leader sleeps is
 * kick.pml's; who notifies a leader here is the leader itself.
 *
 * Steps, as the C names them:
 *   T1 the lead is taken, if it is free                G1 is a waiter listed?
 *   A1 a waiter lists itself                           G2 the first one is granted the lead and notified, under the lock
 *   A2 it tries to take the lead once more             G3 the lead is free
 *   A3 it parks                                        G4 is a waiter listed by now? then the lead is taken back for it
 *   A4 it takes itself off, and sees whether it was granted the lead
 */

#define WAITERS 2
#define LOOKER 2 /* the third thread */
#define THREADS 3
#define SLOTS 1
#define SPLIT 0

#define LEAD 0
#define COUNT 1 /* of those listed */
#define WORD 2  /* and 3: of each waiter */
#define DONE 4  /* and 5: its predicate */
#define PLACES 6

#define WAITING 0
#define PARKED 1
#define NOTIFIED 2

#include "memory.pml"

bool locked; /* it guards: */
byte list[WAITERS]; /* the waiters' numbers, each plus one; oldest first */
bool granted[WAITERS];

bool message[WAITERS]; /* has come, and was not taken */
bool asleep[WAITERS];  /* in the kernel */

/* What nobody in the program sees. */
byte leader; /* its number plus one; of a granted lead too */
bool here[WAITERS]; /* it waits still: its stack can be touched */
bool kept[WAITERS]; /* it may not go now */
byte gone;

inline list_add(who) {
    if
    :: list[0] == 0 -> list[0] = who + 1
    :: else -> list[1] = who + 1
    fi
}

inline list_remove(who) {
    if
    :: list[0] == who + 1 -> list[0] = list[1]; list[1] = 0
    :: list[1] == who + 1 -> list[1] = 0
    :: else
    fi
}

inline notify(self, who) {
    assert(here[who]);
    exchange(self, WORD + who, NOTIFIED, seen);
    assert(here[who]);
    if
    :: seen == PARKED -> fence(self); asleep[who] = false
    :: else
    fi;
    seen = 0
}

/* `taken`: it was free. */
inline lead_try(self) {
    compare_exchange(self, LEAD, 0, 1, taken); /* T1 */
    if
    :: taken -> assert(leader == 0); leader = self + 1
    :: else
    fi
}

inline lead_release(self) {
    heir = 0;
    do
    :: load_strong(self, COUNT, seen); /* G1 */
        if
        :: seen > 0 ->
            lock(locked);
            heir = list[0];
            if
            :: heir > 0 ->
                list[0] = list[1];
                list[1] = 0;
                add(self, COUNT, -1);
                granted[heir - 1] = true;
                leader = heir;
#ifdef NOTIFIED_AFTER_LOCK
                unlock(self, locked);
                notify(self, heir - 1)
#else
                notify(self, heir - 1); /* G2 */
                unlock(self, locked)
#endif
            :: else -> unlock(self, locked)
            fi
        :: else
        fi;
        if
        :: heir > 0 -> break
        :: else
        fi;
        leader = 0;
#ifndef LEAD_IS_RELEASED_ONLY
        store(self, LEAD, 0, STRONG); /* G3 */
#else
        store(self, LEAD, 0, RELEASE);
#endif
#ifdef NO_SECOND_LOOK
        break
#else
        load_strong(self, COUNT, seen); /* G4 */
        if
        :: seen == 0 -> break
        :: else
        fi;
        lead_try(self);
        if
        :: !taken -> break
        :: else
        fi
#endif
    od;
    heir = 0;
    taken = false;
    seen = 0
}

/* The leader takes what has come, and notifies who waits for it, who does not go meanwhile: it would have to take what it
 * waits for out of a list first, under a lock that the leader has. */
inline take(self, who) {
    if
    :: message[who] ->
        message[who] = false;
        atomic { kept[who] = here[who] }
        if
        :: kept[who] ->
            store(self, DONE + who, 1, RELEASE);
            notify(self, who);
            kept[who] = false
        :: else
        fi
    :: else
    fi
}

/* lead_until */
inline lead_until(self) {
    assert(leader == self + 1);
    do
    :: load(self, DONE + self, seen);
        if
        :: seen || late -> break
        :: else
        fi;
        load(self, WORD + self, seen);
        if
        :: seen != WAITING -> exchange(self, WORD + self, WAITING, seen)
        :: else ->
            take(self, 0);
            take(self, 1);
            load(self, DONE + self, seen); /* its own may have been there: that notification is of this thread itself */
            if
            :: seen || message[0] || message[1]
            :: hurries -> late = true
            fi
        fi
    od;
    seen = 0;
    lead_release(self)
}

/* corps__park */
inline park(self) {
#ifndef PARKED_IS_STORED
    compare_exchange(self, WORD + self, WAITING, PARKED, taken);
#else
    store(self, WORD + self, PARKED, STRONG);
    taken = true;
#endif
    do
    :: taken ->
        load_strong(self, WORD + self, seen);
        if
        :: seen != PARKED || late -> break
        :: else
        fi;
        fence(self);
        atomic { asleep[self] = memory[WORD + self] == PARKED }
        if
        :: !asleep[self]
        :: asleep[self] && hurries -> late = true; asleep[self] = false
        fi
    :: else -> break
    od;
    taken = false;
    exchange(self, WORD + self, WAITING, seen);
    seen = 0
}

inline parked_remove(self) {
    lock(locked);
    if
    :: list[0] == self + 1 || list[1] == self + 1 ->
        list_remove(self);
        add(self, COUNT, -1)
    :: else
    fi;
    was_granted = granted[self];
    granted[self] = false;
    unlock(self, locked)
}

proctype waiter(byte self) {
    byte seen, heir;
    bool taken, late, was_granted, leads;
    bool hurries; /* it has a deadline */
    if
    :: self > 0 -> hurries = true
    :: skip
    fi;
    do
    :: load(self, DONE + self, seen);
        if
        :: seen || late -> break
        :: else
        fi;
        /* wait_once */
        lead_try(self);
        leads = taken;
        if
        :: !leads ->
            lock(locked); /* A1 */
            list_add(self);
            add(self, COUNT, 1);
            unlock(self, locked);
#ifndef NO_SECOND_TRY
            lead_try(self); /* A2 */
            leads = taken;
#endif
            if
            :: leads ->
                parked_remove(self);
                assert(!was_granted)
            :: else ->
                load(self, DONE + self, seen);
                if
                :: !seen -> park(self) /* A3 */
                :: else
                fi;
                seen = 0;
                parked_remove(self); /* A4 */
#ifndef GRANT_IS_IGNORED
                leads = was_granted
#else
                leads = was_granted && !late
#endif
            fi
        :: else
        fi;
        taken = false;
        was_granted = false;
        if
        :: leads -> lead_until(self)
        :: else
        fi;
        leads = false
    od;
    seen = 0;
    atomic { !kept[self] -> here[self] = false; gone++ }
}

proctype looker() {
    byte seen, heir;
    bool taken;
    lead_try(LOOKER);
    if
    :: taken ->
        take(LOOKER, 0);
        take(LOOKER, 1);
        lead_release(LOOKER)
    :: else
    fi;
    gone++
}

proctype network() {
    if
    :: message[0] = true; message[1] = true
    :: message[1] = true; message[0] = true
    fi
}

proctype finale() {
    gone == WAITERS + 1 && buffer[0].count == 0 && buffer[1].count == 0 && buffer[2].count == 0;
    assert(leader == 0 && memory[LEAD] == 0 && memory[COUNT] == 0 && !locked)
}

init {
    atomic {
        here[0] = true;
        here[1] = true;
        run memory_of(0);
        run memory_of(1);
        run memory_of(2);
        run waiter(0);
        run waiter(1);
        run looker();
        run network();
        run finale()
    }
}
