/* One Env on another host, at the courier: the bytes of its control channel, to its agent and back.
 *
 * What comes from Env 0 is read when the order has been sent and the channel has room, and goes on as records. What
 * comes from the agent is written as Env 0 reads it, and kept until then. Its end is told once everything before it has
 * been written. Threads: the courier's alone. */
#ifndef CORPS_HOSTS_FERRY_H
#define CORPS_HOSTS_FERRY_H

#include "process/child.h"

#include <corps.h>
#include <uv.h>

struct corps__channel;
struct corps__ferry;

/* Its end, once; then it is freed. */
typedef void (*corps__ferry_fn)(unsigned env, uint64_t incarnation, const char *how, enum corps__end end);

/* Takes `fd`, not on error. Errors: NO_MEMORY, SYSTEM. */
enum corps_err corps__ferry_create(uv_loop_t *loop, unsigned env, uint64_t incarnation, int fd, corps__ferry_fn ended,
                                   struct corps__ferry **ferry) CORPS_CHECKED;

/* The one of that life; NULL: there is none. */
struct corps__ferry *corps__ferry_find(unsigned env, uint64_t incarnation);

/* It was ordered over this channel: carries from now on. */
void corps__ferry_begin(struct corps__ferry *ferry, struct corps__channel *channel);

/* The channel has room again; it is over. */
void corps__ferries_room(struct corps__channel *channel);
void corps__ferries_cut(struct corps__channel *channel);

/* From the agent. */
void corps__ferry_write(struct corps__ferry *ferry, const uint8_t *data, size_t bytes);

/* It has ended: told when all is written, and at once where `how` is NULL: then to nobody. */
void corps__ferry_end(struct corps__ferry *ferry, const char *how, enum corps__end end);

/* All of them, untold. */
void corps__ferries_close(void);

#endif
