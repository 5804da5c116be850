/* What an Env knows of its own life, for the files that drive it (env.c, ending.c). Everything is changed with the
 * lead, but for `next_cleanup`. */
#ifndef CORPS_LIFE_H
#define CORPS_LIFE_H

#include "link/known.h"
#include "process/control.h"

enum corps__stage { CORPS__BOOTING, CORPS__STARTING, CORPS__SERVING, CORPS__CLEANING, CORPS__ENDING };

/* An Env that Env 0 has started. */
struct corps__life_child {
    unsigned env;
    struct corps__control *control;
    struct corps__child *process;
    bool ready, started, cleaned, ended;
};

struct corps__life {
    struct corps *corps;
    enum corps__stage stage;
    struct corps__control *parent;
    struct corps__life_child *children; /* Env 0: children[1 … env_count − 1] */
    char front[256];
    struct corps_box *front_box; /* the boot record, for the front Conc's arguments */
    bool cleanup_done;           /* of the own Concs */
    bool created_begun;          /* the end of the Corps that they created … */
    bool created_done;           /* … and that it is over */
    bool orphan;                 /* the parent has died */
    _Atomic uint32_t next_cleanup;
    int status;
};
extern struct corps__life corps__life;

bool corps__is_env_0(void);

/* A record to the parent; to all Envs that Env 0 has started. One that has gone is noticed by its end of file. */
void corps__tell_parent(const struct corps_value *items, size_t count);
void corps__tell_children(const struct corps_value *items, size_t count);

/* Is it true of all Envs that this one has started? */
bool corps__all_children(bool (*test)(const struct corps__life_child *child));

/* The pool's threads end once they have nothing to run, and then the process. */
void corps__life_stop(void);

#endif
