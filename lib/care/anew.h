/* The creator of a Corps as its supervisor: has it started anew when its Env 0 is lost, as the Corps' options say. What
 * is decided is decided by supervise.h, for one unit, the Corps. */
#ifndef CORPS_CARE_ANEW_H
#define CORPS_CARE_ANEW_H

/* Has the process floor ask this one. Before any Corps is created. */
void corps__anew_care_set(void);

#endif
