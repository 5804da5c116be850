/* A TCP connection, TCP_NODELAY at both ends: over the loopback interface, or between hosts 1 and 2 of the trial. */
#include "raw/raw.h"

#include "hosts/net.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static bool no_delay(struct raw_channel *channel, int fd) {
    int on = 1;
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 || raw_fail(channel, "TCP_NODELAY");
}

/* A socket of side 0 or 1: it stays in the host in which it is made, whoever uses it. */
static int make_socket(struct raw_channel *channel, int side) {
    if (channel->net != NULL && !lab_net_enter(channel->net, (unsigned)side + 1)) {
        raw_fail(channel, "cannot go to another host");
        return -1;
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        raw_fail(channel, "socket");
    }
    return fd;
}

/* Connects to `listener`'s own address; the kernel completes that before accept is called. */
static bool connect_to(struct raw_channel *channel, int listener, struct in_addr where) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = where};
    socklen_t length = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        return raw_fail(channel, "listen");
    }
    int out = make_socket(channel, 0);
    if (out < 0) {
        return false;
    }
    channel->read_fd[0] = channel->write_fd[0] = out;
    if (connect(out, (struct sockaddr *)&address, sizeof address) != 0) {
        return raw_fail(channel, "connect");
    }
    int in = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (in < 0) {
        return raw_fail(channel, "accept");
    }
    channel->read_fd[1] = channel->write_fd[1] = in;
    return no_delay(channel, out) && no_delay(channel, in);
}

bool raw_tcp_open(struct raw_channel *channel) {
    struct in_addr where = channel->net != NULL ? lab_net_address(2) : (struct in_addr){htonl(INADDR_LOOPBACK)};
    int listener = make_socket(channel, 1);
    if (listener < 0) {
        return false;
    }
    bool connected = connect_to(channel, listener, where);
    close(listener);
    return connected && (!channel->spin || raw_stream_nonblocking(channel));
}

const struct raw_mechanism raw_tcp = {
    .name = "raw:tcp",
    .summary = "TCP over the loopback interface or between two hosts, TCP_NODELAY",
    .can_block = true,
    .can_spin = true,
    .can_stream = true,
    .remote = true,
    .open = raw_tcp_open,
    .send = raw_stream_send,
    .receive = raw_stream_receive,
};
