#include "visit.h"

#include "agent.h"
#include "drain.h"
#include "env.h"
#include "owner.h"
#include "session.h"

#include "../../transports/lobby.h"
#include "base/clock.h"
#include "codec/record.h"
#include "hosts/greet.h"
#include "wait/lead.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 256 };

enum stage { CAME, GREETED, OPENED, LEFT };

struct agent_visit {
    struct corps__guest guest;
    struct corps__conn *conn;
    struct corps__handshake greeting;
    uint8_t key[CORPS__KEY_BYTES];
    enum stage stage;
    struct agent_session *session;
};

static int listener = -1;
static struct corps__lobby *lobby;

struct corps__conn *agent_visit_conn(const struct agent_visit *visit) {
    return visit->conn;
}

static void free_visit(struct agent_visit *visit) {
    corps__lobby_leave(&visit->guest);
    sodium_memzero(visit->key, sizeof visit->key);
    free(visit);
}

void agent_visit_close(struct agent_visit *visit) {
    corps__conn_close(visit->conn);
    free_visit(visit);
}

/* ---- greeting ---- */

static void answer(struct agent_visit *visit, const struct corps_value *items, size_t count) {
    const struct corps_value record = corps_array(items, count);
    (void)!corps__greet_send(visit->conn, CORPS__FRAME_GREETING, 0, &record); /* what is wrong ends the connection */
}

/* Says why, and ends it. */
static void refuse(struct agent_visit *visit, enum corps_err err) {
    char text[400];
    snprintf(text, sizeof text, "%s", corps_error_detail());
    agent_say("refused a connection: %s", text);
    const struct corps_value items[] = {corps_str("refused"), corps_int(err), corps_str(text)};
    answer(visit, items, 3);
    agent_visit_close(visit);
}

/* ["corps", version, corps, host, nonce] */
static enum corps_err take_corps(struct agent_visit *visit, const struct corps_value *record) {
    struct corps__handshake *greeting = &visit->greeting;
    int64_t version = corps__record_int(record, 1, 0);
    int64_t host = corps__record_int(record, 3, 0);
    greeting->corps_id = (uint64_t)corps__record_int(record, 2, 0);
    greeting->host = agent.own->number;
    greeting->boot = agent.boot;
    if (host != agent.own->number) {
        return corps_error_set(CORPS_ERR_INVALID, "this is host %u (%s), not host %lld; compare the hosts files",
                               agent.own->number, agent.own->name, (long long)host);
    }
    if (!corps__greet_bytes(record, 4, greeting->owner_nonce, sizeof greeting->owner_nonce)) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a greeting has no nonce");
    }
    if (version != CORPS__CHANNEL_VERSION) {
        agent_say("an owner is of another version than this agent (%s); it is told so", CORPS_VERSION);
    }
    uint8_t proof[CORPS__PROOF_BYTES];
    randombytes_buf(greeting->agent_nonce, sizeof greeting->agent_nonce);
    corps__key_channel(agent.key, greeting->corps_id, agent.own->number, visit->key);
    corps__greet_agent_proof(greeting, visit->key, proof);
    visit->stage = GREETED;
    const struct corps_value items[] = {
        corps_str("agent"),
        corps_int(CORPS__CHANNEL_VERSION),
        corps_str(CORPS_VERSION),
        corps_int(agent.own->number),
        corps_int((int64_t)greeting->boot),
        corps_bin(greeting->agent_nonce, sizeof greeting->agent_nonce),
        corps_bin(proof, sizeof proof),
    };
    answer(visit, items, sizeof items / sizeof items[0]);
    return CORPS_OK;
}

/* How much is left of this host's own lease, in ms; −1: there are none here, or it has none. */
static int64_t lease_left_ms(void) {
    int64_t until_ns = agent_owner_lease_until(), now_ns = corps__boottime_ns();
    return until_ns == 0 || until_ns == INT64_MAX ? -1 : until_ns > now_ns ? (until_ns - now_ns) / 1000000 : 0;
}

/* Who only looks is told how this host is. */
static void tell_seen(struct agent_visit *visit) {
    double load = 0;
    (void)getloadavg(&load, 1);
    const struct corps_entry what[] = {
        {corps_str("version"), corps_str(CORPS_VERSION)},
        {corps_str("envs"), corps_int(agent_env_slots_used())},
        {corps_str("slots"), corps_int(agent.own->slots)},
        {corps_str("load"), corps_float(load)},
        {corps_str("hash"), corps_bin(agent.hosts->hash, sizeof agent.hosts->hash)},
        {corps_str("drained"), corps_bool(agent_is_drained())},
        {corps_str("lease_ms"), corps_int(lease_left_ms())},
    };
    const struct corps_value items[] = {corps_str("seen"), corps_map(what, sizeof what / sizeof what[0])};
    answer(visit, items, 2);
    agent_visit_close(visit);
}

