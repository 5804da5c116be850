/* A Corps of another host, at this agent: what its owner orders, what is told to it, and until when it may act.
 *
 * A session outlives its connections. The owner grants it time, each time it is asked; when the grant runs out, its
 * Envs are killed, since others will take their places. It ends when its owner says so, or another session of the same
 * Corps begins, or nobody comes for it; and its memory goes when the last of its Envs has ended.
 */
#ifndef CORPS_AGENT_SESSION_H
#define CORPS_AGENT_SESSION_H

#include "hosts/greet.h"

#include <corps/value.h>

#include <stdbool.h>

struct agent_session;

struct agent_visit;

/* An owner has proved itself. Its visit is the session's that it names, or a new one's, until agent_session_cut.
 * `taken` is how many records of the owner were taken before. Errors: CLOSED (such a session has been, and is no more;
 * or a later life of the Corps has one), NO_MEMORY. */
enum corps_err agent_session_join(const struct corps__handshake *greeting, struct agent_visit *visit,
                                  struct agent_session **session, uint64_t *taken) CORPS_CHECKED;

/* The owner was told so: goes on. */
void agent_session_welcomed(struct agent_session *session);

/* What has come on its connection. */
void agent_session_frame(struct agent_session *session, const struct corps__frame *frame);
void agent_session_room(struct agent_session *session);
void agent_session_cut(struct agent_session *session);

/* Has its owner granted time that is not over? Otherwise nothing is begun. */
bool agent_session_may_act(const struct agent_session *session);

/* Tells the owner; whatever cannot be told ends the session. */
void agent_session_tell(struct agent_session *session, const struct corps_value *record);

/* May an Env's control channel be read? */
bool agent_session_has_room(const struct agent_session *session);

uint64_t agent_session_corps(const struct agent_session *session);

/* The descriptor of the page in which its Envs see until when they may act. */
int agent_session_page(const struct agent_session *session);

/* The Corps' directory on this host, made with its first Env. Errors: of base/dir.h. */
enum corps_err agent_session_enter_directory(struct agent_session *session) CORPS_CHECKED;
const char *agent_session_directory(const struct agent_session *session);

/* Whatever the owner of this Corps had here is nobody's any more: its Envs are killed. And have they gone? */
void agent_sessions_end_former(uint64_t corps_id);
bool agent_sessions_are_gone(uint64_t corps_id);

/* One of its Envs has ended. */
void agent_session_env_left(struct agent_session *session);

/* Frees those that are over and have no Env any more. Called where nobody refers to one. */
void agent_sessions_sweep(void);

/* Several times a second: ends what has no time left; `asks`: tells owners that this host lives, and asks for time. */
void agent_sessions_tick(bool asks);

/* Has a Corps of another host Envs here, or had a moment ago? */
bool agent_session_is_here(uint64_t corps_id);

/* Tells all owners now that this host lives, and how it is. */
void agent_sessions_say_alive(void);

/* All Envs of all owners end here, in order or killed, through no fault of their own; the sessions stay. */
void agent_sessions_displace(bool in_order, const char *reason);

/* This agent is to end: so are all Envs, in order or killed. How many sessions are left; those without an Env are not.
 */
unsigned agent_sessions_end(bool kill);

unsigned agent_session_count(void);

#endif
