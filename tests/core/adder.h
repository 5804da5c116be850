/* The Workers of pools.c's tests, and how those look at a pool of them. */
#ifndef CORPS_TEST_ADDER_H
#define CORPS_TEST_ADDER_H

#include <corps.h>

/* A pool's member. Its init takes [number, path]: a file of that name makes it fail. */
extern const struct corps_class adder_class;

/* Makes a pool of Adders in its init; "made" gives its Name. */
extern const struct corps_class maker_class;

/* A pool of Adders. */
struct corps_name *make_pool(struct corps *corps, struct corps_pool_options options);

/* The pool's own Conc, which calls by its Name do not reach. */
struct corps_name *own_conc(const struct corps_name *pool);

/* One of its numbers, now; and waits until that is so: the test's own timeout is the limit. */
int64_t stat_of(const struct corps_name *pool, const char *key);
void await_stat(const struct corps_name *pool, const char *key, int64_t least, int64_t most);

/* Many calls, some at a time; all must be answered. Gives how many members have run them. */
unsigned call_many(const struct corps_name *pool, const char *method, unsigned calls);

#endif
