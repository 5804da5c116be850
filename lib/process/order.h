/* An order to make Concs, as a manager is given it: [class, count, init's arguments …] (args.h). It is carried out when
 * it comes, and once more in an Env that takes another's place. In an Env. */
#ifndef CORPS_ORDER_H
#define CORPS_ORDER_H

#include "actor/group.h"

struct corps__order {
    const struct corps_class *class;
    const struct corps_value *name; /* of the class, as it was asked for: borrowed from the order */
    uint32_t count;
    struct corps_box *box; /* init's arguments, NULL for none */
};

/* Reads it; then corps__order_finish. Errors: PROTOCOL, UNKNOWN (class), and of decoding. */
enum corps_err corps__order_read(const struct corps_value *value, struct corps__order *order) CORPS_CHECKED;
void corps__order_finish(struct corps__order *order);

/* Makes its Concs, one after the other, up to the first failure, which the group is told; gives how many there are.
 * Their inits run as their first messages, and each counts in `group`, in which the caller counts for one itself. */
uint32_t corps__order_run(const struct corps__order *order, struct corps_value *numbers, struct corps__group *group);

/* The same for `count` of them that there were before: those of these numbers. */
void corps__order_run_again(const struct corps__order *order, const struct corps_value *numbers, uint32_t count,
                            struct corps__group *group);

#endif
