#include "owner_own.h"

#include "agent.h"
#include "creators.h"
#include "inquiry.h"
#include "leases.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the ledger's agent_owner.trouble, said once ---- */

static void has_trouble(const struct agent_engine_answer *answer) {
    bool is_new = agent_owner.trouble_err != answer->err;
    agent_owner.trouble_err = answer->err;
    snprintf(agent_owner.trouble, sizeof agent_owner.trouble, "%s", answer->detail);
    agent_leases_trouble(agent_owner.trouble);
    if (is_new) {
        agent_say("the ledger does not answer: %s", agent_owner.trouble);
    }
}

static void has_answered(void) {
    if (agent_owner.trouble_err != CORPS_OK) {
        agent_say("the ledger answers again");
    }
    agent_owner.trouble_err = CORPS_OK;
    agent_owner.trouble[0] = '\0';
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

static bool has_waiting;                     /* there was no memory to ask … */
static struct agent_engine_question waiting; /* … this */

static void keep_waiting(const struct agent_engine_question *question) {
    waiting = *question;
    waiting.name = waiting.about = NULL;
    waiting.record = NULL;
    waiting.record_bytes = 0;
    has_waiting = true;
}

static void ask(struct agent_engine_question question) {
    if (question.what == AGENT_ENGINE_CLAIM && question.epoch == 1) {
        enum corps_err err = ask_first_claim(&question);
        if (err == CORPS_ERR_NO_MEMORY) {
            keep_waiting(&question);
        } else if (err != CORPS_OK) {
            agent_owner.refused_id = question.corps_id;
            agent_owner.refused_err = err;
            snprintf(agent_owner.refused_text, sizeof agent_owner.refused_text, "%s", corps_error_detail());
            corps__owners_answered(&agent_owner.decider, CORPS_ERR_UNKNOWN, corps__boottime_ns());
        }
    } else if (!agent_engine_ask(&question)) {
        keep_waiting(&question);
    }
}

void agent_owner_ask(const struct corps__owners_action *action) {
    static const enum agent_engine_do asked[] = {
        [CORPS__OWNERS_RENEW] = AGENT_ENGINE_RENEW, [CORPS__OWNERS_LIST] = AGENT_ENGINE_LIST,
        [CORPS__OWNERS_CLAIM] = AGENT_ENGINE_CLAIM, [CORPS__OWNERS_READ] = AGENT_ENGINE_READ,
        [CORPS__OWNERS_GIVE] = AGENT_ENGINE_GIVE,   [CORPS__OWNERS_END] = AGENT_ENGINE_END,
    };
    ask((struct agent_engine_question){
        .what = asked[action->what], .corps_id = action->corps_id, .epoch = action->epoch});
}

void agent_owner_ask_again(void) {
    if (has_waiting) {
        has_waiting = false;
        ask(waiting);
    }
}

bool agent_owner_is_short(void) {
    return has_waiting;
}

void agent_owner_ask_drain(void) {
    const struct agent_engine_question question = {.what = AGENT_ENGINE_DRAIN, .is_drained = agent_owner.drain_wanted};
    agent_owner.drain_told = agent_owner.drain_wanted;
    if (!agent_engine_ask(&question)) {
        agent_owner.drain_told = !agent_owner.drain_wanted; /* tried again with the next renewal */
    }
}

/* ---- lists ---- */

/* Among the hosts that may take it, as far as they live, are not drained, and have a slot for its Env 0. */
static uint32_t rank_of(const struct agent_seen_corps *corps) {
    uint32_t numbers[CORPS__HOSTS_MAX];
    uint32_t count = 0;
    for (unsigned i = 0; i < agent_owner.seen->host_count && count < CORPS__HOSTS_MAX; i++) {
        const struct corps__host *host = corps__hosts_find(agent.hosts, agent_owner.seen->hosts[i].number);
        if (host != NULL && host->slots > 0 && !agent_owner.seen->hosts[i].is_drained &&
            corps__host_is_meant(host, corps->about.hosts)) {
            numbers[count++] = host->number;
        }
    }
    return corps->is_known ? corps__owners_rank(corps->corps_id, agent.own->number, numbers, count)
                           : CORPS__OWNERS_NO_RANK;
}

static void push_leases(void) {
    agent_leases_begin(agent_owner.seen_ns);
    for (unsigned i = 0; i < agent_owner.seen->host_count; i++) {
        const struct agent_seen_host *host = &agent_owner.seen->hosts[i];
        agent_leases_host(host->number, host->is_drained, host->slots,
                          host->number == agent.own->number ? agent_owner.decider.until_ns : 0);
    }
    for (unsigned i = 0; i < agent_owner.seen->corps_count; i++) {
        const struct agent_seen_corps *corps = &agent_owner.seen->corps[i];
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
        corps__owners_listed(&agent_owner.decider, answer->err, NULL, 0, corps__boottime_ns());
        return;
    }
    agent_seen_free(agent_owner.seen);
    agent_owner.seen = answer->seen;
    agent_owner.seen_ns = answer->asked_ns;
    struct corps__owners_seen *told = calloc(agent_owner.seen->corps_count + 1, sizeof *told);
    for (unsigned i = 0; told != NULL && i < agent_owner.seen->corps_count; i++) {
        const struct agent_seen_corps *corps = &agent_owner.seen->corps[i];
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
    corps__owners_listed(&agent_owner.decider, told != NULL ? CORPS_OK : CORPS_ERR_NO_MEMORY, told,
                         agent_owner.seen->corps_count, corps__boottime_ns());
    corps__owners_crowd(&agent_owner.decider, agent_owner.seen->host_count);
    free(told);
    push_leases();
}

/* ---- answers ---- */

static void take_claim(const struct agent_engine_answer *answer) {
    bool is_refused = answer->err == CORPS_ERR_LIMIT || answer->err == CORPS_ERR_INVALID ||
                      answer->err == CORPS_ERR_TOO_LARGE || answer->err == CORPS_ERR_UNSUPPORTED;
    agent_owner.refused_id = is_refused ? answer->corps_id : 0;
    agent_owner.refused_err = answer->err;
    snprintf(agent_owner.refused_text, sizeof agent_owner.refused_text, "%s", answer->detail);
    if (answer->err == CORPS_ERR_LIMIT) {
        const struct agent_owned *owned = agent_owned_find(answer->corps_id);
        snprintf(agent_owner.refused_text, sizeof agent_owner.refused_text,
                 "the singleton '%s' is there already: %.250s", owned != NULL ? agent_owned_order(owned)->name : "",
                 answer->detail);
    }
    corps__owners_answered(&agent_owner.decider, is_refused ? CORPS_ERR_AGAIN : answer->err, corps__boottime_ns());
}

/* What it is begun with: by what the ledger keeps, and tells of it. */
static enum corps_err open_record(const struct agent_engine_answer *answer, struct agent_owned **owned) {
    struct agent_order *order = NULL;
    enum corps_err err = agent_order_open(answer->corps_id, agent.key, answer->record, answer->record_bytes, &order);
    const struct agent_seen_corps *corps = agent_seen_find(agent_owner.seen, answer->corps_id);
    if (err != CORPS_OK) {
        return err;
    }
    if (corps != NULL && corps->is_known) {
        order->about = corps->about;
    }
    err = agent_owned_create(order, owned);
    if (err != CORPS_OK) {
        agent_order_free(order);
    }
    return err;
}

static void take_record(const struct agent_engine_answer *answer) {
    struct agent_owned *owned = agent_owned_find(answer->corps_id);
    enum corps_err err = answer->err;
    if (err == CORPS_OK && owned == NULL) {
        err = open_record(answer, &owned);
        if (err != CORPS_OK) {
            agent_say("the Corps %016" PRIx64 " cannot be started here: %s", answer->corps_id, corps_error_detail());
        }
    }
    corps__owners_read(&agent_owner.decider, err, err == CORPS_OK ? &agent_owned_order(owned)->policy : NULL,
                       corps__boottime_ns());
}

static void on_answer(const struct agent_engine_answer *answer) {
    int64_t now_ns = corps__boottime_ns();
    struct agent_owned *owned = agent_owned_find(answer->corps_id);
    switch (answer->what) {
    case AGENT_ENGINE_RENEW:
        note_trouble(answer);
        corps__owners_renewed(&agent_owner.decider, answer->err, answer->until_ns, now_ns);
        if (answer->err == CORPS_OK) {
            agent_owneds_note();
        }
        if (answer->err == CORPS_OK && agent_owner.drain_told != agent_owner.drain_wanted) {
            agent_owner_ask_drain();
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
        corps__owners_answered(&agent_owner.decider, answer->err, now_ns);
        break;
    case AGENT_ENGINE_NOTE:
        if (owned != NULL) {
            agent_owned_noted(owned, answer->err);
        }
        break;
    case AGENT_ENGINE_DRAIN:
        agent_owner.drain_told = answer->err == CORPS_OK
                                     ? agent_owner.drain_told
                                     : !agent_owner.drain_wanted; /* tried again with the next renewal */
        break;
    }
    agent_owner_turn();
    if (answer->what == AGENT_ENGINE_LIST && answer->err == CORPS_OK) {
        agent_creators_seen(agent_owner.seen, agent_owner_is_here, agent_inquiry_end);
        agent_inquiries_seen();
    }
}

static void on_hint(void) {
    corps__owners_hinted(&agent_owner.decider, corps__boottime_ns());
    agent_owner_turn();
}

const struct agent_engine_ops agent_owner_engine_ops = {.answered = on_answer, .hinted = on_hint};
