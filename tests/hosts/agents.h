/* Several hosts on one machine, for C tests: an agent each, at 127.0.0.1, 127.0.0.2, …, with a runtime directory of its
 * own. This process is a program of the first one. (loopback.py is the same for other programs.) */
#ifndef CORPS_TEST_AGENTS_H
#define CORPS_TEST_AGENTS_H

#include <stdbool.h>

enum { AGENTS_MAX = 3 };

/* What stands in the hosts file of those that are begun next, as a line of it: which ledger they have. Lent until then.
 */
void agents_ledger(const char *line);

/* This process is a program of another host from now on, before it has done anything with Corps. */
void agents_go_to(int number);

/* Starts the agents of so many hosts: 1 "one" …, labels "here" for the first and "there" for the others, 4 slots each;
 * and waits until they serve. Ends the test otherwise. */
void agents_begin(int count);

/* The process of an agent; 0: it was ended. */
int agents_pid(int number);

/* Kills it (SIGKILL), and waits for it; starts it again; ends it in order (SIGTERM), and waits for it: the status. */
void agents_kill(int number);
void agents_start(int number);
int agents_terminate(int number);

/* What a person says to the agent of a host, on the first one: "--drain", "--undrain". The test ends if that fails. */
void agents_tell(const char *option, const char *host);

/* How many Envs `corps hosts` says are on a host. The test ends if it does not answer. */
int agents_envs(int number);

/* Ends all of them in order. False: something was left in a runtime directory, which is told. */
bool agents_end(void);

#endif
