#include "etcd_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { ARGUMENTS_MAX = 40, TRIES = 600, ANSWER_BYTES = 1 << 20 };

bool etcd_is_installed(void) {
    return system("command -v etcd >/dev/null 2>&1") == 0;
}

static bool has_option(const char *option) {
    char command[128];
    snprintf(command, sizeof command, "etcd --help 2>&1 | grep -q -e '%s'", option);
    return system(command) == 0;
}

static struct sockaddr_in loopback(unsigned port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

unsigned etcd_free_port(void) {
    struct sockaddr_in address = loopback(0);
    socklen_t bytes = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static int connect_to(unsigned port) {
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

char *etcd_post(unsigned port, const char *path, const char *json) {
    int fd = connect_to(port);
    if (fd < 0) {
        return NULL;
    }
    char head[256];
    int length =
        snprintf(head, sizeof head,
                 "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
                 "Content-Length: %zu\r\n\r\n",
                 path, strlen(json));
    (void)!send(fd, head, (size_t)length, MSG_NOSIGNAL);
    (void)!send(fd, json, strlen(json), MSG_NOSIGNAL);
    char *answer = calloc(1, ANSWER_BYTES);
    size_t at = 0;
    ssize_t got;
    while (at < ANSWER_BYTES - 1 && (got = read(fd, answer + at, ANSWER_BYTES - 1 - at)) > 0) {
        at += (size_t)got;
    }
    close(fd);
    return answer; /* its head, too: nobody minds */
}

/* ---- the program ---- */

struct arguments {
    const char *at[ARGUMENTS_MAX];
    unsigned count;
};

static void add(struct arguments *arguments, const char *option, const char *value) {
    assert_true(arguments->count + 3 < ARGUMENTS_MAX);
    arguments->at[arguments->count++] = option;
    if (value != NULL) {
        arguments->at[arguments->count++] = value;
    }
}

static void run(const struct etcd_server *server) {
    char peer[64], cluster[96], log[96];
    const char *const *more = server->options;
    struct arguments arguments = {0};
    snprintf(peer, sizeof peer, "http://127.0.0.1:%u", server->peer_port);
    snprintf(cluster, sizeof cluster, "one=%s", peer);
    snprintf(log, sizeof log, "%s/log", server->directory);
    add(&arguments, "etcd", NULL);
    add(&arguments, "--name", "one");
    add(&arguments, "--data-dir", server->directory);
    add(&arguments, "--listen-client-urls", server->url);
    add(&arguments, "--advertise-client-urls", server->url);
    add(&arguments, "--listen-peer-urls", peer);
    add(&arguments, "--initial-advertise-peer-urls", peer);
    add(&arguments, "--initial-cluster", cluster);
    add(&arguments, "--logger", "zap");
    add(&arguments, "--log-level", "error");
    for (; more != NULL && *more != NULL; more++) {
        add(&arguments, *more, NULL);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execvp("etcd", (char **)(uintptr_t)arguments.at);
    _exit(127);
}

static bool answers(const struct etcd_server *server) {
    if (server->is_tls) { /* it listens, which is what can be seen without a certificate */
        int fd = connect_to(server->client_port);
        close(fd);
        return fd >= 0;
    }
    char *answer = etcd_post(server->client_port, "/v3/kv/range", "{\"key\":\"AA==\"}");
    bool good = answer != NULL && strstr(answer, "cluster_id") != NULL;
    good = good || (answer != NULL && strstr(answer, "user name is empty") != NULL);
    free(answer);
    return good;
}

void etcd_server_again(struct etcd_server *server) {
    const struct timespec pause = {.tv_nsec = 50000000};
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0) {
        run(server);
    }
    for (int i = 0; i < TRIES; i++) {
        if (answers(server)) {
            return;
        }
        if (waitpid(server->pid, NULL, WNOHANG) == server->pid) {
            server->pid = 0;
            fail_msg("etcd has ended at once; see %s/log", server->directory);
        }
        nanosleep(&pause, NULL);
    }
    fail_msg("etcd does not answer at %s", server->url);
}

void etcd_server_start(struct etcd_server *server, const char *const *options, const char *cert, const char *key) {
    unsigned count = 0;
    *server =
        (struct etcd_server){.client_port = etcd_free_port(), .peer_port = etcd_free_port(), .is_tls = cert != NULL};
    snprintf(server->directory, sizeof server->directory, "/tmp/corps-etcd-XXXXXX");
    assert_non_null(mkdtemp(server->directory));
    snprintf(server->url, sizeof server->url, "http%s://127.0.0.1:%u", server->is_tls ? "s" : "", server->client_port);
    const char **list = server->options;
    if (has_option("unsafe-no-fsync")) {
        list[count++] = "--unsafe-no-fsync";
    }
    if (server->is_tls) {
        list[count++] = "--cert-file";
        list[count++] = cert;
        list[count++] = "--key-file";
        list[count++] = key;
    }
    for (; options != NULL && *options != NULL; options++) {
        assert_true(count + 1 < sizeof server->options / sizeof server->options[0]);
        list[count++] = *options;
    }
    etcd_server_again(server);
}

void etcd_server_kill(struct etcd_server *server) {
    if (server->pid > 0) {
        kill(server->pid, SIGKILL);
        waitpid(server->pid, NULL, 0);
        server->pid = 0;
    }
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

void etcd_server_finish(struct etcd_server *server) {
    etcd_server_kill(server);
    if (server->directory[0] != '\0') {
        nftw(server->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        server->directory[0] = '\0';
    }
}
