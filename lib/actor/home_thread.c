#include "actor/home.h"
#include "actor/run.h"

#include <stdlib.h>

/* The thread of a home: what corps.h says of it. */

struct corps_home *corps_context_home(struct corps_context *context) {
    struct corps__conc *conc = context->conc;
    struct corps__rare *rare = corps__rare_make(conc);
    struct corps_home *home = rare != NULL ? aligned_alloc(64, (sizeof *home + 63) / 64 * 64) : NULL;
    if (home != NULL) {
        *home = (struct corps_home){.conc = conc, .waiter = CORPS__WAITER_INIT, .former = corps__home_of(conc)};
        atomic_store(&rare->home, home); /* stays as long as the Conc does: others may look at it at any time */
    } else {
        (void)corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a thread of a Conc's own");
    }
    return home;
}

void corps_home_leave(struct corps_home *home) {
    atomic_store(&home->left, true);
    corps__notify(&home->waiter);
}

/* The Conc becomes one that anybody runs. False: it is queued for this thread. */
static bool hand_over(struct corps_home *home) {
    struct corps__conc *conc = home->conc;
    int found = corps__task_change(&conc->task, CORPS__HOME_IDLE, CORPS__IDLE);
    if (found != CORPS__HOME_IDLE) {
        return found != CORPS__HOME_QUEUED; /* by corps__home_end, if it is anybody's already */
    }
    if (corps__conc_has_mail(conc)) {
        corps__conc_wake(conc, CORPS__PUSH_OTHER);
    }
    return true;
}

void corps_home_serve(struct corps_home *home) {
    struct corps__task *task = &home->conc->task;
    for (;;) {
        if (corps__task_change(task, CORPS__HOME_QUEUED, CORPS__RUNNING) == CORPS__HOME_QUEUED) {
            struct corps__message *init = home->init;
            home->init = NULL;
            corps__conc_run(task, init != NULL ? &init->mail.node : NULL, NULL, NULL);
            corps_flush();
            if (atomic_load(&home->gone) ||
                corps__home_of(home->conc) != home) { /* which another thread may have begun to serve */
                return;
            }
        } else if (!atomic_load(&home->left)) {
            corps__park(&home->waiter, CORPS_FOREVER);
        } else if (hand_over(home)) {
            return;
        }
    }
}
