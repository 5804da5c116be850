/* The creator's side of a Corps. */
#ifndef CORPS_CREATOR_H
#define CORPS_CREATOR_H

#include "link/known.h"

/* Has Env 0 begin to end a Corps that this process created; does not wait. Not with the lead. */
void corps__creator_ask_to_end(struct corps *corps);

/* The Corps that this process has created and that end with it: are there any? Ends them, and waits; not with the lead.
 */
bool corps__has_created(void);
void corps__exit_created(void);

/* In the child of a fork: the Corps are the parent's; here they are known as those of others are. */
void corps__created_forked(void);

#endif
