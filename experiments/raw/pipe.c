/* Two anonymous pipes. */
#include "raw/raw.h"

#include <fcntl.h>
#include <unistd.h>

static bool open_pipes(struct raw_channel *channel) {
    int there[2];
    int back[2];
    if (pipe2(there, O_CLOEXEC) != 0) {
        return raw_fail(channel, "pipe2");
    }
    channel->read_fd[1] = there[0];
    channel->write_fd[0] = there[1];
    if (pipe2(back, O_CLOEXEC) != 0) {
        return raw_fail(channel, "pipe2");
    }
    channel->read_fd[0] = back[0];
    channel->write_fd[1] = back[1];
    return !channel->spin || raw_stream_nonblocking(channel);
}

const struct raw_mechanism raw_pipe = {
    .name = "raw:pipe",
    .summary = "two anonymous pipes",
    .can_block = true,
    .can_spin = true,
    .can_stream = true,
    .baseline = true,
    .open = open_pipes,
    .send = raw_stream_send,
    .receive = raw_stream_receive,
};
