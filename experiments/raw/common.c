#include "raw/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RAW_MECHANISM(name) extern const struct raw_mechanism raw_##name;
#include "raw/raw_rows.h"
#undef RAW_MECHANISM

extern const struct raw_mechanism raw_mp_pipe;
extern const struct raw_mechanism raw_queue;
extern const struct raw_mechanism raw_python;

static const struct raw_mechanism *const mechanisms[] = {
#define RAW_MECHANISM(name) &raw_##name,
#include "raw/raw_rows.h"
#undef RAW_MECHANISM
    &raw_mp_pipe,
    &raw_queue,
    &raw_python,
};

const struct raw_mechanism *raw_at(unsigned index) {
    return index < sizeof mechanisms / sizeof mechanisms[0] ? mechanisms[index] : NULL;
}

const struct raw_mechanism *raw_find(const char *name) {
    const struct raw_mechanism *mechanism = NULL;
    for (unsigned i = 0; (mechanism = raw_at(i)) != NULL && strcmp(mechanism->name, name) != 0; i++) {
    }
    return mechanism;
}

const struct raw_mechanism *raw_of_python(bool threads) {
    return threads ? &raw_queue : &raw_mp_pipe;
}

const struct raw_mechanism *raw_that_seals(void) {
    return &raw_tls;
}

const struct raw_mechanism *raw_that_starts(bool python) {
    return python ? &raw_python : &raw_process;
}

bool raw_fail(struct raw_channel *channel, const char *what) {
    snprintf(channel->error, sizeof channel->error, "%s: %s", what, strerror(errno));
    return false;
}

/* A signal that arrives before the system call has begun is no loss: the timer rings again. */
static bool interrupted(void) {
    return errno == EINTR || errno == EAGAIN;
}

bool raw_stream_send(struct raw_channel *channel, const uint8_t *message) {
    size_t sent = 0;
    while (sent < channel->bytes) {
        ssize_t n = write(channel->write_fd[channel->side], message + sent, channel->bytes - sent);
        if (n >= 0) {
            sent += (size_t)n;
        } else if (!interrupted()) {
            return raw_fail(channel, "write");
        } else if (raw_must_stop(channel)) {
            return false;
        }
    }
    return true;
}

bool raw_stream_receive(struct raw_channel *channel, uint8_t *message) {
    size_t received = 0;
    while (received < channel->bytes) {
        ssize_t n = read(channel->read_fd[channel->side], message + received, channel->bytes - received);
        if (n > 0) {
            received += (size_t)n;
        } else if (n == 0) {
            snprintf(channel->error, sizeof channel->error, "the other side has closed its end");
            return false;
        } else if (!interrupted()) {
            return raw_fail(channel, "read");
        } else if (raw_must_stop(channel)) {
            return false;
        }
    }
    return true;
}

bool raw_stream_nonblocking(struct raw_channel *channel) {
    for (int side = 0; side < 2; side++) {
        if (fcntl(channel->read_fd[side], F_SETFL, O_NONBLOCK) != 0 ||
            fcntl(channel->write_fd[side], F_SETFL, O_NONBLOCK) != 0) {
            return raw_fail(channel, "fcntl(O_NONBLOCK)");
        }
    }
    return true;
}
