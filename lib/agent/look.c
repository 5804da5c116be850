#include "look.h"

#include "codec/record.h"
#include "hosts/desk.h"
#include "hosts/greet.h"

#include <corps.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 2000 };

/* One host that is looked at. */
struct look {
    const struct corps__host *host;
    const struct corps__hosts *hosts;
    uint8_t key[CORPS__KEY_BYTES];
    struct corps__conn *conn;
    struct corps__handshake greeting;
    struct corps_box *seen; /* what it has said of itself */
    char trouble[400];
};

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
    corps__greet_owner_proof(greeting, look->key, "look", proof);
    const struct corps_value items[] = {
        corps_str("look"),
        corps_int(0),
        corps_int(0),
        corps_bin(greeting->hash, sizeof greeting->hash),
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
    } else if (corps__record_is(record, "seen")) {
        look->seen = corps_box_ref(box);
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

/* ---- the table ---- */

static double number_of(const struct corps_value *map, const char *key) {
    const struct corps_value *value = corps_value_get(map, key);
    return value == NULL                ? 0
           : value->kind == CORPS_INT   ? (double)value->integer
           : value->kind == CORPS_FLOAT ? value->number
                                        : 0;
}

static void text_of(const struct corps_value *map, const char *key, char *out, size_t bytes) {
    const struct corps_value *value = corps_value_get(map, key);
    const struct corps_value items[] = {value != NULL ? *value : corps_nil()};
    const struct corps_value record = corps_array(items, 1);
    corps__record_text(&record, 0, out, bytes);
}

/* One line; false: the host does not answer, or has another file. */
static bool print_look(const struct look *look) {
    char address[80];
    corps__host_address(look->host, address, sizeof address);
    if (look->seen == NULL) {
        printf("%-6u %-16s %-22s no   %s\n", look->host->number, look->host->name, address,
               look->trouble[0] != '\0' ? look->trouble : "it does not answer within 2 s");
        return false;
    }
    const struct corps_value *map = corps_value_item(corps_box_root(look->seen), 1);
    const struct corps_value *hash = corps_value_get(map, "hash");
    bool same = hash != NULL && hash->kind == CORPS_BIN && hash->count == CORPS__HOSTS_HASH_BYTES &&
                memcmp(hash->bin, look->hosts->hash, CORPS__HOSTS_HASH_BYTES) == 0;
    char version[32], hash_text[CORPS__HASH_TEXT_BYTES] = "?";
    text_of(map, "version", version, sizeof version);
    if (hash != NULL && hash->kind == CORPS_BIN && hash->count == CORPS__HOSTS_HASH_BYTES) {
        corps__hash_text(hash->bin, hash_text);
    }
    printf("%-6u %-16s %-22s yes  %-9s %4.0f  %5.0f  %5.2f  %s%s\n", look->host->number, look->host->name, address,
           version, number_of(map, "envs"), number_of(map, "slots"), number_of(map, "load"), hash_text,
           same ? "" : "  ANOTHER HOSTS FILE");
    return same;
}

static int print_all(const struct look *looks, unsigned count) {
    bool all = true;
    printf("%-6s %-16s %-22s %-4s %-9s %4s  %5s  %5s  %s\n", "number", "name", "address", "up", "version", "envs",
           "slots", "load", "hosts file");
    for (unsigned i = 0; i < count; i++) {
        all = print_look(&looks[i]) && all;
    }
    return fflush(stdout) == 0 && all ? 0 : 1;
}

/* ---- looking ---- */

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

/* Until all have answered, or the time is over. */
static void look_at_all(struct look *looks, unsigned count) {
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

/* `key`: of the cluster; NULL: the agent of this host gives that of each host. */
static int look(const char *program, const struct corps__hosts *hosts, const uint8_t *key) {
    struct look *looks = calloc(hosts->count, sizeof *looks);
    if (looks == NULL) {
        fprintf(stderr, "%s: no memory to look at %u hosts\n", program, hosts->count);
        return 1;
    }
    enum corps_err err = CORPS_OK;
    for (unsigned i = 0; err == CORPS_OK && i < hosts->count; i++) {
        looks[i].host = &hosts->rows[i];
        looks[i].hosts = hosts;
        if (key != NULL) {
            corps__key_channel(key, 0, looks[i].host->number, looks[i].key);
        } else {
            err = corps__desk_key(0, looks[i].host->number, looks[i].key);
        }
    }
    int status = 1;
    if (err == CORPS_OK) {
        look_at_all(looks, hosts->count);
        status = print_all(looks, hosts->count);
    } else {
        fprintf(stderr, "%s: %s\n", program, corps_error_detail());
    }
    for (unsigned i = 0; i < hosts->count; i++) {
        corps_box_unref(looks[i].seen);
    }
    sodium_memzero(looks, hosts->count * sizeof *looks);
    free(looks);
    return status;
}

int look_list(const char *program, const struct corps__hosts *hosts, const uint8_t key[CORPS__KEY_BYTES]) {
    return look(program, hosts, key);
}

int look_ask(const char *program) {
    struct corps__hosts *hosts;
    if (corps__desk_hosts(&hosts) != CORPS_OK) {
        fprintf(stderr, "%s: %s\n", program, corps_error_detail());
        return 1;
    }
    int status = look(program, hosts, NULL);
    free(hosts);
    return status;
}
