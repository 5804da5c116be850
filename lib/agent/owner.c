#include "owner.h"

#include "agent.h"
#include "creators.h"
#include "drain.h"
#include "inquiry.h"
#include "leases.h"
#include "owned.h"
#include "published.h"

#include "base/clock.h"
#include "hosts/ledgers.h"
#include "hosts/owners.h"
#include "wait/lead.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { RETRY_MS = 100 };

static struct corps__owners owners;
static struct corps__owned *rows; /* NULL: this agent owns nothing */
static struct corps_ledger_options options;
static char cluster[CORPS__CLUSTER_BYTES];
static char address[CORPS_LEDGER_ADDRESS_BYTES];

static uv_timer_t timer;
static bool turns;                           /* what is decided is being done */
static bool has_waiting;                     /* there was no memory to ask … */
static struct agent_engine_question waiting; /* … this: it is tried again */
static struct agent_seen *seen;              /* what the ledger said last, NULL … */
static int64_t seen_ns;                      /* … when it was asked then */
static char trouble[400];                    /* why the ledger does not answer, "" */
static enum corps_err trouble_err;
static enum corps_err refused_err; /* of the claim that was refused last */
static char refused_text[400];
static bool drain_wanted, drain_told; /* what this host is to be, and what the ledger was told */

static void turn(void);

bool agent_owner_is_on(void) {
    return rows != NULL;
}

unsigned agent_owner_count(void) {
    return rows != NULL ? corps__owners_count(&owners) : 0;
}

bool agent_owner_is_here(uint64_t corps_id) {
    return rows != NULL && corps__owners_find(&owners, corps_id) != NULL;
}

bool agent_owner_is_idle(void) {
    return rows == NULL || agent_engine_is_idle();
}

int64_t agent_owner_lease_until(void) {
    return rows != NULL ? owners.until_ns : INT64_MAX;
}

const struct agent_seen *agent_owner_seen(int64_t *asked_ns) {
    *asked_ns = seen_ns;
    return seen;
}

const char *agent_owner_trouble(void) {
    return trouble;
}

void agent_owner_look(void) {
    if (rows != NULL) {
        corps__owners_hinted(&owners);
        turn();
    }
}

/* ---- the ledger's trouble, said once ---- */

static void has_trouble(const struct agent_engine_answer *answer) {
    bool is_new = trouble_err != answer->err;
    trouble_err = answer->err;
    snprintf(trouble, sizeof trouble, "%s", answer->detail);
    agent_leases_trouble(trouble);
    if (is_new) {
        agent_say("the ledger does not answer: %s", trouble);
    }
}

static void has_answered(void) {
    if (trouble_err != CORPS_OK) {
        agent_say("the ledger answers again");
    }
    trouble_err = CORPS_OK;
    trouble[0] = '\0';
    agent_leases_trouble(NULL);
}

static void note_trouble(const struct agent_engine_answer *answer) {
    if (answer->err == CORPS_OK) {
        has_answered();
    } else if (answer->err == CORPS_ERR_CLOSED) {
        agent_say("this host's lease at the ledger was lost; what it owned is ended here: %s", answer->detail);
    } else {
        has_trouble(answer);
    }
}

/* ---- asking the ledger ---- */

/* The first claim says all that others have to know. Errors: TOO_LARGE, NO_MEMORY. */
static enum corps_err ask_first_claim(struct agent_engine_question *question) {
    struct agent_owned *owned = agent_owned_find(question->corps_id);
    if (owned == NULL) {
        return corps_error_set(CORPS_ERR_UNKNOWN, "a Corps that is not here cannot be begun");
    }
    const struct agent_order *order = agent_owned_order(owned);
    char about[AGENT_ABOUT_BYTES];
    uint8_t *record = NULL;
    enum corps_err err = agent_order_seal(order, agent.key, &record, &question->record_bytes);
    if (err != CORPS_OK) {
        return err;
    }
    agent_owned_about(owned, about);
    question->name = order->name;
    question->about = about;
    question->record = record;
    bool asked = agent_engine_ask(question);
    free(record);
    return asked ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to claim a Corps");
}

static void keep_waiting(const struct agent_engine_question *question) {
    waiting = *question;
    waiting.name = waiting.about = NULL;
    waiting.record = NULL;
    waiting.record_bytes = 0;
    has_waiting = true;
}

