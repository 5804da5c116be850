#include "line.h"

#include "codec/framed.h"
#include "wait/lead.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum { LENGTH_BYTES = 4, READ_BYTES = 64 << 10, SMALL_BYTES = 1024 };

/* What is before `at` has gone. */
struct bytes {
    uint8_t *data;
    size_t at, end, capacity;
};

struct agent_line {
    uv_poll_t poll;
    int fd;
    agent_line_fn fn;
    void *arg;
    bool broken; /* to be ended when the loop turns */
    bool ended, closed;
    struct bytes in, out;
};

static bool make_room(struct bytes *bytes, size_t more) {
    if (bytes->at > 0) {
        memmove(bytes->data, bytes->data + bytes->at, bytes->end - bytes->at);
        bytes->end -= bytes->at;
        bytes->at = 0;
    }
    if (bytes->capacity - bytes->end < more) {
        size_t capacity = 2 * (bytes->end + more);
        uint8_t *grown = realloc(bytes->data, capacity);
        if (grown == NULL) {
            return false;
        }
        bytes->data = grown;
        bytes->capacity = capacity;
    }
    return true;
}

/* ---- watching ---- */

static void on_event(uv_poll_t *poll, int status, int events);

static void watch(struct agent_line *line) {
    if (!line->closed && !line->ended) {
        bool writes = line->broken || line->out.at < line->out.end; /* a socket that was shut takes everything */
        uv_poll_start(&line->poll, UV_READABLE | (writes ? UV_WRITABLE : 0), on_event);
    }
}

static void break_line(struct agent_line *line) {
    line->broken = true;
    line->out.at = line->out.end = 0;
    shutdown(line->fd, SHUT_RDWR);
    watch(line);
}

static void end(struct agent_line *line) {
    if (!line->ended && !line->closed) {
        line->ended = true;
        uv_poll_stop(&line->poll);
        line->fn(line->arg, NULL, NULL, 0);
    }
}

/* ---- writing ---- */

static void write_kept(struct agent_line *line) {
    struct bytes *out = &line->out;
    while (out->at < out->end) {
        ssize_t done = send(line->fd, out->data + out->at, out->end - out->at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0 && errno != EAGAIN) {
            out->at = out->end; /* nobody reads it any more: that comes as the end, behind what is still to be read */
            break;
        }
        if (done < 0) {
            break;
        }
        out->at += (size_t)done;
    }
    if (out->at == out->end) {
        out->at = out->end = 0;
    }
}

void agent_line_relay(struct agent_line *line, const uint8_t *frame, size_t bytes) {
    if (line->closed || line->ended || line->broken) {
        return;
    }
    if (line->out.end - line->out.at + bytes > AGENT_LINE_KEPT_BYTES_MAX || !make_room(&line->out, bytes)) {
        break_line(line); /* a record that was lost must not be waited for */
        return;
    }
    memcpy(line->out.data + line->out.end, frame, bytes);
    line->out.end += bytes;
    write_kept(line);
    watch(line);
}

void agent_line_send(struct agent_line *line, const struct corps_value *record) {
    uint8_t small[SMALL_BYTES];
    uint8_t *frame;
    size_t bytes;
    if (corps__framed_encode(record, small, sizeof small, &frame, &bytes) != CORPS_OK) {
        if (!line->closed && !line->ended) {
            break_line(line);
        }
        return;
    }
    agent_line_relay(line, frame, bytes);
    if (frame != small) {
        free(frame);
    }
}

/* ---- reading ---- */

/* One record of what has come. False: there is no whole one. */
static bool take_record(struct agent_line *line) {
    struct bytes *in = &line->in;
    uint32_t length = 0;
    if (line->closed || line->broken || in->end - in->at < sizeof length) {
        return false;
    }
    memcpy(&length, in->data + in->at, sizeof length);
    length = le32toh(length);
    if (length > AGENT_LINE_RECORD_BYTES_MAX) {
        break_line(line);
        return false;
    }
    size_t bytes = LENGTH_BYTES + (size_t)length;
    if (in->end - in->at < bytes) {
        return false;
    }
    struct corps_box *box;
    const uint8_t *frame = in->data + in->at;
    if (corps__framed_decode(frame + LENGTH_BYTES, length, &box) != CORPS_OK) {
        break_line(line);
        return false;
    }
    in->at += bytes;
    line->fn(line->arg, corps_box_root(box), frame, bytes); /* its memory stays until the loop turns */
    corps_box_unref(box);
    return true;
}

/* Reads a piece. False: there is none now, or it has ended. */
static bool read_piece(struct agent_line *line) {
    if (!make_room(&line->in, READ_BYTES)) {
        break_line(line);
        return false;
    }
    ssize_t got = recv(line->fd, line->in.data + line->in.end, READ_BYTES, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (got <= 0) {
        end(line);
        return false;
    }
    line->in.end += (size_t)got;
    while (take_record(line)) {
    }
    return !line->closed && !line->broken;
}

static void on_event(uv_poll_t *poll, int status, int events) {
    struct agent_line *line = poll->data;
    if (line->broken) {
        end(line);
        return;
    }
    if (status < 0 || (events & UV_READABLE) != 0) {
        (void)read_piece(line);
    }
    if (!line->closed && !line->ended) {
        write_kept(line);
        watch(line);
    }
}

void agent_line_drain(struct agent_line *line) {
    while (!line->ended && !line->broken && read_piece(line)) {
    }
}

/* ---- the line ---- */

enum corps_err agent_line_open(int fd, agent_line_fn fn, void *arg, struct agent_line **out) {
    struct agent_line *line = calloc(1, sizeof *line);
    if (line == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a control channel");
    }
    *line = (struct agent_line){.fd = fd, .fn = fn, .arg = arg};
    int failed = uv_poll_init(corps__loop(), &line->poll, fd);
    if (failed != 0) {
        free(line);
        return corps_error_set(CORPS_ERR_SYSTEM, "cannot watch a control channel: %s", uv_strerror(failed));
    }
    line->poll.data = line;
    watch(line);
    *out = line;
    return CORPS_OK;
}

static void free_line(uv_handle_t *handle) {
    struct agent_line *line = handle->data;
    free(line->in.data);
    free(line->out.data);
    free(line);
}

void agent_line_close(struct agent_line *line) {
    if (line == NULL || line->closed) {
        return;
    }
    line->closed = true;
    write_kept(line);
    uv_poll_stop(&line->poll);
    close(line->fd);
    uv_close((uv_handle_t *)&line->poll, free_line);
}
