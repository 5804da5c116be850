#include "hosts/net.h"

#include "hosts/links.h"
#include "hosts/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PREFIX = 24 };

struct in_addr lab_net_address(unsigned host) {
    return (struct in_addr){htonl(UINT32_C(0x0a4c0100) + host)}; /* 10.76.1.host */
}

const char *lab_net_address_text(unsigned host, char out[INET_ADDRSTRLEN]) {
    struct in_addr address = lab_net_address(host);
    return inet_ntop(AF_INET, &address, out, INET_ADDRSTRLEN);
}

bool lab_net_enter(const struct lab_net *net, unsigned host) {
    return setns(net->host_fd[host], CLONE_NEWNET) == 0;
}

static bool fail(char error[LAB_ERROR_BYTES], const char *what) {
    snprintf(error, LAB_ERROR_BYTES, "%s: %s", what, strerror(errno));
    return false;
}

static bool write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0) {
        close(fd);
    }
    return written;
}

/* A user namespace in which this user has its own number, and may make network namespaces until it starts a program. */
static bool become_user_of_its_own(void) {
    char users[64], groups[64];
    snprintf(users, sizeof users, "%u %u 1", geteuid(), geteuid());
    snprintf(groups, sizeof groups, "%u %u 1", getegid(), getegid());
    return unshare(CLONE_NEWUSER) == 0 && write_file("/proc/self/setgroups", "deny") &&
           write_file("/proc/self/uid_map", users) && write_file("/proc/self/gid_map", groups);
}

/* A new namespace, in which the process then is; its descriptor, or -1. */
static int make_namespace(void) {
    if (unshare(CLONE_NEWNET) != 0 && (errno != EPERM || !become_user_of_its_own() || unshare(CLONE_NEWNET) != 0)) {
        return -1;
    }
    return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

static void port_name(unsigned host, char out[16]) {
    snprintf(out, 16, "port%u", host);
}

static bool make_hosts(struct lab_net *net, char error[LAB_ERROR_BYTES]) {
    for (unsigned host = 0; host <= net->count; host++) {
        net->host_fd[host] = make_namespace();
        if (net->host_fd[host] < 0) {
            snprintf(error, LAB_ERROR_BYTES,
                     "hosts=%u needs network namespaces, which this user may not make (%s); run as root, or where user "
                     "namespaces are allowed",
                     net->count, strerror(errno));
            return false;
        }
        if (!lab_links_up("lo")) {
            return fail(error, "cannot set the loopback interface of a host up");
        }
    }
    return true;
}

/* In the switch's namespace: a port for each host, and the bridge that joins them unless a wire does. */
static bool make_switch(const struct lab_net *net, bool bridged, char error[LAB_ERROR_BYTES]) {
    bool ok = lab_net_enter(net, 0) && (!bridged || (lab_links_bridge("bridge") && lab_links_up("bridge")));
    for (unsigned host = 1; ok && host <= net->count; host++) {
        char port[16];
        port_name(host, port);
        ok = lab_links_pair(port, "eth0", net->host_fd[host], (unsigned char)host) &&
             (!bridged || lab_links_join(port, "bridge")) && lab_links_up(port);
    }
    return ok || fail(error, "cannot join the hosts by a switch");
}

static bool set_up_host(const struct lab_net *net, unsigned host, char error[LAB_ERROR_BYTES]) {
    return (lab_net_enter(net, host) && lab_links_address("eth0", lab_net_address(host), PREFIX) &&
            lab_links_up("eth0")) ||
           fail(error, "cannot set a host's interface up");
}

bool lab_net_open(struct lab_net *net, unsigned hosts, unsigned delay_us, unsigned rate_mbit,
                  char error[LAB_ERROR_BYTES]) {
    *net = (struct lab_net){.count = hosts, .home_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)};
    for (unsigned host = 0; host <= LAB_NET_HOSTS_MAX; host++) {
        net->host_fd[host] = -1;
    }
    bool wired = delay_us > 0 || rate_mbit > 0;
    bool ok = net->home_fd >= 0 || fail(error, "cannot tell the network namespace");
    ok = ok && make_hosts(net, error) && make_switch(net, !wired, error);
    for (unsigned host = 1; ok && host <= hosts; host++) {
        ok = set_up_host(net, host, error);
    }
    ok = ok && (!wired || lab_wire_start(net, delay_us, rate_mbit, error));
    ok = ok && (lab_net_enter(net, 1) || fail(error, "cannot go to host 1"));
    if (!ok) {
        lab_net_close(net);
    }
    return ok;
}

void lab_net_close(struct lab_net *net) {
    if (net->wire > 0) {
        kill(net->wire, SIGKILL);
        while (waitpid(net->wire, NULL, 0) < 0 && errno == EINTR) {
        }
        net->wire = 0;
    }
    for (unsigned host = 0; host <= net->count; host++) {
        if (net->host_fd[host] >= 0) {
            close(net->host_fd[host]);
            net->host_fd[host] = -1;
        }
    }
    if (net->home_fd >= 0) {
        (void)!setns(net->home_fd,
                     CLONE_NEWNET); /* a user namespace is not left again: then the trial ends in host 1 */
        close(net->home_fd);
        net->home_fd = -1;
    }
}
