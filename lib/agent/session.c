#include "session_own.h"

#include "agent.h"
#include "env.h"
#include "page.h"
#include "visit.h"

#include "base/clock.h"
#include "base/dir.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define ORDER_NS INT64_C(5000000000)   /* for Envs that end in order */
#define FORGET_NS INT64_C(60000000000) /* after which nobody comes any more to hear how its Envs have ended */

static struct agent_session *sessions;

uint64_t agent_session_corps(const struct agent_session *session) {
    return session->corps_id;
}

unsigned agent_session_count(void) {
    unsigned count = 0;
    for (const struct agent_session *at = sessions; at != NULL; at = at->next) {
        count++;
    }
    return count;
}

/* ---- Envs ---- */

/* All of one session; those that are still to be started go at once. */
static unsigned each_env(struct agent_session *session, void (*act)(struct agent_env *env, const char *reason),
                         const char *reason) {
    unsigned count = 0;
    for (struct agent_env *at = agent_envs; at != NULL; at = at->next) {
        if (at->stage != AGENT_ENV_ENDED && at->session == session) {
            count++;
            if (act != NULL) {
                act(at, reason);
            }
        }
    }
    return count;
}

static void close_env(struct agent_env *env, const char *unused) {
    (void)unused;
    agent_env_close(env);
}

static void end_env(struct agent_env *env, const char *reason) {
    if (!env->to_close) {
        agent_env_displace(env, true, reason);
    }
}

static void kill_env(struct agent_env *env, const char *reason) {
    agent_env_displace(env, false, reason);
}

/* ---- ends ---- */

void agent_session_disconnect(struct agent_session *session) {
    struct agent_visit *visit = session->visit;
    session->visit = NULL;
    if (visit != NULL) {
        agent_visit_close(visit);
    }
}

static void free_session(struct agent_session *session) {
    agent_session_disconnect(session);
    if (session->lock_fd >= 0) {
        close(session->lock_fd);
        corps__dir_remove_dead(session->directory);
    }
    corps__resume_free(&session->resume);
    agent_page_free(session->page_fd, session->page);
    free(session);
}

/* Those that are over, with their last Env: whoever was at one has gone on. */
void agent_sessions_sweep(void) {
    for (struct agent_session **at = &sessions; *at != NULL;) {
        struct agent_session *session = *at;
        if (!session->over || each_env(session, NULL, NULL) > 0) {
            at = &session->next;
            continue;
        }
        *at = session->next;
        free_session(session);
    }
}

void agent_session_end(struct agent_session *session, bool in_order, const char *reason) {
    session->over = true;
    session->end_by_ns = corps__boottime_ns() + ORDER_NS;
    agent_session_disconnect(session);
    each_env(session, in_order ? close_env : agent_env_kill, reason);
}

bool agent_session_is_latest(struct agent_session *session, uint32_t life) {
    for (const struct agent_session *at = sessions; at != NULL; at = at->next) {
        if (at->corps_id == session->corps_id && !at->over && at->life > life) {
            agent_session_end(session, false, "a later life of its Corps is here");
            return false;
        }
    }
    for (struct agent_session *at = sessions; at != NULL; at = at->next) {
        if (at != session && at->corps_id == session->corps_id && !at->over && at->life <= life) {
            agent_session_end(at, false, "the owner of its Corps began anew");
        }
    }
    session->life = life;
    return true;
}

void agent_session_cut(struct agent_session *session) {
    session->visit = NULL;
    session->quiet_ns = corps__boottime_ns();
}

void agent_session_env_left(struct agent_session *session) {
    session->quiet_ns = corps__boottime_ns();
}

/* ---- beginning ---- */

static struct agent_session *find(uint64_t corps_id, uint64_t number) {
    for (struct agent_session *at = sessions; at != NULL; at = at->next) {
        if (at->corps_id == corps_id && at->number == number && !at->over) {
            return at;
        }
    }
    return NULL;
}

/* The owner began anew, or another process has become the owner: what was there before is nobody's. */
static void end_first_life(uint64_t corps_id) {
    for (struct agent_session *at = sessions, *next; at != NULL; at = next) {
        next = at->next;
        if (at->corps_id == corps_id && !at->over && at->life == 0) { /* later ones: with the first order, see there */
            agent_session_end(at, false, "the owner of its Corps began anew");
        }
    }
}

void agent_sessions_end_former(uint64_t corps_id) {
    for (struct agent_session *at = sessions, *next; at != NULL; at = next) {
        next = at->next;
        if (at->corps_id == corps_id && !at->over) {
            agent_session_end(at, false, "the owner of its Corps began anew");
        }
    }
}

bool agent_sessions_are_gone(uint64_t corps_id) {
    for (const struct agent_session *at = sessions; at != NULL; at = at->next) {
        if (at->corps_id == corps_id) {
            return false;
        }
    }
    return true;
}

