/* What else the machine did while a trial ran: context for whoever judges the trial, never a reason to drop it.
 *
 * Threads: one noise record belongs to one thread.
 */
#ifndef NOISE_H
#define NOISE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum { LAB_NOISE_CPUS_MAX = 4 };

struct lab_noise {
    uint64_t steal_ns;
    double lost[LAB_NOISE_CPUS_MAX];
    size_t lost_count;
};

/* Before the trial: spins 5 ms on each of the first processors (four at most) and notes the stolen time so far. */
void lab_noise_begin(struct lab_noise *noise);

/* After the trial: {"steal_ms", "sentinel_lost": [share per processor]}; adds "sentinel" to `flags` when a processor
 * lost more than 2 % to gaps of 100 µs or more. New reference. */
json_t *lab_noise_end(const struct lab_noise *noise, json_t *flags);

#endif