static void ask(const struct agent_engine_question *given) {
    struct agent_engine_question question = *given;
    if (question.what == AGENT_ENGINE_CLAIM && question.epoch == 1) {
        enum corps_err err = ask_first_claim(&question);
        if (err == CORPS_ERR_NO_MEMORY) {
            keep_waiting(&question);
        } else if (err != CORPS_OK) {
            refused_err = err;
            snprintf(refused_text, sizeof refused_text, "%s", corps_error_detail());
            corps__owners_answered(&owners, CORPS_ERR_UNKNOWN, corps__boottime_ns());
        }
    } else if (!agent_engine_ask(&question)) {
        keep_waiting(&question);
    }
}

static void ask_drain(void) {
    const struct agent_engine_question question = {.what = AGENT_ENGINE_DRAIN, .is_drained = drain_wanted};
    drain_told = drain_wanted;
    if (!agent_engine_ask(&question)) {
        drain_told = !drain_wanted; /* tried again with the next renewal */
    }
}

/* ---- what is decided ---- */

static const char *how_of(uint64_t corps_id, bool *in_order) {
    const struct agent_owned *owned = agent_owned_find(corps_id);
    *in_order = true;
    const char *how = owned != NULL ? agent_owned_how(owned, in_order) : "";
    return how[0] != '\0' ? how : "it has ended";
}

static void forget(const struct corps__owners_action *action) {
    uint64_t corps_id = action->corps_id;
    struct agent_owned *owned = agent_owned_find(corps_id);
    bool in_order;
    char how[700];
    snprintf(how, sizeof how, "%s", how_of(corps_id, &in_order));
    switch (action->why) {
    case CORPS__OWNERS_ENDED:
        agent_creators_over(corps_id, in_order, how);
        break;
    case CORPS__OWNERS_REFUSED:
        agent_creators_refuse(corps_id, refused_err != CORPS_OK ? refused_err : action->err,
                              refused_err != CORPS_OK ? refused_text
                              : trouble[0] != '\0'    ? trouble
                                                      : "the ledger has not answered in time");
        break;
    case CORPS__OWNERS_GIVEN:
    case CORPS__OWNERS_MOVED:
        agent_creators_restarts(corps_id, how);
        break;
    }
    refused_err = CORPS_OK;
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
    const struct corps__owned *row = corps__owners_find(&owners, action->corps_id);
    bool by_silence = row != NULL && row->killed_by_silence;
    agent_owned_kill(owned, by_silence ? "the ledger has not answered before this host's lease was over"
                                       : "it has taken too long to start or to end, or its Corps has another owner");
}

static void act_on(const struct corps__owners_action *action) {
    struct agent_owned *owned = agent_owned_find(action->corps_id);
    if (action->what == CORPS__OWNERS_FORGET) {
        forget(action);
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
    static const struct {
        enum corps__owners_do what;
        enum agent_engine_do asked;
    } operations[] = {{CORPS__OWNERS_RENEW, AGENT_ENGINE_RENEW}, {CORPS__OWNERS_LIST, AGENT_ENGINE_LIST},
                      {CORPS__OWNERS_CLAIM, AGENT_ENGINE_CLAIM}, {CORPS__OWNERS_READ, AGENT_ENGINE_READ},
                      {CORPS__OWNERS_GIVE, AGENT_ENGINE_GIVE},   {CORPS__OWNERS_END, AGENT_ENGINE_END}};
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (operations[i].what == action->what) {
            const struct agent_engine_question question = {
                .what = operations[i].asked, .corps_id = action->corps_id, .epoch = action->epoch};
            ask(&question);
            return;
        }
    }
    act_on(action);
}

static void show(struct agent_owned *owned) {
    agent_owned_show(owned, corps__owners_until(&owners, agent_owned_order(owned)->corps_id));
}

static void on_timer(uv_timer_t *unused) {
    (void)unused;
    if (has_waiting) {
        has_waiting = false;
        ask(&waiting);
    }
    turn();
}

