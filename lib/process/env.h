/* The life of an Env: boot, serve, clean up, end. */
#ifndef CORPS_ENV_H
#define CORPS_ENV_H

#include <corps.h>

/* Serves as the Env that the record on `fd` says; returns the process's exit status. */
int corps__env_main(int fd, corps_boot_fn on_boot);

/* Begins to end the own Corps. Errors: INVALID (not in Env 0). */
enum corps_err corps__env_end(void) CORPS_CHECKED;

/* In the child of a fork: this is no Env. */
void corps__env_forked(void);

#endif
