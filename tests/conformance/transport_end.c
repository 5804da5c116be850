/* Ends of links: orderly, by death, by broken protocol, by strangers. */
#include "transport_driver.h"

#include "transport_cases.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* What send has taken arrives, although the sender has closed before anybody read it; then comes CLOSED. */
static void close_after(unsigned count) {
    struct pair pair;
    pair_open(&pair, NULL);
    struct flow flow = pair_flow(&pair, count, about_thousand);
    flow_send_until_blocked(&flow);
    unsigned taken = flow.sent;
    check(taken > 0);
    transport->disconnect(pair.out);
    side_close(pair.from);
    flow.from = NULL;
    flow.out = NULL;
    flow_run_until_closed(&flow);
    check(flow.received == taken);
    flow_finish(&flow);
    transport->disconnect(pair.in);
    side_close(pair.to);
}

void close_in_flight(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
    close_after(5);
    close_after(100000); /* with a full link, and perhaps a part of a frame */
}

void close_under_a_sender(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
    struct pair pair;
    pair_open(&pair, NULL);
    struct flow flow = pair_flow(&pair, 100000, about_thousand);
    flow_send_until_blocked(&flow);
    check(flow.blocked);
    transport->disconnect(pair.in);
    side_close(pair.to);
    for (unsigned i = 0; i < 50; i++) { /* no signal, no crash; it may not have noticed yet */
        struct iovec segment = {.iov_base = flow.frame, .iov_len = about_thousand(flow.sent)};
        struct corps_parcel parcel = {.segments = &segment, .segment_count = 1, .bytes = segment.iov_len};
        enum corps_err err = transport->send(pair.out, &parcel, 0);
        check(err == CORPS_ERR_CLOSED || err == CORPS_ERR_FULL || err == CORPS_ERR_PARTIAL);
    }
    check(side_expect_closed(pair.from, pair.out) == CORPS_ERR_CLOSED);
    flow_finish(&flow);
    transport->disconnect(pair.out);
    side_close(pair.from);
}

/* ---- death ---- */

static void doomed_child(int channel) {
    struct side b;
    struct corps_link *link = child_meet(channel, &b);
    channel_put(channel, b.address, sizeof b.address);
    struct flow flow = {.from = &b, .out = link, .count = 1u << 31, .bytes_of = about_thousand};
    flows_run(&flow, 1);
}

static unsigned open_descriptors(void) {
    unsigned found = 0;
    DIR *listing = opendir("/proc/self/fd");
    check(listing != NULL);
    while (readdir(listing) != NULL) {
        found++;
    }
    closedir(listing);
    return found;
}

static void kill_one(unsigned frames_before) {
    struct side a;
    struct corps_link *link;
    struct child child = child_start_met(doomed_child, &a, &link);
    struct flow flow = {.to = &a, .count = 1u << 31, .bytes_of = about_thousand, .in = link};
    flow_run_until_received(&flow, frames_before);
    char address[CORPS_ADDRESS_BYTES];
    channel_get(child.channel, address, sizeof address);
    child_kill(&child);
    flow_run_until_closed(&flow); /* every frame that still comes is whole and in order */
    transport->disconnect(flow.in);
    /* Nobody is there any more, and the dead one's name is free. */
    if (transport->connect(a.endpoint, address, &link) == CORPS_OK) {
        (void)side_expect_closed(&a, link);
        transport->disconnect(link);
    }
    struct side again;
    struct corps_endpoint_options options = default_options("b");
    side_open(&again, &options);
    struct corps_link *at_a;
    struct corps_link *at_again;
    sides_connect(&a, &again, &at_a, &at_again);
    transport->disconnect(at_a);
    transport->disconnect(at_again);
    side_close(&again);
    side_close(&a);
}

