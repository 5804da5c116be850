/* The creator's side of a Corps that an agent owns: its Env 0 is the agent's child, here or on another host, and goes
 * on when the creator does not. The agent relays what Env 0 says, and tells what becomes of it. */
#ifndef CORPS_OWNED_H
#define CORPS_OWNED_H

#include "process/creator.h"

/* Has the agent of this host own the Corps, and begin it; what comes of that is told as of any Corps. Not with the
 * lead. Errors: LIMIT (the singleton is there already, or no slot is free), and what the agent says. */
enum corps_err corps__owned_begin(struct creator *creator, const struct corps__start *start) CORPS_CHECKED;

/* Has it end where nobody relays that any more. Not with the lead; may take some seconds. */
void corps__owned_end(struct creator *creator);

#endif
