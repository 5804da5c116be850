#include "session.h"

#include "agent.h"
#include "drain.h"
#include "env.h"
#include "page.h"
#include "visit.h"

#include "base/clock.h"
#include "base/dir.h"
#include "codec/config.h"
#include "codec/framed.h"
#include "codec/record.h"
#include "hosts/channel.h"
#include "hosts/lease.h"
#include "hosts/resume.h"
#include "link/known.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SMALL_BYTES = 1024 };

#define ORDER_NS INT64_C(5000000000)   /* for Envs that end in order */
#define FORGET_NS INT64_C(60000000000) /* after which nobody comes any more to hear how its Envs have ended */

struct agent_session {
    struct agent_session *next;
    uint64_t corps_id;
    uint64_t number;
    struct agent_visit *visit; /* NULL: cut */
    struct corps__resume resume;
    struct corps__lease lease;
    agent_page *page; /* the end of the lease, as its Envs see it */
    int page_fd;
    int64_t quiet_ns;  /* since when there is neither a connection nor an Env */
    int64_t end_by_ns; /* of one that is over: then what still runs is killed */
    bool over;         /* ends with its last Env; nothing is told any more */
    bool expired;      /* there is no grant, and its Envs were ended */
    int lock_fd;       /* of the directory; -1: not made yet */
    char directory[CORPS__DIR_BYTES];
    uint32_t life;                    /* of its Corps: the newest that has ordered */
    uint64_t newest[CORPS__ENVS_MAX]; /* incarnations that were ordered */
};

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

static void cut(struct agent_session *session) {
    struct agent_visit *visit = session->visit;
    session->visit = NULL;
    if (visit != NULL) {
        agent_visit_close(visit);
    }
}

