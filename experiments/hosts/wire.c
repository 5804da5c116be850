#include "hosts/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    ETHERNET_MORE_BYTES = 24, /* preamble 8, checksum 4, gap 12: IEEE 802.3 */
    ETHERNET_LEAST_BYTES = 60,
    FRAME_BYTES_MAX = 1 << 17, /* more than the kernel leaves uncut */
    BUFFER_BYTES = 8 << 20,    /* of each packet socket */
};

struct frame {
    struct frame *next;
    uint64_t due_ns;
    unsigned to; /* 0: all others */
    size_t bytes;
    uint8_t data[]; /* struct virtio_net_hdr and the frame */
};

struct port {
    int fd;
    uint64_t free_ns; /* when the host's side of the wire is free again */
    struct frame *first, **last;
    size_t waiting_bytes;
};

struct wire {
    unsigned count;
    uint64_t delay_ns;
    unsigned rate_mbit;
    struct port ports[LAB_NET_HOSTS_MAX + 1]; /* by host */
};

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

size_t lab_wire_bytes(size_t frame_bytes, size_t header_bytes, size_t segment_bytes) {
    size_t frames = 1;
    if (segment_bytes > 0 && frame_bytes > header_bytes + segment_bytes) {
        frames = (frame_bytes - header_bytes + segment_bytes - 1) / segment_bytes;
        frame_bytes += (frames - 1) * header_bytes;
    } else if (frame_bytes < ETHERNET_LEAST_BYTES) {
        frame_bytes = ETHERNET_LEAST_BYTES;
    }
    return frame_bytes + frames * ETHERNET_MORE_BYTES;
}

/* ---- taking frames ---- */

static uint64_t sent_ns(const struct wire *wire, struct port *port, const struct virtio_net_hdr *header, size_t bytes) {
    uint64_t now = now_ns();
    uint64_t begin = port->free_ns > now ? port->free_ns : now;
    port->free_ns = begin;
    if (wire->rate_mbit > 0) {
        bool cut = header->gso_type != VIRTIO_NET_HDR_GSO_NONE;
        port->free_ns += lab_wire_bytes(bytes, header->hdr_len, cut ? header->gso_size : 0) * 8000 / wire->rate_mbit;
    }
    return port->free_ns;
}

static void take(struct wire *wire, struct port *port, const uint8_t *data, size_t bytes) {
    struct virtio_net_hdr header;
    struct frame *frame;
    if (bytes < sizeof header + ETHER_HDR_LEN || port->waiting_bytes + bytes > LAB_WIRE_QUEUE_BYTES ||
        (frame = malloc(sizeof *frame + bytes)) == NULL) {
        return;
    }
    memcpy(&header, data, sizeof header);
    const uint8_t *hardware = data + sizeof header;
    *frame = (struct frame){.due_ns = sent_ns(wire, port, &header, bytes - sizeof header) + wire->delay_ns,
                            .to = (hardware[0] & 1) != 0 ? 0 : hardware[5],
                            .bytes = bytes};
    memcpy(frame->data, data, bytes);
    *port->last = frame;
    port->last = &frame->next;
    port->waiting_bytes += bytes;
}

static void take_all(struct wire *wire, struct port *port) {
    static uint8_t data[FRAME_BYTES_MAX];
    ssize_t got;
    while ((got = recv(port->fd, data, sizeof data, MSG_DONTWAIT | MSG_TRUNC)) >= 0) {
        if (got <= (ssize_t)sizeof data) {
            take(wire, port, data, (size_t)got);
        }
    }
}

/* ---- giving them ---- */

static void give(const struct wire *wire, const struct port *from, const struct frame *frame) {
    for (unsigned host = 1; host <= wire->count; host++) {
        const struct port *port = &wire->ports[host];
        if (port != from && (frame->to == 0 || frame->to == host)) {
            (void)!send(port->fd, frame->data, frame->bytes,
                        0); /* what the host has no room for is lost, as anywhere */
        }
    }
}

