#include "process/life.h"

#include "actor/state.h"
#include "actor/thread_pool.h"
#include "base/log.h"
#include "codec/record.h"
#include "link/rows.h"
#include "process/boot.h"
#include "value/failure.h"

#include <signal.h>
#include <unistd.h>

struct corps__life corps__life;

static const struct corps__care_ops *care;
static const struct corps__keeper_ops *keeper;

void corps__care_set(const struct corps__care_ops *ops) {
    care = ops;
}

void corps__keeper_set(const struct corps__keeper_ops *ops) {
    keeper = ops;
}

const struct corps__keeper_ops *corps__keeper(void) {
    return keeper;
}

static const struct corps__ward_ops *wards;

void corps__wards_set(const struct corps__ward_ops *ops) {
    wards = ops;
}

const struct corps__ward_ops *corps__wards(void) {
    return wards;
}

void corps__env_fail(const char *why) {
    const struct corps_error_info info = {.code = CORPS_ERR_WORKER_LOST, .text = why};
    struct corps_value items[1 + CORPS__FAILURE_ITEMS] = {corps_str("failed")};
    corps__failure_items(&info, items + 1);
    corps__tell_parent(items, 1 + CORPS__FAILURE_ITEMS);
    corps__log(CORPS_LOG_ERROR, "env_fails", CORPS__LOG_FIELDS(CORPS__LOG_TEXT("reason", why)), "Env %u ends: %s",
               corps__own_env(), why);
    kill(getpid(), SIGKILL);
    _exit(1); /* if that cannot be */
}

bool corps__is_far(void) {
    uint32_t env_0_host = (uint32_t)corps__record_int(corps_box_root(corps__life.front_box), CORPS__BOOT_ENV_0_HOST, 0);
    return !corps__is_env_0() && env_0_host != 0 && corps__life.corps->settings.host != env_0_host;
}

bool corps__is_cared_for(void) {
    const struct corps__settings *settings = &corps__life.corps->settings;
    return care != NULL && settings->policy.restart != CORPS_RESTART_NEVER;
}

const struct corps__care_ops *corps__care(void) {
    return corps__is_env_0() && corps__is_cared_for() ? care : NULL;
}

bool corps__may_be_anew(void) {
    const struct corps__settings *settings = &corps__life.corps->settings;
    return corps__life.owned || (settings->policy.restart != CORPS_RESTART_NEVER && !settings->detached);
}

void corps__tell_numbers(unsigned env, uint32_t bound) {
    struct corps_value items[3] = {corps_str("numbers"), corps_int(env), corps_int(bound)};
    if (corps__may_be_anew()) {
        corps__tell_parent(items, 3);
    }
}

uint32_t corps__first_of_life(void) {
    return (uint32_t)corps__record_int(corps_box_root(corps__life.front_box), CORPS__BOOT_FIRSTS, 0);
}

bool corps__may_be_seen(void) {
    return corps__life_of(corps__own_incarnation()) == 0 || corps__life.stage >= CORPS__SERVING;
}

static int64_t first_of(unsigned env) {
    const struct corps_value *firsts = corps_value_item(corps_box_root(corps__life.front_box), CORPS__BOOT_FIRSTS);
    return firsts != NULL && firsts->kind == CORPS_ARRAY ? corps__record_int(firsts, env, 0) : corps__first_of_life();
}

uint32_t corps__first_number(unsigned env) {
    int64_t first = first_of(env);
    return (uint32_t)(first < 0 ? -first : first);
}

bool corps__was_taken(unsigned env) {
    return first_of(env) < 0;
}

unsigned corps__take_row(struct corps *corps, const struct corps_value *record) {
    unsigned env = (unsigned)corps__record_int(record, 1, UINT32_MAX);
    if (corps__row_take(corps, env, corps_value_item(record, 2)) != CORPS_OK) {
        corps__log(CORPS_LOG_WARN, "news_unheard", NULL, "%s", corps_error_detail());
        return 0;
    }
    return env;
}

bool corps__life_goes_on(void) {
    return corps__life.owned && (!corps__life.all_have_ended || atomic_load(&corps__actors->moves));
}

bool corps__is_env_0(void) {
    return corps__own_env() == 0;
}

void corps__tell_parent(const struct corps_value *items, size_t count) {
    struct corps_value record = corps_array(items, count);
    if (corps__life.parent != NULL) {
        (void)!corps__control_send(corps__life.parent, &record); /* a parent that is gone shows by its end of file */
    }
}

void corps__tell_child(struct corps__life_child *child, const struct corps_value *items, size_t count) {
    struct corps_value record = corps_array(items, count);
    if (child->control != NULL && !child->ended) {
        (void)!corps__control_send(child->control, &record); /* likewise */
    }
}

void corps__tell_children(const struct corps_value *items, size_t count) {
    for (unsigned i = 1; corps__life.children != NULL && i < corps__life.child_count; i++) {
        corps__tell_child(&corps__life.children[i], items, count);
    }
}

bool corps__all_children(bool (*test)(const struct corps__life_child *child)) {
    for (unsigned i = 1; corps__life.children != NULL && i < corps__life.child_count; i++) {
        if (corps__life.children[i].present && !test(&corps__life.children[i])) {
            return false;
        }
    }
    return true;
}

void corps__life_stop(void) {
    if (corps__life.stage != CORPS__ENDING) {
        corps__life.stage = CORPS__ENDING;
        corps__thread_pool_stop();
    }
}