static void kill_one_apart(unsigned after) {
    pid_t pid = fork();
    if (pid == 0) {
        kill_one(after);
        _exit(0);
    }
    int status;
    check(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void killed_peer(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
    if (strncmp(transport->name, "nng", 3) == 0) {
        /* nng ends a process that uses it after a fork of one that has used it. */
        print_message(
            "%s: whether descriptors are left open is not looked at, since each peer is killed by a process of "
            "its own\n",
            transport->name);
        for (unsigned i = 0; i < 9; i++) {
            kill_one_apart(i * 37);
        }
        return;
    }
    kill_one(1);
    unsigned descriptors = open_descriptors();
    for (unsigned i = 0; i < 8; i++) {
        kill_one(i * 37);
    }
    check(open_descriptors() == descriptors);
}

/* ---- limits ---- */

static size_t around_limit(unsigned k) {
    return k < 10 ? 100000 : 10;
}

static void oversize(size_t bytes) {
    struct corps_endpoint_options options = default_options("a");
    options.frame_bytes_max = 100000;
    struct pair pair;
    pair_open(&pair, &options);
    struct flow flow = pair_flow(&pair, 20, around_limit);
    flows_run(&flow, 1);
    uint8_t *frame = calloc(1, bytes);
    check(frame != NULL);
    enum corps_err err = send_bytes(pair.out, frame, bytes, 0); /* nobody reads meanwhile: a part may have to stay */
    check(err == CORPS_OK || err == CORPS_ERR_PARTIAL);
    struct corps_event event;
    side_wait(pair.to, &event);
    check(event.kind == CORPS_EVENT_CLOSED && event.link == pair.in && event.reason == CORPS_ERR_TOO_LARGE);
    side_done(pair.to, &event);
    check(strstr(corps_error_detail(), "100000") != NULL); /* says the limit */
    transport->disconnect(pair.in);
    check(side_expect_closed(pair.from, pair.out) == CORPS_ERR_CLOSED);
    transport->disconnect(pair.out);
    free(frame);
    side_close(&pair.a);
    side_close(&pair.b);
}

void oversize_frame(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
    oversize(100001);
    oversize((size_t)3 << 20);
}

/* ---- strangers ---- */

static int raw_connect(const char *address) {
    if (address[0] == '/') {
        struct sockaddr_un where = {.sun_family = AF_UNIX};
        check(strlen(address) < sizeof where.sun_path);
        strcpy(where.sun_path, address);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        check(fd >= 0 && connect(fd, (struct sockaddr *)&where, sizeof where) == 0);
        return fd;
    }
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    where.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(fd >= 0 && connect(fd, (struct sockaddr *)&where, sizeof where) == 0);
    return fd;
}

/* The endpoint hangs up on the stranger, and says nothing of it. */
static void expect_hangup(struct side *side, int fd) {
    for (;;) {
        struct corps_event event;
        check(!side_next(side, &event));
        char answer[256];
        ssize_t got = recv(fd, answer, sizeof answer, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno == ECONNRESET)) {
            close(fd);
            return;
        }
        check(got > 0 || errno == EAGAIN);
        int timer = uv_backend_timeout(&loop);
        struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = uv_backend_fd(&loop), .events = POLLIN}};
        check(poll(fds, 2, timer >= 0 ? timer : PATIENCE_MS) > 0 || timer >= 0);
    }
}

/* Passes two descriptors along with its garbage: they must not stay open in the endpoint. */
static void send_descriptors(int fd, const void *data, size_t bytes) {
    struct iovec segment = {.iov_base = (void *)(uintptr_t)data, .iov_len = bytes};
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control = {0};
    struct msghdr message = {
        .msg_iov = &segment, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(2 * sizeof(int));
    int fds[2] = {STDIN_FILENO, STDERR_FILENO};
    memcpy(CMSG_DATA(head), fds, sizeof fds);
    check(sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)bytes);
}

