#include "look_own.h"

#include "codec/record.h"
#include "hosts/desk.h"

#include <corps.h>

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 2000 };

static void give_up(struct look *look, const char *why) {
    snprintf(look->trouble, sizeof look->trouble, "%s", why);
    corps__conn_close(look->conn);
    look->conn = NULL;
}

static void on_open(void *arg) {
    struct look *look = arg;
    struct corps__handshake *greeting = &look->greeting;
    randombytes_buf(greeting->owner_nonce, sizeof greeting->owner_nonce);
    const struct corps_value items[] = {
        corps_str("corps"),
        corps_int(CORPS__CHANNEL_VERSION),
        corps_int(0),
        corps_int(look->host->number),
        corps_bin(greeting->owner_nonce, sizeof greeting->owner_nonce),
    };
    const struct corps_value record = corps_array(items, sizeof items / sizeof items[0]);
    (void)!corps__greet_send(look->conn, CORPS__FRAME_GREETING, 0, &record);
}

static void take_agent(struct look *look, const struct corps_value *record) {
    struct corps__handshake *greeting = &look->greeting;
    uint8_t proof[CORPS__PROOF_BYTES];
    if (corps__record_int(record, 1, 0) != CORPS__CHANNEL_VERSION) {
        char version[32], text[128];
        corps__record_text(record, 2, version, sizeof version);
        snprintf(text, sizeof text, "its agent is of version %s, and this is %s; install the same one on both", version,
                 CORPS_VERSION);
        give_up(look, text);
        return;
    }
    greeting->boot = (uint64_t)corps__record_int(record, 4, 0);
    bool whole = corps__greet_bytes(record, 5, greeting->agent_nonce, sizeof greeting->agent_nonce);
    corps__greet_agent_proof(greeting, look->key, proof);
    if (!whole || !corps__greet_is_proof(record, 6, proof)) {
        give_up(look, "who listens there could not prove that it has this cluster's key; is it the same file?");
        return;
    }
    corps__greet_owner_proof(greeting, look->key, look->word, proof);
    const struct corps_value items[] = {
        corps_str(look->word),          corps_int(0), corps_int(0), corps_bin(greeting->hash, sizeof greeting->hash),
        corps_bin(proof, sizeof proof),
    };
    const struct corps_value answer = corps_array(items, sizeof items / sizeof items[0]);
    (void)!corps__greet_send(look->conn, CORPS__FRAME_GREETING, 0, &answer);
}

static void on_frame(void *arg, const struct corps__frame *frame) {
    struct look *look = arg;
    struct corps_box *box;
    if (frame->kind != CORPS__FRAME_GREETING || corps__greet_record(frame, &box) != CORPS_OK) {
        give_up(look, "who listens there is no agent");
        return;
    }
    const struct corps_value *record = corps_box_root(box);
    if (corps__record_is(record, "agent")) {
        take_agent(look, record);
    } else if (corps__record_is(record, "seen") || corps__record_is(record, "drained")) {
        look->answer = corps_box_ref(box);
        corps__conn_close(look->conn);
        look->conn = NULL;
    } else if (corps__record_is(record, "refused")) {
        char text[300];
        corps__record_text(record, 2, text, sizeof text);
        give_up(look, text);
    } else {
        give_up(look, "its agent is of another version");
    }
    corps_box_unref(box);
}

static void on_room(void *arg) {
    (void)arg;
}

static void on_closed(void *arg, enum corps_err err) {
    struct look *look = arg;
    (void)err;
    look->conn = NULL;
    snprintf(look->trouble, sizeof look->trouble, "%s", corps_error_detail());
}

static const struct corps__conn_ops conn_ops = {
    .open = on_open, .frame = on_frame, .room = on_room, .closed = on_closed};

static void begin(uv_loop_t *loop, struct look *look) {
    char identity[CORPS__IDENTITY_BYTES];
    uint8_t psk[CORPS__KEY_BYTES];
    look->greeting.host = look->host->number;
    memcpy(look->greeting.hash, look->hosts->hash, sizeof look->greeting.hash);
    corps__greet_identity(0, look->host->number, identity);
    corps__greet_psk(identity, look->key, psk);
    if (corps__conn_connect(loop, look->host, identity, psk, &conn_ops, look, &look->conn) != CORPS_OK) {
        snprintf(look->trouble, sizeof look->trouble, "%s", corps_error_detail());
    }
    sodium_memzero(psk, sizeof psk);
}

