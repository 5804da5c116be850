/* An Env that was ordered: its process, and the relay of its control channel.
 *
 * Its owner's records come in pieces of the control stream, of which the first record is the boot record; they are
 * written to the process as it reads them. What it writes goes to the owner, as long as the session has room. An Env
 * whose number a former process still has waits for the end of that one: two never run at once.
 */
#ifndef CORPS_AGENT_ENV_H
#define CORPS_AGENT_ENV_H

#include "boundary.h"

#include "process/control.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct agent_session;

enum agent_env_stage { AGENT_ENV_WAITS, AGENT_ENV_RUNS, AGENT_ENV_ENDED };

struct agent_env {
    struct agent_env *next; /* of all on this host */
    struct agent_session *session;
    uint64_t corps_id;
    uint32_t env;
    uint64_t incarnation;
    enum agent_env_stage stage;
    struct corps_box *order; /* until it is started */
    int pid;
    struct corps__child *child;
    uv_poll_t *poll; /* of the control channel; NULL: it is closed */
    int fd;
    bool booted;   /* the boot record has passed */
    bool to_close; /* when what is kept was written */
    bool paused;   /* not read, since the session has no room */
    uint8_t *kept; /* to be written to the process: from `at` to `end` */
    size_t at, end, capacity;
    struct agent_boundary boundary; /* between two records of its owner, behind the boot record */
    bool to_move;                   /* is to be told so there */
    char reason[160];               /* why it was ended here; "": by its owner, or not */
    bool displaced;                 /* … and not for anything that it did */
    int64_t end_by_ns;              /* … in order, and then it is killed; 0: it is not */
};

extern struct agent_env *agent_envs;

/* Of one session: an Env with that incarnation, NULL: none was ordered. */
struct agent_env *agent_env_find(const struct agent_session *session, uint32_t env, uint64_t incarnation);

/* An order. What becomes of it is told to the session: begun or refused. */
void agent_env_order(struct agent_session *session, uint32_t env, uint64_t incarnation,
                     const struct corps_value *launch);

/* There is time again: what was ordered meanwhile begins. */
void agent_env_start_waiting(struct agent_session *session);

/* A piece of the control stream. */
void agent_env_write(struct agent_env *env, const uint8_t *data, size_t bytes);

/* Its owner has closed the control channel: once all was written, the process sees its end. */
void agent_env_close(struct agent_env *env);

/* Kills it. `reason` is told; NULL: its owner wanted it. */
void agent_env_kill(struct agent_env *env, const char *reason);

/* Ends it, in order or by a signal, for no fault of its own: its end is told as CORPS__END_DISPLACED. In order: it is
 * told to move, and so its Workers clean up; it is killed if it has not ended AGENT_ENV_ORDER_NS later. Once is enough.
 */
#define AGENT_ENV_ORDER_NS INT64_C(5000000000)
void agent_env_displace(struct agent_env *env, bool in_order, const char *reason);

/* Several times a second: kills those that have not ended in order in time. */
void agent_envs_tick(int64_t now_ns);

/* The session may have room again: reads on. */
void agent_env_resume(struct agent_env *env);

/* Now and then, outside of all that walks along agent_envs: frees those that have ended. */
void agent_envs_sweep(void);

/* How many run, or are about to. */
unsigned agent_env_count(void);

/* How many of this host's slots are used: also by Corps that are owned here. */
unsigned agent_env_slots_used(void);

#endif
