#include "transport_driver.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

const struct corps_transport *transport;
uv_loop_t loop;
char directory[64];
uint8_t secret[CORPS_SECRET_BYTES];

static bool is_child;

void check_that(bool holds, const char *text, const char *file, int line) {
    if (holds) {
        return;
    }
    if (!is_child) {
        fail_msg("%s:%d: %s (last detail: %s)", file, line, text, corps_error_detail());
    }
    fprintf(stderr, "%s:%d: in the second process: %s (last detail: %s)\n", file, line, text, corps_error_detail());
    _exit(1);
}

bool has(uint32_t capability) {
    return (transport->capabilities & capability) != 0;
}

bool is_sealed(void) {
    const char *set = getenv("CORPS_TEST_SEALED");
    return set != NULL && set[0] != '\0';
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- sides ---- */

struct corps_endpoint_options default_options(const char *name) {
    return (struct corps_endpoint_options){.loop = has(CORPS_TRANSPORT_INTRA) ? NULL : &loop,
                                           .directory = has(CORPS_TRANSPORT_INTRA) ? NULL : directory,
                                           .name = name,
                                           .secret = secret,
                                           .seal = is_sealed() ? CORPS_SEAL_ALWAYS : CORPS_SEAL_AUTO,
                                           .frame_bytes_max = ((size_t)1 << 30) + 4096};
}

enum corps_err side_try_open(struct side *side, const struct corps_endpoint_options *options) {
    *side = (struct side){0};
    size_t bytes = (transport->endpoint_bytes + 63) / 64 * 64;
    side->endpoint = aligned_alloc(64, bytes);
    check(side->endpoint != NULL);
    memset(side->endpoint, 0, bytes);
    side->endpoint->transport = transport;
    memset(side->address, 0x7f, sizeof side->address);
    enum corps_err err = transport->open(side->endpoint, options, side->address);
    if (err != CORPS_OK) {
        uv_run(&loop, UV_RUN_NOWAIT);
        free(side->endpoint);
        side->endpoint = NULL;
    }
    return err;
}

void side_open(struct side *side, const struct corps_endpoint_options *options) {
    check(side_try_open(side, options) == CORPS_OK);
}

void side_close(struct side *side) {
    transport->close(side->endpoint);
    uv_run(&loop, UV_RUN_NOWAIT);
    free(side->endpoint);
    side->endpoint = NULL;
}

bool side_next(struct side *side, struct corps_event *event) {
    uv_run(&loop, UV_RUN_NOWAIT);
    *event = (struct corps_event){0};
    enum corps_err err = transport->poll(side->endpoint, event);
    check(err == CORPS_OK || err == CORPS_ERR_EMPTY);
    if (err == CORPS_OK && event->kind == CORPS_EVENT_ACCEPTED) {
        check(event->link != NULL && event->link->user == NULL);
        check(event->link->transport == transport && event->link->endpoint == side->endpoint);
        check(side->accepted_count < ACCEPTED_MAX);
        side->accepted[side->accepted_count++] = event->link;
    }
    return err == CORPS_OK;
}

void side_done(struct side *side, struct corps_event *event) {
    transport->release(side->endpoint, event);
    corps_block_unref(event->block);
}

bool side_arm(struct side *side) {
    enum corps_err err = transport->arm(side->endpoint, side->fds, CORPS_ARM_FDS_MAX, &side->fd_count);
    check(err == CORPS_OK || err == CORPS_ERR_AGAIN);
    check(err == CORPS_ERR_AGAIN || side->fd_count <= CORPS_ARM_FDS_MAX);
    return err == CORPS_OK;
}

/* One poll(2); true when something is ready. Each side gets its results back. */
static bool poll_armed(struct side *const *sides, unsigned count, int64_t timeout_ms) {
    struct pollfd fds[1 + SIDES_MAX * CORPS_ARM_FDS_MAX] = {{.fd = uv_backend_fd(&loop), .events = POLLIN}};
    nfds_t total = 1;
    for (unsigned i = 0; i < count; i++) {
        memcpy(fds + total, sides[i]->fds, sides[i]->fd_count * sizeof *fds);
        total += sides[i]->fd_count;
    }
    int ready = poll(fds, total, (int)timeout_ms);
    check(ready >= 0 || errno == EINTR);
    total = 1;
    for (unsigned i = 0; i < count; i++) {
        memcpy(sides[i]->fds, fds + total, sides[i]->fd_count * sizeof *fds);
        total += sides[i]->fd_count;
    }
    return ready > 0;
}

void sides_sleep_armed(struct side *const *sides, unsigned count) {
    int64_t until = now_ms() + PATIENCE_MS;
    int timer = uv_backend_timeout(&loop);
    bool timed =
        timer >= 0 && timer < PATIENCE_MS; /* a timer of the loop may end the sleep too: it just sleeps again */
    while (!poll_armed(sides, count, timed ? timer : until - now_ms()) && !timed) {
        check(now_ms() < until); /* slept through something, or nothing came */
    }
}

void sides_sleep(struct side *const *sides, unsigned count) {
    check(count <= SIDES_MAX);
    /* As the core does: the loop first takes in what callbacks changed. What that makes happen, poll reports. */
    uv_run(&loop, UV_RUN_NOWAIT);
    for (unsigned i = 0; i < count; i++) {
        if (!side_arm(sides[i])) {
            return;
        }
    }
    if (!has(CORPS_TRANSPORT_INTRA)) { /* whoever sends there sees to it that the receiver polls */
        sides_sleep_armed(sides, count);
    }
}

void side_wait(struct side *side, struct corps_event *event) {
    int64_t until = now_ms() + PATIENCE_MS;
    while (!side_next(side, event)) {
        check(now_ms() < until);
        sides_sleep(&side, 1);
    }
}

struct corps_event side_expect(struct side *side, enum corps_event_kind kind) {
    struct corps_event event;
    side_wait(side, &event);
    check(event.kind == kind);
    side_done(side, &event);
    return event;
}

enum corps_err side_expect_closed(struct side *side, const struct corps_link *link) {
    for (;;) {
        struct corps_event event;
        side_wait(side, &event);
        side_done(side, &event);
        check(event.link == link);
        if (event.kind == CORPS_EVENT_CLOSED) {
            return event.reason;
        }
        check(event.kind == CORPS_EVENT_MESSAGE || event.kind == CORPS_EVENT_WRITABLE);
    }
}

void sides_connect(struct side *from, struct side *to, struct corps_link **at_from, struct corps_link **at_to) {
    check(transport->connect(from->endpoint, to->address, at_from) == CORPS_OK);
    *at_to = NULL;
    if (has(CORPS_TRANSPORT_INTRA)) {
        return;
    }
    struct corps_event event = side_expect(from, CORPS_EVENT_CONNECTED);
    check(event.link == *at_from);
    if (!has(CORPS_TRANSPORT_DISCARDS)) {
        *at_to = side_expect(to, CORPS_EVENT_ACCEPTED).link;
    }
}

void pair_open(struct pair *pair, const struct corps_endpoint_options *options) {
    *pair = (struct pair){.to = &pair->a, .from = has(CORPS_TRANSPORT_INTRA) ? &pair->a : &pair->b};
    struct corps_endpoint_options standard = default_options("a");
    struct corps_endpoint_options own = options != NULL ? *options : standard;
    own.name = "a";
    side_open(&pair->a, &own);
    if (pair->from != pair->to) {
        own.name = "b";
        side_open(&pair->b, &own);
    }
    sides_connect(pair->from, pair->to, &pair->out, &pair->in);
}

void pair_close(struct pair *pair) {
    transport->disconnect(pair->out);
    if (pair->in != NULL) {
        transport->disconnect(pair->in);
    }
    side_close(&pair->a);
    if (pair->from != pair->to) {
        side_close(&pair->b);
    }
}

/* ---- a second process ---- */

struct child child_start(void (*run)(int channel)) {
    int ends[2];
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    fflush(NULL);
    pid_t pid = fork();
    check(pid >= 0);
    if (pid == 0) {
        is_child = true;
        close(ends[0]);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* no stray when the test fails */
        alarm(PATIENCE_MS / 1000 * 4);
        check(uv_loop_fork(&loop) == 0);
        run(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    return (struct child){.pid = pid, .channel = ends[0]};
}

void child_join(struct child *child) {
    int status = 0;
    close(child->channel);
    check(waitpid(child->pid, &status, 0) == child->pid);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void child_kill(struct child *child) {
    int status = 0;
    check(kill(child->pid, SIGKILL) == 0);
    check(waitpid(child->pid, &status, 0) == child->pid);
    check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    close(child->channel);
}

struct child child_start_met(void (*run)(int channel), struct side *a, struct corps_link **link) {
    struct child child = child_start(run);
    struct corps_endpoint_options options = default_options("a");
    side_open(a, &options);
    channel_put(child.channel, a->address, sizeof a->address);
    *link = side_expect(a, CORPS_EVENT_ACCEPTED).link;
    return child;
}

struct corps_link *child_meet(int channel, struct side *b) {
    char address[CORPS_ADDRESS_BYTES];
    struct corps_endpoint_options options = default_options("b");
    struct corps_link *link;
    channel_get(channel, address, sizeof address);
    side_open(b, &options);
    check(transport->connect(b->endpoint, address, &link) == CORPS_OK);
    check(side_expect(b, CORPS_EVENT_CONNECTED).link == link);
    return link;
}

void child_hold(void) {
    for (;;) {
        pause();
    }
}

void channel_put(int channel, const void *data, size_t bytes) {
    check(send(channel, data, bytes, MSG_NOSIGNAL) == (ssize_t)bytes);
}

void channel_get(int channel, void *data, size_t bytes) {
    check(recv(channel, data, bytes, MSG_WAITALL) == (ssize_t)bytes);
}