static enum corps_err check_hash(const struct corps__handshake *greeting) {
    if (memcmp(greeting->hash, agent.hosts->hash, sizeof greeting->hash) == 0) {
        return CORPS_OK;
    }
    char here[CORPS__HASH_TEXT_BYTES], there[CORPS__HASH_TEXT_BYTES];
    corps__hash_text(agent.hosts->hash, here);
    corps__hash_text(greeting->hash, there);
    return corps_error_set(
        CORPS_ERR_INVALID,
        "the hosts file of host %u (%s) says something else (hash %s) than that of the host where the "
        "Corps is (%s); make them the same, and start the agents again",
        agent.own->number, agent.own->name, here, there);
}

static void give(void *arg, const struct corps_value *record) {
    struct agent_visit *visit = arg;
    (void)!corps__greet_send(visit->conn, CORPS__FRAME_GREETING, 0, record);
}

/* What is wanted of this agent, by the record's first word; NULL: nothing that this version knows. */
static const char *wanted(const struct corps_value *record) {
    static const char *const words[] = {"open", "look", "drain", "undrain", "known", "end"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (corps__record_is(record, words[i])) {
            return words[i];
        }
    }
    return NULL;
}

/* ["known", corps, …] of another agent: ["known", epoch, bytes or nil]. It ends the connection when it has that. */
static enum corps_err tell_known(struct agent_visit *visit, uint64_t corps_id) {
    uint64_t epoch = 0;
    uint8_t *data = NULL;
    size_t bytes = 0;
    enum corps_err err = agent_owner_published(corps_id, &epoch, &data, &bytes);
    if (err == CORPS_ERR_UNKNOWN || err == CORPS_ERR_EXITED) {
        return err;
    }
    const struct corps_value items[] = {corps_str("known"), corps_int((int64_t)epoch),
                                        err == CORPS_OK ? corps_bin(data, bytes) : corps_nil()};
    answer(visit, items, 3);
    free(data);
    return CORPS_OK;
}

/* ["end", corps, …] of another agent. */
static enum corps_err tell_end(struct agent_visit *visit, uint64_t corps_id) {
    if (!agent_owner_exit(corps_id, 0)) {
        return corps_error_set(CORPS_ERR_UNKNOWN, "host %u (%s) does not own this Corps", agent.own->number,
                               agent.own->name);
    }
    const struct corps_value word = corps_str("end");
    answer(visit, &word, 1);
    return CORPS_OK;
}

/* Words that agents say to each other. That a Corps is not here, or not any more, is an answer like others. */
static enum corps_err take_of_agent(struct agent_visit *visit, const char *word) {
    uint64_t corps_id = visit->greeting.session;
    if (visit->greeting.corps_id != 0) {
        return corps_error_set(CORPS_ERR_DENIED, "a Corps asks for another one, which is for agents to do");
    }
    visit->stage = LEFT; /* it says nothing more, and ends the connection */
    enum corps_err err = strcmp(word, "known") == 0 ? tell_known(visit, corps_id) : tell_end(visit, corps_id);
    if (err != CORPS_OK) {
        const struct corps_value items[] = {corps_str("refused"), corps_int(err), corps_str(corps_error_detail())};
        answer(visit, items, 3);
    }
    return CORPS_OK;
}

/* [word, session, taken, hash, proof] */
static enum corps_err take_open(struct agent_visit *visit, const struct corps_value *record, const char *word) {
    struct corps__handshake *greeting = &visit->greeting;
    uint8_t proof[CORPS__PROOF_BYTES];
    greeting->session = (uint64_t)corps__record_int(record, 1, 0);
    greeting->taken = (uint64_t)corps__record_int(record, 2, 0);
    bool whole = corps__greet_bytes(record, 3, greeting->hash, sizeof greeting->hash);
    corps__greet_owner_proof(greeting, visit->key, word, proof);
    if (!whole || !corps__greet_is_proof(record, 4, proof)) {
        return corps_error_set(CORPS_ERR_DENIED, "somebody could not prove to have this cluster's key");
    }
    corps__conn_trust(visit->conn);
    corps__lobby_leave(&visit->guest);
    if (strcmp(word, "look") == 0) {
        tell_seen(visit);
        return CORPS_OK;
    }
    if (strcmp(word, "drain") == 0 || strcmp(word, "undrain") == 0) {
        if (greeting->corps_id != 0) {
            return corps_error_set(CORPS_ERR_DENIED, "a Corps wants to drain this host, which is for people to do");
        }
        agent_drain_answer(word, give, visit);
        agent_visit_close(visit);
        return CORPS_OK;
    }
    uint64_t taken = 0;
    enum corps_err err = check_hash(greeting);
    if (err == CORPS_OK && strcmp(word, "open") != 0) {
        return take_of_agent(visit, word);
    }
    err = err == CORPS_OK ? agent_session_join(greeting, visit, &visit->session, &taken) : err;
    if (err == CORPS_OK) {
        visit->stage = OPENED;
        struct agent_session *session = visit->session;
        const struct corps_value items[] = {corps_str("welcome"), corps_int((int64_t)taken)};
        answer(visit, items, 2);
        agent_session_welcomed(session);
    }
    return err;
}

