/* The page in which the Envs of a Corps see until when they may act: its first 8 bytes are a time of CLOCK_BOOTTIME in
 * ns, 0 before anything was granted. The agent ends them then; but it may be stopped itself, alone or with them, while
 * others take their places: so they look themselves (lib/actor/granted.h). They get it as descriptor 4, which
 * CORPS_GRANT_FD says.
 */
#ifndef CORPS_AGENT_PAGE_H
#define CORPS_AGENT_PAGE_H

#include <corps/error.h>

#include <stdatomic.h>
#include <stdint.h>

enum { AGENT_PAGE_FD = 4 };
#define AGENT_PAGE_VARIABLE "CORPS_GRANT_FD"

typedef _Atomic int64_t agent_page;

/* Errors: SYSTEM. */
enum corps_err agent_page_make(int *fd, agent_page **page) CORPS_CHECKED;
void agent_page_free(int fd, agent_page *page);

#endif
