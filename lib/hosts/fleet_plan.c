#include "hosts/fleet_plan.h"

#include "base/plant.h"

#include <stdio.h>
#include <string.h>

#define NOWHERE UINT32_MAX

/* ---- hosts, and who is where ---- */

static uint32_t find_host(const struct corps__plan *plan, uint32_t number) {
    for (uint32_t i = 0; i < plan->host_count; i++) {
        if (plan->hosts[i].number == number) {
            return i;
        }
    }
    return NOWHERE;
}

enum corps_err corps__plan_init(struct corps__plan *plan, struct corps__plan_host *hosts, uint32_t host_count,
                                uint32_t own, struct corps__plan_env *envs, uint32_t env_count) {
    *plan = (struct corps__plan){
        .hosts = hosts, .envs = envs, .host_count = host_count, .env_count = env_count, .due_ns = INT64_MAX};
    plan->own = find_host(plan, own);
    if (plan->own == NOWHERE) {
        return corps_error_set(CORPS_ERR_INVALID, "host %u is not among the %u hosts of this Corps; name it too", own,
                               host_count);
    }
    hosts[plan->own].state = CORPS__HOST_UP;
    return CORPS_OK;
}

static void free_slot(struct corps__plan *plan, struct corps__plan_env *env) {
    struct corps__plan_host *host = &plan->hosts[env->at];
    host->used -= host->used > 0 && !CORPS__PLANTED(KEEPS_SLOTS) ? 1 : 0;
    env->state = CORPS__ENV_FREE;
}

static void lose(struct corps__plan *plan, struct corps__plan_env *env, enum corps__plan_why why) {
    env->state = CORPS__ENV_LOST;
    env->why = why;
    plan->changed = true;
}

/* The Env whose present life this is; NULL: there is no such life any more. */
static struct corps__plan_env *present(struct corps__plan *plan, uint32_t number, uint64_t incarnation) {
    struct corps__plan_env *env = number < plan->env_count ? &plan->envs[number] : NULL;
    bool lives = env != NULL && env->state != CORPS__ENV_FREE && env->state != CORPS__ENV_PLACED;
    return lives && (env->incarnation == incarnation || CORPS__PLANTED(LATE_END)) ? env : NULL;
}

/* ---- placing ---- */

static bool has_label(const char *labels, const char *label) {
    size_t length = strlen(label);
    for (const char *at = labels; length > 0 && (at = strstr(at, label)) != NULL; at += length) {
        bool begins = at == labels || at[-1] == ' ';
        if (begins && (at[length] == '\0' || at[length] == ' ')) {
            return true;
        }
    }
    return false;
}

static bool is_called(const struct corps__plan_host *host, const char *where) {
    char number[16];
    (void)snprintf(number, sizeof number, "%u", host->number);
    return strcmp(host->name, where) == 0 || strcmp(number, where) == 0;
}

/* One host that is called so, else those with that label: a name that is a label elsewhere means the host. */
static uint32_t find_called(const struct corps__plan *plan, const char *where) {
    for (uint32_t i = 0; where[0] != '\0' && i < plan->host_count; i++) {
        if (is_called(&plan->hosts[i], where)) {
            return i;
        }
    }
    return NOWHERE;
}

static bool has_failed(const struct corps__plan_host *host) {
    return host->state == CORPS__HOST_LEAVING || (host->state != CORPS__HOST_UP && host->in_a_row > 0);
}

/* Is `a` to be chosen before `b`? */
static bool is_better(const struct corps__plan_host *a, const struct corps__plan_host *b) {
    if (has_failed(a) != has_failed(b) && !CORPS__PLANTED(PLACES_ON_SILENT)) {
        return has_failed(b);
    }
    return (uint64_t)a->used * b->slots < (uint64_t)b->used * a->slots;
}

/* None of the `known` hosts that are called so has room; `drained` of these take none. */
static enum corps_err has_no_room(const char *where, uint32_t known, uint32_t drained) {
    if (drained == known) {
        return corps_error_set(CORPS_ERR_LIMIT,
                               "'%s' is drained and takes no Envs; `corps hosts --undrain HOST` lets it again", where);
    }
    const char *quote = where[0] == '\0' ? "" : "'", *what = where[0] == '\0' ? "all hosts" : where;
    return corps_error_set(CORPS_ERR_LIMIT, "all slots of %s%s%s are used up%s; give more in the hosts file", quote,
                           what, quote, drained > 0 ? ", but for hosts that are drained" : "");
}

