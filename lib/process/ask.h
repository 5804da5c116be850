/* Asking the manager of an Env (manager.h). */
#ifndef CORPS_ASK_H
#define CORPS_ASK_H

#include <corps.h>

/* Calls `method` of it. Gives its Name, unless `*manager` is that already, and the Future. No deadline of the request
 * that the calling method serves counts. Errors: as corps_call. */
enum corps_err corps__manager_ask(const struct corps *corps, unsigned env, const char *method,
                                  const struct corps_value *args, struct corps_name **manager,
                                  struct corps_future **future) CORPS_CHECKED;

#endif
