#include "env_own.h"

#include "boot_record.h"
#include "launch.h"
#include "session.h"

#include "codec/framed.h"
#include "wait/lead.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PIECE_BYTES = 64 << 10,
    KEPT_BYTES_MAX = 64 << 20, /* of a process that reads nothing, behind its boot record */
};

static void free_poll(uv_handle_t *handle) {
    free(handle);
}

void agent_stream_end(struct agent_env *env) {
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
            agent_stream_end(env);
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
    for (size_t at = 0; at < rest;) {
        at += agent_boundary_pass(&env->boundary, grown + bytes + at, rest - at);
    }
    return CORPS_OK;
}

static bool keep(struct agent_env *env, const uint8_t *data, size_t bytes) {
    if (bytes == 0) {
        return true; /* there may be no memory to add nothing to */
    }
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

/* ["move"], once it does not come amid another record. False: no memory. */
static bool keep_move(struct agent_env *env) {
    if (!env->to_move || !env->booted || !agent_boundary_is_at(&env->boundary)) {
        return true;
    }
    env->to_move = false;
    uint8_t small[64];
    uint8_t *frame = small;
    size_t bytes = 0;
    const struct corps_value word = corps_str("move");
    const struct corps_value record = corps_array(&word, 1);
    return corps__framed_encode(&record, small, sizeof small, &frame, &bytes) == CORPS_OK && keep(env, frame, bytes);
}

/* Record by record, as far as they are whole. False: no memory. */
static bool keep_stream(struct agent_env *env, const uint8_t *data, size_t bytes) {
    if (!env->booted) {
        return keep(env, data, bytes);
    }
    bool kept = true;
    while (kept && bytes > 0) {
        size_t part = agent_boundary_pass(&env->boundary, data, bytes);
        kept = keep(env, data, part) && keep_move(env);
        data += part;
        bytes -= part;
    }
    return kept;
}

void agent_stream_go_on(struct agent_env *env) {
    if (keep_move(env)) {
        write_kept(env);
    } else {
        agent_env_kill(env, NULL); /* no memory for a word */
    }
}

void agent_env_write(struct agent_env *env, const uint8_t *data, size_t bytes) {
    if (env->stage == AGENT_ENV_ENDED || env->to_close) {
        return;
    }
    if (env->booted && env->end - env->at > KEPT_BYTES_MAX) {
        agent_env_kill(env, "it has not read its control channel, on which 64 MiB wait");
        return;
    }
    if (!keep_stream(env, data, bytes)) {
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
        agent_stream_end(env); /* its end follows */
        return false;
    }
    struct corps_value items[4] = {[3] = corps_bin(piece, (size_t)got)};
    agent_env_tell(env, "data", items, 4);
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

void agent_stream_read_all(struct agent_env *env) {
    while (env->poll != NULL && read_piece(env)) {
    }
}

enum corps_err agent_stream_open(struct agent_env *env, int *child_fd) {
    int own_fd;
    enum corps_err err = agent_launch_channel(&own_fd, child_fd);
    if (err != CORPS_OK) {
        return err;
    }
    env->poll = calloc(1, sizeof *env->poll);
    if (env->poll == NULL || uv_poll_init(corps__loop(), env->poll, own_fd) != 0) {
        free(env->poll);
        env->poll = NULL;
        close(own_fd);
        close(*child_fd);
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory, or no descriptor, for a control channel");
    }
    env->poll->data = env;
    env->fd = own_fd;
    return CORPS_OK;
}