static enum corps_err choose(const struct corps__plan *plan, const char *where, uint32_t *chosen) {
    uint32_t called = find_called(plan, where);
    uint32_t known = 0, drained = 0;
    *chosen = NOWHERE;
    for (uint32_t i = 0; i < plan->host_count; i++) {
        const struct corps__plan_host *host = &plan->hosts[i];
        bool fits = called != NOWHERE ? i == called : where[0] == '\0' || has_label(host->labels, where);
        known += fits ? 1 : 0;
        drained += fits && host->drained ? 1 : 0;
        if (fits && !host->drained && host->used < host->slots &&
            (*chosen == NOWHERE || is_better(host, &plan->hosts[*chosen]))) {
            *chosen = i;
        }
    }
    if (known == 0) {
        return corps_error_set(CORPS_ERR_UNKNOWN,
                               "no host of this Corps is called '%s', or has that label; `corps hosts` lists them",
                               where);
    }
    return *chosen != NOWHERE ? CORPS_OK : has_no_room(where, known, drained);
}

enum corps_err corps__plan_place(struct corps__plan *plan, uint32_t number, const char *where, uint32_t *host) {
    struct corps__plan_env *env = number < plan->env_count ? &plan->envs[number] : NULL;
    if (env == NULL || (env->state != CORPS__ENV_FREE && env->state != CORPS__ENV_PLACED)) {
        return corps_error_set(CORPS_ERR_INVALID, "Env %u has a host already, or is none of %u", number,
                               plan->env_count);
    }
    if (env->state == CORPS__ENV_PLACED) {
        free_slot(plan, env);
    }
    uint32_t at;
    enum corps_err err = choose(plan, where, &at);
    if (err != CORPS_OK) {
        return err;
    }
    plan->hosts[at].used++;
    plan->hosts[at].wanted = true;
    *env = (struct corps__plan_env){.state = CORPS__ENV_PLACED, .at = at};
    plan->changed = true;
    *host = plan->hosts[at].number;
    return CORPS_OK;
}

/* ---- events ---- */

void corps__plan_start(struct corps__plan *plan, uint32_t number, uint64_t incarnation) {
    struct corps__plan_env *env = &plan->envs[number];
    if (env->state == CORPS__ENV_PLACED) {
        env->state = env->at == plan->own ? CORPS__ENV_RUNS : CORPS__ENV_WANTED;
        env->incarnation = incarnation;
        plan->changed = true;
    }
}

void corps__plan_kill(struct corps__plan *plan, uint32_t number, uint64_t incarnation) {
    if (number < plan->env_count && plan->envs[number].state == CORPS__ENV_PLACED) {
        free_slot(plan, &plan->envs[number]);
        return;
    }
    struct corps__plan_env *env = present(plan, number, incarnation);
    if (env == NULL || env->at == plan->own) {
        return;
    }
    if (env->state == CORPS__ENV_WANTED) {
        lose(plan, env, CORPS__WHY_KILLED);
    } else if (env->state != CORPS__ENV_LOST && !env->killed) {
        env->killed = true;
        env->kill_due = true;
        plan->changed = true;
    }
}

bool corps__plan_heard(struct corps__plan *plan, uint32_t number, int64_t now_ns) {
    uint32_t at = find_host(plan, number);
    struct corps__plan_host *host = at != NOWHERE ? &plan->hosts[at] : NULL;
    if (host == NULL || at == plan->own || (host->state != CORPS__HOST_OPENING && host->state != CORPS__HOST_UP)) {
        return false;
    }
    /* What comes after the silence is too late, although nobody has looked at the clock in between. */
    if (corps__silence_over(&host->silence, now_ns)) {
        plan->changed = true;
        return false;
    }
    corps__silence_heard(&host->silence, now_ns);
    if (host->state == CORPS__HOST_OPENING) {
        host->state = CORPS__HOST_UP;
        host->since_ns = now_ns;
        plan->changed = true;
    }
    return true;
}

