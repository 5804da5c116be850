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

#include "process/control.h"
#include "wait/runtime.h"

#define CORPS__BOOT_VARIABLE "CORPS_BOOT_FD"

/* Starts the process of Env `env`, and sends its boot record. `front` and `front_args` (an array as create takes it
 * behind class and count) only for Env 0, else NULL. Gives the process and the parent's end of the control channel.
 * Errors: SYSTEM, NO_MEMORY, and of sending. */
enum corps_err corps__env_spawn(const struct corps *corps, unsigned env, const char *front,
                                const struct corps_value *front_args, struct corps_launched *launched,
                                int *control_fd) CORPS_CHECKED;

/* Ends a process that was started just now, since what follows has failed. */
void corps__env_unspawn(const struct corps_launched *launched);

/* Reads a boot record into a new Corps (directory made by Env 0, and its lock taken). */
enum corps_err corps__boot_decode(const struct corps_value *record, struct corps **corps, uint32_t *env) CORPS_CHECKED;

/* The table of Envs as a value in `box`, and back into corps->envs. */
enum corps_err corps__table_encode(const struct corps *corps, struct corps_box *box,
                                   struct corps_value *value) CORPS_CHECKED;
enum corps_err corps__table_decode(const struct corps_value *value, struct corps *corps) CORPS_CHECKED;

/* Text item `index` of a record, copied and cut to fit; "" when there is none. */
void corps__record_text(const struct corps_value *record, size_t index, char *out, size_t out_bytes);
int64_t corps__record_int(const struct corps_value *record, size_t index, int64_t otherwise);
bool corps__record_is(const struct corps_value *record, const char *word);

/* env.c: begins to end the own Corps. Errors: INVALID (not in Env 0). */
enum corps_err corps__env_end(void) CORPS_CHECKED;

/* env.c: the process must end although it could not do so in order: gives up what others would find. */
void corps__env_abandon(void);

/* corps.c: the Corps that this Env has created and that end with it. exit: waits; not with the lead. */
bool corps__has_created(void);
void corps__exit_created(void);

/* env.c: serves as the Env that the record on `fd` says; returns the process's exit status. */
int corps__env_main(int fd, corps_boot_fn on_boot);

#endif
