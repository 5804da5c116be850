/* Concs that are broken, or stopped for another's sake: they may be made again in their place, under their number.
 *
 * Such a Conc is *down* from the word until its new init has succeeded: its requests are parked, in order, and its
 * mailbox counts as full for this Env's senders. What becomes of it somebody else decides (care/wards.c), who is told
 * `stopped` when the former Conc has had its cleanup. It is made again, by an init as its first one, before what was
 * parked; or it is *lost*, and what was parked and all that still comes fails with WORKER_LOST and the reason.
 *
 * All that is done to a Conc comes by its mailbox, and so happens between two requests. A crash is of one *life* of the
 * Conc: an older one's late word does nothing.
 */
#ifndef CORPS_BROKEN_H
#define CORPS_BROKEN_H

#include "actor/conc.h"

enum { CORPS__BROKEN_TEXT_BYTES = 512 };

enum corps__down { CORPS__UP, CORPS__HELD, CORPS__BROKEN /* what it knows is worth nothing */ };

/* Whom to tell that a Conc is down: after it has failed, or as it was asked. On the thread that runs it. */
void corps__broken_set(void (*stopped)(uint32_t conc, bool failed, const char *how));

/* This life of it has failed, as `how` says (255 bytes are kept). Any thread. */
void corps__conc_crash(struct corps__conc *conc, uint8_t life, const char *how);

/* Stops it after the request that runs; it is down at once. Any thread. */
void corps__conc_stop(struct corps__conc *conc);

/* It has ended of its own accord and is to be made again: down at once. Any thread. */
void corps__conc_hold(struct corps__conc *conc);

/* Makes one that is down again: by its class's init, whose argument the group gives. Errors: NO_MEMORY. */
enum corps_err corps__conc_revive(struct corps__conc *conc, struct corps__group *group) CORPS_CHECKED;

/* One that is down is lost. Any thread. */
void corps__conc_give_up(struct corps__conc *conc, const char *text);

/* It takes no more requests, though it is whole: what is in its mailbox already still runs, and what comes later is
 * refused with MOVED and this text (255 bytes are kept) before it runs. Its end is its maker's to see to: cleanup runs
 * then. For members that leave a pool. Any thread. */
void corps__conc_move_away(struct corps__conc *conc, const char *text);

/* ---- for run.c, by the thread that runs the Conc ---- */

/* One that is down keeps this mail for later. False: it is to be handled now. */
bool corps__conc_parks(struct corps__conc *conc, struct corps__mail *mail);

/* It is not down any more: what was parked is to be run, one after the other, until there is none. */
void corps__conc_is_up(struct corps__conc *conc);
struct corps__mail *corps__parked_next(struct corps__conc *conc);

/* It has moved away, as this text says. */
void corps__conc_has_moved(struct corps__conc *conc, const char *text);

/* Is this Env being taken from its Corps, or does it move to another host? Then whoever asks a Conc that is gone by now
 * is told that. */
enum { CORPS__LEAVES_TEXT_BYTES = 96 };
bool corps__env_leaves(char out[CORPS__LEAVES_TEXT_BYTES]);

/* Why it is lost, or has moved away. Any thread that has seen that it is. */
void corps__conc_lost_text(const struct corps__conc *conc, char out[CORPS__BROKEN_TEXT_BYTES]);

/* With the end of the runtime. */
void corps__broken_free(void);

#endif
