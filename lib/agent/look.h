/* corps-agent --list and --drain, and `corps hosts`: which hosts there are, what their agents say of themselves, and
 * who owns which Corps; and a host that is to take no Envs. `program` is for texts. What is given is the exit status.
 */
#ifndef CORPS_AGENT_LOOK_H
#define CORPS_AGENT_LOOK_H

#include "hosts/hosts_file.h"
#include "hosts/keys.h"

enum look_form { LOOK_TABLE, LOOK_JSON };

/* Asks the agents of all hosts at once, for at most two seconds, and prints. 0 when all have answered and have the same
 * hosts file, else 1. */
int look_list(const char *program, const struct corps__hosts *hosts, const uint8_t key[CORPS__KEY_BYTES],
              enum look_form form);

/* The same by what the agent of this host says, and also what the ledger has listed; 1 also when the ledger does not
 * answer. */
int look_ask(const char *program, enum look_form form);

/* Tells the agent of a host, by its name or number, that it takes no Envs from now on (`on`), or does again, and prints
 * what follows from it. 0: done; 1: there is no such host, it does not answer, or it is so already: one line says
 * which. */
int look_drain(const char *program, const struct corps__hosts *hosts, const uint8_t key[CORPS__KEY_BYTES],
               const char *host, bool on);

/* The same by what the agent of this host says. */
int look_ask_drain(const char *program, const char *host, bool on);

/* The end of a program: writes what is left of standard output. Where some of it could not be written, one line says
 * so, and success becomes 1. Gives the exit status. */
int look_end(const char *program, int status);

#endif
