/* A request without argument or reply that the core itself makes of one of its own Concs in this Env. */
#ifndef CORPS_ACTOR_TELL_H
#define CORPS_ACTOR_TELL_H

#include "actor/conc.h"

/* Has `conc` run `method`, whatever the thread holds: it waits for nothing. False: no memory, and it was not told. Any
 * thread, also in notifications. */
bool corps__conc_tell(struct corps__conc *conc, const struct corps__symbol *method);

/* Has its cleanup run after what is in its mailbox. False: no memory, likewise. */
bool corps__conc_end(struct corps__conc *conc);

#endif
