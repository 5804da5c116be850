/* An agent (corps-agent(1)) in each host of a trial, with a file of hosts and a key of the trial's own.
 *
 * They lie in a folder of their own, 0700, which goes with them; each agent has a runtime directory there. A trial that
 * is killed takes its agents along (PR_SET_PDEATHSIG), they their Envs, and `corps-lab run`, or the next such trial,
 * removes the folder. Threads: one.
 */
#ifndef LAB_AGENTS_H
#define LAB_AGENTS_H

#include "hosts/net.h"

enum { LAB_AGENTS_FOLDER_BYTES = 64, LAB_AGENTS_PATH_BYTES = 108 /* of a UNIX socket */ };

struct lab_agents {
    char folder[LAB_AGENTS_FOLDER_BYTES]; /* "" when there is none */
    unsigned count;
    pid_t pids[LAB_NET_HOSTS_MAX + 1]; /* by host */
};

/* Starts an agent in each host of `net` and waits until each can be asked. The environment of the calling process then
 * names host 1's agent. False with a line in `error`, and nothing is left. */
bool lab_agents_start(struct lab_agents *agents, const struct lab_net *net, char error[LAB_ERROR_BYTES]);

/* What a host is called in the file of hosts. */
void lab_agents_name(unsigned host, char out[16]);

/* Asks them to end, waits, removes the folder. False with a line in `error` where one had to be killed, or failed. */
bool lab_agents_end(struct lab_agents *agents, char error[LAB_ERROR_BYTES]);

/* Removes the folders of trials that were killed: those whose process is no more. */
void lab_agents_clean(void);

#endif
