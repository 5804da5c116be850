/* The beginning of an Env: what it is told of itself, its directory, its threads; up to where it could be asked. */
#ifndef CORPS_BEGIN_H
#define CORPS_BEGIN_H

#include <corps.h>

/* Reads the boot record from `fd`, in a later life of the Corps waits for "go" there, and begins; corps__life.corps is
 * set as soon as it is known. Once, before there are other threads. Errors: what anything of it says, with a detail for
 * the parent. */
enum corps_err corps__env_begin(int fd, corps_boot_fn on_boot) CORPS_CHECKED;

#endif
