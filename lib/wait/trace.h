/* Stamps at the stages of calls; see corps/trace.h. */
#ifndef CORPS_TRACE_INTERNAL_H
#define CORPS_TRACE_INTERNAL_H

#include <corps/trace.h>

#include <stdatomic.h>
#include <stdbool.h>

enum {
    CORPS__TRACING_STAGES = 1,  /* stamps are written */
    CORPS__TRACING_CHAINS = 2,  /* spans are, see chains.h */
    CORPS__TRACING_ENTERED = 4, /* counts, with the bits above, threads that work for a chain outside of methods */
};
extern _Atomic unsigned corps__tracing;

/* Is anything written? What that is, code may ask that does not run otherwise. */
static inline bool corps__traces(void) {
    return __builtin_expect(atomic_load_explicit(&corps__tracing, memory_order_relaxed) != 0, false);
}

/* Writes a stamp taken at `ns`. Nothing happens when tracing has ended meanwhile, or the memory is full. */
void corps__trace_add(uint64_t id, uint32_t caller, enum corps_stage stage, int64_t ns);

/* Writes a stamp of now; likewise. */
void corps__trace_now(uint64_t id, uint32_t caller, enum corps_stage stage);

/* The same, if anybody traces. */
static inline void corps__stamp(uint64_t id, uint32_t caller, enum corps_stage stage) {
    if (corps__traces()) {
        corps__trace_now(id, caller, stage);
    }
}

/* In the child of a fork: nobody traces, nor records chains. */
void corps__trace_forked(void);

#endif