static void free_session(struct agent_session *session) {
    cut(session);
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

/* Nobody listens to it any more. */
static void end(struct agent_session *session, bool in_order, const char *reason) {
    session->over = true;
    session->end_by_ns = corps__boottime_ns() + ORDER_NS;
    cut(session);
    each_env(session, in_order ? close_env : agent_env_kill, reason);
}

void agent_session_env_left(struct agent_session *session) {
    session->quiet_ns = corps__boottime_ns();
}

/* ---- telling ---- */

static void write_queue(struct agent_session *session) {
    while (session->visit != NULL && corps__conn_has_room(agent_visit_conn(session->visit))) {
        const struct corps__resume_item *item = corps__resume_next(&session->resume);
        if (item == NULL || corps__conn_send(agent_visit_conn(session->visit), CORPS__FRAME_RECORD, item->number,
                                             session->resume.taken, item->data, item->bytes) != CORPS_OK) {
            return;
        }
    }
}

void agent_session_tell(struct agent_session *session, const struct corps_value *record) {
    if (session->over) {
        return;
    }
    uint8_t small[SMALL_BYTES];
    uint8_t *frame;
    size_t bytes;
    enum corps_err err = corps__framed_encode(record, small, sizeof small, &frame, &bytes);
    if (err == CORPS_OK) {
        err = corps__resume_queue(&session->resume, frame, bytes);
        if (frame != small) {
            free(frame);
        }
    }
    if (err != CORPS_OK) { /* what is lost must not be waited for */
        agent_say("the Corps %016" PRIx64 " cannot be served any more: %s", session->corps_id, corps_error_detail());
        corps__lease_init(&session->lease); /* its Envs end */
        cut(session);
        return;
    }
    write_queue(session);
}

bool agent_session_has_room(const struct agent_session *session) {
    return session->over || session->resume.bytes < CORPS__CHANNEL_QUEUE_BYTES;
}

void agent_session_room(struct agent_session *session) {
    write_queue(session);
}

static void read_on(struct agent_session *session) {
    for (struct agent_env *at = agent_envs; at != NULL; at = at->next) {
        if (at->stage != AGENT_ENV_ENDED && at->session == session) {
            agent_env_resume(at);
        }
    }
}

/* That this host lives, and how it is; and so it asks for time. */
static void say_alive(struct agent_session *session) {
    double load = 0;
    int64_t now = corps__boottime_ns();
    (void)getloadavg(&load, 1);
    corps__lease_asked(&session->lease, now);
    const struct corps_entry loads[] = {
        {corps_str("envs"), corps_int(agent_env_slots_used())},
        {corps_str("slots"), corps_int(agent.own->slots)},
        {corps_str("load"), corps_float(load)},
        {corps_str("drained"), corps_bool(agent_is_drained())},
    };
    struct corps_value items[] = {corps_str("alive"), corps_int(now), corps_map(loads, sizeof loads / sizeof loads[0])};
    struct corps_value record = corps_array(items, 3);
    (void)!corps__greet_send(agent_visit_conn(session->visit), CORPS__FRAME_NOTE, session->resume.taken, &record);
}

/* ---- records of the owner ---- */

static void check_time(struct agent_session *session, int64_t now);

static void take_grant(struct agent_session *session, int64_t asked_ns, int64_t length_ns) {
    check_time(session, corps__boottime_ns()); /* first: after a stop, what is over is over */
    if (corps__lease_granted(&session->lease, asked_ns, length_ns, corps__boottime_ns())) {
        session->expired = false;
        atomic_store(session->page, session->lease.until_ns);
        agent_env_start_waiting(session);
    }
}

int agent_session_page(const struct agent_session *session) {
    return session->page_fd;
}

bool agent_session_may_act(const struct agent_session *session) {
    return !corps__lease_expired(&session->lease, corps__boottime_ns());
}

/* Two owners may order where one runs on that is cut off from its ledger: then the one of the later life has the host,
 * and what the other one has here ends. False: that is this one. */
static bool is_latest(struct agent_session *session, uint32_t life) {
    for (const struct agent_session *at = sessions; at != NULL; at = at->next) {
        if (at->corps_id == session->corps_id && !at->over && at->life > life) {
            end(session, false, "a later life of its Corps is here");
            return false;
        }
    }
    for (struct agent_session *at = sessions; at != NULL; at = at->next) {
        if (at != session && at->corps_id == session->corps_id && !at->over && at->life <= life) {
            end(at, false, "the owner of its Corps began anew");
        }
    }
    session->life = life;
    return true;
}

static void take_order(struct agent_session *session, uint32_t number, uint64_t incarnation,
                       const struct corps_value *launch) {
    if (!is_latest(session, corps__life_of(incarnation))) {
        return;
    }
    if (number < CORPS__ENVS_MAX && incarnation > session->newest[number]) {
        session->newest[number] = incarnation;
        agent_env_order(session, number, incarnation, launch);
    }
}

/* To a "kill" of what has ended, or never was: whoever waits for its end is told once more. */
static void tell_not_there(struct agent_session *session, uint32_t number, uint64_t incarnation) {
    const struct corps_value items[] = {corps_str("ended"), corps_int(number), corps_int((int64_t)incarnation),
                                        corps_str("is not there any more"), corps_int(CORPS__END_DISPLACED)};
    const struct corps_value record = corps_array(items, sizeof items / sizeof items[0]);
    agent_session_tell(session, &record);
}

static void take_record(struct agent_session *session, const struct corps_value *record) {
    if (corps__record_is(record, "grant")) {
        take_grant(session, corps__record_int(record, 1, 0), corps__record_int(record, 2, CORPS__GRANT_NS));
        return;
    }
    if (corps__record_is(record, "bye")) {
        end(session, true, NULL);
        return;
    }
    uint32_t number = (uint32_t)corps__record_int(record, 1, UINT32_MAX);
    uint64_t incarnation = (uint64_t)corps__record_int(record, 2, 0);
    const struct corps_value *what = corps_value_item(record, 3);
    if (corps__record_is(record, "order")) {
        take_order(session, number, incarnation, what);
        return;
    }
    struct agent_env *env = agent_env_find(session, number, incarnation);
    if (env == NULL) {
        if (corps__record_is(record, "kill")) {
            tell_not_there(session, number, incarnation);
        }
        return; /* it has ended, which is on its way to the owner */
    }
    if (corps__record_is(record, "send") && what != NULL && what->kind == CORPS_BIN) {
        agent_env_write(env, what->bin, what->count);
    } else if (corps__record_is(record, "end")) {
        agent_env_close(env);
    } else if (corps__record_is(record, "kill")) {
        agent_env_kill(env, NULL);
    }
}

/* The owner broke the protocol: it will come again, or its grant ends. */
static void refuse(struct agent_session *session, const char *why) {
    agent_say("the Corps %016" PRIx64 " was cut off: %s", session->corps_id, why);
    cut(session);
}

void agent_session_frame(struct agent_session *session, const struct corps__frame *frame) {
    if (!corps__resume_ack(&session->resume, frame->ack)) {
        refuse(session, "it says to have taken what was never sent");
        return;
    }
    if (frame->kind == CORPS__FRAME_RECORD) {
        enum corps__resume_news news = corps__resume_take(&session->resume, frame->number);
        if (news == CORPS__RESUME_GAP) {
            refuse(session, "a record of it is missing");
        }
        if (news != CORPS__RESUME_NEW) {
            return;
        }
        (void)!corps__conn_send(agent_visit_conn(session->visit), CORPS__FRAME_ACK, 0, session->resume.taken, NULL, 0);
    }
    if (frame->kind == CORPS__FRAME_RECORD || frame->kind == CORPS__FRAME_NOTE) {
        struct corps_box *box;
        if (corps__greet_record(frame, &box) != CORPS_OK) {
            agent_say("the Corps %016" PRIx64 " is ended: %s", session->corps_id, corps_error_detail());
            end(session, false, "a record of its owner could not be read");
            return;
        }
        take_record(session, corps_box_root(box));
        corps_box_unref(box);
        return;
    }
    write_queue(session);
    read_on(session);
}

void agent_session_cut(struct agent_session *session) {
    session->visit = NULL;
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
            end(at, false, "the owner of its Corps began anew");
        }
    }
}

void agent_sessions_end_former(uint64_t corps_id) {
    for (struct agent_session *at = sessions, *next; at != NULL; at = next) {
        next = at->next;
        if (at->corps_id == corps_id && !at->over) {
            end(at, false, "the owner of its Corps began anew");
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
    cut(session);
    session->visit = visit;
    *out = session;
    *taken = session->resume.taken;
    return CORPS_OK;
}

void agent_session_welcomed(struct agent_session *session) {
    say_alive(session);
    write_queue(session);
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

static void check_time(struct agent_session *session, int64_t now) {
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
        end(session, false, NULL);
    }
}

void agent_sessions_tick(bool asks) {
    if (asks) {
        agent_sessions_say_alive();
    }
    for (struct agent_session *at = sessions, *next; at != NULL; at = next) {
        next = at->next;
        check_time(at, corps__boottime_ns());
    }
}

void agent_sessions_say_alive(void) {
    for (struct agent_session *at = sessions, *next; at != NULL; at = next) {
        next = at->next;
        if (at->visit != NULL) {
            say_alive(at);
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
            end(at, true, NULL);
        }
    }
    return agent_session_count();
}