void garbage_on_the_socket(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
    struct pair pair;
    pair_open(&pair, NULL);
    static uint8_t garbage[100000];
    static const char http[] =
        "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nUser-Agent: somebody who took this for "
        "a web server and sends on and on and on and on and on and on and on and on and on and on "
        "and on and on and on and on and on and on and on and on and on and on and on\r\n\r\n";
    unsigned descriptors = open_descriptors();
    for (unsigned i = 0; i < 20; i++) {
        size_t bytes = i % 2 == 0 ? 300 + i * 5000 : sizeof http;
        fill(garbage, sizeof garbage, i);
        int fd = raw_connect(pair.to->address);
        if (i % 4 == 2 && pair.to->address[0] == '/') {
            send_descriptors(fd, garbage, bytes);
        } else { /* the end may be refused while it is being sent */
            ssize_t sent = send(fd, i % 2 == 0 ? garbage : (const uint8_t *)http, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
            check(sent > 0);
        }
        expect_hangup(pair.to, fd);
        fd = raw_connect(pair.to->address); /* one that says half a word and goes */
        check(send(fd, garbage, i % 3, MSG_NOSIGNAL) == i % 3);
        close(fd);
    }
    struct corps_event event;
    for (unsigned i = 0; i < 100; i++) {
        check(!side_next(pair.to, &event));
    }
    check(open_descriptors() == descriptors);
    struct flow flow = pair_flow(&pair, 100, about_thousand);
    flows_run(&flow, 1); /* the others never noticed */
    pair_close(&pair);
}

static void expect_denied(struct side *from, struct side *to) {
    struct corps_link *link;
    check(transport->connect(from->endpoint, to->address, &link) == CORPS_OK);
    uint8_t frame[64] = {0};
    for (unsigned i = 0; i < 3; i++) {
        check(send_bytes(link, frame, sizeof frame, 0) == CORPS_ERR_FULL);
    }
    enum corps_err reason = side_expect_closed(from, link);
    check(reason == CORPS_ERR_DENIED || reason == CORPS_ERR_CLOSED);
    transport->disconnect(link);
    struct corps_event event;
    for (unsigned i = 0; i < 100; i++) {
        check(!side_next(to, &event));
    }
}

static void expect_no_reflection(struct side *a) {
    /* What an honest listener says, sent back to it, proves nothing. */
    int fds[2] = {raw_connect(a->address), raw_connect(a->address)};
    static const uint8_t bad_version[128] = {'C', 'R', 'A', 99};
    check(send(fds[0], bad_version, 36, MSG_NOSIGNAL) == 36);
    expect_hangup(a, fds[0]);
    static const uint8_t greeting[128] = {'C', 'R', 'A', 1, 42};
    check(send(fds[1], greeting, 36, MSG_NOSIGNAL) == 36);
    uint8_t answer[68];
    size_t have = 0;
    while (have < sizeof answer) {
        struct corps_event event;
        check(!side_next(a, &event));
        ssize_t got = recv(fds[1], answer + have, sizeof answer - have, MSG_DONTWAIT);
        check(got > 0 || (got < 0 && errno == EAGAIN));
        have += got > 0 ? (size_t)got : 0;
    }
    check(send(fds[1], answer + 36, 32, MSG_NOSIGNAL) == 32);
    expect_hangup(a, fds[1]);
}

void wrong_secret(void **state) {
    (void)state;
    SKIP_UNLESS_REMOTE("its peers are known by their user");
    uint8_t other[CORPS_SECRET_BYTES];
    memcpy(other, secret, sizeof other);
    other[CORPS_SECRET_BYTES - 1] ^= 1;
    struct corps_endpoint_options options = default_options("a");
    struct side a;
    side_open(&a, &options);
    struct side stranger;
    options.name = "stranger";
    options.secret = other;
    side_open(&stranger, &options);
    expect_denied(&stranger, &a);
    expect_denied(&a, &stranger);
    if (!is_sealed()) {
        expect_no_reflection(&a);
    }
    side_close(&stranger);
    side_close(&a);
}

void silent_peer(void **state) {
    (void)state;
    SKIP_UNLESS_REMOTE("its peers are known by their user");
    struct corps_endpoint_options options = default_options("a");
    struct side a;
    side_open(&a, &options);
    int silent = raw_connect(a.address);
    int slow = raw_connect(a.address);
    check(send(slow, "CRA", 3, MSG_NOSIGNAL) == 3);
    int half = raw_connect(a.address); /* the beginning of a TLS record, of which the rest never comes */
    check(send(half, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11, MSG_NOSIGNAL) == 11);
    expect_hangup(&a, silent);
    expect_hangup(&a, slow);
    expect_hangup(&a, half);
    int last = raw_connect(a.address); /* still under way when the endpoint closes */
    struct corps_event event;
    check(!side_next(&a, &event));
    side_close(&a);
    close(last);
}
