/* The courier: the thread of Env 0 that speaks with the agents of other hosts.
 *
 * It has a loop of its own, so that agents are answered, and their grants go on, whatever Env 0 does meanwhile; and so
 * that who writes to the control channel of an Env on another host never waits for itself. It holds a channel for each
 * host (hosts/channel.h) and does what the plan decides (hosts/fleet_plan.h). Of each Env it holds the other end of its
 * control channel, a socket pair, whose bytes it carries to the agent and back.
 *
 * Lifecycle: corps__courier_begin, once, then Envs are placed, started and ended, then corps__courier_end. Threads:
 * everything here with the lead; nothing waits for the network but corps__courier_end, for 0.3 s at most. */
#ifndef CORPS_HOSTS_COURIER_H
#define CORPS_HOSTS_COURIER_H

#include "hosts/hosts_file.h"
#include "process/child.h"

#include <corps.h>

/* That life of an Env is over. With the lead. */
typedef void (*corps__courier_fn)(unsigned env, uint64_t incarnation, const char *how, enum corps__end end);

/* `life`: which of the Corps it is (link/known.h); `hosts`: those that the Corps lives on, with its own; borrowed until
 * the end, as is `launch`, which every order carries. Errors: NO_MEMORY, SYSTEM (no thread, no agent here), INVALID. */
enum corps_err corps__courier_begin(const struct corps__hosts *hosts, uint64_t corps_id, uint32_t life,
                                    const struct corps_value *launch, corps__courier_fn ended) CORPS_CHECKED;

/* Chooses the host of the next life of an Env, and keeps a slot there; see corps__plan_place. On the own host the
 * caller starts it. Errors: UNKNOWN, LIMIT, INVALID (its last life is not over). */
enum corps_err corps__courier_place(unsigned env, const char *where, uint32_t *host) CORPS_CHECKED;

/* It is not there any more, and needs no slot. */
void corps__courier_leave(unsigned env);

/* Has the Env that was placed on another host started. `fd`: the process's end of its control channel; taken. Errors:
 * NO_MEMORY (not taken). */
enum corps_err corps__courier_start(unsigned env, uint64_t incarnation, int fd) CORPS_CHECKED;

/* Ends it by force: its end is told. Forgets it: nothing is told, and it is ended if it has not. */
void corps__courier_kill(unsigned env, uint64_t incarnation);
void corps__courier_forget(unsigned env, uint64_t incarnation);

/* Readable when there is news of ends, which the latter tells; the courier's, until this process ends. */
int corps__courier_news_fd(void);
void corps__courier_read_news(void);

/* How many Envs a host has, and whether it is heard; the own one always is. */
void corps__courier_look(uint32_t host, uint32_t *envs, bool *is_heard);

/* Tells the agents that the Corps ends, and stops. Also where it has not begun. */
void corps__courier_end(void);

#endif
