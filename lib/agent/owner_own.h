/* What the files of owner.h share: owner.c is what others call, owner_act.c does what is decided, owner_ledger.c asks
 * the ledger and takes its answers. */
#ifndef CORPS_AGENT_OWNER_OWN_H
#define CORPS_AGENT_OWNER_OWN_H

#include "owned.h"
#include "owner.h"

#include "hosts/owners.h"

struct agent_owner {
    struct corps__owners decider;
    struct corps__owned *rows; /* NULL: this agent owns nothing */
    struct agent_seen *seen;   /* what the ledger said last, NULL … */
    int64_t seen_ns;           /* … when it was asked then */
    char trouble[400];         /* why the ledger does not answer, "" */
    enum corps_err trouble_err;
    uint64_t refused_id;        /* whose claim was refused last … */
    enum corps_err refused_err; /* … and why */
    char refused_text[400];
    bool drain_wanted, drain_told; /* what this host is to be, and what the ledger was told */
};
extern struct agent_owner agent_owner;

/* Does what is decided, until there is nothing more to do for now: after each event. */
void agent_owner_turn(void);

/* What Env 0 of an owned Corps does is an event. */
extern const struct agent_owned_ops agent_owner_owned_ops;

/* Asks the ledger for what is decided. Where there is no memory for that (is_short), ask_again tries it again. */
void agent_owner_ask(const struct corps__owners_action *action);
bool agent_owner_is_short(void);
void agent_owner_ask_again(void);

/* Has the ledger say whether this host is drained. */
void agent_owner_ask_drain(void);

/* What the ledger answers is an event. */
extern const struct agent_engine_ops agent_owner_engine_ops;

#endif
