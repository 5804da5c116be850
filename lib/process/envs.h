/* corps_env_add and corps_env_take, as whoever calls them sees it; what Env 0 does then is in changes.h. */
#ifndef CORPS_ENVS_H
#define CORPS_ENVS_H

#include <corps.h>

/* In a program that creates Corps, and in an Env: how news of their Envs is read (link/news.h). */
void corps__envs_news_begin(void);

/* For who waits in its own way, and may know the Corps by a Name alone: begins to add an Env, or to take `env`, and
 * gives the Future. `host`: the one that it is to be on, NULL: any. Errors: as corps_env_add_on and corps_env_take. */
CORPS_API enum corps_err corps__env_change_begin(uint64_t corps_id, bool adds, const char *host, unsigned env,
                                                 int64_t timeout_ns, struct corps_future **future) CORPS_CHECKED;

/* Waits for that, and tells what has come of it. */
CORPS_API enum corps_err corps__env_change_end(uint64_t corps_id, bool adds, struct corps_future *future,
                                               unsigned *env) CORPS_CHECKED;

#endif
