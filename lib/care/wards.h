/* The Concs of this Env that are made again when they fail, as their creation asked: each creation's part that lives
 * here is a ward, with a supervisor of its own. What is decided is decided by supervise.h; here it is done, with the
 * lead, to Concs that actor/broken.h holds meanwhile. */
#ifndef CORPS_CARE_WARDS_H
#define CORPS_CARE_WARDS_H

/* Has the floors below ask this one. Before an Env's main begins. */
void corps__wards_begin(void);

#endif
