#include "env_own.h"

#include "agent.h"
#include "drain.h"
#include "launch.h"
#include "owned.h"
#include "session.h"

#include "base/clock.h"
#include "base/dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct agent_env *agent_envs;

struct agent_env *agent_env_find(const struct agent_session *session, uint32_t env, uint64_t incarnation) {
    for (struct agent_env *at = agent_envs; at != NULL; at = at->next) {
        if (at->stage != AGENT_ENV_ENDED && at->session == session && at->env == env &&
            at->incarnation == incarnation) {
            return at;
        }
    }
    return NULL;
}

unsigned agent_env_count(void) {
    unsigned count = 0;
    for (const struct agent_env *at = agent_envs; at != NULL; at = at->next) {
        count += at->stage != AGENT_ENV_ENDED;
    }
    return count;
}

unsigned agent_env_slots_used(void) {
    return agent_env_count() + agent_owneds_env_count();
}

/* ---- telling ---- */

void agent_env_tell(const struct agent_env *env, const char *word, struct corps_value *items, size_t count) {
    items[0] = corps_str(word);
    items[1] = corps_int(env->env);
    items[2] = corps_int((int64_t)env->incarnation);
    struct corps_value record = corps_array(items, count);
    agent_session_tell(env->session, &record);
}

static void tell_refused(const struct agent_env *env, enum corps_err err) {
    char text[512];
    snprintf(text, sizeof text, "host %u (%s): %s", agent.own->number, agent.own->name, corps_error_detail());
    struct corps_value items[6] = {[3] = corps_int(err), [4] = corps_str(text), [5] = corps_int(agent_is_drained())};
    agent_env_tell(env, "refused", items, 6);
}

static void tell_ended(const struct agent_env *env, const char *how, enum corps__end end) {
    char text[320];
    snprintf(text, sizeof text, "%s on host %u (%s)%s%s", how, agent.own->number, agent.own->name,
             env->reason[0] != '\0' ? ": " : "", env->reason);
    struct corps_value items[5] = {[3] = corps_str(text), [4] = corps_int(env->displaced ? CORPS__END_DISPLACED : end)};
    agent_env_tell(env, "ended", items, 5);
}

/* ---- the process ---- */

/* Those that have ended: whoever was walking along the list has gone on. */
void agent_envs_sweep(void) {
    for (struct agent_env **at = &agent_envs; *at != NULL;) {
        struct agent_env *env = *at;
        if (env->stage != AGENT_ENV_ENDED) {
            at = &env->next;
            continue;
        }
        *at = env->next;
        free(env);
    }
}

static void start_waiting(uint64_t corps_id, uint32_t number);

/* It is over, and its owner was told. */
static void leave(struct agent_env *env) {
    uint64_t corps_id = env->corps_id;
    uint32_t number = env->env;
    struct agent_session *session = env->session;
    env->stage = AGENT_ENV_ENDED;
    agent_stream_end(env);
    corps__child_close(env->child);
    env->child = NULL;
    corps_box_unref(env->order);
    env->order = NULL;
    free(env->kept);
    env->kept = NULL;
    env->at = env->end = env->capacity = 0;
    start_waiting(corps_id, number);
    agent_session_env_left(session);
}

static void on_end(void *arg, const char *how, enum corps__end end) {
    struct agent_env *env = arg;
    agent_stream_read_all(env);
    if (end != CORPS__END_IN_ORDER && !env->displaced && !agent_session_may_act(env->session)) {
        env->displaced = true; /* it has looked itself, while this agent was stopped */
        snprintf(env->reason, sizeof env->reason, "its owner has not been heard for 2.4 s");
    }
    tell_ended(env, how, end);
    leave(env);
}

static enum corps_err start_process(struct agent_env *env) {
    const struct corps_value *launch = corps_box_root(env->order);
    enum corps_err err = agent_session_enter_directory(env->session);
    err = err == CORPS_OK ? agent_launch_check(launch) : err;
    int child_fd = -1;
    err = err == CORPS_OK ? agent_stream_open(env, &child_fd) : err;
    if (err == CORPS_OK) {
        err = agent_launch(launch, child_fd, agent_session_page(env->session), &env->pid);
        close(child_fd);
    }
    if (err != CORPS_OK) {
        return err;
    }
    err = corps__child_watch(env->pid, -1, on_end, env, &env->child);
    if (err != CORPS_OK) {
        agent_stream_end(env); /* it sees that, and ends */
    }
    return err;
}

static void start_now(struct agent_env *env) {
    enum corps_err err = start_process(env);
    if (err != CORPS_OK) {
        tell_refused(env, err);
        leave(env);
        return;
    }
    corps_box_unref(env->order);
    env->order = NULL;
    env->stage = AGENT_ENV_RUNS;
    struct corps_value items[4] = {[3] = corps_int(env->pid)};
    agent_env_tell(env, "begun", items, 4);
    agent_env_write(env, (const uint8_t *)"", 0); /* what has come before */
    if (env->to_close) {
        agent_env_close(env);
    }
}

