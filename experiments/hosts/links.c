#include "hosts/links.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One request at a time, answered by the kernel at once. */

struct request {
    struct nlmsghdr header;
    uint8_t body[512];
};

static void begin(struct request *request, uint16_t type, uint16_t flags, const void *fixed, size_t bytes) {
    memset(request, 0, sizeof *request);
    request->header.nlmsg_type = type;
    request->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    request->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(bytes);
    memcpy(request->body, fixed, bytes);
}

/* All attributes of the requests below fit. */
static struct rtattr *add(struct request *request, unsigned short type, const void *data, size_t bytes) {
    struct rtattr *attribute = (struct rtattr *)(void *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));
    attribute->rta_type = type;
    attribute->rta_len = (unsigned short)RTA_LENGTH(bytes);
    if (bytes > 0) {
        memcpy(RTA_DATA(attribute), data, bytes);
    }
    request->header.nlmsg_len = (uint32_t)(NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len));
    return attribute;
}

static void add_text(struct request *request, unsigned short type, const char *text) {
    add(request, type, text, strlen(text) + 1);
}

/* An attribute that holds what is added from now until `close_nest`. */
static struct rtattr *open_nest(struct request *request, unsigned short type) {
    return add(request, type, NULL, 0);
}

static void close_nest(struct request *request, struct rtattr *nest) {
    nest->rta_len = (unsigned short)((char *)request + request->header.nlmsg_len - (char *)nest);
}

static bool ask(struct request *request) {
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        uint8_t more[1024];
    } answer;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) {
        return false;
    }
    ssize_t got = send(fd, request, request->header.nlmsg_len, 0);
    got = got < 0 ? got : recv(fd, &answer, sizeof answer, 0);
    int error = got < 0 ? errno : answer.header.nlmsg_type == NLMSG_ERROR ? -answer.error.error : EPROTO;
    close(fd);
    errno = error;
    return error == 0;
}

bool lab_links_bridge(const char *name) {
    struct request request;
    const struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
    begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof info);
    add_text(&request, IFLA_IFNAME, name);
    struct rtattr *kind = open_nest(&request, IFLA_LINKINFO);
    add_text(&request, IFLA_INFO_KIND, "bridge");
    close_nest(&request, kind);
    return ask(&request);
}

bool lab_links_pair(const char *name, const char *there, int namespace_fd, unsigned char last) {
    struct request request;
    const struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
    const uint8_t hardware[6] = {2, 0, 0, 0, 0, last};
    begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof info);
    add_text(&request, IFLA_IFNAME, name);
    struct rtattr *kind = open_nest(&request, IFLA_LINKINFO);
    add_text(&request, IFLA_INFO_KIND, "veth");
    struct rtattr *data = open_nest(&request, IFLA_INFO_DATA);
    struct rtattr *peer = add(&request, VETH_INFO_PEER, &info, sizeof info); /* its attributes follow the struct */
    add_text(&request, IFLA_IFNAME, there);
    add(&request, IFLA_ADDRESS, hardware, sizeof hardware);
    add(&request, IFLA_NET_NS_FD, &namespace_fd, sizeof namespace_fd);
    close_nest(&request, peer);
    close_nest(&request, data);
    close_nest(&request, kind);
    return ask(&request);
}

/* A request that changes an interface; false where there is none of that name. */
static bool begin_change(struct request *request, const char *name, unsigned flags) {
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = (int)if_nametoindex(name)};
    info.ifi_flags = info.ifi_change = flags;
    begin(request, RTM_NEWLINK, 0, &info, sizeof info);
    return info.ifi_index != 0;
}

bool lab_links_join(const char *name, const char *bridge) {
    struct request request;
    unsigned master = if_nametoindex(bridge);
    if (master == 0 || !begin_change(&request, name, 0)) {
        return false;
    }
    add(&request, IFLA_MASTER, &master, sizeof master);
    return ask(&request);
}

bool lab_links_up(const char *name) {
    struct request request;
    return begin_change(&request, name, IFF_UP) && ask(&request);
}

bool lab_links_address(const char *name, struct in_addr address, unsigned prefix) {
    struct request request;
    const struct ifaddrmsg info = {
        .ifa_family = AF_INET, .ifa_prefixlen = (uint8_t)prefix, .ifa_index = if_nametoindex(name)};
    begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof info);
    add(&request, IFA_LOCAL, &address, sizeof address);
    add(&request, IFA_ADDRESS, &address, sizeof address);
    return info.ifa_index != 0 && ask(&request);
}
