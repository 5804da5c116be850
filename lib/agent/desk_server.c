#include "desk_server.h"

#include "agent.h"
#include "drain.h"
#include "inquiry.h"
#include "leases.h"
#include "owner.h"

#include "codec/record.h"
#include "process/control.h"
#include "wait/lead.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

enum { BACKLOG = 64, ROW_ITEMS = 8 };

static int listener = -1;
static uv_poll_t *poll_listener;
static bool pauses;       /* nobody is let in until the next tick … */
static bool has_said_why; /* … since there was no descriptor for who asks */

#define OWN_NS INT64_C(10000000000) /* so long a new Corps may wait for the ledger's answer */

/* One who asks. */
struct caller {
    struct corps__control *control;
    int fd;                        /* the control's */
    struct agent_inquiry *inquiry; /* what is not answered yet, NULL */
};

static void answer_hosts(struct caller *caller) {
    const struct corps__hosts *hosts = agent.hosts;
    struct corps_value *rows = calloc(hosts->count, (1 + ROW_ITEMS) * sizeof *rows);
    if (rows == NULL) {
        return; /* the caller sees the end */
    }
    struct corps_value *items = rows + hosts->count;
    for (unsigned i = 0; i < hosts->count; i++, items += ROW_ITEMS) {
        const struct corps__host *host = &hosts->rows[i];
        items[0] = corps_int(host->number);
        items[1] = corps_str(host->name);
        items[2] = corps_str(host->address);
        items[3] = corps_int(host->port);
        items[4] = corps_int(host->slots);
        items[5] = corps_str(host->labels);
        items[6] = corps_int(host == agent.own ? agent_is_drained() : agent_leases_is_drained(host->number));
        items[7] = corps_int(host != agent.own && agent_leases_is_away(host->number));
        rows[i] = corps_array(items, ROW_ITEMS);
    }
    const struct corps_value answer[] = {
        corps_str("hosts"),      corps_int(agent.own->number),    corps_bin(hosts->hash, sizeof hosts->hash),
        corps_str(hosts->ports), corps_array(rows, hosts->count), corps_str(agent_leases_ledger_name()),
    };
    const struct corps_value record = corps_array(answer, sizeof answer / sizeof answer[0]);
    (void)!corps__control_send(caller->control, &record);
    free(rows);
}

static void answer_bytes(struct caller *caller, const char *word, uint8_t key[CORPS__KEY_BYTES]) {
    const struct corps_value items[] = {corps_str(word), corps_bin(key, CORPS__KEY_BYTES)};
    const struct corps_value record = corps_array(items, 2);
    (void)!corps__control_send(caller->control, &record);
    sodium_memzero(key, CORPS__KEY_BYTES);
}

static void answer_failure(struct caller *caller, enum corps_err code, const char *text) {
    const struct corps_value items[] = {corps_str("failed"), corps_int(code), corps_str(text)};
    const struct corps_value record = corps_array(items, 3);
    (void)!corps__control_send(caller->control, &record);
}

static void answer_key(struct caller *caller, const struct corps_value *record, uint64_t corps_id) {
    uint32_t host = (uint32_t)corps__record_int(record, 2, 0);
    uint8_t key[CORPS__KEY_BYTES];
    if (corps__hosts_find(agent.hosts, host) == NULL) {
        char text[128];
        snprintf(text, sizeof text, "there is no host %u in %s", host, agent.hosts_file);
        answer_failure(caller, CORPS_ERR_UNKNOWN, text);
        return;
    }
    corps__key_channel(agent.key, corps_id, host, key);
    answer_bytes(caller, "key", key);
}

static void give(void *arg, const struct corps_value *record) {
    struct caller *caller = arg;
    (void)!corps__control_send(caller->control, record);
}

static void answer_leases(struct caller *caller) {
    enum corps_err err = agent_leases_answer(give, caller);
    if (err != CORPS_OK) {
        answer_failure(caller, err, corps_error_detail());
    }
}

static void leave(struct caller *caller) {
    agent_inquiry_cancel(caller->inquiry);
    corps__control_close(caller->control);
    free(caller);
}

/* A new Corps: the connection becomes the control channel of its Env 0. */
static void answer_own(struct caller *caller, const struct corps_value *record) {
    struct agent_order *order;
    int fd = -1;
    enum corps_err err = agent_order_take(record, &order);
    if (err == CORPS_OK) {
        fd = fcntl(caller->fd, F_DUPFD_CLOEXEC, 10);
        err = fd >= 0 ? agent_owner_order(order, fd, OWN_NS) : corps_error_system("no descriptor for another Corps");
        if (fd < 0) {
            agent_order_free(order);
        }
    }
    if (err == CORPS_OK) {
        leave(caller);
        return;
    }
    answer_failure(caller, err, corps_error_detail());
    if (fd >= 0) {
        close(fd);
    }
}

