/* An owner in a test: an agent as a process of its own, a channel to it through a door that can be shut, and what has
 * come of it. One thread, one loop. */
#ifndef TESTS_HOSTS_OWNER_H
#define TESTS_HOSTS_OWNER_H

#include "hosts/channel.h"

#include <uv.h>

enum { OWNER_ENVS = 4 };

/* What is known of one Env. */
struct owner_env {
    int pid;
    bool ended;
    int end;         /* enum corps__end */
    char text[512];  /* how it ended, or why it was refused */
    int refused;     /* the code */
    uint8_t *stream; /* what its control channel said */
    size_t bytes;
};

struct owner {
    uv_loop_t *loop;
    struct corps__channel *channel;
    struct corps__host host;
    uint8_t key[CORPS__KEY_BYTES]; /* of the channel */
    uint8_t hash[CORPS__HOSTS_HASH_BYTES];
    uint64_t corps_id;
    uint32_t life; /* of the Corps, 0 unless the test says otherwise */
    bool grants;   /* answers each "alive" */
    unsigned alive;
    bool gone;
    enum corps_err gone_err;
    char gone_why[400];
    struct owner_env envs[OWNER_ENVS];
};

/* The directory of this test, its hosts file with two hosts on loopback (the agent is number 2), the key, the agent,
 * and what its standard error said: lines. Ends the test process on any failure. */
struct stage {
    char path[64];
    char said[128]; /* the file */
    uint16_t port;
    int agent_pid;
};
void stage_begin(struct stage *stage, const char *agent_program, unsigned slots);
void stage_start_agent(struct stage *stage);
int stage_end_agent(struct stage *stage, int signal); /* the wait status */
void stage_end(struct stage *stage);                  /* and nothing is left in its directory */

/* A channel of a new Corps, straight, or to `port` where a door is. */
void owner_begin(struct owner *owner, uint16_t port);
void owner_connect(struct owner *owner); /* with what stands in it */
void owner_end(struct owner *owner);

/* Turns the loop until done(arg), for at most 20 s: otherwise the test fails. */
void owner_until(struct owner *owner, bool (*done)(void *arg), void *arg);

void owner_order(struct owner *owner, unsigned env, uint64_t incarnation, const char *mode);
void owner_send(struct owner *owner, const char *word, unsigned env, uint64_t incarnation, const void *data,
                size_t bytes);

/* The boot record of a real Env, or one that only looks so; malloc's. */
uint8_t *owner_boot_record(struct owner *owner, unsigned env, size_t *bytes);

/* What is started in this program's own process: modes "echo" and "env". Returns where argv names none. */
void owner_child(int argc, char **argv);

/* A door: forwards a connection after the other to `to`, and shuts it after so many bytes in either direction. */
struct door;
struct door *door_open(uv_loop_t *loop, uint16_t to, uint16_t *port);
void door_shut_after(struct door *door, size_t bytes); /* of each connection from now on; 0: never */
unsigned door_shut_count(const struct door *door);
void door_close(struct door *door);

#endif