/* Does what is decided, until there is nothing more to do for now. */
static void turn(void) {
    if (turns || rows == NULL) {
        return; /* whoever does it goes on */
    }
    turns = true;
    struct corps__owners_action action;
    while (corps__owners_next(&owners, corps__boottime_ns(), &action)) {
        agent_owneds_each(show); /* first: an end of the lease is seen before anything else is done */
        act(&action);
    }
    agent_owneds_each(show);
    turns = false;
    int64_t due_ns = corps__owners_due(&owners), now_ns = corps__boottime_ns();
    uint64_t ms = due_ns <= now_ns ? 0 : (uint64_t)((due_ns - now_ns) / 1000000 + 1);
    corps__timer_start(&timer, on_timer, due_ns == INT64_MAX || has_waiting ? RETRY_MS : ms, 0);
}

/* ---- lists ---- */

/* Among the hosts that may take it, as far as they live and are not drained. */
static uint32_t rank_of(const struct agent_seen_corps *corps) {
    uint32_t numbers[CORPS__HOSTS_MAX];
    uint32_t count = 0;
    for (unsigned i = 0; i < seen->host_count && count < CORPS__HOSTS_MAX; i++) {
        const struct corps__host *host = corps__hosts_find(agent.hosts, seen->hosts[i].number);
        if (host != NULL && !seen->hosts[i].is_drained && corps__host_is_meant(host, corps->about.hosts)) {
            numbers[count++] = host->number;
        }
    }
    return corps->is_known ? corps__owners_rank(corps->corps_id, agent.own->number, numbers, count)
                           : CORPS__OWNERS_NO_RANK;
}

static void push_leases(void) {
    agent_leases_begin(seen_ns);
    for (unsigned i = 0; i < seen->host_count; i++) {
        const struct agent_seen_host *host = &seen->hosts[i];
        agent_leases_host(host->number, host->is_drained, host->slots,
                          host->number == agent.own->number ? owners.until_ns : 0);
    }
    for (unsigned i = 0; i < seen->corps_count; i++) {
        const struct agent_seen_corps *corps = &seen->corps[i];
        agent_leases_corps(&(struct agent_lease_corps){.id = corps->corps_id,
                                                       .epoch = corps->epoch,
                                                       .owner = corps->host,
                                                       .given = corps->is_given,
                                                       .name = corps->name,
                                                       .tag = corps->is_known ? corps->about.tag : "?"});
    }
    agent_leases_end();
}

static void take_list(const struct agent_engine_answer *answer) {
    if (answer->err != CORPS_OK) {
        corps__owners_listed(&owners, answer->err, NULL, 0, corps__boottime_ns());
        return;
    }
    agent_seen_free(seen);
    seen = answer->seen;
    seen_ns = answer->asked_ns;
    struct corps__owners_seen *told = calloc(seen->corps_count + 1, sizeof *told);
    for (unsigned i = 0; told != NULL && i < seen->corps_count; i++) {
        const struct agent_seen_corps *corps = &seen->corps[i];
        told[i] = (struct corps__owners_seen){
            .corps_id = corps->corps_id,
            .epoch = corps->epoch,
            .owner = corps->host,
            .mine = corps->is_mine,
            .given = corps->is_given,
            .stays = corps->about.stays,
            /* What another version has begun is nothing to do anything about. */
            .restart = corps->is_known ? corps->about.restart : CORPS_RESTART_ALWAYS,
            .rank = corps->host == 0 ? rank_of(corps) : CORPS__OWNERS_NO_RANK,
        };
    }
    corps__owners_listed(&owners, told != NULL ? CORPS_OK : CORPS_ERR_NO_MEMORY, told, seen->corps_count,
                         corps__boottime_ns());
    free(told);
    push_leases();
}

/* ---- answers ---- */

static void take_claim(const struct agent_engine_answer *answer) {
    bool is_refused = answer->err == CORPS_ERR_LIMIT || answer->err == CORPS_ERR_INVALID ||
                      answer->err == CORPS_ERR_TOO_LARGE || answer->err == CORPS_ERR_UNSUPPORTED;
    refused_err = is_refused ? answer->err : CORPS_OK;
    snprintf(refused_text, sizeof refused_text, "%s", answer->detail);
    if (answer->err == CORPS_ERR_LIMIT) {
        const struct agent_owned *owned = agent_owned_find(answer->corps_id);
        snprintf(refused_text, sizeof refused_text, "the singleton '%s' is there already: %s",
                 owned != NULL ? agent_owned_order(owned)->name : "", answer->detail);
    }
    corps__owners_answered(&owners, is_refused ? CORPS_ERR_AGAIN : answer->err, corps__boottime_ns());
}

