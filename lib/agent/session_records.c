#include "session_own.h"

#include "agent.h"
#include "drain.h"
#include "env.h"
#include "visit.h"

#include "base/clock.h"
#include "codec/framed.h"
#include "codec/record.h"
#include "hosts/channel.h"
#include "link/known.h"

#include <inttypes.h>
#include <stdlib.h>

enum { SMALL_BYTES = 1024 };

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
        agent_session_disconnect(session);
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

void agent_session_say_alive(struct agent_session *session) {
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

void agent_session_welcomed(struct agent_session *session) {
    agent_session_say_alive(session);
    write_queue(session);
}

/* ---- records of the owner ---- */

static void take_grant(struct agent_session *session, int64_t asked_ns, int64_t length_ns) {
    agent_session_check_time(session, corps__boottime_ns()); /* first: after a stop, what is over is over */
    if (corps__lease_granted(&session->lease, asked_ns, length_ns, corps__boottime_ns())) {
        session->expired = false;
        atomic_store(session->page, session->lease.until_ns);
        agent_env_start_waiting(session);
    }
}

static void take_order(struct agent_session *session, uint32_t number, uint64_t incarnation,
                       const struct corps_value *launch) {
    if (!agent_session_is_latest(session, corps__life_of(incarnation))) {
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
        agent_session_end(session, true, NULL);
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
    agent_session_disconnect(session);
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
            agent_session_end(session, false, "a record of its owner could not be read");
            return;
        }
        take_record(session, corps_box_root(box));
        corps_box_unref(box);
        return;
    }
    write_queue(session);
    read_on(session);
}
