/** @file
 * Seeing what a Corps does while it runs: counters of its Envs, Workers and links, and which Corps there are.
 *
 * Every Env counts all the time; to look costs it one request. A process may look into the Corps that it created or is
 * part of, and into any other of the same user on this host: found by corps_find_running, and opened by corps_attach.
 *
 * Threads: any, as for corps.h.
 */
#ifndef CORPS_STATS_H
#define CORPS_STATS_H

#include <corps.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Asks Env `env` what it has counted since its process began, and waits for that until `timeout_ns` has passed. Gives
 * a box with a map; keys may be added in later versions. All times are in ns.
 *
 *     corps (an id above 2^63 is negative), tag, env, pid, incarnation, threads
 *     host, host_number     its name, "" and 0 where the Corps lives on one host alone
 *     up_ns, cpu_ns, rss_bytes      since its start, processor time, memory
 *     workers [{conc, class, served, failed, queued, restarted, running, sampled, wait, service}]
 *     workers_left                  how many numbers of Workers were not looked at: there are very many
 *     links   [{corps, env, out, state, frames_sent, bytes_sent, frames_received, bytes_received, outstanding,
 *               kept_bytes, losses}]
 *     pools   [{conc, class, …}]    those that live in this Env
 *
 * served: requests whose turn has come, with those that are refused then (too late, cancelled, no such method).
 * failed: those of them that were answered by an error, or refused. queued: requests that wait for their turn. running:
 * does a thread run it now? restarted: how often it was made again.
 *
 * wait and service are {count, sum_ns, max_ns, buckets [[upper_ns, count] …]}: from when a request is put into the
 * mailbox until its turn comes, and from then until its answer is there. A bucket counts what took at most `upper_ns`
 * and more than half of it; those that would be empty are left out. One request in `sampled` is timed and counts for as
 * many; every one is (1) while a Worker takes 50 µs or more for each. Of small requests without reply that a method
 * sends in a row, one in 128 is. So `count` is about `served`, and exact where every one is timed. A Worker that was
 * asked a few times only, and is fast, may have no times yet.
 *
 * links: env −1 is a program. out: this Env has connected it, to call; each direction of calls has a link of its own.
 * outstanding: requests without an answer yet; of those without reply some are given back late. kept_bytes: frames that
 * wait for the other side to read. losses: connections that it has lost.
 *
 * Errors: INVALID (there is no such Env), TIMEOUT, WORKER_LOST, EXITED, NO_MEMORY, and those of calls. */
CORPS_API enum corps_err corps_stats(struct corps *corps, unsigned env, int64_t timeout_ns,
                                     struct corps_box **box) CORPS_CHECKED;

/** A Corps of this user's that runs on this host. */
struct corps_running {
    uint64_t id;
    char tag[64];
    int pid; /**< of Env 0's process; 0: it is being started again */
    unsigned env_count;
    uint64_t reserved[4];
};

/** Lists the Corps of this user that run: writes at most `capacity` of them, in the order of their ids, and how many
 * there are to `*count`. One that is just booting is not there yet; one of another version of Corps never is. Errors:
 * SYSTEM, DENIED (of the folder that they are in), NO_MEMORY. */
CORPS_API enum corps_err corps_find_running(struct corps_running *list, size_t capacity, size_t *count) CORPS_CHECKED;

/** A handle on a Corps that runs, by its id: for corps_stats, corps_id, corps_env_count, corps_env_pid, corps_front. It
 * is not one to end the Corps by (corps_exit, corps_end: INVALID), and does not keep it. Gives the handle: give it back
 * by corps_detach. Errors: EXITED (there is none of this user with this id), UNSUPPORTED (its serializer cannot be
 * started in this process), PROTOCOL (of another version). */
CORPS_API enum corps_err corps_attach(uint64_t id, struct corps **corps) CORPS_CHECKED;

/** Takes the handle back. Accepts NULL. */
CORPS_API void corps_detach(struct corps *corps);

#ifdef __cplusplus
}
#endif
#endif