void corps__plan_drain(struct corps__plan *plan, uint32_t number, bool drained) {
    uint32_t at = find_host(plan, number);
    if (at == NOWHERE || at == plan->own || plan->hosts[at].drained == drained) {
        return;
    }
    plan->hosts[at].drained = drained;
    for (uint32_t i = 0; drained && i < plan->env_count; i++) {
        if (plan->envs[i].at == at && plan->envs[i].state == CORPS__ENV_WANTED) {
            lose(plan, &plan->envs[i], CORPS__WHY_DRAINED);
        }
    }
}

void corps__plan_warned(struct corps__plan *plan, uint32_t number, bool drained, bool away) {
    uint32_t at = find_host(plan, number);
    if (at == NOWHERE || at == plan->own || (!drained && !away)) {
        return;
    }
    struct corps__plan_host *host = &plan->hosts[at];
    host->wanted = true;
    host->drained = drained;
    host->in_a_row += away && host->in_a_row == 0 ? 1 : 0; /* as if a channel had failed */
    plan->changed = true;
}

void corps__plan_gone(struct corps__plan *plan, uint32_t number, int64_t now_ns) {
    uint32_t at = find_host(plan, number);
    if (at == NOWHERE || at == plan->own) {
        return;
    }
    struct corps__plan_host *host = &plan->hosts[at];
    if (host->state != CORPS__HOST_OPENING && host->state != CORPS__HOST_UP) {
        return;
    }
    host->state = CORPS__HOST_LEAVING;
    plan->changed = true;
    if (!host->sent || CORPS__PLANTED(FREES_EARLY)) { /* nothing acts by its grants */
        host->silence.heard_ns = now_ns - CORPS__SILENCE_NS;
    }
    for (uint32_t i = 0; i < plan->env_count; i++) {
        if (plan->envs[i].at == at && plan->envs[i].state == CORPS__ENV_WANTED) {
            lose(plan, &plan->envs[i], CORPS__WHY_GONE);
        }
    }
}

void corps__plan_begun(struct corps__plan *plan, uint32_t number, uint64_t incarnation) {
    struct corps__plan_env *env = present(plan, number, incarnation);
    if (env != NULL && env->state == CORPS__ENV_ORDERED) {
        env->state = CORPS__ENV_RUNS;
    }
}

bool corps__plan_ended(struct corps__plan *plan, uint32_t number, uint64_t incarnation) {
    struct corps__plan_env *env = present(plan, number, incarnation);
    if (env == NULL) {
        return false;
    }
    free_slot(plan, env);
    return true;
}

/* ---- what follows ---- */

static bool act(struct corps__plan *plan, struct corps__plan_action *action, enum corps__plan_do what, uint32_t at,
                uint32_t number) {
    *action = (struct corps__plan_action){.what = what, .host = plan->hosts[at].number, .env = number};
    if (number < plan->env_count) {
        action->incarnation = plan->envs[number].incarnation;
        action->why = plan->envs[number].why;
    }
    return true;
}

/* The channel of this host is over, and so are all grants: everything there is. */
static void close_host(struct corps__plan *plan, uint32_t at, int64_t now_ns) {
    struct corps__plan_host *host = &plan->hosts[at];
    bool was_up = host->state == CORPS__HOST_UP;
    enum corps__plan_why why = host->state == CORPS__HOST_LEAVING ? CORPS__WHY_GONE
                               : was_up                           ? CORPS__WHY_SILENT
                                                                  : CORPS__WHY_UNREACHED;
    for (uint32_t i = 0; i < plan->env_count; i++) {
        struct corps__plan_env *env = &plan->envs[i];
        bool hangs =
            env->state == CORPS__ENV_WANTED || env->state == CORPS__ENV_ORDERED || env->state == CORPS__ENV_RUNS;
        if (env->at == at && hangs && !(env->state == CORPS__ENV_ORDERED && CORPS__PLANTED(FORGETS_UNBEGUN))) {
            lose(plan, env, why);
        }
    }
    if (was_up && now_ns - host->since_ns > CORPS__REOPEN_MAX_NS) {
        host->in_a_row = 0;
    }
    int64_t wait_ns = CORPS__REOPEN_NS;
    for (uint32_t i = 0; i < host->in_a_row && wait_ns < CORPS__REOPEN_MAX_NS; i++) {
        wait_ns *= 2;
    }
    host->in_a_row++;
    host->state = CORPS__HOST_CLOSED;
    host->sent = false;
    host->drained = false; /* its next agent says it again, or this one when it is heard again */
    host->due_ns = now_ns + (wait_ns < CORPS__REOPEN_MAX_NS ? wait_ns : CORPS__REOPEN_MAX_NS);
    if (CORPS__PLANTED(NEVER_REOPENS)) {
        host->due_ns = INT64_MAX;
    }
}

