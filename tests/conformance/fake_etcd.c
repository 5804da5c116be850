#include "fake_etcd.h"

#include "etcd_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { REQUEST_BYTES = 4 << 20 };

void fake_reply(int fd, int status, const char *body) {
    char head[160];
    int length = snprintf(head, sizeof head, "HTTP/1.1 %d x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
                          status, strlen(body));
    (void)!send(fd, head, (size_t)length, MSG_NOSIGNAL);
    (void)!send(fd, body, strlen(body), MSG_NOSIGNAL);
}

void fake_hands_on(struct fake_etcd *fake, int fd, const char *path, const char *body) {
    if (strcmp(path, "/v3/watch") == 0) {
        fake_reply(fd, 503, "{\"error\":\"no watch here\",\"code\":14}");
        return;
    }
    char *answer = etcd_post(fake->real_port, path, body);
    bool is_lost = fake->lost_path != NULL && strcmp(path, fake->lost_path) == 0 && atomic_load(&fake->losing) > 0;
    if (is_lost) {
        free(atomic_exchange(&fake->last_body, strdup(body)));
        atomic_fetch_sub(&fake->losing, 1);
    } else if (answer != NULL) {
        for (size_t at = 0, bytes = strlen(answer); at < bytes;) {
            ssize_t sent = send(fd, answer + at, bytes - at, MSG_NOSIGNAL);
            if (sent <= 0) {
                break;
            }
            at += (size_t)sent;
        }
    }
    free(answer);
}

/* Reads a request until its body is whole. NULL: it is none. */
static char *read_request(int fd, char **path, char **body) {
    char *text = calloc(1, REQUEST_BYTES);
    size_t at = 0, wanted = 0;
    for (ssize_t got; at < REQUEST_BYTES - 1 && (got = read(fd, text + at, REQUEST_BYTES - 1 - at)) > 0;) {
        at += (size_t)got;
        char *end = strstr(text, "\r\n\r\n");
        if (end == NULL) {
            continue;
        }
        const char *length = strcasestr(text, "\r\nContent-Length:");
        wanted = length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0;
        if ((size_t)(text + at - (end + 4)) >= wanted) {
            *body = end + 4;
            *path = strchr(text, ' ');
            char *stop = *path != NULL ? strchr(*path + 1, ' ') : NULL;
            if (stop != NULL) {
                ++*path;
                *stop = '\0';
                return text;
            }
        }
    }
    free(text);
    return NULL;
}

static void *serve(void *arg) {
    struct fake_etcd *fake = arg;
    while (!atomic_load(&fake->ends)) {
        struct pollfd poller = {.fd = fake->listener, .events = POLLIN};
        if (poll(&poller, 1, 50) != 1) {
            continue;
        }
        int fd = accept(fake->listener, NULL, NULL);
        char *path, *body, *text = fd >= 0 ? read_request(fd, &path, &body) : NULL;
        if (text != NULL) {
            if (strcmp(path, "/v3/watch") == 0) {
                atomic_fetch_add(&fake->watches, 1);
            }
            fake->answer(fake, fd, path, body);
        }
        free(text);
        if (fd >= 0) {
            close(fd);
        }
    }
    return NULL;
}

void fake_start(struct fake_etcd *fake,
                void (*answer)(struct fake_etcd *fake, int fd, const char *path, const char *body)) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    fake->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fake->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fake->listener, 16), 0);
    assert_int_equal(getsockname(fake->listener, (struct sockaddr *)&address, &bytes), 0);
    fake->port = ntohs(address.sin_port);
    snprintf(fake->url, sizeof fake->url, "http://127.0.0.1:%u", fake->port);
    fake->answer = answer;
    assert_int_equal(pthread_create(&fake->thread, NULL, serve, fake), 0);
}

void fake_stop(struct fake_etcd *fake) {
    atomic_store(&fake->ends, true);
    pthread_join(fake->thread, NULL);
    close(fake->listener);
    free(atomic_load(&fake->last_body));
}
