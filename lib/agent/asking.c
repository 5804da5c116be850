#include "asking.h"

#include "agent.h"

#include "codec/record.h"
#include "hosts/greet.h"
#include "wait/lead.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 2000 };

struct agent_asking {
    const struct corps__host *to;
    const char *word;
    struct corps__conn *conn; /* NULL: it is over */
    struct corps__handshake greeting;
    uint8_t key[CORPS__KEY_BYTES];
    bool is_proved; /* the other side is an agent of this cluster */
    uv_timer_t timer;
    agent_asking_fn answered;
    void *arg;
};

static void free_asking(uv_handle_t *timer) {
    struct agent_asking *asking = timer->data;
    sodium_memzero(asking->key, sizeof asking->key);
    free(asking);
}

static void finish(struct agent_asking *asking) {
    asking->answered = NULL;
    corps__conn_close(asking->conn);
    asking->conn = NULL;
    uv_timer_stop(&asking->timer);
    uv_close((uv_handle_t *)&asking->timer, free_asking); /* its memory goes when the loop has turned */
}

static void give(struct agent_asking *asking, const struct corps_value *answer) {
    agent_asking_fn answered = asking->answered;
    if (answered != NULL) {
        asking->answered = NULL;
        answered(asking->arg, answer);
        finish(asking);
    }
}

static void give_up(struct agent_asking *asking, enum corps_err err, const char *why) {
    (void)corps_error_set(err, "host %u (%s): %s", asking->to->number, asking->to->name, why);
    give(asking, NULL);
}

static void send_greeting(struct agent_asking *asking, const struct corps_value *items, size_t count) {
    const struct corps_value record = corps_array(items, count);
    (void)!corps__greet_send(asking->conn, CORPS__FRAME_GREETING, 0, &record); /* what is wrong ends the connection */
}

static void on_open(void *arg) {
    struct agent_asking *asking = arg;
    struct corps__handshake *greeting = &asking->greeting;
    randombytes_buf(greeting->owner_nonce, sizeof greeting->owner_nonce);
    const struct corps_value items[] = {
        corps_str("corps"),
        corps_int(CORPS__CHANNEL_VERSION),
        corps_int(0),
        corps_int(asking->to->number),
        corps_bin(greeting->owner_nonce, sizeof greeting->owner_nonce),
    };
    send_greeting(asking, items, sizeof items / sizeof items[0]);
}

/* ["agent", version, text, host, boot, nonce, proof] */
static void take_agent(struct agent_asking *asking, const struct corps_value *record) {
    struct corps__handshake *greeting = &asking->greeting;
    uint8_t proof[CORPS__PROOF_BYTES];
    if (corps__record_int(record, 1, 0) != CORPS__CHANNEL_VERSION) {
        give_up(asking, CORPS_ERR_VERSION, "its agent is of another version; install the same one on both");
        return;
    }
    greeting->boot = (uint64_t)corps__record_int(record, 4, 0);
    bool whole = corps__greet_bytes(record, 5, greeting->agent_nonce, sizeof greeting->agent_nonce);
    corps__greet_agent_proof(greeting, asking->key, proof);
    if (!whole || !corps__greet_is_proof(record, 6, proof)) {
        give_up(asking, CORPS_ERR_DENIED, "who listens there could not prove that it has this cluster's key");
        return;
    }
    asking->is_proved = true;
    corps__conn_trust(asking->conn);
    corps__greet_owner_proof(greeting, asking->key, asking->word, proof);
    const struct corps_value items[] = {
        corps_str(asking->word),
        corps_int((int64_t)greeting->session),
        corps_int(0),
        corps_bin(greeting->hash, sizeof greeting->hash),
        corps_bin(proof, sizeof proof),
    };
    send_greeting(asking, items, sizeof items / sizeof items[0]);
}

static void on_frame(void *arg, const struct corps__frame *frame) {
    struct agent_asking *asking = arg;
    struct corps_box *box;
    if (frame->kind != CORPS__FRAME_GREETING || corps__greet_record(frame, &box) != CORPS_OK) {
        give_up(asking, CORPS_ERR_PROTOCOL, "who listens there is no agent");
        return;
    }
    const struct corps_value *record = corps_box_root(box);
    if (!asking->is_proved && corps__record_is(record, "agent")) {
        take_agent(asking, record);
    } else if (asking->is_proved && corps__record_is(record, asking->word)) {
        give(asking, record);
    } else if (corps__record_is(record, "refused")) {
        char text[300];
        int64_t code = corps__record_int(record, 1, CORPS_ERR_PROTOCOL);
        corps__record_text(record, 2, text, sizeof text);
        give_up(asking, code > 0 && code < CORPS_ERR_COUNT ? (enum corps_err)code : CORPS_ERR_PROTOCOL, text);
    } else {
        give_up(asking, CORPS_ERR_VERSION, "its agent is of another version; install the same one on both");
    }
    corps_box_unref(box);
}

static void on_room(void *arg) {
    (void)arg;
}

static void on_closed(void *arg, enum corps_err err) {
    struct agent_asking *asking = arg;
    char why[400];
    asking->conn = NULL;
    snprintf(why, sizeof why, "%s", corps_error_detail());
    give_up(asking, err, why);
}

static const struct corps__conn_ops conn_ops = {
    .open = on_open, .frame = on_frame, .room = on_room, .closed = on_closed};

static void on_timer(uv_timer_t *timer) {
    give_up(timer->data, CORPS_ERR_TIMEOUT, "its agent does not answer within 2 s");
}

enum corps_err agent_ask(const struct corps__host *to, const char *word, uint64_t corps_id, agent_asking_fn answered,
                         void *arg, struct agent_asking **out) {
    struct agent_asking *asking = calloc(1, sizeof *asking);
    if (asking == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to ask another host");
    }
    *asking = (struct agent_asking){.to = to, .word = word, .answered = answered, .arg = arg};
    asking->greeting.host = to->number;
    asking->greeting.session = corps_id;
    memcpy(asking->greeting.hash, agent.hosts->hash, sizeof asking->greeting.hash);
    corps__key_channel(agent.key, 0, to->number, asking->key);
    char identity[CORPS__IDENTITY_BYTES];
    uint8_t psk[CORPS__KEY_BYTES];
    corps__greet_identity(0, to->number, identity);
    corps__greet_psk(identity, asking->key, psk);
    enum corps_err err = corps__conn_connect(corps__loop(), to, identity, psk, &conn_ops, asking, &asking->conn);
    sodium_memzero(psk, sizeof psk);
    if (err != CORPS_OK) {
        free(asking);
        return err;
    }
    uv_timer_init(corps__loop(), &asking->timer);
    asking->timer.data = asking;
    corps__timer_start(&asking->timer, on_timer, PATIENCE_MS, 0);
    *out = asking;
    return CORPS_OK;
}

void agent_asking_cancel(struct agent_asking *asking) {
    if (asking != NULL && asking->answered != NULL) {
        finish(asking);
    }
}
