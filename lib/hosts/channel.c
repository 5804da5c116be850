#include "hosts/channel.h"

#include "codec/framed.h"
#include "codec/record.h"
#include "hosts/greet.h"
#include "hosts/resume.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    AGAIN_MS = 100,     /* before the next connection, after one that failed or was cut */
    SMALL_BYTES = 1024, /* of records that need no memory to be encoded */
};

enum stage { APART, CONNECTING, GREETING, OPENING, OPEN, GONE };

struct corps__channel {
    uv_loop_t *loop;
    uv_timer_t timer; /* until the next connection */
    struct corps__host to;
    uint8_t key[CORPS__KEY_BYTES];
    enum stage stage;
    struct corps__conn *conn;
    struct corps__handshake greeting;
    struct corps__resume resume;
    uint64_t boot; /* of the agent that this channel is with; 0: not known yet */
    bool closed, was_full;
    const struct corps__channel_ops *ops;
    void *arg;
    char trouble[320];
};

static void connect_now(struct corps__channel *channel);

/* ---- ends ---- */

static void on_again(uv_timer_t *timer) {
    connect_now(timer->data);
}

static void come_apart(struct corps__channel *channel, const char *why) {
    snprintf(channel->trouble, sizeof channel->trouble, "%s", why);
    channel->conn = NULL;
    channel->stage = APART;
    uv_update_time(channel->loop);
    uv_timer_start(&channel->timer, on_again, AGAIN_MS, 0);
}

static void is_gone(struct corps__channel *channel, enum corps_err err, const char *why) {
    struct corps__conn *conn = channel->conn;
    channel->conn = NULL;
    channel->stage = GONE;
    snprintf(channel->trouble, sizeof channel->trouble, "%s", why);
    corps__conn_close(conn);
    uv_timer_stop(&channel->timer);
    channel->ops->gone(channel->arg, err, channel->trouble);
}

/* The agent broke the protocol: this connection has told nothing more, and another one may. */
static void drop(struct corps__channel *channel, const char *why) {
    corps__conn_close(channel->conn);
    come_apart(channel, why);
}

/* ---- writing ---- */

static void write_queue(struct corps__channel *channel) {
    while (channel->stage == OPEN && corps__conn_has_room(channel->conn)) {
        const struct corps__resume_item *item = corps__resume_next(&channel->resume);
        if (item == NULL || corps__conn_send(channel->conn, CORPS__FRAME_RECORD, item->number, channel->resume.taken,
                                             item->data, item->bytes) != CORPS_OK) {
            return;
        }
    }
}

bool corps__channel_has_room(struct corps__channel *channel) {
    bool room = channel->resume.bytes < CORPS__CHANNEL_QUEUE_BYTES;
    channel->was_full = channel->was_full || !room;
    return room;
}

static void tell_room(struct corps__channel *channel) {
    if (channel->was_full && channel->resume.bytes < CORPS__CHANNEL_QUEUE_BYTES / 2) {
        channel->was_full = false;
        if (channel->ops->room != NULL) {
            channel->ops->room(channel->arg);
        }
    }
}

static enum corps_err queue(struct corps__channel *channel, const uint8_t *data, size_t bytes) {
    if (bytes > CORPS__CHANNEL_RECORD_BYTES_MAX) {
        return corps_error_set(CORPS_ERR_TOO_LARGE, "a record of %zu bytes is too long for another host (%d at most)",
                               bytes, CORPS__CHANNEL_RECORD_BYTES_MAX);
    }
    if (channel->resume.bytes + bytes > CORPS__CHANNEL_QUEUE_BYTES_MAX) {
        return corps_error_set(CORPS_ERR_FULL, "the agent of host %u (%s) takes nothing, and %zu bytes wait for it",
                               channel->to.number, channel->to.name, channel->resume.bytes);
    }
    enum corps_err err = corps__resume_queue(&channel->resume, data, bytes);
    if (err == CORPS_OK) {
        write_queue(channel);
    }
    return err;
}

enum corps_err corps__channel_send(struct corps__channel *channel, const struct corps_value *record) {
    if (channel->stage == GONE || channel->closed) {
        return corps_error_set(CORPS_ERR_CLOSED, "%s", channel->trouble);
    }
    if (corps__record_is(record, "grant")) {
        return channel->stage == OPEN
                   ? corps__greet_send(channel->conn, CORPS__FRAME_NOTE, channel->resume.taken, record)
                   : CORPS_OK;
    }
    uint8_t small[SMALL_BYTES];
    uint8_t *frame;
    size_t bytes;
    enum corps_err err = corps__framed_encode(record, small, sizeof small, &frame, &bytes);
    if (err == CORPS_OK) {
        err = queue(channel, frame, bytes);
        if (frame != small) {
            free(frame);
        }
    }
    return err;
}

