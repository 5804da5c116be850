/* Memory as C11 lets threads see it, as far as the protocols here depend on it.
 *
 * Spin's own variables are sequentially consistent. Here a store goes into its thread's buffer first, and becomes visible
 * to the others later: stores to different places in any order, but a RELEASE one after all that were made before it. A
 * thread sees its own stores at once. So a load may come before an earlier store of the same thread has been seen by
 * anybody, and what keeps it from that is what C11 has for it:
 *   - a fence: waits until the buffer is empty;
 *   - STRONG stores (sequentially consistent ones): a sequentially consistent load waits until there are none in the
 *     buffer. A relaxed or acquire load does not: after a store alone it may be early, on ARM, POWER and RISC-V;
 *   - sequentially consistent exchanges: they read and take hold of a place in one step, and what they write becomes
 *     visible later, as it may where they are made of load-linked and store-conditional. Until then nobody else writes
 *     there. (What was stored before is visible before they read. That is more than C11 promises.)
 * On x86 the last two empty the buffer, and stores become visible in their order: all that happens there happens here.
 *
 * Loads are made in the program's order. So a model says nothing of an acquire load that should have been one and is
 * relaxed.
 *
 * A model defines THREADS, PLACES (of memory, a byte each, zeroed), SLOTS (of each buffer, at most 3) and SPLIT (1: what
 * an exchange writes becomes visible later; 0: at once, as on x86), includes this file, and runs a `memory_of` beside each
 * thread. `self` is a thread's number. (Spin undoes a step by doing its last store backwards: outside of d_step no index
 * may depend on what is stored there.)
 */

#define RELAXED 0
#define RELEASE 1
#define STRONG 2
#define HELD 3 /* an exchange's */

typedef pending {
    byte count;
    byte strong; /* how many of these are STRONG or HELD */
    byte place[SLOTS];
    byte value[SLOTS];
    byte order[SLOTS]
}

byte memory[PLACES];
bool held[PLACES]; /* by an exchange whose value is in a buffer */
pending buffer[THREADS];
hidden byte slot;

inline put(self, at, what, how) {
    buffer[self].place[buffer[self].count] = at;
    buffer[self].value[buffer[self].count] = what;
    buffer[self].order[buffer[self].count] = how;
    buffer[self].strong = buffer[self].strong + (how >= STRONG -> 1 : 0);
    buffer[self].count++
}

inline store(self, at, what, how) {
    d_step {
        buffer[self].count < SLOTS;
        put(self, at, what, how)
    }
}

inline read(self, at, into) {
    into = memory[at];
    slot = 0;
    do
    :: slot < buffer[self].count ->
        if
        :: buffer[self].place[slot] == at -> into = buffer[self].value[slot]
        :: else
        fi;
        slot++
    :: else -> break
    od;
    slot = 0
}

/* Relaxed or acquire. */
inline load(self, at, into) {
    d_step {
        read(self, at, into)
    }
}

inline load_strong(self, at, into) {
    d_step {
        buffer[self].strong == 0;
        read(self, at, into)
    }
}

inline fence(self) {
    buffer[self].count == 0
}

inline write(self, at, what) {
#if SPLIT
    held[at] = true;
    put(self, at, what, HELD)
#else
    memory[at] = what
#endif
}

/* Gives what was there. */
inline exchange(self, at, what, into) {
    d_step {
        buffer[self].count == 0 && !held[at];
        into = memory[at];
        write(self, at, what)
    }
}

/* Writes only where `expected` was there. */
inline compare_exchange(self, at, expected, what, done) {
    d_step {
        buffer[self].count == 0 && !held[at];
        done = memory[at] == expected;
        if
        :: done -> write(self, at, what)
        :: else
        fi
    }
}

/* Gives what was there. */
inline fetch_add(self, at, change, into) {
    d_step {
        buffer[self].count == 0 && !held[at];
        into = memory[at];
        write(self, at, into + (change))
    }
}

inline add(self, at, change) {
    d_step {
        buffer[self].count == 0 && !held[at];
        write(self, at, memory[at] + (change))
    }
}

/* A mutex, which is no place in memory. What was stored under it is visible once it is free. */
inline lock(mutex) {
    atomic {
        !mutex -> mutex = true
    }
}

inline unlock(self, mutex) {
    atomic {
        buffer[self].count == 0 -> mutex = false
    }
}

/* ---- how stores become visible ---- */

#define IS_FREE(self, i) (!held[buffer[self].place[i]] || buffer[self].order[i] == HELD)
#define OVERTAKES(self, i, older) (buffer[self].order[i] == RELAXED && buffer[self].place[i] != buffer[self].place[older])
#define FIRST(self) (buffer[self].count > 0 && IS_FREE(self, 0))
#if SLOTS > 1
#define SECOND(self) (buffer[self].count > 1 && IS_FREE(self, 1) && OVERTAKES(self, 1, 0))
#endif
#if SLOTS > 2
#define THIRD(self) (buffer[self].count > 2 && IS_FREE(self, 2) && OVERTAKES(self, 2, 0) && OVERTAKES(self, 2, 1))
#endif

inline make_visible(self, i) {
    memory[buffer[self].place[i]] = buffer[self].value[i];
    if
    :: buffer[self].order[i] == HELD -> held[buffer[self].place[i]] = false
    :: else
    fi;
    buffer[self].strong = buffer[self].strong - (buffer[self].order[i] >= STRONG -> 1 : 0);
    slot = i + 1;
    do
    :: slot < buffer[self].count ->
        buffer[self].place[slot - 1] = buffer[self].place[slot];
        buffer[self].value[slot - 1] = buffer[self].value[slot];
        buffer[self].order[slot - 1] = buffer[self].order[slot];
        slot++
    :: else -> break
    od;
    buffer[self].count--;
    buffer[self].place[buffer[self].count] = 0;
    buffer[self].value[buffer[self].count] = 0;
    buffer[self].order[buffer[self].count] = 0;
    slot = 0
}

proctype memory_of(byte self) {
end:
    do
    :: d_step { FIRST(self) -> make_visible(self, 0) }
#if SLOTS > 1
    :: d_step { SECOND(self) -> make_visible(self, 1) }
#endif
#if SLOTS > 2
    :: d_step { THIRD(self) -> make_visible(self, 2) }
#endif
    od
}
