/* How a method's sends to one Worker of another Env get into the link's frame: lib/link/open_batch.h, open_batch.c,
 * batch_frame.c, sending.c.
 *
 * One thread owns an open batch and adds entries without a lock; the monitor flushes; a thread that was told of an entry
 * sends something after it; the leader makes room on the link, and the link may end and come back. Found wanting: an entry
 * that is lost while its link is there, read before it is written, sent twice or out of order; something that was said
 * after an entry and passes it; an entry that is sent on another link than it was written for; one that nobody is going to
 * send while its method goes on with something else; room that nobody gives back. When the owner looks at the clock, or at
 * `seals`, is a matter of speed alone: here it does when it likes.
 *
 * Steps, as the C names them:
 *   A1 an entry is written into the memory       T1 under tx: how far is it written?
 *   A2 after that: it is committed               T2 what is new goes behind what is in the frame, …
 *   O1 under tx: the full memory is the frame,   T3 … and is taken
 *      and another takes its place               F1 whoever sends takes first what is in there
 *   O2 … and it is empty, before tx is free      F2 while there is an open batch, something is held back
 *   O3 under tx: room, unless it is detached     D1 under tx: the link's end detaches it
 *   O4 under tx: the end takes what is left      D2 after that: all room is free again
 */

#define ENTRIES 3 /* numbered from 1 */
#define ROOM 2    /* entries in a memory */
#define STEP 2    /* so much room is reserved at a time */
#define LINE 5    /* entries, and what the other says */
#define FULLS 1

#define OWNER 0
#define OTHERS 1 /* they store nothing but under tx */
#define THREADS 2
#define SLOTS 2
#define SPLIT 0

#define COMMITTED 0
#define TOLD 1
#define CONTENT 2 /* of two memories, ROOM each */
#define PLACES 6

#define THERE 16 /* in `line`, from here on: what lies at that place of memory */
#define SAID 32  /* from here on: what the other says, after entry so and so */

#include "memory.pml"

bool tx; /* it guards: */
bool is_open = true, is_detached, is_ready = true;
bool is_held = true, blocked; /* blocked: who makes room goes on */
byte taken, at_memory;     /* which one the owner writes to */
byte line[LINE];           /* what waits for the link: sealed frames, and then the one that is being filled */
byte sealed, count;        /* entries of it */
byte fulls = FULLS;        /* so often the link has no room */

bool counted = true; /* corps__held_any */
byte outstanding;    /* the route's load */

/* What nobody in the program sees. */
byte last;             /* entry that came */
byte freed;            /* the memory of a frame that has gone, plus one */
byte resumed;          /* the first entry that went as usual, after the open batch */
bool gone, gap;        /* a link has ended; nothing has come since */
bool sent_again;       /* something was sent since */
hidden byte i, value, lies_at;

/* ---- under tx ---- */

/* corps__open_batch_take */
inline take(self) {
    if
    :: is_open ->
        load(self, COMMITTED, seen); /* T1 */
        d_step {
            i = taken;
            do
            :: i < seen ->
                read(self, CONTENT + at_memory * ROOM + i, value);
                line[count] = value; /* T2 */
                count++;
                i++
            :: else -> break
            od;
#ifndef TAKEN_IS_NOT_NOTED
            taken = seen; /* T3 */
#endif
            i = 0;
            value = 0;
            seen = 0
        }
    :: else
    fi
}

/* What the receiver does with what comes first. */
inline arrives() {
    if
    :: value >= SAID -> assert(last >= value - SAID || gone)
    :: else ->
        assert(gap -> (resumed > 0 && value >= resumed && value > last) : value == last + 1);
        last = value;
        gap = false;
        if
        :: resumed == 0 || value < resumed -> assert(outstanding > 0); outstanding--
        :: else
        fi
    fi
}