static void take_record(const struct agent_engine_answer *answer) {
    struct agent_order *order = NULL;
    struct agent_owned *owned = NULL;
    enum corps_err err = answer->err;
    if (err == CORPS_OK) {
        err = agent_order_open(answer->corps_id, agent.key, answer->record, answer->record_bytes, &order);
        const struct agent_seen_corps *corps = agent_seen_find(seen, answer->corps_id);
        if (err == CORPS_OK && corps != NULL && corps->is_known) {
            order->about = corps->about;
        }
        err = err == CORPS_OK ? agent_owned_create(order, &owned) : err;
        if (err != CORPS_OK) {
            agent_say("the Corps %016" PRIx64 " cannot be started here: %s", answer->corps_id, corps_error_detail());
            agent_order_free(order);
        }
    }
    corps__owners_read(&owners, err, err == CORPS_OK ? &order->policy : NULL, corps__boottime_ns());
}

static void on_answer(const struct agent_engine_answer *answer) {
    int64_t now_ns = corps__boottime_ns();
    struct agent_owned *owned = agent_owned_find(answer->corps_id);
    switch (answer->what) {
    case AGENT_ENGINE_RENEW:
        note_trouble(answer);
        corps__owners_renewed(&owners, answer->err, answer->until_ns, now_ns);
        if (answer->err == CORPS_OK) {
            agent_owneds_note();
        }
        if (answer->err == CORPS_OK && drain_told != drain_wanted) {
            ask_drain();
        }
        break;
    case AGENT_ENGINE_LIST:
        take_list(answer);
        break;
    case AGENT_ENGINE_CLAIM:
        take_claim(answer);
        break;
    case AGENT_ENGINE_READ:
        take_record(answer);
        break;
    case AGENT_ENGINE_GIVE:
    case AGENT_ENGINE_END:
        corps__owners_answered(&owners, answer->err, now_ns);
        break;
    case AGENT_ENGINE_NOTE:
        if (owned != NULL) {
            agent_owned_noted(owned, answer->err);
        }
        break;
    case AGENT_ENGINE_DRAIN:
        drain_told = answer->err == CORPS_OK ? drain_told : !drain_wanted; /* tried again with the next renewal */
        break;
    }
    turn();
    if (answer->what == AGENT_ENGINE_LIST && answer->err == CORPS_OK) {
        agent_creators_seen(seen, agent_owner_is_here, agent_inquiry_end);
        agent_inquiries_seen();
    }
}

static void on_hint(void) {
    corps__owners_hinted(&owners);
    turn();
}

static const struct agent_engine_ops engine_ops = {.answered = on_answer, .hinted = on_hint};

/* ---- what Env 0 does ---- */

static void on_started(uint64_t corps_id, uint64_t epoch) {
    corps__owners_started(&owners, corps_id, epoch, corps__boottime_ns());
    turn();
}

/* While it is started again those who know it wait. */
static void tell_restarts(uint64_t corps_id, const char *how) {
    const struct agent_owned *owned = agent_owned_find(corps_id);
    const struct corps__owned *row = corps__owners_find(&owners, corps_id);
    if (owned == NULL || row == NULL || row->exits || row->state == CORPS__OWNED_ENDS) {
        return;
    }
    char text[800];
    snprintf(text, sizeof text, "%s; the Corps is started anew", how);
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
    corps__owners_ended(&owners, corps_id, epoch, end, text, corps__boottime_ns());
    tell_restarts(corps_id, text);
    turn();
}

static void on_exits(uint64_t corps_id) {
    (void)corps__owners_exits(&owners, corps_id, corps__boottime_ns());
    turn();
}

static const struct agent_owned_ops owned_ops = {.started = on_started, .ended = on_ended, .exits = on_exits};

/* ---- what programs and people want ---- */

bool agent_owner_exit(uint64_t corps_id) {
    if (rows == NULL || !corps__owners_exits(&owners, corps_id, corps__boottime_ns())) {
        return false;
    }
    struct agent_owned *owned = agent_owned_find(corps_id);
    if (owned != NULL) {
        agent_owned_exit(owned);
    }
    turn();
    return true;
}

