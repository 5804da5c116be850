/* What the files that see to the members of a pool have in common; nobody else's. */
#ifndef CORPS_CARE_SEATS_OWN_H
#define CORPS_CARE_SEATS_OWN_H

#include "care/seats.h"

/* One in every Env, and callers take the nearest? */
bool corps__seats_are_nearest(const struct corps__seats *seats);

/* STARTING or ACTIVE. */
bool corps__seats_is_taken(const struct corps__seats *seats, uint32_t place);

/* Envs: what is known of one; makes room for those that have come. Errors: NO_MEMORY. */
const struct corps__env *corps__seats_row(unsigned env);
enum corps_err corps__seats_know_envs(struct corps__seats *seats) CORPS_CHECKED;

/* Is there a link to it, so that it can be asked without waiting? The first time, and after it was lost, that may take
 * a moment. */
bool corps__seats_can_ask(struct corps__seats *seats, unsigned env);

/* Asks its manager; `wait_ns` 0: what is not sent at once is not sent. Errors: those of corps_call. */
enum corps_err corps__seats_ask(struct corps__seats *seats, unsigned env, const char *method,
                                const struct corps_value *args, int64_t wait_ns,
                                struct corps_future **future) CORPS_CHECKED;

/* A Future of `pool` (a Conc) is ready. */
void corps__seats_on_ready(void *pool);

/* Asks what has become of the probes at the members there, and has others sent, if that was not asked already. */
void corps__seats_probe(struct corps__seats *seats, unsigned env);

/* A member is there no more. */
void corps__seats_lose(struct corps__seats *seats, uint32_t place, const char *why);

/* What happens to a pool, for the log. */
void corps__seats_say(const struct corps__seats *seats, enum corps_log_level level, const char *event,
                      const char *format, ...) CORPS_PRINTF(4, 5);

#endif