/* corps__posts_flush */
inline flush(self) {
    if
    :: sealed == 0 -> ok = true
    :: sealed > 0 && !blocked ->
        d_step {
            i = 0;
            do
            :: i < sealed ->
                value = line[i];
                if
                :: value >= THERE && value < SAID -> lies_at = value - THERE; read(self, lies_at, value); freed = 1 + (lies_at - CONTENT) / ROOM; lies_at = 0
                :: else
                fi;
                arrives();
                i++
            :: else -> break
            od;
            do
            :: i < count -> line[i - sealed] = line[i]; i++
            :: else -> break
            od;
            count = count - sealed;
            i = count;
            do
            :: i < LINE -> line[i] = 0; i++
            :: else -> break
            od;
            sealed = 0;
            i = 0;
            value = 0;
            ok = true
        }
    :: sealed > 0 && blocked -> ok = false
    :: sealed > 0 && !blocked && fulls > 0 -> d_step { fulls--; blocked = true; ok = false }
    fi
}

/* corps__batch_seal */
inline seal(self) {
    take(self); /* F1 */
    sealed = count
}

inline note_held() {
    if
    :: !is_held -> is_held = true; counted = true
    :: else
    fi
}

/* Only when no frame that waits is made of it. */
#define REFERS(at, memory) (line[at] >= THERE + CONTENT + (memory) * ROOM && line[at] < THERE + CONTENT + (memory) * ROOM + ROOM)
#define IS_FREE_MEMORY(memory) (!REFERS(0, memory) && !REFERS(1, memory) && !REFERS(2, memory) && !REFERS(3, memory) && !REFERS(4, memory))

/* ---- the owner ---- */

/* turn_over */
inline turn_over() {
    if
#ifndef TAKEN_IS_NOT_ASKED
    :: count == sealed && taken == 0 && IS_FREE_MEMORY(1 - at_memory) ->
#else
    :: count == sealed && IS_FREE_MEMORY(1 - at_memory) ->
#endif
        d_step {
            line[count] = THERE + CONTENT + at_memory * ROOM; /* O1 */
            line[count + 1] = THERE + CONTENT + at_memory * ROOM + 1;
            count = count + ROOM;
#ifndef MEMORY_STAYS
            at_memory = 1 - at_memory;
            freed = (freed == at_memory + 1 -> 0 : freed)
#endif
        }
    :: else -> take(OWNER)
    fi;
#ifndef EMPTIED_AFTER_TX
    taken = 0; /* O2 */
    store(OWNER, COMMITTED, 0, RELAXED);
#endif
    used = 0
}

/* corps__open_batch_renew */
inline renew() {
    lock(tx);
#ifndef DETACHED_IS_NOT_SEEN
    on = !is_detached && is_ready;
#else
    on = is_ready;
#endif
    if
    :: on && used == ROOM ->
        turn_over();
        seal(OWNER);
        flush(OWNER);
        on = ok
    :: on && used < ROOM ->
        seal(OWNER);
        flush(OWNER);
        on = false /* much time has gone */
    :: on && used < ROOM
    :: else
    fi;
    ok = false;
    unlock(OWNER, tx);
#ifdef EMPTIED_AFTER_TX
    if
    :: used == 0 -> taken = 0; store(OWNER, COMMITTED, 0, RELAXED)
    :: else
    fi;
#endif
    if
    :: on && room == 0 ->
#ifndef RESERVED_WITHOUT_TX
        lock(tx);
        if
        :: !is_detached -> outstanding = outstanding + STEP; room = STEP /* O3 */
        :: else -> on = false
        fi;
        unlock(OWNER, tx)
#else
        outstanding = outstanding + STEP;
        room = STEP
#endif
    :: else
    fi
}

/* corps__open_batch_end */
inline end_open() {
    lock(tx);
    if
    :: !is_detached ->
#ifndef LEFT_AT_END
        take(OWNER); /* O4 */
#endif
        is_open = false;
        outstanding = outstanding - room
    :: else
    fi;
    unlock(OWNER, tx);
    has_open = false;
    room = 0
}

