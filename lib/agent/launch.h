/* What an order starts: {program, hash, argv, cwd, environ, files}. The program, and every file that is named, must be
 * there and have the hash that is named (BLAKE2b-256 of its bytes): a host with another version of it is told at once.
 */
#ifndef CORPS_AGENT_LAUNCH_H
#define CORPS_AGENT_LAUNCH_H

#include <corps/value.h>

/* Is everything there, and the same? Errors: INVALID (the launch makes no sense, or a hash differs: both are told),
 * SYSTEM (a file is not there). */
enum corps_err agent_launch_check(const struct corps_value *launch) CORPS_CHECKED;

/* Starts it, with `fd` as its descriptor 3, and the page of grants as its descriptor 4 (page.h). Errors: INVALID,
 * SYSTEM, NO_MEMORY. */
enum corps_err agent_launch(const struct corps_value *launch, int fd, int page_fd, int *pid) CORPS_CHECKED;

/* A control channel: the agent's end, and the one that agent_launch gives the process, which is above the descriptors
 * that it wants there (as in process/boot.c). Errors: SYSTEM. */
enum corps_err agent_launch_channel(int *own_fd, int *child_fd) CORPS_CHECKED;

#endif
