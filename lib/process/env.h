/* The life of an Env: boot, serve, clean up, end. */
#ifndef CORPS_ENV_H
#define CORPS_ENV_H

#include <corps.h>

/* Serves as the Env that the record on `fd` says; returns the process's exit status. */
int corps__env_main(int fd, corps_boot_fn on_boot);

/* In the child of a fork: this is no Env. */
void corps__env_forked(void);

#endif
