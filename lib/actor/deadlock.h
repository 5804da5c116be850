/* Waits that could never end: a method waits for a Worker that waits, over any number of others, for the method's own.
 *
 * A method that has waited for a second asks: a PROBE follows its call to the Worker that should answer, from there the
 * call that the Worker's own method waits for, and so on, over Envs and Corps. If it comes back to where it began, the
 * wait that began last is the one that closed the circle: its call fails with DEADLOCK, whose text names all of it.
 * A wait that ends soon costs nothing. (Edge chasing: Chandy, Misra and Haas, "Distributed Deadlock Detection", 1983.)
 */
#ifndef CORPS_DEADLOCK_H
#define CORPS_DEADLOCK_H

#include "actor/future.h"

/* After how long a method asks first. */
#define CORPS__DEADLOCK_ASKS_NS 1000000000

/* corps__wait for a Future inside a method, in a wait that began at `start_ns`. */
enum corps_err corps__deadlock_wait(struct corps_future *future, struct corps__waiter *waiter, bool (*done)(void *arg),
                                    int64_t start_ns, int64_t deadline_ns) CORPS_CHECKED;

/* May a wait with this deadline run the Conc that answers on its own stack, which cannot be left when the time is over?
 */
bool corps__is_patient(int64_t deadline_ns);

/* The same for a wait of this length, without a look at the clock; outside of methods any may. */
bool corps__may_run_inline(int64_t timeout_ns);

/* A PROBE has come for the Worker with this number. With the lead. Errors: PROTOCOL, NO_MEMORY. */
enum corps_err corps__deadlock_probe(uint32_t conc, const struct corps_value *probe) CORPS_CHECKED;

/* In the child of a fork: nobody waits. */
void corps__deadlock_forked(void);

#endif
