/* A pair of UNIX stream sockets. */
#include "raw/raw.h"

#include <sys/socket.h>

static bool open_pair(struct raw_channel *channel) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return raw_fail(channel, "socketpair");
    }
    for (int side = 0; side < 2; side++) {
        channel->read_fd[side] = pair[side];
        channel->write_fd[side] = pair[side];
    }
    return !channel->spin || raw_stream_nonblocking(channel);
}

const struct raw_mechanism raw_unix = {
    .name = "raw:unix",
    .summary = "a pair of UNIX stream sockets",
    .can_block = true,
    .can_spin = true,
    .can_stream = true,
    .open = open_pair,
    .send = raw_stream_send,
    .receive = raw_stream_receive,
};