const char *corps__channel_trouble(const struct corps__channel *channel) {
    return channel->trouble;
}

/* ---- greeting ---- */

static void on_open(void *arg) {
    struct corps__channel *channel = arg;
    struct corps__handshake *greeting = &channel->greeting;
    randombytes_buf(greeting->owner_nonce, sizeof greeting->owner_nonce);
    const struct corps_value items[] = {
        corps_str("corps"),
        corps_int(CORPS__CHANNEL_VERSION),
        corps_int((int64_t)greeting->corps_id),
        corps_int(greeting->host),
        corps_bin(greeting->owner_nonce, sizeof greeting->owner_nonce),
    };
    const struct corps_value record = corps_array(items, sizeof items / sizeof items[0]);
    channel->stage = GREETING;
    (void)!corps__greet_send(channel->conn, CORPS__FRAME_GREETING, 0, &record); /* what is wrong ends the connection */
}

/* ["agent", version, text, host, boot, nonce, proof] */
static void take_agent(struct corps__channel *channel, const struct corps_value *record) {
    struct corps__handshake *greeting = &channel->greeting;
    char text[320];
    if (corps__record_int(record, 1, 0) != CORPS__CHANNEL_VERSION) {
        char version[32];
        corps__record_text(record, 2, version, sizeof version);
        snprintf(text, sizeof text,
                 "the agent of host %u (%s) is of version %s, and this is %s; install the same one on both",
                 channel->to.number, channel->to.name, version, CORPS_VERSION);
        is_gone(channel, CORPS_ERR_VERSION, text);
        return;
    }
    uint8_t proof[CORPS__PROOF_BYTES];
    greeting->boot = (uint64_t)corps__record_int(record, 4, 0);
    bool whole = corps__greet_bytes(record, 5, greeting->agent_nonce, sizeof greeting->agent_nonce);
    corps__greet_agent_proof(greeting, channel->key, proof);
    if (!whole || !corps__greet_is_proof(record, 6, proof)) {
        snprintf(
            text, sizeof text,
            "who listens for host %u (%s) could not prove that it has this cluster's key; is it the same file there?",
            channel->to.number, channel->to.name);
        drop(channel, text); /* it may be anybody: this ends nothing */
        return;
    }
    if (channel->boot != 0 && channel->boot != greeting->boot) {
        snprintf(text, sizeof text, "the agent of host %u (%s) was started again", channel->to.number,
                 channel->to.name);
        is_gone(channel, CORPS_ERR_WORKER_LOST, text);
        return;
    }
    channel->boot = greeting->boot;
    corps__conn_trust(channel->conn);
    greeting->taken = channel->resume.taken;
    corps__greet_owner_proof(greeting, channel->key, "open", proof);
    const struct corps_value items[] = {
        corps_str("open"),
        corps_int((int64_t)greeting->session),
        corps_int((int64_t)greeting->taken),
        corps_bin(greeting->hash, sizeof greeting->hash),
        corps_bin(proof, sizeof proof),
    };
    const struct corps_value answer = corps_array(items, sizeof items / sizeof items[0]);
    channel->stage = OPENING;
    (void)!corps__greet_send(channel->conn, CORPS__FRAME_GREETING, 0, &answer);
}

static void take_greeting(struct corps__channel *channel, const struct corps_value *record) {
    if (channel->stage == GREETING && corps__record_is(record, "agent")) {
        take_agent(channel, record);
    } else if (channel->stage == OPENING && corps__record_is(record, "welcome")) {
        if (!corps__resume_begin(&channel->resume, (uint64_t)corps__record_int(record, 1, 0))) {
            is_gone(channel, CORPS_ERR_WORKER_LOST, "the agent has given this Corps up");
            return;
        }
        channel->stage = OPEN;
        channel->trouble[0] = '\0';
        write_queue(channel);
    } else if (corps__record_is(record, "refused")) {
        char text[256];
        int64_t code = corps__record_int(record, 1, CORPS_ERR_PROTOCOL);
        corps__record_text(record, 2, text, sizeof text);
        if (channel->stage == OPENING) {
            is_gone(channel, code > 0 && code < CORPS_ERR_COUNT ? (enum corps_err)code : CORPS_ERR_PROTOCOL, text);
        } else {
            drop(channel, text); /* it has not proved who it is */
        }
    } else {
        drop(channel, "the agent said something that this version does not know");
    }
}

/* ---- reading ---- */

