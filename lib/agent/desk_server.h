/* The desk of this host: programs and Envs of this user ask which hosts there are, and for secrets (hosts/desk.h). */
#ifndef CORPS_AGENT_DESK_SERVER_H
#define CORPS_AGENT_DESK_SERVER_H

#include <corps/error.h>

/* Listens at agent.socket_path, mode 0600. Errors: LIMIT (an agent serves there), SYSTEM. */
enum corps_err agent_desk_open(void) CORPS_CHECKED;

/* Several times a second: goes on where there was no descriptor for whoever asks. */
void agent_desk_tick(void);

/* Removes the socket. */
void agent_desk_close(void);

#endif
