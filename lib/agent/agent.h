/* corps-agent: one per host and user. It starts the Envs that other hosts order from it, relays their control channels,
 * reaps them, and ends them when nobody has granted their Corps any more time. Programs of its own host ask it, at the
 * desk, which hosts there are and for the secrets of their Corps.
 *
 * One thread, one loop: corps__loop(), which the core's watching of children and of control channels uses too.
 */
#ifndef CORPS_AGENT_AGENT_H
#define CORPS_AGENT_AGENT_H

#include "hosts/conn.h"
#include "hosts/hosts_file.h"
#include "hosts/keys.h"

#include <corps.h>

struct agent {
    const char *hosts_file;
    const char *key_file;
    uint32_t number; /* 0: by the machine's addresses */
    char socket_path[108];
    struct corps__hosts *hosts;
    const struct corps__host *own; /* a row of it */
    uint8_t key[CORPS__KEY_BYTES];
    uint64_t boot; /* random: this process, and no other one before or after */
    bool ends;     /* it was told to: nothing is begun here any more */
};
extern struct agent agent;

/* One line on standard error, behind "corps-agent: ". */
void agent_say(const char *format, ...) CORPS_PRINTF(1, 2);

#endif