static void take_record(struct corps__channel *channel, const struct corps__frame *frame) {
    if (frame->kind == CORPS__FRAME_RECORD) {
        enum corps__resume_news news = corps__resume_take(&channel->resume, frame->number);
        if (news == CORPS__RESUME_GAP) {
            drop(channel, "a record of the agent is missing");
        }
        if (news != CORPS__RESUME_NEW) {
            return;
        }
    }
    struct corps_box *box;
    enum corps_err err = corps__greet_record(frame, &box);
    if (err != CORPS_OK) {
        is_gone(channel, err, corps_error_detail());
        return;
    }
    channel->ops->record(channel->arg, corps_box_root(box));
    corps_box_unref(box);
}

static void on_frame(void *arg, const struct corps__frame *frame) {
    struct corps__channel *channel = arg;
    if (frame->kind == CORPS__FRAME_GREETING) {
        struct corps_box *box;
        if (corps__greet_record(frame, &box) != CORPS_OK) {
            drop(channel, corps_error_detail());
            return;
        }
        take_greeting(channel, corps_box_root(box));
        corps_box_unref(box);
        return;
    }
    if (channel->stage != OPEN || !corps__resume_ack(&channel->resume, frame->ack)) {
        drop(channel, "the agent broke the protocol");
        return;
    }
    if (frame->kind != CORPS__FRAME_ACK && channel->stage == OPEN) {
        take_record(channel, frame);
    }
    if (frame->kind == CORPS__FRAME_RECORD && channel->stage == OPEN) {
        (void)!corps__conn_send(channel->conn, CORPS__FRAME_ACK, 0, channel->resume.taken, NULL, 0);
    }
    if (channel->stage == OPEN) {
        write_queue(channel);
        tell_room(channel);
    }
}

static void on_room(void *arg) {
    write_queue(arg);
}

static void on_closed(void *arg, enum corps_err err) {
    (void)err;
    come_apart(arg, corps_error_detail());
}

static const struct corps__conn_ops conn_ops = {
    .open = on_open,
    .frame = on_frame,
    .room = on_room,
    .closed = on_closed,
};

static void connect_now(struct corps__channel *channel) {
    char identity[CORPS__IDENTITY_BYTES];
    uint8_t psk[CORPS__KEY_BYTES];
    corps__greet_identity(channel->greeting.corps_id, channel->to.number, identity);
    corps__greet_psk(identity, channel->key, psk);
    channel->stage = CONNECTING;
    if (corps__conn_connect(channel->loop, &channel->to, identity, psk, &conn_ops, channel, &channel->conn) !=
        CORPS_OK) {
        come_apart(channel, corps_error_detail());
    }
    sodium_memzero(psk, sizeof psk);
}

/* ---- the channel ---- */

enum corps_err corps__channel_connect(struct uv_loop_s *loop, const struct corps__host *to, uint64_t corps_id,
                                      uint32_t life, const uint8_t key[CORPS__KEY_BYTES],
                                      const uint8_t hash[CORPS__HOSTS_HASH_BYTES], const struct corps__channel_ops *ops,
                                      void *arg, struct corps__channel **out) {
    struct corps__channel *channel = calloc(1, sizeof *channel);
    if (channel == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a channel to another host");
    }
    channel->loop = loop;
    channel->to = *to;
    channel->ops = ops;
    channel->arg = arg;
    memcpy(channel->key, key, sizeof channel->key);
    channel->greeting.corps_id = corps_id;
    channel->greeting.host = to->number;
    memcpy(channel->greeting.hash, hash, sizeof channel->greeting.hash);
    channel->greeting.session = corps__greet_session(life, randombytes_random());
    uv_timer_init(loop, &channel->timer);
    channel->timer.data = channel;
    connect_now(channel);
    *out = channel;
    return CORPS_OK;
}

static void free_when_closed(uv_handle_t *handle) {
    struct corps__channel *channel = handle->data;
    corps__resume_free(&channel->resume);
    sodium_memzero(channel->key, sizeof channel->key);
    free(channel);
}

void corps__channel_close(struct corps__channel *channel) {
    if (channel == NULL || channel->closed) {
        return;
    }
    if (channel->stage == OPEN) { /* else the agent learns by silence */
        const struct corps_value word = corps_str("bye");
        const struct corps_value record = corps_array(&word, 1);
        (void)!corps__greet_send(channel->conn, CORPS__FRAME_NOTE, channel->resume.taken, &record);
    }
    channel->closed = true;
    channel->stage = GONE;
    corps__conn_close(channel->conn);
    channel->conn = NULL;
    uv_timer_stop(&channel->timer);
    uv_close((uv_handle_t *)&channel->timer, free_when_closed);
}
