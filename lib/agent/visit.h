/* A connection that was accepted: until it has said and proved who it is, in a lobby, which bounds how many such there
 * are and for how long; then as the present connection of a session. */
#ifndef CORPS_AGENT_VISIT_H
#define CORPS_AGENT_VISIT_H

#include "hosts/conn.h"

struct agent_visit;

/* Listens at the own host's address. Errors: LIMIT (the port is in use), SYSTEM (what address it is, and why not). */
enum corps_err agent_visits_open(void) CORPS_CHECKED;
void agent_visits_close(void);

struct corps__conn *agent_visit_conn(const struct agent_visit *visit);

/* Ends the connection; its session is not told. */
void agent_visit_close(struct agent_visit *visit);

#endif
