#include "process/control.h"

#include "base/clock.h"
#include "codec/framed.h"
#include "codec/segments.h"
#include "value/failure.h"
#include "wait/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SMALL_BYTES = 1024 };
#define WRITE_TIMEOUT_MS 5000

struct corps__control {
    uv_poll_t poll;
    int fd;
    corps__control_fn on_record;
    void *arg;
    uint8_t *in;
    size_t in_bytes, in_capacity;
    pthread_mutex_t write_lock;
    bool ended;
};

/* ---- records ---- */

/* `tries`: FULL instead of waiting, as long as nothing was written; the kernel takes what is small as a whole. */
static enum corps_err write_all(int fd, const uint8_t *data, size_t bytes, bool tries) {
    while (bytes > 0) {
        ssize_t done = send(fd, data, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done > 0) {
            data += done;
            bytes -= (size_t)done;
            tries = false;
        } else if (errno == EAGAIN && tries) {
            return CORPS_ERR_FULL;
        } else if (errno == EAGAIN) {
            struct pollfd room = {.fd = fd, .events = POLLOUT};
            if (poll(&room, 1, WRITE_TIMEOUT_MS) == 0) {
                return corps_error_set(CORPS_ERR_TIMEOUT, "the control channel stays full");
            }
        } else if (errno != EINTR) {
            return errno == EPIPE || errno == ECONNRESET
                       ? corps_error_set(CORPS_ERR_CLOSED, "the other side of the control channel has ended")
                       : corps_error_system("cannot write to the control channel");
        }
    }
    return CORPS_OK;
}

static enum corps_err write_record(int fd, const struct corps_value *record, bool tries) {
    uint8_t small[SMALL_BYTES]; /* the end of a Corps is told without memory */
    uint8_t *frame;
    size_t bytes;
    enum corps_err err = corps__framed_encode(record, small, sizeof small, &frame, &bytes);
    if (err == CORPS_OK) {
        err = write_all(fd, frame, bytes, tries);
        if (frame != small) {
            free(frame);
        }
    }
    return err;
}

enum corps_err corps__control_write(int fd, const struct corps_value *record) {
    return write_record(fd, record, false);
}

/* Says on `fd` why this side cannot go on, and ends the channel for both: a record that was lost must not be waited
 * for. */
static void give_up(int fd, const struct corps_value *failure) {
    (void)!corps__control_write(fd, failure); /* small; and the other side sees at least the end */
    shutdown(fd, SHUT_RDWR);
}

/* The record that says so: ["failed", …]. `items` has room for 1 + CORPS__FAILURE_ITEMS. */
static struct corps_value failure_of(enum corps_err err, const char *text, struct corps_value *items) {
    const struct corps_error_info info = {.code = err, .text = text};
    items[0] = corps_str("failed");
    corps__failure_items(&info, items + 1);
    return corps_array(items, 1 + CORPS__FAILURE_ITEMS);
}

static enum corps_err send_record(struct corps__control *control, const struct corps_value *record, bool tries) {
    pthread_mutex_lock(&control->write_lock);
    enum corps_err err = write_record(control->fd, record, tries);
    if (err == CORPS_ERR_NO_MEMORY) { /* nothing of it was written */
        struct corps_value items[1 + CORPS__FAILURE_ITEMS];
        struct corps_value failure = failure_of(err, "no memory for a control record", items);
        give_up(control->fd, &failure);
    } else if (err != CORPS_OK && err != CORPS_ERR_FULL) {
        shutdown(control->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&control->write_lock);
    return err;
}

enum corps_err corps__control_send(struct corps__control *control, const struct corps_value *record) {
    return send_record(control, record, false);
}

enum corps_err corps__control_try(struct corps__control *control, const struct corps_value *record) {
    return send_record(control, record, true);
}

static enum corps_err no_memory(void) {
    return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a control record");
}

static enum corps_err read_exactly(int fd, uint8_t *out, size_t bytes, int64_t deadline_ns) {
    while (bytes > 0) {
        int64_t left = deadline_ns - corps__now_ns();
        struct pollfd in = {.fd = fd, .events = POLLIN};
        if (left <= 0 || poll(&in, 1, (int)(left / 1000000) + 1) == 0) {
            return corps_error_set(CORPS_ERR_TIMEOUT, "no boot record came");
        }
        ssize_t done = recv(fd, out, bytes, 0);
        if (done == 0) {
            return corps_error_set(CORPS_ERR_CLOSED, "the parent has ended");
        }
        if (done < 0 && errno != EINTR && errno != EAGAIN) {
            return corps_error_system("cannot read from the control channel");
        }
        out += done > 0 ? done : 0;
        bytes -= done > 0 ? (size_t)done : 0;
    }
    return CORPS_OK;
}

enum corps_err corps__control_read(int fd, int64_t timeout_ns, struct corps_box **box) {
    int64_t deadline = corps__deadline_ns(timeout_ns);
    uint8_t length[4];
    enum corps_err err = read_exactly(fd, length, sizeof length, deadline);
    if (err != CORPS_OK) {
        return err;
    }
    uint32_t bytes = corps__get32(length);
    if (bytes > CORPS__RECORD_BYTES_MAX) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a control record of %u bytes", bytes);
    }
    uint8_t *data = malloc(bytes);
    if (data == NULL) {
        return no_memory();
    }
    err = read_exactly(fd, data, bytes, deadline);
    if (err == CORPS_OK) {
        err = corps__framed_decode(data, bytes, box);
    }
    free(data);
    return err;
}

