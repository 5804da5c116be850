#include "process/remake.h"

#include "process/life.h"
#include "process/order.h"
#include "value/failure.h"
#include "wait/wait.h"

#include <stdlib.h>

struct remake {
    struct corps__group group; /* first; of the present order */
    struct corps_box *box;     /* the orders */
    size_t at;
    void (*done)(const struct corps_error_info *failure);
};

static void end_remake(struct remake *remake, const struct corps_error_info *failure) {
    remake->done(failure);
    corps_box_unref(remake->box);
    free(remake);
}

static void make_on(struct remake *remake);

/* The inits of the present order are over. False: one has failed, and that was the end. */
static bool order_is_done(struct remake *remake) {
    if (atomic_load(&remake->group.failed) == 0) {
        const struct corps_value *made = corps_value_item(corps_box_root(remake->box), remake->at++);
        const struct corps_value *numbers = corps_value_item(made, 1);
        enum corps_err err = corps__wards()->made(corps_value_item(made, 0), numbers->items, numbers->count);
        if (err != CORPS_OK) {
            const struct corps_error_info info = {.code = err, .text = corps_error_detail()};
            end_remake(remake, &info);
        }
        return err == CORPS_OK;
    }
    struct corps__failure *failure = atomic_load(&remake->group.failure);
    const struct corps_error_info untold = {.code = CORPS_ERR_NO_MEMORY, .text = "no memory to say what failed"};
    end_remake(remake, failure != NULL ? &failure->info : &untold);
    free(failure);
    return false;
}

static enum corps_err go_on(void *arg) {
    if (order_is_done(arg)) {
        make_on(arg);
    }
    return CORPS_OK;
}

/* On a thread that has run an init. */
static void group_done(struct corps__group *group, void *arg) {
    (void)group;
    (void)!corps__with_lead(go_on, arg);
}

/* The last of its inits to end goes on, unless this loop does (`over`). */
static enum corps_err make_order(struct remake *remake, const struct corps_value *made, bool *over) {
    const struct corps_value *numbers = corps_value_item(made, 1);
    struct corps__order order;
    enum corps_err err = corps__order_read(corps_value_item(made, 0), &order);
    if (err == CORPS_OK) {
        remake->group = (struct corps__group){.left = 1, .done = group_done, .arg = remake}; /* for this loop */
        corps__order_run_again(&order, numbers->items, (uint32_t)numbers->count, &remake->group);
        *over = atomic_fetch_sub(&remake->group.left, 1) == 1;
        corps__order_finish(&order);
    }
    return err;
}

/* Until an order's inits are still under way, or all is made. */
static void make_on(struct remake *remake) {
    bool over = true;
    while (over) {
        const struct corps_value *made = corps_value_item(corps_box_root(remake->box), remake->at);
        if (made == NULL) {
            end_remake(remake, NULL);
            return;
        }
        enum corps_err err = make_order(remake, made, &over);
        if (err != CORPS_OK) {
            const struct corps_error_info info = {.code = err, .text = corps_error_detail()};
            end_remake(remake, &info);
            return;
        }
        over = over && order_is_done(remake);
    }
}

enum corps_err corps__remake(const struct corps_value *orders, void (*done)(const struct corps_error_info *failure)) {
    struct remake *remake = calloc(1, sizeof *remake);
    enum corps_err err =
        remake != NULL ? corps_box_of(orders, &remake->box) : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory");
    if (err != CORPS_OK) {
        free(remake);
        return err;
    }
    remake->done = done;
    make_on(remake);
    return CORPS_OK;
}
