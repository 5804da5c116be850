/* How a waiter parks on its futex and is notified: corps__park and corps__notify in lib/wait/lead.c.
 *
 * One waiter, and two others that bring it something each. Found wanting: a state in which the waiter sleeps for ever
 * before it has seen both.
 *
 * Steps, as the C names them:
 *   N1 the word becomes NOTIFIED, and the futex is woken if it was PARKED
 *   F1 the predicate is looked at
 *   F2 the word becomes PARKED, if it is WAITING still
 *   F3 the kernel puts the thread to sleep, if the word is PARKED still
 *   F4 the word becomes WAITING again
 */

#define WAITER 0
#define OTHERS 2
#define THREADS 3
#define SLOTS 2
#define SPLIT 1

#define WORD 0
#define BROUGHT 1 /* and 2 */
#define PLACES 3

#define WAITING 0
#define PARKED 1
#define NOTIFIED 2

#include "memory.pml"

bool asleep; /* in the kernel */

proctype other(byte self) {
    byte seen;
    store(self, BROUGHT + self - 1, 1, RELAXED);
#ifndef ONLY_ONE_IS_NOTIFIED
    exchange(self, WORD, NOTIFIED, seen); /* N1 */
#else
    compare_exchange(self, WORD, PARKED, NOTIFIED, seen);
    seen = (seen -> PARKED : WAITING);
#endif
    if
    :: seen == PARKED -> fence(self); asleep = false
    :: else
    fi
}

proctype waiter() {
    byte seen, first, second;
    bool parked;
    do
    :: load(WAITER, BROUGHT, first); /* F1 */
        load(WAITER, BROUGHT + 1, second);
        if
        :: first && second -> break
        :: else
        fi;
        first = 0;
        second = 0;
#ifndef PARKED_IS_STORED
        compare_exchange(WAITER, WORD, WAITING, PARKED, parked); /* F2 */
#else
        store(WAITER, WORD, PARKED, STRONG);
        parked = true;
#endif
        do
        :: parked ->
            load_strong(WAITER, WORD, seen);
            if
            :: seen != PARKED -> break
            :: else
            fi;
            fence(WAITER);
#ifndef KERNEL_DOES_NOT_LOOK
            atomic { asleep = memory[WORD] == PARKED } /* F3 */
#else
            asleep = true
#endif
            !asleep
        :: else -> break
        od;
        parked = false;
        seen = 0;
#ifndef WORD_IS_STORED
        exchange(WAITER, WORD, WAITING, seen); /* F4 */
        seen = 0
#else
        store(WAITER, WORD, WAITING, STRONG)
#endif
    od
}

init {
    atomic {
        run memory_of(0);
        run memory_of(1);
        run memory_of(2);
        run waiter();
        run other(1);
        run other(2)
    }
}