/* What is due. When the next will be; UINT64_MAX: nothing waits. */
static uint64_t give_due(struct wire *wire) {
    uint64_t next_ns = UINT64_MAX;
    for (unsigned host = 1; host <= wire->count; host++) {
        struct port *port = &wire->ports[host];
        struct frame *frame;
        while ((frame = port->first) != NULL && frame->due_ns <= now_ns()) {
            give(wire, port, frame);
            port->first = frame->next;
            port->last = port->first == NULL ? &port->first : port->last;
            port->waiting_bytes -= frame->bytes;
            free(frame);
        }
        next_ns = frame != NULL && frame->due_ns < next_ns ? frame->due_ns : next_ns;
    }
    return next_ns;
}

static _Noreturn void pass_on(struct wire *wire) {
    struct pollfd fds[LAB_NET_HOSTS_MAX];
    for (unsigned i = 0; i < wire->count; i++) {
        fds[i] = (struct pollfd){.fd = wire->ports[i + 1].fd, .events = POLLIN};
    }
    for (;;) {
        uint64_t next_ns = give_due(wire);
        uint64_t now = now_ns();
        uint64_t left_ns = next_ns > now ? next_ns - now : 0;
        struct timespec left = {(time_t)(left_ns / 1000000000u), (long)(left_ns % 1000000000u)};
        if (ppoll(fds, wire->count, next_ns == UINT64_MAX ? NULL : &left, NULL) < 0 && errno != EINTR) {
            _exit(1);
        }
        for (unsigned i = 0; i < wire->count; i++) {
            if (fds[i].revents != 0) {
                take_all(wire, &wire->ports[i + 1]);
            }
        }
    }
}

/* ---- starting ---- */

/* In the switch's namespace. */
static int open_port(unsigned host) {
    char name[16];
    int on = 1, bytes = BUFFER_BYTES;
    snprintf(name, sizeof name, "port%u", host);
    struct sockaddr_ll where = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(name)};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* takes nothing until it is bound to its port */
    const int buffers[] = {SO_RCVBUFFORCE, SO_SNDBUFFORCE, SO_RCVBUF, SO_SNDBUF}; /* the first two are for root alone */
    for (size_t i = 0; fd >= 0 && i < sizeof buffers / sizeof buffers[0]; i++) {
        if (i < 2 || geteuid() != 0) {
            (void)setsockopt(fd, SOL_SOCKET, buffers[i], &bytes, sizeof bytes);
        }
    }
    if (fd >= 0 && (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) != 0 ||
                    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0 ||
                    bind(fd, (const struct sockaddr *)&where, sizeof where) != 0)) {
        int failed = errno;
        close(fd);
        errno = failed;
        fd = -1;
    }
    return fd;
}

static _Noreturn void become_wire(struct wire *wire, pid_t parent) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL); /* who started it ends it */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
        _exit(1);
    }
    prctl(PR_SET_TIMERSLACK, 1); /* ns; the usual 50 µs are as long as a delay */
    prctl(PR_SET_NAME, "corps-lab-wire");
    pass_on(wire);
}

bool lab_wire_start(struct lab_net *net, unsigned delay_us, unsigned rate_mbit, char error[LAB_ERROR_BYTES]) {
    static struct wire wire;
    wire = (struct wire){.count = net->count, .delay_ns = (uint64_t)delay_us * 1000, .rate_mbit = rate_mbit};
    bool ok = lab_net_enter(net, 0);
    unsigned opened = 0;
    while (ok && opened < net->count) {
        struct port *port = &wire.ports[opened + 1];
        port->last = &port->first;
        port->fd = open_port(opened + 1);
        ok = port->fd >= 0;
        opened += ok;
    }
    pid_t parent = getpid();
    pid_t pid = ok ? fork() : -1;
    if (pid == 0) {
        become_wire(&wire, parent);
    }
    if (pid < 0) {
        snprintf(error, LAB_ERROR_BYTES, "cannot put a wire between the hosts: %s", strerror(errno));
    }
    net->wire = pid > 0 ? pid : 0;
    for (unsigned host = 1; host <= opened; host++) {
        close(wire.ports[host].fd);
    }
    return pid > 0;
}
