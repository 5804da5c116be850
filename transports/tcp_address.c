#include "tcp_address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_BYTES = 128, PORTS_BYTES = 12 };

static enum corps_err no_port(const char *text) {
    return corps_error_set(CORPS_ERR_INVALID, "'%s' names no port; write a number from 0 to 65535", text);
}

/* "host:ports", "[host]:ports" or "host" → host and ports texts. */
static enum corps_err split(const char *text, char host[HOST_BYTES], char ports[PORTS_BYTES]) {
    const char *colon = strrchr(text, ':');
    const char *bracket = strchr(text, ']');
    bool v6_bare = colon != NULL && bracket == NULL && strchr(text, ':') != colon;
    bool has_port = colon != NULL && !v6_bare && (bracket == NULL || colon > bracket);
    size_t host_bytes = has_port ? (size_t)(colon - text) : strlen(text);
    const char *start = text;
    if (text[0] == '[' && bracket != NULL) {
        start = text + 1;
        host_bytes = (size_t)(bracket - text) - 1;
    }
    if (host_bytes == 0 || host_bytes >= HOST_BYTES || (has_port && strlen(colon + 1) >= PORTS_BYTES)) {
        return corps_error_set(CORPS_ERR_INVALID, "'%s' is no address; write host:port or [host]:port", text);
    }
    memcpy(host, start, host_bytes);
    host[host_bytes] = '\0';
    strcpy(ports, has_port ? colon + 1 : "0");
    return CORPS_OK;
}

/* A number from 0 to 65535, and what follows it. False: there is none. */
static bool read_port(const char *text, uint16_t *port, const char **rest) {
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || number > UINT16_MAX) {
        return false;
    }
    *port = (uint16_t)number;
    *rest = end;
    return true;
}

static enum corps_err resolve(const char *text, const char *host, uint16_t port, struct corps__tcp_where *where) {
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found;
    const char *numeric = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    int failed = getaddrinfo(numeric, service, &hints, &found);
    if (failed != 0) {
        return corps_error_set(CORPS_ERR_INVALID, "'%s' is no numeric IPv4 or IPv6 address with a port: %s", text,
                               gai_strerror(failed));
    }
    memcpy(&where->address, found->ai_addr, found->ai_addrlen);
    where->bytes = found->ai_addrlen;
    freeaddrinfo(found);
    return CORPS_OK;
}

enum corps_err corps__tcp_peer_read(const char *text, struct corps__tcp_where *where,
                                    char identity[CORPS__SEAL_NAME_BYTES]) {
    char plain[CORPS_ADDRESS_BYTES];
    char host[HOST_BYTES];
    char ports[PORTS_BYTES];
    const char *rest = "";
    uint16_t port;
    const char *mark = strchr(text, '#');
    size_t bytes = mark != NULL ? (size_t)(mark - text) : strlen(text);
    if (bytes >= sizeof plain || (mark != NULL && (mark[1] == '\0' || strlen(mark + 1) >= CORPS__SEAL_NAME_BYTES))) {
        return corps_error_set(CORPS_ERR_INVALID, "'%.100s' is no address; write host:port or [host]:port", text);
    }
    memcpy(plain, text, bytes);
    plain[bytes] = '\0';
    strcpy(identity, mark != NULL ? mark + 1 : "");
    enum corps_err err = split(plain, host, ports);
    if (err != CORPS_OK) {
        return err;
    }
    return read_port(ports, &port, &rest) && *rest == '\0' ? resolve(plain, host, port, where) : no_port(plain);
}

static enum corps_err read_ports(const char *text, const char *ports, struct corps__tcp_bind *bind) {
    const char *rest;
    if (!read_port(ports, &bind->first, &rest)) {
        return no_port(text);
    }
    bind->last = bind->first;
    if (*rest == '-' && (!read_port(rest + 1, &bind->last, &rest) || bind->last < bind->first || bind->first == 0)) {
        return corps_error_set(CORPS_ERR_INVALID, "'%s' names no range of ports; write FIRST-LAST, from 1 to 65535",
                               text);
    }
    return *rest == '\0' ? CORPS_OK : no_port(text);
}

enum corps_err corps__tcp_bind_read(const char *text, struct corps__tcp_bind *bind) {
    char plain[CORPS_ADDRESS_BYTES];
    char host[HOST_BYTES];
    char ports[PORTS_BYTES];
    memset(bind, 0, sizeof *bind);
    const char *mark = strchr(text, '=');
    size_t bytes = mark != NULL ? (size_t)(mark - text) : strlen(text);
    if (bytes >= sizeof plain || (mark != NULL && strlen(mark + 1) >= sizeof bind->told)) {
        return corps_error_set(CORPS_ERR_INVALID, "'%.100s' is longer than an address", text);
    }
    memcpy(plain, text, bytes);
    plain[bytes] = '\0';
    enum corps_err err = split(plain, host, ports);
    err = err == CORPS_OK ? read_ports(plain, ports, bind) : err;
    err = err == CORPS_OK ? resolve(plain, host, bind->first, &bind->where) : err;
    if (err == CORPS_OK && mark != NULL) {
        struct corps__tcp_where told;
        err = split(mark + 1, host, ports);
        err = err == CORPS_OK ? resolve(mark + 1, host, 0, &told) : err;
        if (err == CORPS_OK && strcmp(ports, "0") != 0) {
            err = corps_error_set(CORPS_ERR_INVALID, "'%s' has a port behind '='; peers are told the one before it",
                                  text);
        }
        snprintf(bind->told, sizeof bind->told, "%.63s", host);
    }
    return err;
}

enum corps_err corps__tcp_address_write(int fd, const struct corps__tcp_bind *bind, const char *identity,
                                        char address[CORPS_ADDRESS_BYTES]) {
    struct sockaddr_storage own;
    socklen_t bytes = sizeof own;
    char host[HOST_BYTES];
    char port[8];
    if (getsockname(fd, (struct sockaddr *)&own, &bytes) != 0 ||
        getnameinfo((struct sockaddr *)&own, bytes, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return corps_error_system("cannot tell the listening port");
    }
    const char *told = bind->told[0] != '\0' ? bind->told : host;
    bool v6 = strchr(told, ':') != NULL;
    snprintf(address, CORPS_ADDRESS_BYTES, "%s%s%s:%s%s%s", v6 ? "[" : "", told, v6 ? "]" : "", port,
             identity != NULL ? "#" : "", identity != NULL ? identity : "");
    return CORPS_OK;
}

void corps__tcp_set_port(struct corps__tcp_where *where, uint16_t port) {
    if (where->address.ss_family == AF_INET6) {
        ((struct sockaddr_in6 *)&where->address)->sin6_port = htons(port);
    } else {
        ((struct sockaddr_in *)&where->address)->sin_port = htons(port);
    }
}

bool corps__tcp_is_loopback(const struct corps__tcp_where *where) {
    if (where->address.ss_family == AF_INET6) {
        const struct in6_addr *v6 = &((const struct sockaddr_in6 *)&where->address)->sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
    }
    return ntohl(((const struct sockaddr_in *)&where->address)->sin_addr.s_addr) >> 24 == 127;
}

bool corps__tcp_binds_loopback(const struct corps__tcp_bind *bind) {
    struct corps__tcp_where told;
    return corps__tcp_is_loopback(&bind->where) &&
           (bind->told[0] == '\0' ||
            (resolve(bind->told, bind->told, 0, &told) == CORPS_OK && corps__tcp_is_loopback(&told)));
}
