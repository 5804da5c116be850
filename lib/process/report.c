#include "process/report.h"

#include "link/rows.h"
#include "wait/wait.h"

enum { LATER_MS = 20 };

/* Does it find room? A parent that has gone is told nothing any more. */
static bool tell(const struct corps_value *items, size_t count) {
    struct corps_value record = corps_array(items, count);
    return corps__life.parent == NULL || corps__control_try(corps__life.parent, &record) != CORPS_ERR_FULL;
}

static bool tell_process(const struct corps__life_child *child) {
    int pid = atomic_load(&corps__life.corps->envs[child->env].pid);
    struct corps_value process[3] = {corps_str("process"), corps_int(child->env), corps_int(pid)};
    struct corps_value numbers[3] = {corps_str("numbers"), corps_int(child->env), corps_int(child->bound)};
    return !corps__may_be_anew() || (tell(process, 3) && tell(numbers, 3));
}

static bool tell_row(const struct corps__life_child *child) {
    struct corps_value row[CORPS__ROW_ITEMS];
    corps__row_items(corps__life.corps, child->env, row);
    struct corps_value items[4] = {corps_str("row"), corps_int(child->env), corps_array(row, CORPS__ROW_ITEMS),
                                   corps_int(child->failed)};
    return tell(items, 4);
}

static void tell_late(uv_timer_t *timer);

static void later(struct corps__life_child *child) {
    static uv_timer_t timer;
    static bool is_there;
    child->untold = true;
    if (!is_there) {
        is_there = true;
        uv_timer_init(corps__loop(), &timer);
    }
    if (!uv_is_active((uv_handle_t *)&timer)) {
        corps__timer_start(&timer, tell_late, LATER_MS, 0);
    }
}

static void tell_late(uv_timer_t *timer) {
    (void)timer;
    for (unsigned i = 1; i < corps__life.child_count; i++) {
        struct corps__life_child *child = &corps__life.children[i];
        bool is_known = i < corps__life.corps->settings.env_count;
        if (!child->untold) {
            continue;
        }
        child->untold = false;
        if (!tell_process(child) || (is_known && !tell_row(child))) {
            later(child);
            return;
        }
    }
}

void corps__report_process(struct corps__life_child *child) {
    if (child->untold || !tell_process(child)) {
        later(child);
    }
}

void corps__report_row(struct corps__life_child *child, bool failed) {
    child->failed = child->failed || failed;
    if (child->untold || !tell_row(child)) {
        later(child);
    }
}