static enum corps_err make_session(const struct corps__handshake *greeting, struct agent_session **out) {
    struct agent_session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for another Corps");
    }
    enum corps_err err = agent_page_make(&session->page_fd, &session->page);
    if (err != CORPS_OK) {
        free(session);
        return err;
    }
    session->corps_id = greeting->corps_id;
    session->number = greeting->session;
    session->lock_fd = -1;
    session->expired = true; /* nothing was granted yet */
    session->next = sessions;
    sessions = session;
    *out = session;
    return CORPS_OK;
}

/* Its owner was given up, and does not know that yet: a later life of the Corps has a session here. */
static bool is_late(const struct corps__handshake *greeting) {
    for (const struct agent_session *at = sessions; at != NULL; at = at->next) {
        if (at->corps_id == greeting->corps_id &&
            corps__greet_life(at->number) > corps__greet_life(greeting->session)) {
            return true;
        }
    }
    return false;
}

enum corps_err agent_session_join(const struct corps__handshake *greeting, struct agent_visit *visit,
                                  struct agent_session **out, uint64_t *taken) {
    struct agent_session *session = find(greeting->corps_id, greeting->session);
    if (session == NULL && greeting->taken > 0) {
        return corps_error_set(CORPS_ERR_CLOSED,
                               "host %u (%s) has ended what this Corps had there, since nobody came for it",
                               agent.own->number, agent.own->name);
    }
    if (session == NULL && is_late(greeting)) {
        return corps_error_set(CORPS_ERR_CLOSED, "host %u (%s) serves a later life of this Corps", agent.own->number,
                               agent.own->name);
    }
    if (session == NULL) {
        end_first_life(greeting->corps_id);
        enum corps_err err = make_session(greeting, &session);
        if (err != CORPS_OK) {
            return err;
        }
    } else if (!corps__resume_begin(&session->resume, greeting->taken)) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "the owner says to have taken what was never sent");
    }
    agent_session_disconnect(session);
    session->visit = visit;
    *out = session;
    *taken = session->resume.taken;
    return CORPS_OK;
}

enum corps_err agent_session_enter_directory(struct agent_session *session) {
    if (session->lock_fd >= 0) {
        return CORPS_OK;
    }
    enum corps_err err = corps__dir_path(session->corps_id, session->directory);
    if (err != CORPS_OK) {
        return err;
    }
    /* Where the owner is on this host too, it has made it; where a killed agent left it, it is made again. */
    corps__dir_remove_dead(session->directory);
    return access(session->directory, F_OK) == 0 ? corps__dir_join(session->directory, &session->lock_fd)
                                                 : corps__dir_create(session->directory, &session->lock_fd);
}

const char *agent_session_directory(const struct agent_session *session) {
    return session->directory;
}

/* ---- time ---- */

int agent_session_page(const struct agent_session *session) {
    return session->page_fd;
}

bool agent_session_may_act(const struct agent_session *session) {
    return !corps__lease_expired(&session->lease, corps__boottime_ns());
}

void agent_session_check_time(struct agent_session *session, int64_t now) {
    if (session->over) {
        if (now >= session->end_by_ns) {
            each_env(session, agent_env_kill, NULL);
        }
        return;
    }
    if (corps__lease_expired(&session->lease, now) && !session->expired) {
        session->expired = true;
        if (each_env(session, NULL, NULL) > 0) {
            agent_say("the Corps %016" PRIx64 " has granted no time for 2.4 s; its Envs here are ended",
                      session->corps_id);
        }
        each_env(session, kill_env, "its owner has not been heard for 2.4 s");
    }
    if (session->expired && session->visit == NULL && each_env(session, NULL, NULL) == 0 &&
        now >= session->quiet_ns + FORGET_NS) {
        agent_session_end(session, false, NULL);
    }
}

void agent_sessions_tick(bool asks) {
    if (asks) {
        agent_sessions_say_alive();
    }
    for (struct agent_session *at = sessions, *next; at != NULL; at = next) {
        next = at->next;
        agent_session_check_time(at, corps__boottime_ns());
    }
}

void agent_sessions_say_alive(void) {
    for (struct agent_session *at = sessions, *next; at != NULL; at = next) {
        next = at->next;
        if (at->visit != NULL) {
            agent_session_say_alive(at);
        }
    }
}

bool agent_session_is_here(uint64_t corps_id) {
    const struct agent_session *at = sessions;
    while (at != NULL && at->corps_id != corps_id) {
        at = at->next;
    }
    return at != NULL;
}

void agent_sessions_displace(bool in_order, const char *reason) {
    for (struct agent_session *at = sessions, *next; at != NULL; at = next) {
        next = at->next;
        if (!at->over) {
            each_env(at, in_order ? end_env : kill_env, reason);
        }
    }
}

unsigned agent_sessions_end(bool kill) {
    for (struct agent_session *at = sessions, *next; at != NULL; at = next) {
        next = at->next;
        if (each_env(at, kill ? kill_env : end_env, "its agent ended") == 0) {
            agent_session_end(at, true, NULL);
        }
    }
    return agent_session_count();
}
