/* corps-agent --list, and `corps hosts`: which hosts there are, and what their agents say of themselves. */
#ifndef CORPS_AGENT_LOOK_H
#define CORPS_AGENT_LOOK_H

#include "hosts/hosts_file.h"
#include "hosts/keys.h"

/* Asks the agents of all hosts at once, for at most two seconds, and prints a table. `program` is for texts. Gives the
 * exit status: 0 when all have answered and have the same hosts file, else 1. */
int look_list(const char *program, const struct corps__hosts *hosts, const uint8_t key[CORPS__KEY_BYTES]);

/* The same by what the agent of this host says. */
int look_ask(const char *program);

#endif
