/* A TCP connection over the loopback interface, TCP_NODELAY at both ends. */
#include "raw/raw.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static bool no_delay(struct raw_channel *channel, int fd) {
    int on = 1;
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 || raw_fail(channel, "TCP_NODELAY");
}

/* Connects to `listener`'s own address; the kernel completes that before accept is called. */
static bool connect_to(struct raw_channel *channel, int listener) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        return raw_fail(channel, "listen on 127.0.0.1");
    }
    int out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (out < 0) {
        return raw_fail(channel, "socket");
    }
    channel->read_fd[0] = channel->write_fd[0] = out;
    if (connect(out, (struct sockaddr *)&address, sizeof address) != 0) {
        return raw_fail(channel, "connect to 127.0.0.1");
    }
    int in = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (in < 0) {
        return raw_fail(channel, "accept");
    }
    channel->read_fd[1] = channel->write_fd[1] = in;
    return no_delay(channel, out) && no_delay(channel, in);
}

static bool open_connection(struct raw_channel *channel) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0) {
        return raw_fail(channel, "socket");
    }
    bool connected = connect_to(channel, listener);
    close(listener);
    return connected && (!channel->spin || raw_stream_nonblocking(channel));
}

const struct raw_mechanism raw_tcp = {
    .name = "raw:tcp",
    .summary = "TCP over the loopback interface, TCP_NODELAY",
    .can_block = true,
    .can_spin = true,
    .can_stream = true,
    .open = open_connection,
    .send = raw_stream_send,
    .receive = raw_stream_receive,
};
