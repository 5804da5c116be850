/* One question to the agent of another host, about a Corps: ["known", …] or ["end", …], after the proofs of both sides
 * (hosts/greet.h). Who asks says the Corps where an owner says its session, so that the proof is of it.
 *
 * Threads: the loop's. */
#ifndef CORPS_AGENT_ASKING_H
#define CORPS_AGENT_ASKING_H

#include "hosts/hosts_file.h"

#include <corps/value.h>

struct agent_asking;

/* The answer, once: a record that begins with the word; lent until it returns. NULL: there is none, and the detail says
 * why. It is freed then. */
typedef void (*agent_asking_fn)(void *arg, const struct corps_value *answer);

/* Asks; the answer, or that there is none, comes within 2 s, and not before this has returned. Errors: NO_MEMORY,
 * SYSTEM. */
enum corps_err agent_ask(const struct corps__host *to, const char *word, uint64_t corps_id, agent_asking_fn answered,
                         void *arg, struct agent_asking **asking) CORPS_CHECKED;

/* Nothing is answered any more. Accepts NULL. */
void agent_asking_cancel(struct agent_asking *asking);

#endif
