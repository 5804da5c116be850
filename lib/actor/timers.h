/* The timers of this process: which there are, and who serves them.
 *
 * In an Env they are alarms (alarm.h), which ring with the lead. The leader calls a Worker of this Env itself: that
 * takes a place in its mailbox, and waits for nothing. Whatever could make the leader wait, encoding for another Env
 * and an interpreter's lock, it hands over to a Conc, "corps timers", which a thread of the pool runs. That Conc is
 * made with the first timer.
 *
 * In a program nobody polls but while somebody waits. So there one thread serves all timers, while there are any; it
 * sleeps outside of Corps, and waits inside, as any thread does, only while a call of a timer is under way.
 */
#ifndef CORPS_ACTOR_TIMERS_H
#define CORPS_ACTOR_TIMERS_H

#include "actor/timer.h"

/* There is somebody who serves: makes that. Errors: INVALID (this process serves nothing yet), NO_MEMORY, SYSTEM,
 * LIMIT. Any thread. */
enum corps_err corps__timers_open(void) CORPS_CHECKED;

/* It is one of those that are looked for when a Conc ends; and no more. Any thread. */
void corps__timers_list(struct corps_timer *timer);
void corps__timers_unlist(struct corps_timer *timer);

/* Has it ring at `at_ns`, with a reference that this takes. Cleared: true, and the reference is the caller's again. */
void corps__timers_set(struct corps_timer *timer, int64_t at_ns);
bool corps__timers_clear(struct corps_timer *timer);

/* Has corps__timer_attend called where waiting does no harm; takes a reference for each bit of `what`. Any thread, also
 * with the lead. */
void corps__timers_hand_over(struct corps_timer *timer, unsigned what);

/* A program's thread waits inside of Corps while this is more than 0: answers, and links that are being made, come only
 * to who polls. */
void corps__timers_busy(int more);

/* Stops all. Not with the lead. */
CORPS_API void corps__timers_stop_all(void);

#endif
