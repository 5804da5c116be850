#include "actor/sample.h"

#include <stdatomic.h>
#include <stdbool.h>

static _Thread_local uint32_t state;

/* xorshift32 (G. Marsaglia, "Xorshift RNGs", 2003), another sequence in each thread. */
static uint32_t next_random(void) {
    static _Atomic uint32_t threads;
    uint32_t x = state;
    if (x == 0) {
        x = (atomic_fetch_add(&threads, 1) + 1) * UINT32_C(2654435769) | 1; /* Knuth's multiplicative hash */
    }
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    state = x;
    return x;
}

uint8_t corps__sample_hit(unsigned *left) {
    bool is_first = state == 0; /* of the thread: it only begins to count */
    *left = (next_random() >> 8) % (2 * CORPS__SAMPLED_OF - 1);
    return is_first ? 0 : CORPS__SAMPLED_OF;
}

uint32_t corps__sample_entry(void) {
    return (next_random() >> 8) % CORPS__ENTRIES_OF;
}
