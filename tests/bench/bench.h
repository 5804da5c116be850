/* Micro-benchmarks of the primitives: ns an operation, beside the bare atomic or memcpy that bounds it, which is
 * measured in the same short blocks. The shape is Concurrency Kit's: one adapter for each primitive, no more than a
 * table of functions. To add one: a file with its rows, named in bench.c and in this folder's meson.build.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>

/* A row: what is measured. A primitive may have several, of one name. */
struct bench {
    const char *name;     /* NULL ends an adapter's rows */
    const char *about;    /* what one operation is */
    const char *bound_is; /* and one of what bounds it */
    unsigned threads;     /* 1 or 2; two are pinned to a processor each */
    void *(*setup)(void); /* the state, or NULL */
    /* Each thread's part of `count` operations. With two threads both are called at the same time, with `side` 0 and 1;
     * what is left of one call is as it was before it. */
    void (*operation)(void *state, unsigned side, size_t count);
    void (*bound)(void *state, unsigned side, size_t count);
    void (*teardown)(void *state);
};

extern const struct bench bench_ring[], bench_slab[], bench_pool[], bench_waitlist[], bench_runq[], bench_batch[],
    bench_wake[], bench_scheduler[];

/* What came of a row. The interval has the median of the ratios of single blocks in 95 of 100 runs. */
struct bench_result {
    double operation_ns, bound_ns; /* medians */
    double ratio, ratio_low, ratio_high;
    size_t blocks;
};

/* Measures a row for about `seconds`. False, with a line on stderr, where it cannot be. */
bool bench_measure(const struct bench *row, double seconds, struct bench_result *result);

/* Can this process be pinned to two processors? */
bool bench_has_two_processors(void);

/* In a loop that waits for the other thread; `rounds` counts them. Where both share a processor it lets the other run.
 */
void bench_relax(unsigned *rounds);

/* Keeps the compiler from leaving out what leads to `value`. */
static inline void bench_use(const void *value) {
    __asm__ volatile("" : : "r"(value) : "memory");
}

/* The cheapest way from one thread to one other: what rows for two threads hand objects over by, in the operation and
 * in what bounds it alike. All zero is empty. */
enum { BENCH_SLOTS = 256 };
struct bench_handover {
    struct {
        _Alignas(64) void *_Atomic object;
    } slots[BENCH_SLOTS];
    _Alignas(64) size_t put_at;
    _Alignas(64) size_t taken_at;
};
void bench_put(struct bench_handover *way, void *object); /* waits for room */
void *bench_take(struct bench_handover *way);             /* waits for an object */

#endif
