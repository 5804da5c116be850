/* The members of a pool, as its Conc sees them: where each is, and what was asked of the managers of their Envs. What
 * is decided is decided by scale.h; here it is done, without ever waiting. Of the thread that runs the pool's Conc. */
#ifndef CORPS_CARE_SEATS_H
#define CORPS_CARE_SEATS_H

#include "care/scale.h"
#include "link/known.h"

struct corps__conc;

/* What a manager was asked for, or is to be asked for. */
enum corps__asked {
    CORPS__ASKED_NOTHING,
    CORPS__ASKED_ENV, /* Env 0's manager: for an Env of its own */
    CORPS__ASKED_CREATE,
    CORPS__ASKED_PROBE, /* the first one: behind it the member counts what it holds, so it may be called */
    CORPS__ASKED_MOVE,
    CORPS__ASKED_END
};

/* One place of the table. */
struct corps__seat {
    uint32_t env, conc;
    enum corps__asked asked;
    struct corps_future *future; /* of that; NULL: it is still to be asked */
    int64_t moved_ns;            /* when the manager had done that, 0: it has not */
};

/* One Env with members, or where some may be. */
struct corps__seat_env {
    struct corps_name *manager;
    bool is_greeted;             /* there is a link */
    int64_t greet_ns;            /* none is made before */
    struct corps_future *probes; /* NULL: none are under way */
    int64_t asked_ns;            /* … or those were sent then */
};

struct corps__seats {
    struct corps__conc *pool; /* whom to tell that a Future is ready */
    struct corps_box *box;    /* the arguments of the pool's init, see pool.h */
    struct corps__scale scale;
    struct corps__member *members;
    struct corps__seat *seats; /* as many */
    struct corps__seat_env *envs;
    unsigned env_count;
    uint32_t *hosts; /* whose Envs members may be in; none: all */
    unsigned host_count;
    unsigned first_env;             /* where the first member goes, of those without */
    uint64_t version;               /* of the table */
    uint64_t moved;                 /* how many have left */
    bool step_is_due;               /* probes are under way, after whose answers the size is decided */
    bool has_begun;                 /* it has had a member */
    struct corps__failure *failure; /* why the last start failed; NULL: none has, or it was taken */
};

/* Takes a reference of the box. Errors: NO_MEMORY. */
enum corps_err corps__seats_init(struct corps__seats *seats, struct corps__conc *pool,
                                 struct corps_box *box) CORPS_CHECKED;
void corps__seats_finish(struct corps__seats *seats);

/* Looks at what managers have answered. */
void corps__seats_look(struct corps__seats *seats);

/* Another step of time has begun: asks what probes have found. When all have answered, or the next step begins, the
 * size is decided; `callers`: see corps__scale_callers. */
void corps__seats_step(struct corps__seats *seats, uint32_t callers);

/* Decides, if all have answered by now. */
void corps__seats_settle(struct corps__seats *seats, uint32_t callers);

/* Does what is decided, and asks again for what could not be asked for. True: no member is left, after a close. */
bool corps__seats_act(struct corps__seats *seats);

/* As in an argument of the pool's init. */
int64_t corps__seats_option(const struct corps__seats *seats, unsigned index);

#endif
