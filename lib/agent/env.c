#include "env.h"

#include "agent.h"
#include "boot_record.h"
#include "drain.h"
#include "launch.h"
#include "session.h"

#include "base/dir.h"
#include "wait/lead.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PIECE_BYTES = 64 << 10,
    KEPT_BYTES_MAX = 64 << 20, /* of a process that reads nothing, behind its boot record */
};

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

/* ---- telling ---- */

/* [word, env, incarnation, …]: `items` begins with room for these. */
static void tell(const struct agent_env *env, const char *word, struct corps_value *items, size_t count) {
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
    tell(env, "refused", items, 6);
}

static void tell_ended(const struct agent_env *env, const char *how, enum corps__end end) {
    char text[320];
    snprintf(text, sizeof text, "%s on host %u (%s)%s%s", how, agent.own->number, agent.own->name,
             env->reason[0] != '\0' ? ": " : "", env->reason);
    struct corps_value items[5] = {[3] = corps_str(text), [4] = corps_int(env->displaced ? CORPS__END_DISPLACED : end)};
    tell(env, "ended", items, 5);
}

/* ---- the control channel ---- */

static void free_poll(uv_handle_t *handle) {
    free(handle);
}

static void close_control(struct agent_env *env) {
    if (env->poll != NULL) {
        uv_poll_stop(env->poll);
        uv_close((uv_handle_t *)env->poll, free_poll);
        env->poll = NULL;
        shutdown(env->fd, SHUT_RDWR);
        close(env->fd);
        env->fd = -1;
    }
}

static void on_control(uv_poll_t *poll, int status, int events);

static void watch(struct agent_env *env) {
    if (env->poll != NULL) {
        bool writes = env->booted && env->at < env->end;
        int events = (env->paused ? 0 : UV_READABLE) | (writes ? UV_WRITABLE : 0);
        if (events != 0) {
            uv_poll_start(env->poll, events, on_control);
        } else {
            uv_poll_stop(env->poll);
        }
    }
}

/* Writes what is kept, as far as the process reads it. */
static void write_kept(struct agent_env *env) {
    while (env->poll != NULL && env->booted && env->at < env->end) {
        ssize_t done = send(env->fd, env->kept + env->at, env->end - env->at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0 && errno != EAGAIN) {
            env->at = env->end; /* it has ended, or is about to: that is told by its end */
            break;
        }
        if (done < 0) {
            break;
        }
        env->at += (size_t)done;
    }
    if (env->at == env->end) {
        env->at = env->end = 0;
        if (env->to_close) {
            close_control(env);
        }
    }
    watch(env);
}

/* Once the first record is whole, its host's part is put in. */
static enum corps_err pass_boot_record(struct agent_env *env) {
    uint32_t length = 0;
    if (env->end < sizeof length) {
        return CORPS_OK;
    }
    memcpy(&length, env->kept, sizeof length);
    length = le32toh(length);
    if (length > CORPS__RECORD_BYTES_MAX) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a boot record of %u bytes", length);
    }
    if (env->end - sizeof length < length) {
        return CORPS_OK;
    }
    uint8_t *made;
    size_t bytes;
    enum corps_err err = agent_boot_record(env->kept + sizeof length, length, env->corps_id,
                                           agent_session_directory(env->session), &made, &bytes);
    if (err != CORPS_OK) {
        return err;
    }
    size_t rest = env->end - sizeof length - length;
    uint8_t *grown = realloc(made, bytes + rest);
    if (grown == NULL) {
        free(made);
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a boot record");
    }
    memcpy(grown + bytes, env->kept + sizeof length + length, rest);
    free(env->kept);
    env->kept = grown;
    env->end = env->capacity = bytes + rest;
    env->booted = true;
    return CORPS_OK;
}

static bool keep(struct agent_env *env, const uint8_t *data, size_t bytes) {
    if (env->capacity - env->end < bytes) {
        size_t capacity = 2 * (env->end + bytes);
        uint8_t *grown = realloc(env->kept, capacity);
        if (grown == NULL) {
            return false;
        }
        env->kept = grown;
        env->capacity = capacity;
    }
    memcpy(env->kept + env->end, data, bytes);
    env->end += bytes;
    return true;
}

