/* The stages of a Conc's life, which come as mail: its init, its end, being stopped and made again, given up, or moving
 * away. By the thread that runs the Conc. */
#ifndef CORPS_ACTOR_STAGES_H
#define CORPS_ACTOR_STAGES_H

#include "actor/conc.h"

/* Does what a mail says that is no request. True: what was parked (broken.h) is to be run now. */
bool corps__stage_run(struct corps__conc *conc, struct corps__message *message);

/* It moves away, and what was put aside has run: from now on it takes no request, and so is not alive to those who
 * bring one. */
void corps__stage_go_away(struct corps__conc *conc);

/* After an INIT, and what was parked meanwhile. */
void corps__stage_begun(struct corps__conc *conc);

#endif
