#include "owner_own.h"

#include "agent.h"
#include "creators.h"
#include "drain.h"
#include "etcd/etcd.h"
#include "folder.h"
#include "inquiry.h"
#include "leases.h"
#include "published.h"

#include "base/clock.h"
#include "hosts/keys.h"
#include "hosts/ledgers.h"
#include "wait/lead.h"

#include <stdlib.h>
#include <string.h>

struct agent_owner agent_owner;

static struct corps_ledger_options options;
static char cluster[CORPS__CLUSTER_BYTES];
static char address[CORPS_LEDGER_ADDRESS_BYTES];

bool agent_owner_is_on(void) {
    return agent_owner.rows != NULL;
}

unsigned agent_owner_count(void) {
    return agent_owner.rows != NULL ? corps__owners_count(&agent_owner.decider) : 0;
}

bool agent_owner_is_here(uint64_t corps_id) {
    return agent_owner.rows != NULL && corps__owners_find(&agent_owner.decider, corps_id) != NULL;
}

bool agent_owner_is_idle(void) {
    return agent_owner.rows == NULL || agent_engine_is_idle();
}

int64_t agent_owner_lease_until(void) {
    return agent_owner.rows != NULL ? agent_owner.decider.until_ns : INT64_MAX;
}

const struct agent_seen *agent_owner_seen(int64_t *asked_ns) {
    *asked_ns = agent_owner.seen_ns;
    return agent_owner.seen;
}

const char *agent_owner_trouble(void) {
    return agent_owner.trouble;
}

void agent_owner_look(void) {
    if (agent_owner.rows != NULL) {
        corps__owners_look(&agent_owner.decider);
        agent_owner_turn();
    }
}

/* ---- what programs and people want ---- */

bool agent_owner_exit(uint64_t corps_id, int64_t within_ns) {
    within_ns = within_ns < CORPS__OWNERS_DRAIN_NS ? within_ns : CORPS__OWNERS_DRAIN_NS;
    within_ns = within_ns > CORPS__OWNERS_EXIT_NS ? within_ns : CORPS__OWNERS_EXIT_NS;
    if (agent_owner.rows == NULL ||
        !corps__owners_exits(&agent_owner.decider, corps_id, within_ns, corps__boottime_ns())) {
        return false;
    }
    struct agent_owned *owned = agent_owned_find(corps_id);
    if (owned != NULL) {
        agent_owned_exit(owned);
    }
    agent_owner_turn();
    return true;
}

static void on_creator_exits(uint64_t corps_id, int64_t within_ns) {
    if (!agent_owner_exit(corps_id, within_ns)) {
        agent_inquiry_end(corps_id); /* where it is; and if nobody knows yet: with the next list */
    }
}

static enum corps_err may_order(uint64_t corps_id) {
    if (agent_owner.rows == NULL) {
        return corps_error_set(CORPS_ERR_UNSUPPORTED,
                               "the hosts file names no ledger etcd, and without it no Corps can "
                               "move to another host");
    }
    if (agent_is_drained()) {
        return corps_error_set(CORPS_ERR_LIMIT, "host %u (%s) is drained; create the Corps on another one",
                               agent.own->number, agent.own->name);
    }
    return agent_owned_find(corps_id) == NULL ? CORPS_OK
                                              : corps_error_set(CORPS_ERR_INVALID, "this Corps is here already");
}

enum corps_err agent_owner_order(struct agent_order *order, int fd, int64_t timeout_ns) {
    uint64_t corps_id = order->corps_id;
    int64_t now_ns = corps__boottime_ns();
    struct agent_owned *owned = NULL;
    enum corps_err err = may_order(corps_id);
    err = err == CORPS_OK ? agent_owned_create(order, &owned) : err;
    if (err != CORPS_OK) {
        agent_order_free(order);
        return err;
    }
    err = corps__owners_ordered(&agent_owner.decider, corps_id, &order->policy, order->about.stays, now_ns + timeout_ns,
                                now_ns);
    if (err != CORPS_OK) {
        agent_owned_free(owned);
        return corps_error_set(err, "host %u (%s) takes no more Corps: it owns %u", agent.own->number, agent.own->name,
                               agent_owner_count());
    }
    if (agent_creators_add(corps_id, fd) != CORPS_OK) {
        agent_say("the Corps %016llx is not begun: %s", (unsigned long long)corps_id, corps_error_detail());
        (void)corps__owners_exits(&agent_owner.decider, corps_id, 0, now_ns); /* nobody would hear of it */
    }
    agent_owner_turn();
    return CORPS_OK;
}