void agent_env_write(struct agent_env *env, const uint8_t *data, size_t bytes) {
    if (env->stage == AGENT_ENV_ENDED || env->to_close) {
        return;
    }
    if (env->booted && env->end - env->at > KEPT_BYTES_MAX) {
        agent_env_kill(env, "it has not read its control channel, on which 64 MiB wait");
        return;
    }
    if (!keep(env, data, bytes)) {
        agent_env_displace(env, false, "its agent has no memory for what it is to be told");
        return;
    }
    if (!env->booted && env->stage == AGENT_ENV_RUNS && pass_boot_record(env) != CORPS_OK) {
        agent_env_kill(env, corps_error_detail());
        return;
    }
    write_kept(env);
}

void agent_env_close(struct agent_env *env) {
    env->to_close = true;
    if (env->stage == AGENT_ENV_RUNS) {
        if (!env->booted) {
            env->at = env->end = 0; /* it was never told anything */
        }
        write_kept(env);
    } else if (env->stage == AGENT_ENV_WAITS) {
        agent_env_kill(env, NULL);
    }
}

/* Reads one piece. False: there is none now. */
static bool read_piece(struct agent_env *env) {
    static uint8_t piece[PIECE_BYTES];
    ssize_t got = recv(env->fd, piece, sizeof piece, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) {
        return true;
    }
    if (got < 0 && errno == EAGAIN) {
        return false;
    }
    if (got <= 0) {
        close_control(env); /* its end follows */
        return false;
    }
    struct corps_value items[4] = {[3] = corps_bin(piece, (size_t)got)};
    tell(env, "data", items, 4);
    return true;
}

static void on_control(uv_poll_t *poll, int status, int events) {
    struct agent_env *env = poll->data;
    if (status < 0 || (events & UV_READABLE) != 0) {
        (void)read_piece(env);
        env->paused = !agent_session_has_room(env->session);
    }
    if (env->poll != NULL) {
        write_kept(env);
    }
}

void agent_env_resume(struct agent_env *env) {
    if (env->paused && agent_session_has_room(env->session)) {
        env->paused = false;
        watch(env);
    }
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
    close_control(env);
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
    while (env->poll != NULL && read_piece(env)) {
    }
    if (end != CORPS__END_IN_ORDER && !env->displaced && !agent_session_may_act(env->session)) {
        env->displaced = true; /* it has looked itself, while this agent was stopped */
        snprintf(env->reason, sizeof env->reason, "its owner has not been heard for 2.4 s");
    }
    tell_ended(env, how, end);
    leave(env);
}

static enum corps_err open_control(struct agent_env *env, int *child_fd) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return corps_error_system("cannot make a control channel");
    }
    if (pair[1] < 10) { /* not where the child wants its descriptors: as in process/boot.c */
        int low = pair[1];
        pair[1] = fcntl(low, F_DUPFD_CLOEXEC, 10);
        close(low);
    }
    env->poll = calloc(1, sizeof *env->poll);
    if (env->poll == NULL || pair[1] < 0 || uv_poll_init(corps__loop(), env->poll, pair[0]) != 0) {
        free(env->poll);
        env->poll = NULL;
        close(pair[0]);
        if (pair[1] >= 0) {
            close(pair[1]);
        }
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory, or no descriptor, for a control channel");
    }
    env->poll->data = env;
    env->fd = pair[0];
    *child_fd = pair[1];
    return CORPS_OK;
}

static enum corps_err start_process(struct agent_env *env) {
    const struct corps_value *launch = corps_box_root(env->order);
    enum corps_err err = agent_session_enter_directory(env->session);
    err = err == CORPS_OK ? agent_launch_check(launch) : err;
    int child_fd = -1;
    err = err == CORPS_OK ? open_control(env, &child_fd) : err;
    if (err == CORPS_OK) {
        err = agent_launch(launch, child_fd, agent_session_page(env->session), &env->pid);
        close(child_fd);
    }
    if (err != CORPS_OK) {
        return err;
    }
    err = corps__child_watch(env->pid, -1, on_end, env, &env->child);
    if (err != CORPS_OK) {
        close_control(env); /* it sees that, and ends */
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
    tell(env, "begun", items, 4);
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
    if (agent_is_drained()) {
        return corps_error_set(CORPS_ERR_LIMIT,
                               "it is drained and takes no Envs; `corps hosts --undrain %s` lets it again",
                               agent.own->name);
    }
    if (agent_env_count() >= agent.own->slots) {
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

void agent_env_displace(struct agent_env *env, bool in_order, const char *reason) {
    env->displaced = true;
    if (in_order && env->reason[0] == '\0') {
        snprintf(env->reason, sizeof env->reason, "%s", reason);
    }
    if (in_order) {
        agent_env_close(env);
    } else {
        agent_env_kill(env, reason);
    }
}