/* add_to_batch: all is sent as usual that comes after the open batch. */
inline send_as_usual() {
    atomic { !tx && is_ready -> tx = true };
    take(OWNER);
    d_step {
        line[count] = number;
        count++;
        resumed = (resumed == 0 -> number : resumed);
        sent_again = true
    };
    note_held();
    unlock(OWNER, tx)
}

proctype owner() {
    byte number, used, room, seen;
    bool on, ok, has_open = true;
    do
    :: number == ENTRIES -> break
    :: else ->
        number++;
        if
        :: has_open && used < ROOM && room > 0 -> on = true
        :: has_open -> renew()
        :: !has_open
        fi;
        if
        :: on ->
#ifdef COMMITTED_FIRST
            store(OWNER, COMMITTED, used + 1, RELEASE);
#endif
            assert(freed != at_memory + 1);
            store(OWNER, CONTENT + at_memory * ROOM + used, number, RELAXED); /* A1 */
            used++;
            room--;
#ifndef COMMITTED_FIRST
#ifndef COMMIT_IS_RELAXED
            store(OWNER, COMMITTED, used, RELEASE); /* A2 */
#else
            store(OWNER, COMMITTED, used, RELAXED);
#endif
#endif
            on = false
        :: !on && has_open -> end_open(); send_as_usual()
        :: !on && !has_open -> send_as_usual()
        fi;
        if
        :: store(OWNER, TOLD, number, RELEASE)
        :: last >= number || gone -> skip /* the method does something else for long */
        fi
    od;
    if
    :: has_open -> end_open()
    :: else
    fi
}

/* ---- the others ---- */

/* corps_flush. What would find nothing is left out. */
proctype monitor() {
    byte seen;
    bool ok;
end:
    do
    :: counted && (count > 0 || memory[COMMITTED] > taken || !is_open) ->
        counted = false;
        if
        :: is_held ->
            lock(tx);
            if
            :: is_held && is_ready ->
                flush(OTHERS);
                if
                :: ok -> seal(OTHERS); flush(OTHERS)
                :: else
                fi;
                if
                :: ok ->
#ifndef NOTHING_IS_HELD
                    is_held = is_open; /* F2 */
#else
                    is_held = false;
#endif
                    counted = counted || is_held
                :: else
                fi;
                ok = false
            :: else
            fi;
            unlock(OTHERS, tx)
        :: else
        fi
    od
}

/* It was told of what the owner has sent, and sends then. */
proctype other() {
    byte seen, told;
    load(OTHERS, TOLD, told);
    atomic { !tx && is_ready -> tx = true };
#ifndef NOT_TAKEN_FIRST
    take(OTHERS); /* F1 */
#endif
    d_step {
        line[count] = SAID + told;
        count++;
        told = 0
    };
    note_held();
    unlock(OTHERS, tx)
}

/* corps__peer_writable */
proctype leader() {
    bool ok;
end:
    do
    :: blocked ->
        lock(tx);
        blocked = false;
        flush(OTHERS);
        if
        :: ok && is_held -> counted = true
        :: else
        fi;
        ok = false;
        unlock(OTHERS, tx)
    od
}

/* detach_for_fault, corps__routes_clear; and another link. */
proctype end_of_link() {
    if
    :: true
    :: true ->
        lock(tx);
        d_step {
            is_detached = is_open; /* D1 */
            is_open = false;
            is_ready = false;
            is_held = false;
            blocked = false;
            gone = true;
            gap = true;
            sent_again = false;
            i = 0;
            do
            :: i < LINE -> line[i] = 0; i++
            :: else -> break
            od;
            sealed = 0;
            count = 0;
            i = 0
        };
        unlock(OTHERS, tx);
        outstanding = 0; /* D2 */
        is_ready = true
    fi
}

proctype finale() {
    timeout;
    assert(count == 0 && !is_open && outstanding == 0);
    assert((gap && !sent_again) || last == ENTRIES)
}

init {
    atomic {
        run memory_of(OWNER);
        run owner();
        run monitor();
        run other();
        run leader();
        run end_of_link();
        run finale()
    }
}