static void on_creator_exits(uint64_t corps_id) {
    if (!agent_owner_exit(corps_id)) {
        agent_inquiry_end(corps_id); /* where it is; and if nobody knows yet: with the next list */
    }
}

enum corps_err agent_owner_order(struct agent_order *order, int fd, int64_t timeout_ns) {
    uint64_t corps_id = order->corps_id;
    struct agent_owned *owned = NULL;
    enum corps_err err = rows == NULL ? corps_error_set(CORPS_ERR_UNSUPPORTED,
                                                        "the hosts file names no ledger etcd, and without it no Corps "
                                                        "can move to another host")
                         : agent_is_drained()
                             ? corps_error_set(CORPS_ERR_LIMIT, "host %u (%s) is drained; create the Corps on another",
                                               agent.own->number, agent.own->name)
                         : agent_owned_find(corps_id) != NULL
                             ? corps_error_set(CORPS_ERR_INVALID, "this Corps is here already")
                             : agent_owned_create(order, &owned);
    if (err != CORPS_OK) {
        agent_order_free(order);
    }
    int64_t now_ns = corps__boottime_ns();
    err = err == CORPS_OK ? corps__owners_ordered(&owners, corps_id, &order->policy, order->about.stays,
                                                  now_ns + timeout_ns, now_ns)
                          : err;
    if (err != CORPS_OK && owned != NULL) {
        agent_owned_free(owned);
        err = corps_error_set(err, "host %u (%s) takes no more Corps: it owns %u", agent.own->number, agent.own->name,
                              agent_owner_count());
    }
    if (err == CORPS_OK) {
        err = agent_creators_add(corps_id, fd); /* takes it */
        if (err != CORPS_OK) {
            (void)agent_owner_exit(corps_id); /* nobody would hear of it */
        }
        turn();
        return CORPS_OK;
    }
    return err;
}

void agent_owner_drain(bool on) {
    drain_wanted = on;
    if (rows != NULL) {
        ask_drain();
        corps__owners_drain(&owners, on, corps__boottime_ns());
        turn();
    }
}

void agent_owner_end(void) {
    if (rows != NULL) {
        corps__owners_drain(&owners, true, corps__boottime_ns());
        turn();
    }
}

enum corps_err agent_owner_published(uint64_t corps_id, uint64_t *epoch, uint8_t **data, size_t *bytes) {
    const struct agent_owned *owned = agent_owned_find(corps_id);
    if (owned == NULL) {
        return agent_owner_is_here(corps_id)
                   ? CORPS_ERR_AGAIN
                   : corps_error_set(CORPS_ERR_UNKNOWN, "host %u (%s) does not own this Corps", agent.own->number,
                                     agent.own->name);
    }
    *epoch = agent_owned_serves(owned);
    return *epoch == 0 ? CORPS_ERR_AGAIN : agent_published_read(agent_owned_directory(owned), data, bytes);
}

/* ---- the beginning and the end ---- */

enum corps_err agent_owner_open(const char *password) {
    const struct corps__hosts *hosts = agent.hosts;
    agent_leases_ledger(hosts->ledger);
    const struct corps_ledger *ledger = corps__ledger_find(hosts->ledger);
    if (ledger == NULL) {
        return CORPS_ERR_UNKNOWN;
    }
    if (!ledger->moves) {
        return CORPS_OK; /* nothing is owned: a Corps belongs to the program that created it */
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
    enum corps_err err = agent_engine_open(ledger, &options, &engine_ops);
    if (err != CORPS_OK) {
        free(made);
        return err;
    }
    rows = made;
    corps__owners_init(&owners, agent.own->number, rows, CORPS__OWNERS_ROWS);
    uv_timer_init(corps__loop(), &timer);
    agent_owneds_begin(&owned_ops);
    agent_creators_begin(on_creator_exits);
    turn();
    return CORPS_OK;
}

static void kill_owned(struct agent_owned *owned) {
    agent_owned_kill(owned, "its agent ended");
}

void agent_owner_close(void) {
    if (rows == NULL) {
        return;
    }
    agent_owneds_each(kill_owned); /* before the lease is given up: nothing that hangs from it runs then */
    agent_creators_close();
    agent_engine_close();
    agent_seen_free(seen);
    seen = NULL;
    uv_close((uv_handle_t *)&timer, NULL);
    free(rows);
    rows = NULL;
}