/* Another process of this number that has not ended. */
static struct agent_env *find_former(const struct agent_env *env) {
    for (struct agent_env *at = agent_envs; at != NULL; at = at->next) {
        if (at != env && at->corps_id == env->corps_id && at->env == env->env && at->stage == AGENT_ENV_RUNS) {
            return at;
        }
    }
    return NULL;
}

static bool may_begin(const struct agent_env *env) {
    return env->stage == AGENT_ENV_WAITS && find_former(env) == NULL && agent_session_may_act(env->session);
}

/* A process has ended: one that waited for that begins. */
static void start_waiting(uint64_t corps_id, uint32_t number) {
    for (struct agent_env *at = agent_envs; at != NULL; at = at->next) {
        if (at->corps_id == corps_id && at->env == number && may_begin(at)) {
            start_now(at);
            return;
        }
    }
}

void agent_env_start_waiting(struct agent_session *session) {
    for (struct agent_env *at = agent_envs; at != NULL; at = at->next) {
        if (at->session == session && may_begin(at)) {
            start_now(at);
        }
    }
}

static enum corps_err check_room(void) {
    if (agent.ends) {
        return corps_error_set(CORPS_ERR_LIMIT, "its agent ends, and starts no Env any more");
    }
    if (agent_is_drained()) {
        return corps_error_set(CORPS_ERR_LIMIT,
                               "it is drained and takes no Envs; `corps hosts --undrain %s` lets it again",
                               agent.own->name);
    }
    /* On a host of one slot an Env 0 that is owned there would keep out every other Env. */
    bool is_one_beside = agent.own->slots == 1 && agent_env_count() == 0;
    if (agent_env_slots_used() >= agent.own->slots && !is_one_beside) {
        return corps_error_set(CORPS_ERR_LIMIT,
                               "its %u slots are used up; raise them in %s, or have the Env on another host",
                               agent.own->slots, agent.hosts_file);
    }
    return CORPS_OK;
}

void agent_env_order(struct agent_session *session, uint32_t number, uint64_t incarnation,
                     const struct corps_value *launch) {
    if (agent_env_find(session, number, incarnation) != NULL) {
        return; /* asked twice, started once */
    }
    struct agent_env refused = {.session = session, .env = number, .incarnation = incarnation};
    struct corps_box *order = NULL;
    enum corps_err err = launch == NULL || launch->kind != CORPS_MAP
                             ? corps_error_set(CORPS_ERR_INVALID, "an order to boot does not say what to start")
                             : check_room();
    err = err == CORPS_OK ? corps_box_of(launch, &order) : err;
    struct agent_env *env = err == CORPS_OK ? calloc(1, sizeof *env) : NULL;
    if (env == NULL) {
        err = err == CORPS_OK ? corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for another Env") : err;
        tell_refused(&refused, err);
        corps_box_unref(order);
        agent_session_env_left(session);
        return;
    }
    *env =
        (struct agent_env){.next = agent_envs, .session = session, .env = number, .incarnation = incarnation, .fd = -1};
    env->corps_id = agent_session_corps(session);
    env->order = order;
    agent_envs = env;
    struct agent_env *former = find_former(env);
    if (former != NULL) {
        agent_env_kill(former, "another one was started in its place");
    } else if (may_begin(env)) {
        start_now(env);
    }
}

void agent_env_kill(struct agent_env *env, const char *reason) {
    if (reason != NULL && env->reason[0] == '\0') {
        snprintf(env->reason, sizeof env->reason, "%s", reason);
    }
    if (env->stage == AGENT_ENV_WAITS) {
        tell_ended(env, "was not started", CORPS__END_SIGNAL);
        leave(env);
    } else if (env->stage == AGENT_ENV_RUNS) {
        corps__child_kill(env->child);
    }
}

/* It cleans up, and ends. One that knows nothing yet sees just the end of its control channel. */
static void tell_to_move(struct agent_env *env) {
    env->end_by_ns = corps__boottime_ns() + AGENT_ENV_ORDER_NS;
    env->to_move = true;
    if (!env->booted || env->stage != AGENT_ENV_RUNS) {
        agent_env_close(env);
    } else {
        agent_stream_go_on(env);
    }
}

void agent_env_displace(struct agent_env *env, bool in_order, const char *reason) {
    bool anew = !env->displaced;
    env->displaced = true;
    if (in_order && env->reason[0] == '\0') {
        snprintf(env->reason, sizeof env->reason, "%s", reason);
    }
    if (in_order && anew && !env->to_close) {
        tell_to_move(env);
    } else if (!in_order) {
        agent_env_kill(env, reason);
    }
}

void agent_envs_tick(int64_t now_ns) {
    for (struct agent_env *at = agent_envs; at != NULL; at = at->next) {
        if (at->stage == AGENT_ENV_RUNS && at->end_by_ns > 0 && now_ns >= at->end_by_ns) {
            at->end_by_ns = 0;
            agent_env_kill(at, NULL);
        }
    }
}