static void on_frame(void *arg, const struct corps__frame *frame) {
    struct agent_visit *visit = arg;
    if (visit->stage == OPENED && frame->kind != CORPS__FRAME_GREETING) {
        agent_session_frame(visit->session, frame);
        return;
    }
    struct corps_box *box = NULL;
    enum corps_err err = frame->kind == CORPS__FRAME_GREETING
                             ? corps__greet_record(frame, &box)
                             : corps_error_set(CORPS_ERR_PROTOCOL, "somebody did not greet");
    const struct corps_value *record = err == CORPS_OK ? corps_box_root(box) : NULL;
    if (err != CORPS_OK) {
        refuse(visit, err);
        return;
    }
    if (visit->stage == CAME && corps__record_is(record, "corps")) {
        err = take_corps(visit, record);
    } else if (visit->stage == GREETED && wanted(record) != NULL) {
        err = take_open(visit, record, wanted(record));
    } else {
        err = corps_error_set(CORPS_ERR_PROTOCOL, "somebody greets in another way than this version does");
    }
    corps_box_unref(box);
    if (err != CORPS_OK) {
        refuse(visit, err);
    }
}

/* ---- connections ---- */

static bool on_find(void *arg, const char *identity, uint8_t psk[CORPS__KEY_BYTES]) {
    (void)arg;
    uint64_t corps_id;
    uint8_t key[CORPS__KEY_BYTES];
    if (!corps__greet_identity_read(identity, agent.own->number, &corps_id)) {
        return false;
    }
    corps__key_channel(agent.key, corps_id, agent.own->number, key);
    corps__greet_psk(identity, key, psk);
    sodium_memzero(key, sizeof key);
    return true;
}

static void on_open(void *arg) {
    (void)arg; /* it speaks first */
}

static void on_room(void *arg) {
    const struct agent_visit *visit = arg;
    if (visit->session != NULL) {
        agent_session_room(visit->session);
    }
}

static void on_closed(void *arg, enum corps_err err) {
    struct agent_visit *visit = arg;
    if (visit->session != NULL) {
        agent_session_cut(visit->session);
    } else if (err != CORPS_ERR_CLOSED) {
        agent_say("a connection was not taken: %s", corps_error_detail());
    }
    free_visit(visit);
}

static const struct corps__conn_ops conn_ops = {
    .find = on_find,
    .open = on_open,
    .frame = on_frame,
    .room = on_room,
    .closed = on_closed,
};

static void on_connection(void *owner, int fd) {
    (void)owner;
    struct agent_visit *visit = calloc(1, sizeof *visit);
    if (visit == NULL) {
        close(fd);
        return;
    }
    if (corps__conn_accept(corps__loop(), fd, &conn_ops, visit, &visit->conn) != CORPS_OK) {
        free(visit);
        return;
    }
    corps__lobby_enter(lobby, &visit->guest);
}

static void on_expired(void *owner, struct corps__guest *guest) {
    (void)owner;
    agent_visit_close((struct agent_visit *)((char *)guest - offsetof(struct agent_visit, guest)));
}

static const struct corps__lobby_ops lobby_ops = {.on_connection = on_connection, .on_expired = on_expired};

static enum corps_err listen_at(const struct corps__host *host, const char *text) {
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(host->port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(host->port)};
    bool is_four = inet_pton(AF_INET, host->address, &four.sin_addr) == 1;
    if (!is_four) {
        (void)inet_pton(AF_INET6, host->address, &six.sin6_addr);
    }
    const struct sockaddr *where = is_four ? (struct sockaddr *)&four : (struct sockaddr *)&six;
    listener = socket(where->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0) {
        return corps_error_system("cannot make a socket");
    }
    int one = 1;
    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, where, is_four ? sizeof four : sizeof six) == 0 && listen(listener, BACKLOG) == 0) {
        return CORPS_OK;
    }
    return errno == EADDRINUSE
               ? corps_error_set(CORPS_ERR_LIMIT,
                                 "%s is in use; is an agent running already, or another program? Give the "
                                 "host another port in the hosts file",
                                 text)
           : errno == EADDRNOTAVAIL
               ? corps_error_set(CORPS_ERR_SYSTEM,
                                 "%s is no address of this machine; mend the hosts file, or the option --number", text)
               : corps_error_system("cannot listen at %s", text);
}

enum corps_err agent_visits_open(void) {
    char text[80];
    corps__host_address(agent.own, text, sizeof text);
    enum corps_err err = listen_at(agent.own, text);
    err = err == CORPS_OK ? corps__lobby_open(corps__loop(), listener, &lobby_ops, NULL, &lobby) : err;
    if (err != CORPS_OK && listener >= 0) {
        close(listener);
        listener = -1;
    }
    return err;
}

void agent_visits_close(void) {
    corps__lobby_close(lobby);
    lobby = NULL;
    if (listener >= 0) {
        close(listener);
        listener = -1;
    }
}
