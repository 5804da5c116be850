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
 */
#ifndef CORPS_BOOT_H
#define CORPS_BOOT_H

#include "link/known.h"
#include "process/control.h"

#define CORPS__BOOT_VARIABLE "CORPS_BOOT_FD"

/* Starts the process of Env `env`, its incarnation of this number, and sends its boot record. `front` and `front_args`
 * (an array as create takes it behind class and count) only for Env 0, else NULL. Gives the process and the parent's
 * end of the control channel. Errors: SYSTEM, NO_MEMORY, and of sending. */
enum corps_err corps__env_spawn(const struct corps *corps, unsigned env, uint64_t incarnation, const char *front,
                                const struct corps_value *front_args, struct corps_launched *launched,
                                int *control_fd) CORPS_CHECKED;

/* Ends a process that was started just now, since what follows has failed. */
void corps__env_unspawn(const struct corps_launched *launched);

/* Reads a boot record into a new Corps (directory made by Env 0, and its lock taken). */
enum corps_err corps__boot_decode(const struct corps_value *record, struct corps **corps, uint32_t *env) CORPS_CHECKED;

#endif
