#include "process/order.h"

#include "actor/class.h"
#include "actor/conc.h"
#include "codec/record.h"
#include "process/args.h"

void corps__policy_items(const struct corps__policy *policy, struct corps_value items[CORPS__POLICY_ITEMS]) {
    items[0] = corps_int(policy->restart);
    items[1] = corps_int(policy->strategy);
    items[2] = corps_int(policy->intensity);
    items[3] = corps_int(policy->period_ns);
    items[4] = corps_int(policy->backoff_ns);
    items[5] = corps_int(policy->backoff_max_ns);
}

enum corps_err corps__policy_of(const struct corps_value *array, struct corps__policy *policy) {
    int64_t intensity = corps__record_int(array, 2, -1);
    *policy = (struct corps__policy){.restart = (enum corps_restart)corps__record_int(array, 0, -1),
                                     .strategy = (enum corps_strategy)corps__record_int(array, 1, -1),
                                     .intensity = intensity >= 0 && intensity <= CORPS__INTENSITY_MAX
                                                      ? (uint32_t)intensity
                                                      : CORPS__INTENSITY_MAX + 1,
                                     .period_ns = corps__record_int(array, 3, -1),
                                     .backoff_ns = corps__record_int(array, 4, -1),
                                     .backoff_max_ns = corps__record_int(array, 5, -1),
                                     .start_ns = INT64_MAX,
                                     .shutdown_ns = INT64_MAX};
    return corps__policy_check(policy) == CORPS_OK ? CORPS_OK : CORPS_ERR_PROTOCOL;
}

enum corps_err corps__order_head(const struct corps_value *value, struct corps__order *order) {
    const struct corps_value *name = corps_value_item(value, 0);
    const struct corps_value *count = corps_value_item(value, 1);
    *order = (struct corps__order){.name = name};
    if (name == NULL || count == NULL || name->kind != CORPS_STR || count->kind != CORPS_INT || count->integer < 1 ||
        count->integer > UINT32_MAX / 2) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "create takes [class, count, policy, serializer, bytes …]");
    }
    order->count = (uint32_t)count->integer;
    order->class = corps__class_find(name->str, name->count);
    if (order->class == NULL) {
        return corps_error_set(CORPS_ERR_UNKNOWN,
                               "there is no class '%.*s' in this program; corps_start was given others",
                               (int)name->count, name->str);
    }
    const struct corps_value *policy = corps_value_item(value, 2);
    return policy != NULL && policy->kind == CORPS_ARRAY ? corps__policy_of(policy, &order->policy) : CORPS_OK;
}

enum corps_err corps__order_read(const struct corps_value *value, struct corps__order *order) {
    enum corps_err err = corps__order_head(value, order);
    return err == CORPS_OK ? corps__init_args_decode(value, CORPS__ORDER_ARGS, &order->box) : err;
}

void corps__order_finish(struct corps__order *order) {
    corps_box_unref(order->box);
}

/* `again`: their numbers, NULL for new ones, which are written to `numbers`. */
static uint32_t run(const struct corps__order *order, const struct corps_value *again, struct corps_value *numbers,
                    uint32_t count, struct corps__group *group) {
    const char *name = order->name->str;
    size_t bytes = order->name->count;
    atomic_fetch_add(&group->left, count);
    for (uint32_t i = 0; i < count; i++) {
        struct corps__conc *conc;
        enum corps_err err = again != NULL ? corps__conc_create_again((uint32_t)again[i].integer, order->class, name,
                                                                      bytes, order->box, group, &conc)
                                           : corps__conc_create(order->class, name, bytes, order->box, group, &conc);
        if (err != CORPS_OK) {
            const struct corps_error_info info = {.type = corps_error_name(err), .text = corps_error_detail()};
            corps__group_fail(group, &info);
            atomic_fetch_sub(&group->left, count - i);
            return i;
        }
        if (again == NULL) {
            numbers[i] = corps_int(conc->id);
        }
    }
    return count;
}

uint32_t corps__order_run(const struct corps__order *order, struct corps_value *numbers, struct corps__group *group) {
    return run(order, NULL, numbers, order->count, group);
}

void corps__order_run_again(const struct corps__order *order, const struct corps_value *numbers, uint32_t count,
                            struct corps__group *group) {
    (void)run(order, numbers, NULL, count, group);
}
