/* What a Corps has published of itself on this host: the file in its directory that strangers find it by
 * (link/foreign.h).
 *
 * Threads: any. */
#ifndef CORPS_AGENT_PUBLISHED_H
#define CORPS_AGENT_PUBLISHED_H

#include <corps/error.h>

#include <stddef.h>
#include <stdint.h>

/* What the file holds, with zero bytes for the secret: what may be told to other hosts. Gives what malloc gave. Errors:
 * EXITED (there is no such file), CORRUPT, PROTOCOL, SYSTEM, NO_MEMORY. */
enum corps_err agent_published_read(const char *directory, uint8_t **data, size_t *bytes) CORPS_CHECKED;

/* Its Envs are being started again, all of them, as `text` says: so that strangers' calls wait. Errors: likewise. */
enum corps_err agent_published_restarts(const char *directory, const char *text) CORPS_CHECKED;

/* Nobody finds it here any more: it has moved. */
void agent_published_remove(const char *directory);

#endif
