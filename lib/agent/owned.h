/* A Corps whose Env 0 is on this host: the process, its control channel, its page of grants, its directory.
 *
 * Its Env 0 is started as any Env is (launch.h), with the page as descriptor 4, and is told of the Corps by the boot
 * record that its program once gave, with what differs from life to life put in. What it says goes on to the program
 * that created the Corps, if that still listens (creators.h). The page shows until when it may act, and with it the
 * Envs that it has started on this host; they end with it.
 *
 * A later life than the first waits for the word to go: until then those of a former life are on their way out, here or
 * elsewhere. When it is to go and some of this host have not ended, it waits for these too, and has them killed.
 *
 * Whether and when all this is done is decided by hosts/owners.h; owner.h asks it. Threads: the loop's.
 */
#ifndef CORPS_AGENT_OWNED_H
#define CORPS_AGENT_OWNED_H

#include "order.h"

#include "hosts/owners.h"

struct agent_owned;

/* What is told; none of them within what is called below but `start`, which may tell an end. */
struct agent_owned_ops {
    void (*started)(uint64_t corps_id, uint64_t epoch); /* it serves */
    /* The process was reaped, or could not be started. */
    void (*ended)(uint64_t corps_id, uint64_t epoch, enum corps__owners_end end, const char *how);
    void (*exits)(uint64_t corps_id); /* it ends the Corps, for good */
};

/* Once, before the others. */
void agent_owneds_begin(const struct agent_owned_ops *ops);

/* Takes `order`, not on error. Errors: NO_MEMORY, SYSTEM. */
enum corps_err agent_owned_create(struct agent_order *order, struct agent_owned **owned) CORPS_CHECKED;

/* NULL: it is not here. */
struct agent_owned *agent_owned_find(uint64_t corps_id);
const struct agent_order *agent_owned_order(const struct agent_owned *owned);

/* Starts the process of this epoch's life. */
void agent_owned_start(struct agent_owned *owned, uint64_t epoch);

/* It may act. */
void agent_owned_go(struct agent_owned *owned);

/* Has it end in order: for another host to take the Corps, or for good. */
void agent_owned_move(struct agent_owned *owned);
void agent_owned_exit(struct agent_owned *owned);

/* At once, and those of its Envs that are on this host. */
void agent_owned_kill(struct agent_owned *owned, const char *reason);

/* What its page shows: until when it may act, of CLOCK_BOOTTIME in ns. */
void agent_owned_show(struct agent_owned *owned, int64_t until_ns);

/* The line that the ledger tells of it, for the claim of its first life: into `out`, of AGENT_ABOUT_BYTES. What numbers
 * its Concs have had is noted there from then on, ahead of their being used, so that a life on another host uses none
 * of them again. */
void agent_owned_about(struct agent_owned *owned, char *out);

/* The ledger has answered to a note; and what could not be noted is tried again. */
void agent_owned_noted(struct agent_owned *owned, enum corps_err err);
void agent_owneds_note(void);

/* How its last life ended: one line, "" if none has. */
const char *agent_owned_how(const struct agent_owned *owned, bool *in_order);

/* Its epoch, where its Env 0 serves; else 0. Its directory on this host, "" before it was started. */
uint64_t agent_owned_serves(const struct agent_owned *owned);
const char *agent_owned_directory(const struct agent_owned *owned);

/* Nothing of it runs here, and nothing follows. */
void agent_owned_free(struct agent_owned *owned);

/* For all of them, in no order; `fn` frees none. */
void agent_owneds_each(void (*fn)(struct agent_owned *owned));

/* How many Envs of theirs run on this host: each Env 0, and those that it has started here itself. */
unsigned agent_owneds_env_count(void);

/* Any of them, NULL: there is none. */
struct agent_owned *agent_owneds_first(void);

#endif
