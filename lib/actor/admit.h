/* Which requests are run, once their turn has come. */
#ifndef CORPS_ACTOR_ADMIT_H
#define CORPS_ACTOR_ADMIT_H

#include "actor/conc.h"

/* The method that the request asks for; NULL after having answered that there is none, or that it comes too late, or
 * that its caller has given it up. By the thread that runs the Conc. */
corps_method_fn corps__admitted_method(struct corps__conc *conc, struct corps__message *message);

#endif
