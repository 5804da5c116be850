/* The Workers of stats.c's tests, and how those look at what is counted of them. */
#ifndef CORPS_TEST_BUSY_H
#define CORPS_TEST_BUSY_H

#include <corps.h>

extern const struct corps_class busy_class;

/* What an Env counts: a map. */
struct corps_box *look(struct corps *corps, unsigned env);
int64_t number_of(const struct corps_value *map, const char *key);

/* The map of a Worker, in `box`. */
const struct corps_value *worker_of(const struct corps_box *box, const struct corps_name *name);

/* One of its numbers, now. */
int64_t now(struct corps *corps, const struct corps_name *name, const char *key);

/* Waits until that is so: what nobody waits for happens at some time. */
void await(struct corps *corps, const struct corps_name *name, const char *key, int64_t value);

/* Waits for the outcome of a call. */
enum corps_err outcome(struct corps_future *future);

/* The sum of the buckets, all with something in them, is the number of times. */
int64_t check_times(const struct corps_value *times);

/* How many took longer than this, by the buckets: at least. */
int64_t longer_than(const struct corps_value *times, int64_t ns);

#endif
