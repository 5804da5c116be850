/* Checkpoints on demand from other threads than the Conc's: for languages whose methods run on an event loop. */
#ifndef CORPS_ACTOR_ASKED_H
#define CORPS_ACTOR_ASKED_H

#include <corps.h>

/* A checkpoint of a Conc of this Env on demand, from any thread but one that runs it: gives a Future, which is NIL once
 * the state is kept. On that thread a call of corps_context_checkpoint: then `*future` is NULL. Errors: NO_WORKER,
 * NO_MEMORY; and of corps_context_checkpoint. */
CORPS_API enum corps_err corps__checkpoint_ask(const struct corps_name *name, struct corps_future **future);

/* How many were kept, and how many failed, of a Conc of this Env. Any thread. Errors: NO_WORKER. */
CORPS_API enum corps_err corps__checkpoints_counted(const struct corps_name *name, uint64_t *kept, uint64_t *failed);

#endif