void agent_owner_drain(bool on) {
    agent_owner.drain_wanted = on;
    if (agent_owner.rows != NULL) {
        agent_owner_ask_drain();
        corps__owners_drain(&agent_owner.decider, on);
        agent_owner_turn();
    }
}

void agent_owner_end(void) {
    if (agent_owner.rows != NULL) {
        corps__owners_drain(&agent_owner.decider, true);
        agent_owner_turn();
    }
}

enum corps_err agent_owner_published(uint64_t corps_id, uint64_t *epoch, uint8_t **data, size_t *bytes) {
    const struct agent_owned *owned = agent_owned_find(corps_id);
    const struct corps__owned *row =
        agent_owner.rows != NULL ? corps__owners_find(&agent_owner.decider, corps_id) : NULL;
    if (row == NULL) {
        return corps_error_set(CORPS_ERR_UNKNOWN, "host %u (%s) does not own this Corps", agent.own->number,
                               agent.own->name);
    }
    if (row->goal == CORPS__OWNED_END && row->life == CORPS__LIFE_NONE) {
        return corps_error_set(CORPS_ERR_EXITED, "the Corps has ended, and the ledger is about to forget it");
    }
    *epoch = owned != NULL ? agent_owned_serves(owned) : 0;
    return *epoch == 0 ? CORPS_ERR_AGAIN : agent_published_read(agent_owned_directory(owned), data, bytes);
}

/* ---- the beginning and the end ---- */

enum corps_err agent_owner_open(const char *password) {
    const struct corps__hosts *hosts = agent.hosts;
    agent_etcd_add();
    agent_leases_ledger(hosts->ledger);
    const struct corps_ledger *ledger = corps__ledger_find(hosts->ledger);
    if (ledger == NULL) {
        return CORPS_ERR_UNKNOWN;
    }
    if (!ledger->moves) {
        return CORPS_OK; /* nothing is owned: a Corps belongs to the program that created it */
    }
    if (hosts->ledger_user[0] != '\0' && password == NULL) {
        return corps_error_set(CORPS_ERR_INVALID, "%s names the ledger-user %s; give the agent --ledger-password FILE",
                               agent.hosts_file, hosts->ledger_user);
    }
    corps__key_cluster(agent.key, cluster);
    corps__host_address(agent.own, address, sizeof address);
    options = (struct corps_ledger_options){
        .host = agent.own->number,
        .boot = agent.boot,
        .slots = agent.own->slots,
        .address = address,
        .endpoints = hosts->ledger_endpoints,
        .ca_file = hosts->ledger_ca[0] != '\0' ? hosts->ledger_ca : NULL,
        .user = hosts->ledger_user[0] != '\0' ? hosts->ledger_user : NULL,
        .password = password,
        .cluster = cluster,
    };
    struct corps__owned *made = calloc(CORPS__OWNERS_ROWS, sizeof *made);
    if (made == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the Corps that this host may own");
    }
    enum corps_err err = agent_engine_open(ledger, &options, &agent_owner_engine_ops);
    if (err != CORPS_OK) {
        free(made);
        return err;
    }
    agent_owner.rows = made;
    corps__owners_init(&agent_owner.decider, agent.own->number, made, CORPS__OWNERS_ROWS);
    agent_owneds_begin(&agent_owner_owned_ops);
    agent_creators_begin(on_creator_exits);
    agent_owner_turn();
    return CORPS_OK;
}

static void kill_owned(struct agent_owned *owned) {
    agent_owned_kill(owned, "its agent ended");
}

/* What is left runs no more, before the lease is given up. */
static void end_owned(void) {
    agent_owneds_each(kill_owned);
    for (struct agent_owned *owned; (owned = agent_owneds_first()) != NULL;) {
        agent_owned_free(owned);
    }
    agent_folders_close();
}

void agent_owner_close(void) {
    if (agent_owner.rows == NULL) {
        return;
    }
    end_owned();
    agent_creators_close();
    agent_engine_close();
    agent_seen_free(agent_owner.seen);
    agent_owner.seen = NULL;
    free(agent_owner.rows);
    agent_owner.rows = NULL;
}
