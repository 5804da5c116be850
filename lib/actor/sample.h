/* Which requests are timed: of those that a thread puts into mailboxes one in CORPS__SAMPLED_OF, at random, so that no
 * rhythm of theirs is ever in step with it; of each batch's entries one at most, each with the same chance. A time then
 * stands for as many requests as are not timed (its *weight*). */
#ifndef CORPS_ACTOR_SAMPLE_H
#define CORPS_ACTOR_SAMPLE_H

#include <stdint.h>

enum {
    CORPS__SAMPLED_OF = 64,  /* messages */
    CORPS__ENTRIES_OF = 128, /* entries of batches; more than one has */
};

/* Of corps__sample_message, where it is that one's turn; `left`: how many until the next one. */
uint8_t corps__sample_hit(unsigned *left);

/* The weight of the thread's next message; 0: it is not timed. `left` is the thread's, 0 at first. */
static inline uint8_t corps__sample_message(unsigned *left) {
    return __builtin_expect((*left)-- != 0, 1) ? 0 : corps__sample_hit(left);
}

/* Which entry of a new batch is timed: 0 … CORPS__ENTRIES_OF − 1. */
uint32_t corps__sample_entry(void);

#endif
