/* The Corps that this host owns, or may come to own: what hosts/owners.h decides is done here.
 *
 * A Corps that was created detached, over several hosts, through an agent whose ledger has an engine is *owned*: its
 * Env 0 is a child of the agent (owned.h), not of the program that created it; and where the agent or its host is lost
 * another host's agent starts it again, in its next epoch, by the boot record that the ledger keeps. The ledger is
 * asked on a thread of its own (engine.h). An agent whose ledger has no engine owns nothing, and all of this answers
 * so.
 *
 * Threads: the loop's.
 */
#ifndef CORPS_AGENT_OWNER_H
#define CORPS_AGENT_OWNER_H

#include "engine.h"
#include "order.h"

/* Opens the ledger that the hosts file names. `password`: of its user; NULL: there is none. Errors: UNSUPPORTED,
 * UNKNOWN (this agent was built without it), INVALID, SYSTEM, NO_MEMORY. */
enum corps_err agent_owner_open(const char *password) CORPS_CHECKED;

/* Nothing is owned any more: what still runs is killed and the ledger is closed, which takes up to 2 s. Also where it
 * was not opened. */
void agent_owner_close(void);

/* Has this agent a ledger that lets Corps move? */
bool agent_owner_is_on(void);

/* A program asks for a new Corps, on its connection `fd`, which is taken, not on error; so is `order`, also on error.
 * What becomes of it is told there: hosts/desk.h. Errors: UNSUPPORTED, LIMIT (the host is drained, or ends; it owns too
 * many), INVALID (it is known), NO_MEMORY, SYSTEM. */
enum corps_err agent_owner_order(struct agent_order *order, int fd, int64_t timeout_ns) CORPS_CHECKED;

/* A Corps is to end for good, in order; its Env 0 is killed if it has not within that time (0: a few seconds; in any
 * case as long as these, and no longer than one that moves has). False: it is not here. */
bool agent_owner_exit(uint64_t corps_id, int64_t within_ns);

/* From now on this host is drained, or no longer: what it owns ends here in order, and is given to others. The ledger
 * is told as soon as it can be. */
void agent_owner_drain(bool on);

/* This agent ends: the same, but the ledger is not told that the host were drained. */
void agent_owner_end(void);

/* How many Corps are here, or about to be; is this one? */
unsigned agent_owner_count(void);
bool agent_owner_is_here(uint64_t corps_id);

/* Is all that was asked of the ledger answered? */
bool agent_owner_is_idle(void);

/* Until when what is owned here may act, of CLOCK_BOOTTIME in ns; INT64_MAX: the ledger has no leases; 0: not at all.
 */
int64_t agent_owner_lease_until(void);

/* What the ledger said last, and when it was asked for that; NULL: nothing yet. Lent until the loop turns. */
const struct agent_seen *agent_owner_seen(int64_t *asked_ns);

/* Has the ledger asked soon; inquiry.h is told. */
void agent_owner_look(void);

/* Why the ledger does not answer: one line; "" if it does. */
const char *agent_owner_trouble(void);

/* What a Corps that is here has published, for other hosts; what malloc gave. `*epoch` of it. Errors: UNKNOWN (it is
 * not here), EXITED (it has ended), AGAIN (its Env 0 does not serve now), and those of published.h. */
enum corps_err agent_owner_published(uint64_t corps_id, uint64_t *epoch, uint8_t **data, size_t *bytes) CORPS_CHECKED;

#endif
