/* What stands at etcd's place in tests: a small HTTP server on loopback, which answers what it is told to; and one that
 * hands on to a real etcd, and loses answers. One request for each connection. */
#ifndef CORPS_TESTS_FAKE_ETCD_H
#define CORPS_TESTS_FAKE_ETCD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct fake_etcd {
    unsigned port, real_port; /* real_port: whom it hands on to */
    int listener;
    pthread_t thread;
    char url[64];
    /* Answers, by fake_reply, or closes. On the server's thread. */
    void (*answer)(struct fake_etcd *fake, int fd, const char *path, const char *body);
    atomic_uint watches;     /* how often a watch was asked for */
    atomic_uint losing;      /* so many answers of `lost_path` are still to be lost */
    const char *lost_path;   /* "/v3/kv/txn"; before the server begins */
    char *_Atomic last_body; /* of the last request whose answer was lost; malloc's */
    atomic_bool ends;
};

void fake_start(struct fake_etcd *fake,
                void (*answer)(struct fake_etcd *fake, int fd, const char *path, const char *body));
void fake_stop(struct fake_etcd *fake);

void fake_reply(int fd, int status, const char *body);

/* An answer for fake_start: hands on to real_port. Watches are refused. */
void fake_hands_on(struct fake_etcd *fake, int fd, const char *path, const char *body);

#endif
