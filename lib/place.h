/* Placement: which processors an Env's threads may run on. */
#ifndef CORPS_PLACE_H
#define CORPS_PLACE_H

#include "runtime.h"

/* Pins the calling process as `placement` says. Before other threads are started. Errors: UNSUPPORTED (cross with one
 * processor), SYSTEM. */
enum corps_err corps__place_env(enum corps_placement placement, unsigned env, unsigned env_count) CORPS_CHECKED;

/* Pins pool thread `index` where an Env that is alone is placed across processors. */
void corps__place_thread(unsigned index);

#endif
