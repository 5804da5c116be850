/* Starting Envs, and being one.
 *
 * A parent makes a socket pair, starts the program again (or corps-env) with its end as descriptor 3 and
 * CORPS_BOOT_FD=3 in the environment, and sends a boot record. Nothing secret is in arguments or environment.
 *
 *   program              Env 0                         Env k
 *     boot ──────────────▶ boot ──────────────────────▶ opens its endpoint
 *                          ◀──────────── ready(address)
 *                          start(all addresses) ──────▶
 *                          ◀──────────────────── started
 *                          front Conc's init
 *     ◀──────────── ready(all addresses, front)
 *     exit ──────────────▶ cleanup ───────────────────▶ its Concs, latest first
 *                          own Concs, latest first
 *                          ◀──────────────────── cleaned
 *                          exit ──────────────────────▶ ends
 *                          ends, when all have
 *
 * The Env 0 of a Corps that is started anew waits for "go" before it does anything: until then those of the former life
 * are on their way out. It is there so that somebody removes the directory should the program be killed meanwhile.
 */
#ifndef CORPS_BOOT_H
#define CORPS_BOOT_H

#include "link/known.h"
#include "process/child.h"
#include "process/control.h"

#define CORPS__BOOT_VARIABLE "CORPS_BOOT_FD"

/* Items of the boot record that are looked at later. */
enum { CORPS__BOOT_FIRSTS = 11, CORPS__BOOT_PAGE = 14, CORPS__BOOT_ENV_0_HOST = 15 };

/* What a process is told of itself. The latter three only for Env 0, else NULL. */
struct corps__start {
    uint64_t incarnation;
    const char *front;
    const struct corps_value *front_args; /* an array as create takes it behind class and count */
    /* Of a Corps that is started anew: from which number on each Env gives them, an array; negative: it was taken. Of
     * one that its agent starts anew one number for all. */
    const struct corps_value *firsts;
    /* Of an Env on another host: which, and the address that it listens on for those of others. 0: of this one. */
    uint32_t host;
    const char *remote_bind;
    const struct corps_value *boot_data; /* NULL: the Corps' */
    const char *page;                    /* where it sees until when it may act, NULL: nowhere (actor/granted.h) */
    uint32_t env_0_host;                 /* of other Envs: where Env 0 is; 0: the Corps lives on one host */
};

/* Starts the process of Env `env`, and sends its boot record. Gives the process and the parent's end of the control
 * channel. Errors: SYSTEM, NO_MEMORY, and of sending. */
enum corps_err corps__env_spawn(const struct corps *corps, unsigned env, const struct corps__start *start,
                                struct corps_launched *launched, int *control_fd) CORPS_CHECKED;

/* The first half of it: the process waits for its boot record. */
enum corps_err corps__env_launch(const struct corps *corps, unsigned env, struct corps_launched *launched,
                                 int *control_fd) CORPS_CHECKED;

/* The second half, also for a process that somebody else has started: writes that record. Errors: as
 * corps__control_write. */
enum corps_err corps__boot_send(const struct corps *corps, unsigned env, const struct corps__start *start,
                                int fd) CORPS_CHECKED;

/* That record as bytes for whoever starts Env 0 in this process's stead. Gives what malloc gave. Errors: TOO_LARGE,
 * NO_MEMORY. */
enum corps_err corps__boot_encode(const struct corps *corps, unsigned env, const struct corps__start *start,
                                  uint8_t **frame, size_t *bytes) CORPS_CHECKED;

/* The program that Envs are started from: a path, or a name that is looked for in PATH. */
void corps__env_program(const struct corps__settings *settings, char *out /* of PATH_MAX */);

/* Ends a process that was started just now, since what follows has failed. */
void corps__env_unspawn(const struct corps_launched *launched);

/* Reads a boot record into a new Corps. */
enum corps_err corps__boot_decode(const struct corps_value *record, struct corps **corps, uint32_t *env) CORPS_CHECKED;

#endif
