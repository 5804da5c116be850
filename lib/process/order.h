/* An order to make Concs, as a manager is given it: [class, count, policy, init's arguments …] (args.h). It is carried
 * out when it comes, and once more in an Env that takes another's place. In an Env. */
#ifndef CORPS_ORDER_H
#define CORPS_ORDER_H

#include "actor/group.h"
#include "codec/policy.h"

enum { CORPS__ORDER_ARGS = 3 };

struct corps__order {
    const struct corps_class *class;
    const struct corps_value *name; /* of the class, as it was asked for: borrowed from the order */
    uint32_t count;
    struct corps__policy policy; /* NEVER where the order has none (NIL) */
    struct corps_box *box;       /* init's arguments, NULL for none */
};

/* A policy as an order's third item, and back, without the times to start and to shut down. order_policy: of what a
 * caller gave (NULL: none); `value` is NIL where Concs are not made again, else lies in `items`. Errors: INVALID;
 * PROTOCOL. */
enum { CORPS__POLICY_ITEMS = 6 };
void corps__policy_items(const struct corps__policy *policy, struct corps_value items[CORPS__POLICY_ITEMS]);
enum corps_err corps__order_policy(const struct corps_supervision *given, struct corps_value items[CORPS__POLICY_ITEMS],
                                   struct corps_value *value) CORPS_CHECKED;
enum corps_err corps__policy_of(const struct corps_value *array, struct corps__policy *policy) CORPS_CHECKED;

/* Reads it; then corps__order_finish. Errors: PROTOCOL, UNKNOWN (class), and of decoding. */
enum corps_err corps__order_read(const struct corps_value *value, struct corps__order *order) CORPS_CHECKED;
void corps__order_finish(struct corps__order *order);

/* The first of these alone: what it says without its arguments, whose decoding may run anything. */
enum corps_err corps__order_head(const struct corps_value *value, struct corps__order *order) CORPS_CHECKED;

/* Makes its Concs, one after the other, up to the first failure, which the group is told; gives how many there are.
 * Their inits run as their first messages, and each counts in `group`, in which the caller counts for one itself. */
uint32_t corps__order_run(const struct corps__order *order, struct corps_value *numbers, struct corps__group *group);

/* The same for `count` of them that there were before: those of these numbers. */
void corps__order_run_again(const struct corps__order *order, const struct corps_value *numbers, uint32_t count,
                            struct corps__group *group);

#endif
