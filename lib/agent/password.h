/* The password of a ledger's user, from a file that nobody else may read. */
#ifndef CORPS_AGENT_PASSWORD_H
#define CORPS_AGENT_PASSWORD_H

#include <corps/error.h>

enum { AGENT_PASSWORD_BYTES = 257 };

/* The first line of the file. Errors: SYSTEM, DENIED (others may read it, or it is another user's: what to do), INVALID
 * (there is none, or it is longer than 256 bytes). */
enum corps_err agent_password_read(const char *path, char password[AGENT_PASSWORD_BYTES]) CORPS_CHECKED;

#endif