static void on_inquired(void *arg, const struct corps_value *record) {
    struct caller *caller = arg;
    caller->inquiry = NULL;
    give(caller, record);
}

static void answer_inquiry(struct caller *caller, enum agent_inquiry_kind kind, const struct corps_value *record) {
    agent_inquiry_cancel(caller->inquiry); /* one at a time */
    caller->inquiry = NULL;
    caller->inquiry = agent_inquire(kind, record, on_inquired, caller);
}

static void on_record(void *arg, const struct corps_value *record) {
    struct caller *caller = arg;
    uint64_t corps_id = (uint64_t)corps__record_int(record, 1, 0);
    enum agent_inquiry_kind kind;
    if (record == NULL) {
        leave(caller);
    } else if (corps__record_is(record, "own")) {
        answer_own(caller, record);
    } else if (agent_inquiry_is(record, &kind)) {
        answer_inquiry(caller, kind, record);
    } else if (corps__record_is(record, "hosts")) {
        answer_hosts(caller);
    } else if (corps__record_is(record, "secret")) {
        uint8_t secret[CORPS__KEY_BYTES];
        corps__key_secret(agent.key, corps_id, secret);
        answer_bytes(caller, "secret", secret);
    } else if (corps__record_is(record, "key")) {
        answer_key(caller, record, corps_id);
    } else if (corps__record_is(record, "leases")) {
        answer_leases(caller);
    } else if (corps__record_is(record, "drain") || corps__record_is(record, "undrain")) {
        agent_drain_answer(corps__record_is(record, "drain") ? "drain" : "undrain", give, caller);
    } else {
        answer_failure(caller, CORPS_ERR_VERSION,
                       "the agent of this host is of another version (" CORPS_VERSION "); start it again from this "
                       "installation");
    }
}

/* Whoever waits would be told of without end. */
static void pause_if_short(void) {
    if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) {
        return;
    }
    if (!has_said_why) {
        agent_say("a program of this host waits, since there is no descriptor or memory for it (%s); raise `ulimit -n`",
                  strerror(errno));
    }
    has_said_why = true;
    pauses = true;
    uv_poll_stop(poll_listener);
}

static void on_caller(uv_poll_t *poll, int status, int events) {
    (void)poll;
    (void)status;
    (void)events;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        pause_if_short();
        return;
    }
    has_said_why = false;
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t bytes = sizeof peer;
    bool own = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0 && peer.uid == geteuid();
    struct caller *caller = own ? calloc(1, sizeof *caller) : NULL;
    if (caller != NULL) {
        caller->fd = fd;
    }
    if (caller == NULL || corps__control_open(fd, on_record, caller, &caller->control) != CORPS_OK) {
        free(caller);
        close(fd);
    }
}

/* What a killed agent has left is replaced; what serves is not. */
static enum corps_err make_way(const struct sockaddr_un *where) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return corps_error_system("cannot make a socket");
    }
    bool serves = connect(fd, (const struct sockaddr *)where, sizeof *where) == 0 || errno == EAGAIN;
    close(fd);
    if (serves) {
        return corps_error_set(CORPS_ERR_LIMIT,
                               "an agent runs here already (it serves %s); one is enough for a user and host",
                               where->sun_path);
    }
    struct stat st;
    if (lstat(where->sun_path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
        return corps_error_set(CORPS_ERR_SYSTEM, "%s is there and is no socket; give another --socket",
                               where->sun_path);
    }
    unlink(where->sun_path);
    return CORPS_OK;
}

enum corps_err agent_desk_open(void) {
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    memcpy(where.sun_path, agent.socket_path, sizeof where.sun_path);
    enum corps_err err = make_way(&where);
    if (err != CORPS_OK) {
        return err;
    }
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t before = umask(0177);
    bool bound = listener >= 0 && bind(listener, (struct sockaddr *)&where, sizeof where) == 0;
    int error = errno;
    umask(before);
    errno = error;
    poll_listener = calloc(1, sizeof *poll_listener);
    if (!bound || listen(listener, BACKLOG) != 0 || poll_listener == NULL ||
        uv_poll_init(corps__loop(), poll_listener, listener) != 0) {
        err = corps_error_system("cannot serve %s", agent.socket_path);
        free(poll_listener);
        poll_listener = NULL;
        if (bound) {
            unlink(agent.socket_path);
        }
        close(listener);
        listener = -1;
        return err;
    }
    uv_poll_start(poll_listener, UV_READABLE, on_caller);
    return CORPS_OK;
}

void agent_desk_tick(void) {
    if (pauses && listener >= 0) {
        pauses = false;
        uv_poll_start(poll_listener, UV_READABLE, on_caller);
    }
}

static void free_poll(uv_handle_t *handle) {
    free(handle);
}

void agent_desk_close(void) {
    if (listener >= 0) {
        unlink(agent.socket_path);
        uv_poll_stop(poll_listener);
        uv_close((uv_handle_t *)poll_listener, free_poll);
        close(listener);
        listener = -1;
    }
}
