/* The Envs that Env 0 has started: their processes, what they say, and what is kept to start one again. */
#ifndef CORPS_CHILDREN_H
#define CORPS_CHILDREN_H

#include "process/life.h"

/* What env.c does when something has come of the children. With the lead. */
struct corps__children_ops {
    void (*all_ready)(void);                             /* booting: each has opened its endpoint */
    void (*all_started)(void);                           /* … and knows the others */
    void (*failed)(const struct corps_error_info *info); /* … or one cannot */
    void (*cleaned)(void);                               /* one has cleaned up, or ended, while the Corps ends */
    /* What corps__child_add and corps__child_take have come to; see changes.h. */
    void (*joined)(unsigned env);
    void (*not_joined)(unsigned env, const struct corps_error_info *info);
    void (*left)(unsigned env, const char *how);
};

/* Starts the process of every Env but 0. Errors: of starting processes. */
enum corps_err corps__children_start(const struct corps__children_ops *ops) CORPS_CHECKED;

/* Tells all of them the table of Envs, so that they may serve. */
enum corps_err corps__children_introduce(void) CORPS_CHECKED;

/* Starts another process for an Env whose last one has ended. Errors: of starting processes. */
enum corps_err corps__child_start_again(unsigned env, uint32_t incarnation) CORPS_CHECKED;
void corps__child_end_now(unsigned env);

/* The number that another Env gets: the next one, or that of one that was taken and whose number has rested. 0: there
 * is none. */
unsigned corps__child_number(void);

/* Starts the process of an Env that the Corps did not have, on the host `where` ("": any; see fleet.h); ops->joined or
 * ops->not_joined follows. Errors: of starting processes and of placing; then nothing follows. */
enum corps_err corps__child_add(unsigned env, const char *where) CORPS_CHECKED;

/* Has an Env clean up and end, for good; ops->left follows, maybe at once. */
void corps__child_take(unsigned env);

/* Tells everybody, this process included, what has become of an Env: calls to it wait; fail from now on. `failed`: its
 * creator's corps_exit is to say so. */
void corps__child_restarts(unsigned env, const char *text);
void corps__child_is_lost(unsigned env, const char *text, bool failed);

/* The line of the log about that. */
void corps__child_log_lost(unsigned env, const char *text, bool failed);

/* Gives up what was kept; at the end. */
void corps__children_close(void);

#endif
