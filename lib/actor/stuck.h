/* Methods that run for longer than they may: their Env is ended, by the floor above.
 *
 * Whose methods may run for how long, their class says (struct corps_class, stuck_ns), or a Conc's init. Such a method
 * is listed while it runs. The Env's monitor, a thread that runs no method and needs no interpreter's lock, looks at
 * the list ten times a second: so it sees them though all other threads are busy, and somewhat late. What its thread
 * waits for inside Corps does not count, nor does time in which the whole process stood still. Methods of other
 * classes, and their waits, cost a look at their Conc's own time.
 */
#ifndef CORPS_ACTOR_STUCK_H
#define CORPS_ACTOR_STUCK_H

#include "actor/conc.h"

enum { CORPS__STUCK_LOOK_MS = 100 };

/* From now on `end` is told, by the monitor, why the Env is to end; it does not return. Before there is any Conc. */
void corps__stuck_begin(void (*end)(const char *why));

/* Runs a method of the context's Conc, which has a time. What it gives is the method's. */
enum corps_err corps__stuck_run(corps_method_fn method, struct corps_context *context, const struct corps_value *args,
                                struct corps_value *result);

/* Around what does not count, on the thread that runs the method; they nest. Every wait, and whatever else runs on top
 * of a method, is between them: so only the topmost one need be looked at. */
void corps__stuck_hold(void);
void corps__stuck_let_go(void);
static inline bool corps__stuck_concerns(void) {
    const struct corps_context *context = corps__context();
    return context != NULL && corps__rare(context->conc)->stuck_ns != 0;
}
static inline void corps__stuck_pause(void) {
    if (corps__stuck_concerns()) {
        corps__stuck_hold();
    }
}
static inline void corps__stuck_go_on(void) {
    if (corps__stuck_concerns()) {
        corps__stuck_let_go();
    }
}

/* For the monitor, which is woken when the first one begins: are there any? Ends the Env if one of
 * them has run for too long. */
bool corps__stuck_any(void);
void corps__stuck_look(void);

/* In the child of a fork: the methods are the parent's. */
void corps__stuck_forked(void);

#endif