static void on_patience(uv_timer_t *timer) {
    uv_stop(timer->loop);
}

static bool under_way(const struct look *looks, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        if (looks[i].conn != NULL) {
            return true;
        }
    }
    return false;
}

void look_at_all(struct look *looks, unsigned count) {
    uv_loop_t loop;
    uv_timer_t patience;
    if (uv_loop_init(&loop) != 0) {
        return;
    }
    uv_timer_init(&loop, &patience);
    uv_timer_start(&patience, on_patience, PATIENCE_MS, 0);
    for (unsigned i = 0; i < count; i++) {
        begin(&loop, &looks[i]);
    }
    bool expired = false;
    while (!expired && under_way(looks, count)) {
        uv_run(&loop, UV_RUN_ONCE);
        expired = uv_is_active((uv_handle_t *)&patience) == 0;
    }
    for (unsigned i = 0; i < count; i++) {
        corps__conn_close(looks[i].conn);
    }
    uv_close((uv_handle_t *)&patience, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
}

enum corps_err look_prepare(struct look *look, const struct corps__hosts *hosts, const struct corps__host *host,
                            const uint8_t *key, const char *word) {
    *look = (struct look){.host = host, .hosts = hosts, .word = word};
    if (key == NULL) {
        return corps__desk_key(0, host->number, look->key);
    }
    corps__key_channel(key, 0, host->number, look->key);
    return CORPS_OK;
}

const struct corps_value *look_said(const struct look *look) {
    return look->answer != NULL ? corps_value_item(corps_box_root(look->answer), 1) : NULL;
}

const char *look_trouble(const struct look *look) {
    return look->trouble[0] != '\0' ? look->trouble : "it does not answer within 2 s";
}

/* ---- all hosts ---- */

static int list(const char *program, const struct corps__hosts *hosts, const uint8_t *key,
                const struct corps_value *leases, enum look_form form) {
    struct look *looks = calloc(hosts->count, sizeof *looks);
    if (looks == NULL) {
        fprintf(stderr, "%s: no memory to look at %u hosts\n", program, hosts->count);
        return 1;
    }
    enum corps_err err = CORPS_OK;
    for (unsigned i = 0; err == CORPS_OK && i < hosts->count; i++) {
        err = look_prepare(&looks[i], hosts, &hosts->rows[i], key, "look");
    }
    int status = 1;
    if (err == CORPS_OK) {
        look_at_all(looks, hosts->count);
        const struct look_all all = {hosts, looks, hosts->count, leases};
        (form == LOOK_JSON ? look_print_json : look_print_table)(&all);
        status = look_is_well(&all) ? 0 : 1;
    } else {
        fprintf(stderr, "%s: %s\n", program, corps_error_detail());
    }
    for (unsigned i = 0; i < hosts->count; i++) {
        corps_box_unref(looks[i].answer);
    }
    sodium_memzero(looks, hosts->count * sizeof *looks);
    free(looks);
    return status;
}

int look_list(const char *program, const struct corps__hosts *hosts, const uint8_t key[CORPS__KEY_BYTES],
              enum look_form form) {
    return list(program, hosts, key, NULL, form);
}

int look_ask(const char *program, enum look_form form) {
    struct corps__hosts *hosts = NULL;
    struct corps_box *box = NULL;
    enum corps_err err = corps__desk_hosts(&hosts);
    err = err == CORPS_OK ? corps__desk_leases(&box) : err;
    if (err != CORPS_OK) {
        fprintf(stderr, "%s: %s\n", program, corps_error_detail());
        free(hosts);
        return 1;
    }
    int status = list(program, hosts, NULL, corps_value_item(corps_box_root(box), 1), form);
    corps_box_unref(box);
    free(hosts);
    return status;
}

int look_end(const char *program, int status) {
    bool lost = ferror(stdout) != 0; /* before, when the buffer was full */
    if (fflush(stdout) == 0 && !lost) {
        return status;
    }
    fprintf(stderr, "%s: cannot write to standard output: %s\n", program,
            lost ? "some of it was lost" : strerror(errno));
    return status == 0 ? 1 : status;
}
