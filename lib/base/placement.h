/* Placement: which processors an Env's threads may run on. */
#ifndef CORPS_PLACEMENT_H
#define CORPS_PLACEMENT_H

#include <corps.h>

/* The processors that this process was allowed when it started, as bytes for a boot record; and taking them
 * over in a child. (Its own mask is its parent's, which may be pinned already.) */
#define CORPS__ALLOWED_BYTES 128u
void corps__placement_allowed(uint8_t out[CORPS__ALLOWED_BYTES]);
void corps__placement_allow(const uint8_t *bytes, size_t count);

/* Pins the calling process as `placement` says. `alone`: there will be no other Env, so that across means its threads.
 * Before other threads are started. Errors: UNSUPPORTED (cross with one processor), SYSTEM. */
enum corps_err corps__placement_env(enum corps_placement placement, unsigned env, bool alone) CORPS_CHECKED;

/* Did that pin it? Then its processors are the Corps', and nobody else's to choose. */
bool corps__placement_is_pinned(void);

/* Pins pool thread `index` where an Env that is alone is placed across processors. */
void corps__placement_thread(unsigned index);

/* Do all threads of this process share one processor? */
bool corps__placement_is_single(void);

#endif
