/* Draining: this host takes no Envs from anybody, and what it has leaves in order, so that it can be switched off.
 *
 * Envs of other hosts' Corps are displaced: each ends in order, its owner is told, and begins it on another host. Corps
 * that this agent owns (owner.h) end here in order, and are given to another host. A Corps that a program of this host
 * has made cannot move: it *stays*, with the Envs that it has here itself, and is counted. The state lasts as long as
 * this agent; a ledger etcd tells it to other hosts.
 *
 * One thread: the agent's.
 */
#ifndef CORPS_AGENT_DRAIN_H
#define CORPS_AGENT_DRAIN_H

#include <corps/value.h>

#include <stdbool.h>

/* Takes no Envs from now on, or does so again. What has begun to leave goes on leaving. False: it is so already, and
 * nothing was done. */
bool agent_drain(bool on);

/* Also while this agent ends. */
bool agent_is_drained(void);

/* The answer to the words "drain" and "undrain", at the desk and to visits: ["drained", {number, name, changed,
 * drained, envs, owned, stays}]. Calls give(arg, record) once; the record is borrowed until return. */
void agent_drain_answer(const char *word, void (*give)(void *arg, const struct corps_value *record), void *arg);

#endif
