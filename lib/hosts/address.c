#include "hosts/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

enum {
    USER_TIMEOUT_MS = 1500, /* hosts.md, section 5 */
    KEEPALIVE_S = 1,
    KEEPALIVE_COUNT = 2,
};

bool corps__address_is_loopback(const char *address) {
    struct in6_addr six;
    return strncmp(address, "127.", 4) == 0 ||
           (inet_pton(AF_INET6, address, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six)) ||
           strncmp(address, "::ffff:127.", 11) == 0;
}

socklen_t corps__address_fill(const struct corps__host *host, struct sockaddr_storage *out) {
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, host->address, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(host->port);
        return sizeof *four;
    }
    (void)inet_pton(AF_INET6, host->address, &six->sin6_addr);
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(host->port);
    return sizeof *six;
}

void corps__address_of_peer(int fd, char text[CORPS__ADDRESS_BYTES]) {
    struct sockaddr_storage peer = {0};
    socklen_t bytes = sizeof peer;
    (void)getpeername(fd, (struct sockaddr *)&peer, &bytes);
    const void *at = peer.ss_family == AF_INET ? (const void *)&((struct sockaddr_in *)&peer)->sin_addr
                                               : (const void *)&((struct sockaddr_in6 *)&peer)->sin6_addr;
    if (inet_ntop(peer.ss_family, at, text, CORPS__ADDRESS_BYTES) == NULL) {
        memcpy(text, "?", 2);
    }
}

void corps__socket_tune(int fd) {
    const struct {
        int level, name, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof options[i].value);
    }
}
