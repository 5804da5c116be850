/* A Corps that its agent moves to another host, in order: what it was asked is answered, its Workers clean up, and what
 * they keep stays kept, for the next life; who calls it meanwhile waits for that. */
#ifndef CORPS_MOVING_H
#define CORPS_MOVING_H

/* Env 0 was told to: says so to the other Envs, and to strangers, and ends all as with the Corps. With the lead, as the
 * next. */
void corps__move_all(void);

/* Another Env hears of it, before it is told to clean up. */
void corps__moves(void);

#endif
