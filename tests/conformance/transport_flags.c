/* A peer that makes whatever it shares with this side block: the flags of an open file description are the same for
 * everybody who holds it. */
#include "transport_driver.h"

#include "transport_cases.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

enum { BLOCKED_SECONDS = 100, FDS_MAX = 1024 };

/* Every descriptor of this process but the standard ones and the channel. */
static unsigned list_descriptors(int channel, int fds[FDS_MAX]) {
    unsigned count = 0;
    DIR *listing = opendir("/proc/self/fd");
    check(listing != NULL);
    for (const struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        int fd = atoi(entry->d_name);
        if (fd > STDERR_FILENO && fd != channel && fd != dirfd(listing)) {
            check(count < FDS_MAX);
            fds[count++] = fd;
        }
    }
    closedir(listing);
    return count;
}

static bool is_eventfd(int fd) {
    char path[32];
    char target[64] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return readlink(path, target, sizeof target - 1) > 0 && strstr(target, "[eventfd]") != NULL;
}

static void set_blocking(int fd, bool blocking) {
    int flags = fcntl(fd, F_GETFL);
    (void)fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

/* What can be rung is full of rings: one more write would wait. */
static void fill_bell(int fd) {
    set_blocking(fd, false);
    if (is_eventfd(fd)) {
        (void)!eventfd_write(fd, UINT64_MAX - 1);
    } else if (fcntl(fd, F_GETPIPE_SZ) > 0 && strcmp(transport->name, "pipe") != 0) { /* its pipes carry frames */
        while (write(fd, "", 1) == 1) {
        }
    }
}

static void drain_bell(int fd) {
    char bytes[4096];
    set_blocking(fd, false);
    if (is_eventfd(fd) || (fcntl(fd, F_GETPIPE_SZ) > 0 && strcmp(transport->name, "pipe") != 0)) {
        while (read(fd, bytes, sizeof bytes) > 0) {
        }
    }
}

/* What whoever ran this test left open is none of its business, and may be a pipe that nobody reads. */
static int inherited[FDS_MAX];
static unsigned inherited_count;

static bool is_inherited(int fd) {
    for (unsigned i = 0; i < inherited_count; i++) {
        if (inherited[i] == fd) {
            return true;
        }
    }
    return false;
}

static void each_descriptor(int channel, void (*change)(int fd)) {
    int fds[FDS_MAX];
    unsigned count = list_descriptors(channel, fds);
    for (unsigned i = 0; i < count; i++) {
        if (!is_inherited(fds[i])) {
            change(fds[i]);
            set_blocking(fds[i], true);
        }
    }
}

/* Goes to sleep, as far as others can see, makes everything block, and then does as it is told. */
static void blocking_child(int channel) {
    struct side b;
    char go;
    inherited_count = list_descriptors(channel, inherited);
    (void)child_meet(channel, &b);
    (void)side_arm(&b);
    each_descriptor(channel, fill_bell);
    channel_put(channel, "", 1);
    channel_get(channel, &go, 1);
    each_descriptor(channel, drain_bell); /* what this side has just been told is there is gone again */
    channel_put(channel, "", 1);
    child_hold();
}

void shared_descriptors_block(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
    if (transport->version != NULL) {
        print_message("skipped for %s: nothing is handed over, the library makes its own connections\n",
                      transport->name);
        skip();
    }
    struct side a;
    struct corps_link *link;
    struct child child = child_start_met(blocking_child, &a, &link);
    struct flow flow = {.from = &a, .count = 1u << 31, .bytes_of = about_thousand, .out = link};
    (void)side_arm(&a);
    char ready;
    channel_get(child.channel, &ready, 1);
    alarm(BLOCKED_SECONDS);           /* nothing below waits */
    (void)poll(a.fds, a.fd_count, 0); /* says that something came, and then it is gone */
    channel_put(child.channel, "", 1);
    channel_get(child.channel, &ready, 1);
    struct corps_event event;
    for (unsigned i = 0; i < 10; i++) {
        check(!side_next(&a, &event));
    }
    flow_send_until_blocked(&flow);
    check(flow.sent > 0 && flow.blocked);
    for (unsigned i = 0; i < 10; i++) {
        check(!side_next(&a, &event));
    }
    child_kill(&child); /* the description may outlive it, and its flags with it */
    check(side_expect_closed(&a, flow.out) == CORPS_ERR_CLOSED);
    flow_finish(&flow);
    transport->disconnect(flow.out);
    side_close(&a);
}
