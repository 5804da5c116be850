/* Requests that may have come before, and what was answered: the callee's side of calls that are sent again. What is
 * run, what is answered once more and what is refused, results.h says; here are its memory, its lock and its frames.
 *
 * An answer is kept as a frame, copied; where the request came again while it ran, it goes out on the newest link on
 * which it was asked for. All of this concerns requests with CORPS__RETRY in their header, and no other.
 *
 * Threads: the leader admits and drops, whoever has run the request gives the answer.
 */
#ifndef CORPS_ACTOR_ANSWERS_H
#define CORPS_ACTOR_ANSWERS_H

#include "actor/message.h"
#include "actor/once.h"
#include "link/peer.h"

struct corps__answers;

/* A request of a retry call has come. `*run`: it is new, `*entry` is its number here, for its message. Otherwise it has
 * been answered or refused, or its answer will go to this peer. With the lead. Errors, for which the link is to be
 * closed: PROTOCOL (what an honest caller does not do), NO_MEMORY. */
enum corps_err corps__answers_admit(struct corps__peer *peer, const struct corps__header *header, size_t charge_bytes,
                                    bool *run, uint32_t *entry) CORPS_CHECKED;

/* It does not run after all: there is no such Worker. With the lead. */
void corps__answers_drop(uint32_t entry);

/* Keeps and sends the answer to a request that was admitted: as corps__peer_answer to whoever has asked last. */
void corps__answers_give(struct corps__message *message, const struct corps__outgoing *out);

/* Of the entry of a request that runs: the key of its call, and how long its answer is to be kept. Any thread. */
void corps__answers_look(uint32_t entry, struct corps__result_key *key, int64_t *keep_until_ns);

/* A Conc's answers that were kept with its state: from now on they are given again. Not with the lead. Errors: CORRUPT,
 * NO_MEMORY, FULL. */
enum corps_err corps__answers_restore(const struct corps__once *once) CORPS_CHECKED;

/* With the end of the runtime; in the child of a fork: as if nothing had come. */
void corps__answers_free(void);
void corps__answers_forked(void);

#endif
