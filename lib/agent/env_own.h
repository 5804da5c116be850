/* What the two files of an Env have in common: env.c is the life of its process, env_stream.c the relay of its control
 * channel; nobody else's. */
#ifndef CORPS_AGENT_ENV_OWN_H
#define CORPS_AGENT_ENV_OWN_H

#include "env.h"

#include <corps/value.h>

/* Tells the owner [word, env, incarnation, …]: `items` begins with room for these. */
void agent_env_tell(const struct agent_env *env, const char *word, struct corps_value *items, size_t count);

/* Makes the control channel; gives the process's end. Errors: NO_MEMORY, SYSTEM. */
enum corps_err agent_stream_open(struct agent_env *env, int *child_fd) CORPS_CHECKED;

/* Writes what there is to be written, ["move"] too where it is to be told. */
void agent_stream_go_on(struct agent_env *env);

/* Of a process that has ended: tells what it had still said. */
void agent_stream_read_all(struct agent_env *env);

/* Closes it, if it is open: the process sees its end. */
void agent_stream_end(struct agent_env *env);

#endif
