#include "owner_own.h"

#include "agent.h"
#include "creators.h"
#include "inquiry.h"
#include "published.h"

#include "base/clock.h"
#include "wait/lead.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

enum { RETRY_MS = 100 };

static uv_timer_t timer;
static bool has_timer, turns;

/* ---- what is decided ---- */

/* How it has ended: by its last life, or by too many of them. */
static void write_how(uint64_t corps_id, char *out, size_t bytes, bool *in_order) {
    const struct agent_owned *owned = agent_owned_find(corps_id);
    const struct corps__owned *row = corps__owners_find(&agent_owner.decider, corps_id);
    *in_order = true;
    const char *how = owned != NULL ? agent_owned_how(owned, in_order) : "";
    if (row != NULL && row->known && row->unit.lost) {
        char history[600];
        (void)corps__supervise_history(&row->supervisor, history, sizeof history);
        snprintf(out, bytes, "the Corps is not started anew, after %s", history);
    } else {
        snprintf(out, bytes, "%s", how[0] != '\0' ? how : "it has ended");
    }
}

static void refuse(const struct corps__owners_action *action) {
    if (agent_owner.refused_id == action->corps_id) {
        agent_creators_refuse(action->corps_id, agent_owner.refused_err, agent_owner.refused_text);
    } else {
        agent_creators_refuse(action->corps_id, action->err,
                              agent_owner.trouble[0] != '\0' ? agent_owner.trouble
                                                             : "the ledger has not answered in time");
    }
}

static void forget(const struct corps__owners_action *action) {
    uint64_t corps_id = action->corps_id;
    struct agent_owned *owned = agent_owned_find(corps_id);
    bool in_order;
    char how[700];
    write_how(corps_id, how, sizeof how, &in_order);
    switch (action->why) {
    case CORPS__OWNERS_ENDED:
        agent_creators_over(corps_id, in_order, how);
        break;
    case CORPS__OWNERS_REFUSED:
        refuse(action);
        break;
    case CORPS__OWNERS_GIVEN:
    case CORPS__OWNERS_MOVED:
        agent_creators_restarts(corps_id, how);
        break;
    }
    agent_owner.refused_id = 0;
    if (owned != NULL) {
        agent_owned_free(owned);
    }
}

static void start(const struct corps__owners_action *action, struct agent_owned *owned) {
    if (action->epoch == 1) {
        const struct corps_value items[] = {corps_str("owned"), corps_int((int64_t)action->epoch)};
        const struct corps_value record = corps_array(items, 2);
        agent_creators_send(action->corps_id, &record);
    } else {
        agent_say("starts the Corps %016" PRIx64 " ('%s') in its epoch %" PRIu64, action->corps_id,
                  agent_owned_order(owned)->about.tag, action->epoch);
    }
    agent_owned_start(owned, action->epoch);
}

static void kill_it(const struct corps__owners_action *action, struct agent_owned *owned) {
    const struct corps__owned *row = corps__owners_find(&agent_owner.decider, action->corps_id);
    bool is_over = row != NULL && row->kill_ns != 0 && row->kill_ns <= corps__boottime_ns();
    bool was_lost = row != NULL && row->blameless;
    agent_owned_kill(owned, is_over    ? "it was told to end, and had not in time"
                            : was_lost ? "the ledger has not answered before this host's lease was over, or its Corps "
                                         "has another owner"
                                       : "it has not started in time");
}

static void act_on(const struct corps__owners_action *action) {
    struct agent_owned *owned = agent_owned_find(action->corps_id);
    if (action->what == CORPS__OWNERS_FORGET) {
        forget(action);
    } else if (action->what == CORPS__OWNERS_PASS_ON) {
        agent_inquiry_end(action->corps_id);
    } else if (owned == NULL) {
        agent_say("the Corps %016" PRIx64 " is to be started here, and its record is not", action->corps_id);
    } else if (action->what == CORPS__OWNERS_START) {
        start(action, owned);
    } else if (action->what == CORPS__OWNERS_GO) {
        agent_owned_go(owned);
    } else if (action->what == CORPS__OWNERS_STOP) {
        agent_owned_move(owned);
    } else {
        kill_it(action, owned);
    }
}

static void act(const struct corps__owners_action *action) {
    if (action->what <= CORPS__OWNERS_END) {
        agent_owner_ask(action);
    } else {
        act_on(action);
    }
}

static void show(struct agent_owned *owned) {
    agent_owned_show(owned, corps__owners_until(&agent_owner.decider, agent_owned_order(owned)->corps_id));
}

static void on_timer(uv_timer_t *unused) {
    (void)unused;
    agent_owner_ask_again();
    agent_owner_turn();
}

/* Does what is decided, until there is nothing more to do for now. */
void agent_owner_turn(void) {
    if (turns || agent_owner.rows == NULL) {
        return; /* whoever does it goes on */
    }
    if (!has_timer) {
        has_timer = true;
        uv_timer_init(corps__loop(), &timer);
    }
    turns = true;
    struct corps__owners_action action;
    while (corps__owners_next(&agent_owner.decider, corps__boottime_ns(), &action)) {
        agent_owneds_each(show); /* first: an end of the lease is seen before anything else is done */
        act(&action);
    }
    agent_owneds_each(show);
    turns = false;
    int64_t due_ns = corps__owners_due(&agent_owner.decider), now_ns = corps__boottime_ns();
    uint64_t ms = due_ns <= now_ns ? 0 : (uint64_t)((due_ns - now_ns) / 1000000 + 1);
    corps__timer_start(&timer, on_timer, due_ns == INT64_MAX || agent_owner_is_short() ? RETRY_MS : ms, 0);
}

/* ---- what Env 0 does ---- */

static void on_started(uint64_t corps_id, uint64_t epoch) {
    corps__owners_started(&agent_owner.decider, corps_id, epoch, corps__boottime_ns());
    agent_owner_turn();
}

/* While it is started again those who know it wait. */
static void tell_restarts(uint64_t corps_id, const char *how) {
    const struct agent_owned *owned = agent_owned_find(corps_id);
    const struct corps__owned *row = corps__owners_find(&agent_owner.decider, corps_id);
    if (owned == NULL || row == NULL || row->goal == CORPS__OWNED_END) {
        return;
    }
    char text[840];
    snprintf(text, sizeof text, "%.780s; the Corps is started anew", how);
    agent_creators_restarts(corps_id, text);
    if (agent_owned_directory(owned)[0] != '\0' &&
        agent_published_restarts(agent_owned_directory(owned), text) == CORPS_ERR_SYSTEM) {
        agent_say("strangers do not hear that the Corps %016" PRIx64 " is started anew: %s", corps_id,
                  corps_error_detail());
    }
}

static void on_ended(uint64_t corps_id, uint64_t epoch, enum corps__owners_end end, const char *how) {
    char text[800];
    snprintf(text, sizeof text, "%s", how);
    if (end != CORPS__OWNERS_END_ORDER) {
        agent_say("the Corps %016" PRIx64 ": %s", corps_id, text);
    }
    corps__owners_ended(&agent_owner.decider, corps_id, epoch, end, text, corps__boottime_ns());
    agent_owner_turn(); /* first: whether there is a next life */
    tell_restarts(corps_id, text);
}

static void on_exits(uint64_t corps_id) {
    (void)corps__owners_exits(&agent_owner.decider, corps_id, CORPS__OWNERS_EXIT_NS, corps__boottime_ns());
    agent_owner_turn();
}

const struct agent_owned_ops agent_owner_owned_ops = {.started = on_started, .ended = on_ended, .exits = on_exits};
