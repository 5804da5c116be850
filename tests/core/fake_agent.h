/* An agent that is not there: what owns a detached Corps of the fake fleet, in the test's own process. It starts Env 0
 * with a page of grants, in a directory that it has made; relays between it and the creator; and begins the next life
 * when the test says so, as on any of the fake hosts: a host's directories are below one of its own.
 *
 * One Corps at a time. Functions are for the test's thread, after fake_agent_begin; `known` and the others of
 * link/far.h are set by that. */
#ifndef CORPS_TEST_FAKE_AGENT_H
#define CORPS_TEST_FAKE_AGENT_H

#include <corps.h>
#include <stdbool.h>

/* Before corps_start, in every process of the test: in Envs it does nothing more than the fake fleet. */
void fake_agent_begin(void);

/* Env 0's process; 0: none. */
int fake_agent_pid(void);

/* Kills Env 0 (`in_order`: has it move), waits for its end, and begins the next life on this fake host. */
void fake_agent_next(bool in_order, unsigned host);

/* The same in two steps. */
void fake_agent_end_life(bool in_order);
void fake_agent_begin_life(unsigned host);

/* The host of Env 0 stands still, and nobody hears of it; then another life may begin elsewhere. Later it is killed. */
void fake_agent_freeze(void);
void fake_agent_kill_frozen(void);

/* What the page says. */
void fake_agent_grant(int64_t until_ns);

/* From now on the agent answers nobody who asks where a Corps is, until this is called with false. */
void fake_agent_hold(bool on);

/* Has nobody own the Corps any more, as if it had ended; its directories go. */
void fake_agent_forget(void);

#endif
