/* Requests of a peer that is behind with reading its replies (posts.h): put aside per peer and Conc, in order, and run
 * once it has read. So one who does not read costs a bounded amount of memory and no Worker's time, and loses nothing.
 *
 * The lists belong to the thread that runs the Conc. When the peer is not behind any more, or its link has gone, the
 * leader posts a RESUME to every Conc that has put something aside. */
#ifndef CORPS_DEFER_H
#define CORPS_DEFER_H

#include "actor/batch.h"
#include "actor/credit.h"

/* Of corps__deferred, where it is not the usual case. */
struct corps__route *corps__defer(struct corps__conc *conc, struct corps__mail *mail, struct corps__peer *from);

/* By the thread that runs `conc`, with what it has taken from its mailbox: NULL when that is to be run now. Otherwise
 * it was put aside, or is a RESUME; then what corps__deferred_next gives is to be run. */
static inline struct corps__route *corps__deferred(struct corps__conc *conc, struct corps__mail *mail) {
    struct corps__peer *from = NULL;
    if (mail->kind == CORPS__MAIL_REQUEST) {
        from = ((struct corps__message *)mail)->from;
    } else if (mail->kind == CORPS__MAIL_BATCH) {
        from = ((struct corps__batch *)mail)->from;
    }
    bool usual =
        mail->kind != CORPS__MAIL_RESUME &&
        (from == NULL || (conc->deferred_count == 0 && !atomic_load_explicit(&from->behind, memory_order_relaxed)));
    return usual ? NULL : corps__defer(conc, mail, from);
}

/* The next one that may run, NULL when there is none. */
struct corps__mail *corps__deferred_next(struct corps__conc *conc, struct corps__route *route);

/* With the lead: posts the RESUMEs of a peer. */
void corps__deferred_resume(struct corps__peer *peer);

#endif
