/* Env 0 as the owner of the Corps' other Envs: starts again those that end, as the Corps' options say. What is decided
 * is decided by supervise.h; here it is done. Everything with the lead. */
#ifndef CORPS_CARE_OWNER_H
#define CORPS_CARE_OWNER_H

/* Has the process floor ask this one. Before an Env's main begins. */
void corps__owner_set(void);

#endif