static bool tend_hosts(struct corps__plan *plan, int64_t now_ns, struct corps__plan_action *action) {
    for (uint32_t i = 0; i < plan->host_count; i++) {
        struct corps__plan_host *host = &plan->hosts[i];
        if (i == plan->own || !host->wanted) {
            continue;
        }
        if (host->state == CORPS__HOST_CLOSED && host->due_ns <= now_ns) {
            host->state = CORPS__HOST_OPENING;
            corps__silence_init(&host->silence, now_ns);
            return act(plan, action, CORPS__PLAN_OPEN, i, NOWHERE);
        }
        if (host->state != CORPS__HOST_CLOSED && corps__silence_over(&host->silence, now_ns)) {
            close_host(plan, i, now_ns);
            return act(plan, action, CORPS__PLAN_CLOSE, i, NOWHERE);
        }
    }
    return false;
}

static bool tend_env(struct corps__plan *plan, uint32_t number, struct corps__plan_action *action) {
    struct corps__plan_env *env = &plan->envs[number];
    struct corps__plan_host *host = &plan->hosts[env->at];
    if (env->state == CORPS__ENV_LOST) {
        free_slot(plan, env);
        return act(plan, action, CORPS__PLAN_LOST, env->at, number);
    }
    if (host->state != CORPS__HOST_UP) {
        return false;
    }
    if (env->state == CORPS__ENV_WANTED) {
        env->state = CORPS__ENV_ORDERED;
        host->sent = true;
        return act(plan, action, CORPS__PLAN_ORDER, env->at, number);
    }
    if (env->kill_due && (env->state == CORPS__ENV_ORDERED || env->state == CORPS__ENV_RUNS)) {
        env->kill_due = false;
        return act(plan, action, CORPS__PLAN_KILL, env->at, number);
    }
    return false;
}

/* When the clock alone makes something to do. */
static int64_t next_due(const struct corps__plan *plan) {
    int64_t due_ns = INT64_MAX;
    for (uint32_t i = 0; i < plan->host_count; i++) {
        const struct corps__plan_host *host = &plan->hosts[i];
        if (i != plan->own && host->wanted) {
            int64_t its_ns = host->state == CORPS__HOST_CLOSED ? host->due_ns : corps__silence_due(&host->silence);
            due_ns = its_ns < due_ns ? its_ns : due_ns;
        }
    }
    return due_ns;
}

bool corps__plan_next(struct corps__plan *plan, int64_t now_ns, struct corps__plan_action *action) {
    if (!plan->changed && now_ns < plan->due_ns) {
        return false;
    }
    plan->changed = true; /* until everything was looked at */
    if (tend_hosts(plan, now_ns, action)) {
        return true;
    }
    for (uint32_t i = 0; i < plan->env_count; i++) {
        if (tend_env(plan, i, action)) {
            return true;
        }
    }
    plan->changed = false;
    plan->due_ns = next_due(plan);
    return false;
}

int64_t corps__plan_due(const struct corps__plan *plan) {
    return plan->due_ns;
}

const char *corps__plan_why_text(enum corps__plan_why why) {
    switch (why) {
    case CORPS__WHY_SILENT:
        return "its host has been silent for 3 s";
    case CORPS__WHY_UNREACHED:
        return "its host did not answer within 3 s; is corps-agent started there?";
    case CORPS__WHY_GONE:
        return "the corps-agent of its host has ended, or refuses";
    case CORPS__WHY_KILLED:
        return "it was ended before its host could be reached";
    case CORPS__WHY_DRAINED:
        return "its host is drained and takes no Envs";
    }
    return "its host is lost";
}
