#include "actor/asked.h"

#include "actor/checkpoint.h"
#include "actor/future.h"
#include "value/name.h"

#include <stdlib.h>

/* A checkpoint on demand, from a thread that does not run the Conc. */

struct asked {
    struct corps__late late; /* first */
    struct corps_future *future;
};

static void answer_asked(struct corps__late *late, enum corps_err err) {
    struct asked *asked = (struct asked *)late;
    if (err == CORPS_OK) {
        corps_future_fulfil(asked->future);
    } else {
        corps__future_fail(asked->future, err, corps_error_detail());
    }
    corps_future_destroy(asked->future);
    free(asked);
}

static struct corps__conc *find(const struct corps_name *name) {
    struct corps__conc *conc = corps_name_is_here(name) ? corps__conc_find(name->conc) : NULL;
    if (conc == NULL) {
        (void)corps_error_set(CORPS_ERR_NO_WORKER, "there is no Worker with this number in this Env");
    }
    return conc;
}

enum corps_err corps__checkpoint_ask(const struct corps_name *name, struct corps_future **future) {
    *future = NULL;
    struct corps__conc *conc = find(name);
    if (conc == NULL) {
        return CORPS_ERR_NO_WORKER;
    }
    if (corps__conc_is_mine(conc)) {
        return corps__checkpoint_demand(conc);
    }
    struct asked *asked = calloc(1, sizeof *asked);
    struct corps_future *made = asked != NULL ? corps_future_create() : NULL;
    if (made == NULL) {
        free(asked);
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to ask for a checkpoint");
    }
    *asked = (struct asked){.late = {.demanded = true, .answer = answer_asked}, .future = corps_future_ref(made)};
    corps__checkpoint_before(conc, &asked->late);
    *future = made;
    return CORPS_OK;
}

enum corps_err corps__checkpoints_counted(const struct corps_name *name, uint64_t *kept, uint64_t *failed) {
    const struct corps__conc *conc = find(name);
    if (conc == NULL) {
        return CORPS_ERR_NO_WORKER;
    }
    corps__checkpoint_counts(conc, kept, failed);
    return CORPS_OK;
}
