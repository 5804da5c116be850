/* Bursts: requests without reply that one sender sends to one Conc in a row. The second one begins a batch, to which
 * those that follow are added without a message of their own. See struct corps__burst. What goes to another Env in a
 * row gets an open batch (batch_frame.h).
 *
 * Threads: the sender's alone; the leader, for what comes over links, guards its own with the lead. */
#ifndef CORPS_BURST_H
#define CORPS_BURST_H

#include "actor/batch.h"
#include "actor/conc.h"
#include "link/open_batch.h"

/* What is sent next begins anew: gives back the room that was not used, and leaves the batch. */
void corps__burst_end(struct corps__burst *burst);

/* What the method has sent to another Env goes with all else that is held back for it. */
static inline void corps__context_end_open(struct corps_context *context) {
    context->sent_route = NULL;
    if (context->open != NULL) {
        corps__open_batch_end(context->open);
        context->open = NULL;
    }
}

/* What the running method sends next comes after all that it has sent, and after what others send meanwhile. */
static inline void corps__context_end_burst(void) {
    struct corps_context *context = corps__context();
    if (context != NULL && context->burst.to != NULL) {
        corps__burst_end(&context->burst);
    }
    if (context != NULL && context->sent_route != NULL) {
        corps__context_end_open(context);
    }
}

/* The same of the leader's, when the lead is given away. With the lead. */
void corps__dispatch_end_burst(void);

#endif
