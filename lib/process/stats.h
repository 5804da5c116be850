/* What an Env has counted, as its manager says it: see corps/stats.h. */
#ifndef CORPS_PROCESS_STATS_H
#define CORPS_PROCESS_STATS_H

#include <corps.h>

/* The manager's method. */
#define CORPS__STATS "corps:stats"
enum corps_err corps__stats_answer(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result);

/* Asks for it, as corps_stats does, and does not wait: gives the Future. */
enum corps_err corps__stats_ask(struct corps *corps, unsigned env, int64_t timeout_ns,
                                struct corps_future **future) CORPS_CHECKED;

#endif
