/* Answers to requests that were put off, of a Conc whose state is kept: they leave after that. */
#ifndef CORPS_ACTOR_LATE_H
#define CORPS_ACTOR_LATE_H

#include "actor/checkpoint.h"

/* Is that so of this request to it? Costs two looks where its state is not kept. */
static inline bool corps__replies_late(const struct corps__conc *conc, const struct corps__message *message) {
    bool awaited =
        atomic_load_explicit(&corps__rare(conc)->keep, memory_order_relaxed) != NULL && corps__checkpoint_awaited(conc);
    return awaited || corps__answer_is_kept(message, conc);
}

/* As corps__reply and corps__reply_failed, once the Conc's state was kept if that is due. What goes to another Env is
 * encoded now, so that it is what it is now. Takes the message, borrows the rest. Any thread. */
void corps__reply_late(struct corps__message *message, const struct corps__conc *conc, struct corps_box *args_box,
                       const struct corps_value *result);
void corps__fail_late(struct corps__message *message, const struct corps__conc *conc,
                      const struct corps_error_info *info);

#endif
