/* A real etcd for tests: one server on free ports of loopback, its data in a directory of its own, ended with the
 * process that started it. */
#ifndef CORPS_TESTS_ETCD_SERVER_H
#define CORPS_TESTS_ETCD_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

struct etcd_server {
    pid_t pid;
    unsigned client_port, peer_port;
    char directory[64], url[64]; /* url: "http://127.0.0.1:PORT" */
    const char *options[16];     /* more of etcd's, NULL-terminated; as they were given */
    bool is_tls;
};

/* Is the program there? */
bool etcd_is_installed(void);

/* Starts it and waits until it answers; the test fails where it does not. `options` (may be NULL) is kept. `cert` and
 * `key` (may be NULL): files for https. */
void etcd_server_start(struct etcd_server *server, const char *const *options, const char *cert, const char *key);

/* Kills it; its data stay. Then again, on the same ports. */
void etcd_server_kill(struct etcd_server *server);
void etcd_server_again(struct etcd_server *server);

/* Ends it, and removes its data. */
void etcd_server_finish(struct etcd_server *server);

/* A port that nobody listens on now. */
unsigned etcd_free_port(void);

/* POSTs JSON over plain HTTP to 127.0.0.1; the body of the answer, malloc's; NULL: nobody there. */
char *etcd_post(unsigned port, const char *path, const char *json);

#endif
