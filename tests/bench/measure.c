/* Blocks of about a millisecond, of the operation and of its bound in turn: what else the machine does strikes both. */
#include "bench.h"

#include "base/clock.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS_MIN = 9, BLOCKS_MAX = 100000, ROUNDS_PER_YIELD = 4096 };
static const double block_ns = 1e6;

void bench_relax(unsigned *rounds) {
    corps__relax();
    if (++*rounds % ROUNDS_PER_YIELD == 0) {
        sched_yield();
    }
}

void bench_put(struct bench_handover *way, void *object) {
    unsigned rounds = 0;
    void *_Atomic *slot = &way->slots[way->put_at++ % BENCH_SLOTS].object;
    while (atomic_load_explicit(slot, memory_order_acquire) != NULL) {
        bench_relax(&rounds);
    }
    atomic_store_explicit(slot, object, memory_order_release);
}

void *bench_take(struct bench_handover *way) {
    unsigned rounds = 0;
    void *object;
    void *_Atomic *slot = &way->slots[way->taken_at++ % BENCH_SLOTS].object;
    while ((object = atomic_load_explicit(slot, memory_order_acquire)) == NULL) {
        bench_relax(&rounds);
    }
    atomic_store_explicit(slot, NULL, memory_order_release);
    return object;
}

/* ---- two threads ---- */

typedef void part(void *state, unsigned side, size_t count);

/* What the other thread is to do, and how often it was asked to and has done so. */
static struct {
    part *run; /* NULL: end */
    void *state;
    size_t count;
    _Alignas(64) _Atomic unsigned asked;
    _Alignas(64) _Atomic unsigned done;
} other;

static void *other_thread(void *unused) {
    (void)unused;
    for (unsigned turn = 1;; turn++) {
        unsigned rounds = 0;
        while (atomic_load_explicit(&other.asked, memory_order_acquire) != turn) {
            bench_relax(&rounds);
        }
        if (other.run == NULL) {
            return NULL;
        }
        other.run(other.state, 1, other.count);
        atomic_store_explicit(&other.done, turn, memory_order_release);
    }
}

static unsigned ask_other(part *run, void *state, size_t count) {
    other.run = run;
    other.state = state;
    other.count = count;
    return atomic_fetch_add_explicit(&other.asked, 1, memory_order_release) + 1;
}

/* The nth processor that this process may use; -1 when there are fewer. */
static int processor(const cpu_set_t *allowed, int nth) {
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, allowed) && nth-- == 0) {
            return cpu;
        }
    }
    return -1;
}

bool bench_has_two_processors(void) {
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 && CPU_COUNT(&allowed) >= 2;
}

static bool pin(pthread_t thread, const cpu_set_t *allowed, int nth) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor(allowed, nth), &one);
    return pthread_setaffinity_np(thread, sizeof one, &one) == 0;
}

static bool start_other(pthread_t *thread, const cpu_set_t *allowed) {
    atomic_store(&other.asked, 0);
    atomic_store(&other.done, 0);
    if (pthread_create(thread, NULL, other_thread, NULL) != 0) {
        return false;
    }
    return pin(*thread, allowed, 1) && pin(pthread_self(), allowed, 0);
}

static void end_other(pthread_t thread, const cpu_set_t *allowed) {
    (void)ask_other(NULL, NULL, 0);
    pthread_join(thread, NULL);
    (void)pthread_setaffinity_np(pthread_self(), sizeof *allowed, allowed);
}

/* ---- blocks ---- */

/* How long `count` operations take. */
static double time_block(const struct bench *row, part *run, void *state, size_t count) {
    int64_t began = corps__now_ns();
    if (row->threads == 2) {
        unsigned rounds = 0, turn = ask_other(run, state, count);
        run(state, 0, count);
        while (atomic_load_explicit(&other.done, memory_order_acquire) != turn) {
            bench_relax(&rounds);
        }
    } else {
        run(state, 0, count);
    }
    return (double)(corps__now_ns() - began);
}

/* What one operation takes, by a block of `count`. One that is too short says nothing, and is done again with twice as
 * many, from then on: so it also warms up. */
static double measure_block(const struct bench *row, part *run, void *state, size_t *count, double wanted_ns) {
    double took_ns;
    while ((took_ns = time_block(row, run, state, *count)) < wanted_ns / 2) {
        *count *= 2;
    }
    return took_ns / (double)*count;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of `values`, which are sorted thereby, and what holds the true one in 95 of 100 runs: those between the
 * ranks n/2 ± 0.98 √n, as the number of values below the median is a matter of fair coins. */
static double median(double *values, size_t count, double *low, double *high) {
    qsort(values, count, sizeof *values, compare);
    size_t reach = 0;
    while ((double)(reach * reach) < 0.9604 * (double)count) {
        reach++;
    }
    size_t middle = count / 2;
    *low = values[reach < middle ? middle - reach : 0];
    *high = values[middle + reach < count ? middle + reach : count - 1];
    return count % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

static void measure_blocks(const struct bench *row, void *state, double seconds, double *values,
                           struct bench_result *result) {
    double *operations = values, *bounds = values + BLOCKS_MAX, *ratios = values + 2 * BLOCKS_MAX, low, high;
    double wanted_ns = seconds * 1e9 / (4 * BLOCKS_MIN) < block_ns ? seconds * 1e9 / (4 * BLOCKS_MIN) : block_ns;
    size_t counts[2] = {1, 1};
    (void)measure_block(row, row->operation, state, &counts[0], wanted_ns);
    (void)measure_block(row, row->bound, state, &counts[1], wanted_ns);
    int64_t end = corps__now_ns() + (int64_t)(seconds * 1e9);
    size_t n = 0;
    while (n < BLOCKS_MIN || (n < BLOCKS_MAX && corps__now_ns() < end)) {
        if (n % 2 == 1) {
            bounds[n] = measure_block(row, row->bound, state, &counts[1], wanted_ns);
        }
        operations[n] = measure_block(row, row->operation, state, &counts[0], wanted_ns);
        if (n % 2 == 0) {
            bounds[n] = measure_block(row, row->bound, state, &counts[1], wanted_ns);
        }
        ratios[n] = operations[n] / bounds[n];
        n++;
    }
    result->blocks = n;
    result->ratio = median(ratios, n, &result->ratio_low, &result->ratio_high);
    result->operation_ns = median(operations, n, &low, &high);
    result->bound_ns = median(bounds, n, &low, &high);
}

bool bench_measure(const struct bench *row, double seconds, struct bench_result *result) {
    cpu_set_t allowed;
    pthread_t thread;
    double *values = calloc(3 * (size_t)BLOCKS_MAX, sizeof *values);
    void *state = values != NULL ? row->setup() : NULL;
    bool ready = state != NULL && sched_getaffinity(0, sizeof allowed, &allowed) == 0;
    if (ready && row->threads == 2) {
        ready = start_other(&thread, &allowed);
    }
    if (ready) {
        measure_blocks(row, state, seconds, values, result);
        if (row->threads == 2) {
            end_other(thread, &allowed);
        }
    } else {
        fprintf(stderr, "bench: %s cannot be set up: no memory, or no thread can be started and pinned\n", row->name);
    }
    if (state != NULL) {
        row->teardown(state);
    }
    free(values);
    return ready;
}
