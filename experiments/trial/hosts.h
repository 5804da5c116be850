/* What a trial of our own transports needs where links are sealed or Envs are on several hosts: the hosts and their
 * agents, an Env on each, and which processes those are.
 *
 * The hosts are made for the trial (hosts/net.h), or are those of a hosts file that CORPS_LAB_HOSTS names
 * (`run --hosts`), whose agents run already; this machine must be one of them. Env k is on the host number k of them,
 * counted from this one and round again.
 *
 * Lifecycle: begin → (create the Corps with `options`) → place → … → (exit) → end. Threads: one.
 */
#ifndef TRIAL_HOSTS_H
#define TRIAL_HOSTS_H

#include "hosts/agents.h"
#include "hosts/net.h"

enum { LAB_HOSTS_NAME_BYTES = 64 };

struct lab_hosts {
    const struct lab_cell *cell;
    bool made; /* for this trial */
    struct lab_net net;
    struct lab_agents agents;
    char names[LAB_NET_HOSTS_MAX][LAB_HOSTS_NAME_BYTES];
};

/* Nothing for a cell of one host that seals nothing. False with a line in `error`, and nothing is left. */
bool lab_hosts_begin(struct lab_hosts *hosts, const struct lab_cell *cell, char error[LAB_ERROR_BYTES]);

/* Changes what the Corps is to be created with. */
void lab_hosts_options(const struct lab_hosts *hosts, struct corps_options *options);

/* Adds the Envs on other hosts, and learns their processes. Errors: those of corps_env_add_on and of calls. */
enum corps_err lab_hosts_place(const struct lab_hosts *hosts, struct corps *corps) CORPS_CHECKED;

/* False with a line in `error` where an agent did not end well. */
bool lab_hosts_end(struct lab_hosts *hosts, char error[LAB_ERROR_BYTES]);

#endif
