/** @file
 * Call chains: what one call from outside has set going, over all Envs, as a picture.
 *
 * While a Corps is recorded, a call that is made outside of any method begins a *chain*: a number of 32 bits, which
 * goes with the request, and with all calls that methods make while they serve a request of the chain, whatever carries
 * them. Every process of the Corps, and the one that records, writes *spans* into memory of a bounded size: one for
 * each call that it makes for a chain, and one for each request of a chain that comes to it. At the end they are
 * gathered and written as JSON in the Chrome trace event format, which https://ui.perfetto.dev and chrome://tracing
 * show: a row for each thread, a bar for each method that ran, an arrow from each call to what it called.
 *
 * While nothing is recorded, a call costs the copying of its chain's number, and what tells whether stages are stamped
 * (corps/trace.h) tells this too. Requests without reply that belong to a chain are not put together in one frame.
 *
 * A chain's number is unique on the host as far as this: each process counts from a random number. With P processes
 * that begin n chains in all, the probability that any number is used twice is less than P · n / 2^32.
 *
 * Threads: any, for all functions. Times are CLOCK_MONOTONIC of the host of who records; those of other hosts are
 * translated when they are gathered, by the best of eight round trips to each Env: how wrong they may be is in
 * `otherData.processes` (`clock_error_us`).
 */
#ifndef CORPS_CHAINS_H
#define CORPS_CHAINS_H

#include <corps/error.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct corps;

struct corps_chains_options {
    size_t span_count;  /**< of each process; the latest ones stay. Default 65,536 (of about 200 bytes), at most 4 Mi */
    uint64_t every;     /**< only every n-th chain of a process is recorded. Default 1: all of them */
    int64_t timeout_ns; /**< how long an Env may take to answer. Default 10 s */
    size_t size;        /**< 0, or sizeof(struct corps_chains_options) */
    uint64_t reserved[4];
};

/** Begins to record in all Envs of a Corps, and in this process. `options` may be NULL. An Env that records already,
 * since somebody else has begun it or has died over it, is recorded anew: what it had is lost. What is lost is said at
 * the end. Errors: INVALID (an option that cannot be, or this process records already), NO_MEMORY, EXITED; and when no
 * Env could be reached, the first one's error. */
CORPS_API enum corps_err corps_chains_begin(struct corps *corps,
                                            const struct corps_chains_options *options) CORPS_CHECKED;

/** Ends it, gathers the spans and writes them to `fd` as one JSON object, which is complete whatever was lost. Its
 * `otherData` says how many spans each process had, how many of those had to make room for later ones (`dropped`), and
 * of which Envs there are none, and why: one that died, or was started after the beginning, has none to give. Chains go
 * on through other Corps and come back from there; their Envs are not asked, so that part is missing. A request that
 * still runs has a bar without an end. `corps` may be NULL, where it was given back meanwhile (corps_exit). Errors:
 * INVALID (nothing of this Corps is recorded), NO_MEMORY, SYSTEM (writing; the detail says which). In any case it is
 * over then. */
CORPS_API enum corps_err corps_chains_end(struct corps *corps, int fd) CORPS_CHECKED;

/** What the calling thread works for: of the method that runs on it, or what corps_chain_enter has set. To be kept for
 * work that goes on elsewhere in this process, as after corps_request_hold. 0: nothing; calls begin chains. */
CORPS_API uint64_t corps_chain(void);

/** The number that other processes know that chain by, and that the JSON shows (as eight hexadecimal digits); 0: it is
 * none that is recorded. */
CORPS_API uint32_t corps_chain_id(uint64_t chain);

/** From now on this thread works for `chain` where no method runs on it. Gives what it worked for before, which is to
 * be entered again afterwards. */
CORPS_API uint64_t corps_chain_enter(uint64_t chain);

#ifdef __cplusplus
}
#endif
#endif
