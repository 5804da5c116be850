/* How an Env ends: its Concs clean up, latest first, then the Corps that they created end, then the processes. */
#ifndef CORPS_ENDING_H
#define CORPS_ENDING_H

#include <corps/error.h>

/* With the lead: begins, unless that was done before. While booting the Env ends at once. */
void corps__clean_up(void);

/* The same for this Env alone, which is taken from the Corps: every Conc cleans up, after what it was asked before. */
void corps__leave(void);

/* The same for an Env on another host than Env 0, which is started again on yet another one: what its Concs keep stays
 * kept, and nobody is told that they end. */
void corps__move_away(void);

/* With the lead, after something that it depends on: goes on to the end of the processes when all is cleaned up. */
void corps__end_when_cleaned(void);

/* Begins to end the own Corps. Any thread. Errors: INVALID (not in Env 0). */
enum corps_err corps__env_end(void) CORPS_CHECKED;

#endif
