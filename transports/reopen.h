/* What a peer hands over shares one open file description with it, and so its flags: the peer can make our reads and
 * writes block, even when it has died since. So pipes and message queues are opened once more, by /proc/self/fd, and
 * the descriptor that came is closed. */
#ifndef CORPS_REOPEN_H
#define CORPS_REOPEN_H

#include <corps/error.h>

/* Opens `fd` again, non-blocking and close-on-exec: `access` is O_RDONLY, O_WRONLY or O_RDWR. The new descriptor is the
 * caller's; `fd` stays as it is. Errors: SYSTEM, PROTOCOL (it is nothing that can be opened again). */
enum corps_err corps__reopen(int fd, int access, int *own) CORPS_CHECKED;

/* Before a descriptor is handed over: lets whoever gets it open it again, also where this process is root's. */
void corps__reopen_allow(int fd);

#endif
