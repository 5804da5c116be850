/* Spans of call chains (corps/chains.h): this process's, in memory of a bounded size while chains are recorded.
 *
 * A span is written when a call is made or a request arrives, and gets its other times later. It has a number, which
 * counts all of this process and so is never used again soon, and lies in the place number modulo count: a later one
 * takes the place of the one before. Whoever writes to a place has it alone meanwhile; who finds it taken, or another
 * span in it, does not write.
 *
 * A chain as this process knows it is one word: the chain's number above, the span of the request that is served
 * below.
 */
#ifndef CORPS_CHAINS_INTERNAL_H
#define CORPS_CHAINS_INTERNAL_H

#include "wait/trace.h"

#include <corps/chains.h>

#define CORPS__CHAIN_NONE UINT64_C(1) /* of no chain, and calls begin none either */
#define CORPS__CHAIN_LINK                                                                                              \
    (UINT64_C(1) << 63) /* in a link: a span's number, where calls have no number of their own                         \
                         */

enum corps__span_kind {
    CORPS__SPAN_CALL = 1,   /* this process calls */
    CORPS__SPAN_SERVED = 2, /* a request came to a Conc of this process */
};

enum {
    CORPS__SPAN_CALLED = 0, /* of a CALL: corps_call was entered, … */
    CORPS__SPAN_SENT = 1,   /* … has sent the request, … */
    CORPS__SPAN_REPLIED = 2 /* … and the reply was polled */,
    CORPS__SPAN_ARRIVED = 0, /* of a SERVED: the frame was polled, or the caller of this Env posted it, … */
    CORPS__SPAN_STARTED = 1,
    CORPS__SPAN_RETURNED = 2, /* … the method has returned, … */
    CORPS__SPAN_ANSWERED = 3, /* … and the reply has been given away: later, where it was put off */
    CORPS__SPAN_TIMES = 4,
};

/* Copied as it is between processes, which are of one program on all hosts. Texts are cut to fit, and end with NUL. */
struct corps__span {
    uint32_t number;
    uint32_t chain;
    uint32_t parent;               /* of a CALL: the SERVED span whose method calls; 0: none */
    uint32_t thread;               /* the kernel's number */
    uint64_t link;                 /* the call's number in the caller's process, or CORPS__CHAIN_LINK and its span's */
    uint64_t corps;                /* the other side's Corps … */
    uint32_t env;                  /* … and Env */
    uint32_t conc;                 /* which Worker is called */
    int64_t ns[CORPS__SPAN_TIMES]; /* 0: it has not come to that */
    uint8_t kind;
    uint8_t no_reply;
    uint8_t put_off; /* of a SERVED: its reply came after the method */
    uint8_t unused;
    uint16_t failed; /* enum corps_err; OK while nothing has failed */
    char failure[36];
    char method[48];
    char class[56];
};

/* Begins: `every` and `count` as in struct corps_chains_options. What was recorded before goes. `recording` is any
 * number that tells this one from others. Errors: NO_MEMORY. */
enum corps_err corps__chains_start(uint64_t recording, size_t count, uint64_t every) CORPS_CHECKED;

/* Which one goes on, or has been ended and not freed; 0: none. */
uint64_t corps__chains_recording(void);

/* No more spans are written. */
void corps__chains_stop(void);

/* After that: copies spans whose number is above `after`, in their order, `room` at most; gives their number, and in
 * `total` how many there have been. */
size_t corps__chains_read(uint32_t after, struct corps__span *spans, size_t room, uint64_t *total);

/* Frees all. */
void corps__chains_free(void);

/* A new chain, or, since only every n-th is recorded, CORPS__CHAIN_NONE. While chains are recorded. */
uint64_t corps__chain_new(void);

/* Writes a span, but for its number, which is given; 0: nothing is recorded, or the place is taken. */
uint32_t corps__span_add(const struct corps__span *span);

/* Has a span for the calling thread alone, until it is closed, which must follow soon. NULL: it is gone. */
struct corps__span *corps__span_open(uint32_t number);
void corps__span_close(struct corps__span *span);

/* The kernel's number of the calling thread. */
uint32_t corps__thread_number(void);

/* In the child of a fork: nothing is recorded. */
void corps__chains_forked(void);

static inline uint32_t corps__chain_number(uint64_t chain) {
    return (uint32_t)(chain >> 32);
}

/* Are chains recorded? Where something is traced. */
static inline bool corps__chains(void) {
    return (atomic_load_explicit(&corps__tracing, memory_order_relaxed) & CORPS__TRACING_CHAINS) != 0;
}

#endif