/* ---- watching ---- */

static void end_channel(struct corps__control *control) {
    if (!control->ended) {
        control->ended = true;
        uv_poll_stop(&control->poll);
        control->on_record(control->arg, NULL);
    }
}

/* A record that cannot be read is the other side's failure to this one, and this side's failure to the other. */
static void fail_channel(struct corps__control *control, enum corps_err err) {
    char text[128];
    snprintf(text, sizeof text, "%s", corps_error_detail());
    struct corps_value items[1 + CORPS__FAILURE_ITEMS];
    struct corps_value failure = failure_of(err, text, items);
    pthread_mutex_lock(&control->write_lock);
    give_up(control->fd, &failure);
    pthread_mutex_unlock(&control->write_lock);
    control->on_record(control->arg, &failure);
    end_channel(control);
}

static bool take_record(struct corps__control *control) {
    uint32_t bytes = control->in_bytes >= 4 ? corps__get32(control->in) : 0;
    if (bytes > CORPS__RECORD_BYTES_MAX) {
        fail_channel(control, corps_error_set(CORPS_ERR_PROTOCOL, "a control record of %u bytes", bytes));
        return false;
    }
    if (control->in_bytes < 4 || control->in_bytes - 4 < bytes) {
        return false;
    }
    struct corps_box *box;
    enum corps_err err = corps__framed_decode(control->in + 4, bytes, &box);
    control->in_bytes -= 4 + (size_t)bytes;
    memmove(control->in, control->in + 4 + bytes, control->in_bytes);
    if (err != CORPS_OK) {
        fail_channel(control, err);
        return false;
    }
    control->on_record(control->arg, corps_box_root(box));
    corps_box_unref(box);
    return true;
}

static void on_readable(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    struct corps__control *control = poll->data;
    for (;;) {
        if (control->in_capacity - control->in_bytes < 4096) {
            uint8_t *grown = realloc(control->in, control->in_capacity * 2 + 8192);
            if (grown == NULL) {
                fail_channel(control, no_memory());
                return;
            }
            control->in = grown;
            control->in_capacity = control->in_capacity * 2 + 8192;
        }
        ssize_t done =
            recv(control->fd, control->in + control->in_bytes, control->in_capacity - control->in_bytes, MSG_DONTWAIT);
        if (done < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (done <= 0) {
            end_channel(control);
            return;
        }
        control->in_bytes += (size_t)done;
        while (!control->ended && take_record(control)) {
        }
        if (control->ended) {
            return;
        }
    }
}

void corps__control_drain(struct corps__control *control) {
    if (!control->ended) {
        on_readable(&control->poll, 0, UV_READABLE);
    }
}

enum corps_err corps__control_open(int fd, corps__control_fn on_record, void *arg, struct corps__control **control) {
    struct corps__control *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a control channel");
    }
    made->fd = fd;
    made->on_record = on_record;
    made->arg = arg;
    made->poll.data = made;
    pthread_mutex_init(&made->write_lock, NULL);
    int failed = uv_poll_init(corps__loop(), &made->poll, fd);
    if (failed != 0) {
        free(made);
        return corps_error_set(CORPS_ERR_SYSTEM, "cannot watch the control channel: %s", uv_strerror(failed));
    }
    uv_poll_start(&made->poll, UV_READABLE, on_readable); /* fails for handles that are being closed alone */
    corps__loop_changed();
    *control = made;
    return CORPS_OK;
}

static void free_control(uv_handle_t *handle) {
    struct corps__control *control = handle->data;
    free(control->in);
    free(control);
}

void corps__control_close(struct corps__control *control) {
    if (control != NULL) {
        control->ended = true;
        uv_poll_stop(&control->poll);
        close(control->fd);
        uv_close((uv_handle_t *)&control->poll, free_control);
        corps__loop_changed();
    }
}
