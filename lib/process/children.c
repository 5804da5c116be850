#include "process/children.h"

#include "actor/state.h"
#include "base/log.h"
#include "codec/record.h"
#include "link/foreign.h"
#include "link/peer.h"
#include "link/rows.h"
#include "process/boot.h"
#include "value/failure.h"
#include "wait/wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct corps__children_ops *ops;

static struct corps__life_child *child_of(unsigned env) {
    return &corps__life.children[env];
}

static uint64_t incarnation_of(const struct corps__life_child *child) {
    return corps__incarnation(corps__life_of(corps__own_incarnation()), child->incarnation);
}

/* ---- telling ---- */

/* What the creator needs should it start the Corps anew: who is to be gone then, and which numbers were given. */
static void tell_process(const struct corps__life_child *child, int pid) {
    if (corps__may_be_anew()) {
        struct corps_value items[3] = {corps_str("process"), corps_int(child->env), corps_int(pid)};
        corps__tell_parent(items, 3);
        corps__tell_numbers(child->env, child->bound);
    }
}

/* ["row", env, row, its creator's corps_exit is to say so]: needs no memory, or somebody might wait for ever. Strangers
 * read it in the file. */
static void tell_row(unsigned env, bool failed) {
    struct corps_value row[CORPS__ROW_ITEMS];
    corps__row_items(corps__life.corps, env, row);
    struct corps_value items[4] = {corps_str("row"), corps_int(env), corps_array(row, CORPS__ROW_ITEMS),
                                   corps_int(failed)};
    corps__tell_children(items, 4);
    corps__tell_parent(items, 4);
    if (corps__care() != NULL && corps__foreign_publish(corps__life.corps) != CORPS_OK) {
        corps__log(CORPS_LOG_WARN, "news_unheard", CORPS__LOG_FIELDS(CORPS__LOG_INT("of", env)),
                   "strangers do not hear what has become of Env %u: %s", env, corps_error_detail());
    }
}

void corps__child_log_lost(unsigned env, const char *text, bool failed) {
    corps__log(failed ? CORPS_LOG_WARN : CORPS_LOG_INFO, "env_lost",
               CORPS__LOG_FIELDS(CORPS__LOG_INT("lost", env), CORPS__LOG_TEXT("reason", text)), "%s; it is lost", text);
}

void corps__child_restarts(unsigned env, const char *text) {
    corps__env_restarts(corps__life.corps, env, text);
    tell_row(env, false);
}

void corps__child_is_lost(unsigned env, const char *text, bool failed) {
    corps__env_lost(corps__life.corps, env, text);
    tell_row(env, failed);
}

/* ---- what is kept to make Concs again ---- */

static void keep_made(struct corps__life_child *child, const struct corps_value *record) {
    const struct corps_value *order = corps_value_item(record, 1);
    const struct corps_value *numbers = corps_value_item(record, 2);
    if (order == NULL || numbers == NULL || numbers->kind != CORPS_ARRAY) {
        return;
    }
    struct corps__made *made = calloc(1, sizeof *made + numbers->count * sizeof made->numbers[0]);
    if (made == NULL || corps_box_of(order, &made->order) != CORPS_OK) {
        corps__log(CORPS_LOG_WARN, "no_memory", CORPS__LOG_FIELDS(CORPS__LOG_INT("of", child->env)),
                   "no memory to make Concs of Env %u again if it must be started again", child->env);
        free(made);
        return;
    }
    made->count = numbers->count;
    for (size_t i = 0; i < made->count; i++) {
        made->numbers[i] = corps_int(corps_value_item(numbers, i)->integer);
    }
    *child->last_made = made;
    child->last_made = &made->next;
}

static void free_made(struct corps__made *made) {
    corps_box_unref(made->order);
    free(made);
}

static bool take_number(struct corps__made *made, int64_t number) {
    for (size_t i = 0; i < made->count; i++) {
        if (made->numbers[i].integer == number) {
            made->count--;
            memmove(&made->numbers[i], &made->numbers[i + 1], (made->count - i) * sizeof made->numbers[0]);
            return true;
        }
    }
    return false;
}

/* It has ended in order, and does not come back. */
static void drop_made(struct corps__life_child *child, int64_t number) {
    for (struct corps__made **at = &child->made; *at != NULL; at = &(*at)->next) {
        struct corps__made *made = *at;
        if (take_number(made, number)) {
            if (made->count == 0) {
                *at = made->next;
                child->last_made = child->last_made == &made->next ? at : child->last_made;
                free_made(made);
            }
            return;
        }
    }
}

/* ---- records ---- */

static bool child_ready(const struct corps__life_child *child) {
    return child->ready;
}

static bool child_started(const struct corps__life_child *child) {
    return child->started;
}

/* ["start", table, first number, what to make again]; the latter two where Envs may be started again. */
static enum corps_err introduce(struct corps__life_child *child) {
    struct corps_box *box = corps_box_create();
    size_t count = 0;
    for (const struct corps__made *made = child->made; made != NULL; made = made->next) {
        count++;
    }
    struct corps_value items[4] = {corps_str("start"), corps_nil(), corps_nil(), corps_nil()};
    /* Of each order an array of two. */
    struct corps_value *list = box != NULL ? corps_box_alloc(box, (3 * count + 1) * sizeof *list) : NULL;
    enum corps_err err = list != NULL ? corps__table_encode(corps__life.corps, box, &items[1])
                                      : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the table of Envs");
    if (err == CORPS_OK) {
        size_t at = 0;
        for (const struct corps__made *made = child->made; made != NULL; made = made->next) {
            struct corps_value *both = list + count + 2 * at;
            both[0] = *corps_box_root(made->order);
            both[1] = corps_array(made->numbers, made->count);
            list[at++] = corps_array(both, 2);
        }
        if (corps__care() != NULL) {
            items[2] = corps_int(child->first);
            items[3] = corps_array(list, count);
        }
        struct corps_value record = corps_array(items, 4);
        err = corps__control_send(child->control, &record);
    }
    corps_box_unref(box);
    return err;
}

/* ["kept", number, state] of each Conc that is made again, before it is. */
static enum corps_err tell_kept(const struct corps__life_child *child) {
    for (const struct corps__made *made = child->made; made != NULL; made = made->next) {
        for (size_t i = 0; i < made->count; i++) {
            const struct corps_value *state = corps__keeper()->find(child->env, made->numbers[i].integer);
            if (state == NULL) {
                continue;
            }
            struct corps_value items[3] = {corps_str("kept"), made->numbers[i], *state};
            struct corps_value record = corps_array(items, 3);
            enum corps_err err = corps__control_send(child->control, &record);
            if (err != CORPS_OK) {
                return err;
            }
        }
    }
    corps__keeper()->found_all(child->env);
    return CORPS_OK;
}

enum corps_err corps__children_introduce(void) {
    for (unsigned i = 1; i < corps__life.corps->settings.env_count; i++) {
        if (!child_of(i)->ended && introduce(child_of(i)) == CORPS_ERR_NO_MEMORY) {
            return CORPS_ERR_NO_MEMORY; /* what else is wrong shows by its end */
        }
    }
    return CORPS_OK;
}

static void take_ready(struct corps__life_child *child, const struct corps_value *record) {
    struct corps__env *env = &corps__life.corps->envs[child->env];
    corps__record_text(record, 1, env->address, sizeof env->address);
    corps__record_text(record, 2, env->data_address, sizeof env->data_address);
    child->ready = true;
    if (child->incarnation > 1) {
        if (tell_kept(child) == CORPS_OK) { /* what is wrong shows by its end */
            (void)!introduce(child);
        }
        return;
    }
    atomic_store(&env->incarnation, incarnation_of(child));
    if (corps__all_children(child_ready)) {
        ops->all_ready();
    }
}

static void take_started(struct corps__life_child *child) {
    child->started = true;
    if (child->incarnation > 1) {
        corps__env_is_up(corps__life.corps, child->env, incarnation_of(child));
        tell_row(child->env, false);
        corps__log(CORPS_LOG_INFO, "env_up", CORPS__LOG_FIELDS(CORPS__LOG_INT("up", child->env)), "Env %u is up again",
                   child->env);
        corps__care()->started(child->env);
    } else if (corps__all_children(child_started)) {
        ops->all_started();
    }
}

static void take_failure(struct corps__life_child *child, const struct corps_value *record) {
    struct corps__failure *failure = corps__failure_of_items(record, 1, false);
    struct corps_error_info info =
        failure != NULL ? failure->info : (struct corps_error_info){.code = CORPS_ERR_NO_MEMORY, .text = "no memory"};
    const char *type = info.type != NULL ? info.type : "";
    snprintf(child->failure, sizeof child->failure, "Env %u: %s%s%s", child->env, type, type[0] != '\0' ? ": " : "",
             info.text);
    if (corps__life.stage < CORPS__SERVING) {
        char text[480];
        snprintf(text, sizeof text, "Env %u: %s", child->env, info.text);
        info.text = info.code == CORPS_ERR_REMOTE ? info.text : text; /* a Worker's own error stays as it is */
        ops->failed(&info);
    }
    free(failure);
}

static void on_record(void *arg, const struct corps_value *record) {
    struct corps__life_child *child = arg;
    if (record == NULL) {
        return; /* its end follows */
    }
    bool again = child->incarnation > 1 && corps__life.stage == CORPS__SERVING;
    if (corps__record_is(record, "ready") && (again || corps__life.stage == CORPS__BOOTING)) {
        take_ready(child, record);
    } else if (corps__record_is(record, "started") && (again || corps__life.stage == CORPS__STARTING)) {
        take_started(child);
    } else if (corps__record_is(record, "failed")) {
        take_failure(child, record);
    } else if (corps__record_is(record, "cleaned")) {
        child->cleaned = true;
        ops->cleaned();
    } else if (corps__record_is(record, "made")) {
        keep_made(child, record);
    } else if (corps__record_is(record, "ended") && corps__life.stage <= CORPS__SERVING) {
        const struct corps_value *numbers = corps_value_item(record, 1);
        for (size_t i = 0; numbers != NULL && i < numbers->count; i++) {
            drop_made(child, corps_value_item(numbers, i)->integer);
            corps__keeper()->drop(child->env, corps_value_item(numbers, i)->integer);
        }
    } else if (corps__record_is(record, "keep")) {
        corps__keeper()->take(child->env, record);
    } else if (corps__record_is(record, "numbers")) {
        child->bound = (uint32_t)corps__record_int(record, 1, child->bound);
        corps__tell_numbers(child->env, child->bound);
    }
}

static void on_end(void *arg, const char *how, enum corps__end end) {
    struct corps__life_child *child = arg;
    if (child->control != NULL) {
        corps__control_drain(child->control);
    }
    bool had_served = child->started;
    child->ended = true;
    char text[128];
    snprintf(text, sizeof text, "Env %u %s", child->env, how);
    if (corps__life.stage < CORPS__SERVING) {
        const struct corps_error_info info = {.code = CORPS_ERR_WORKER_LOST, .text = text};
        ops->failed(&info);
    } else if (corps__life.stage == CORPS__SERVING && corps__care() != NULL) {
        bool has_said = child->failure[0] != '\0';
        corps__care()->ended(child->env, end == CORPS__END_IN_ORDER && had_served, has_said ? child->failure : text);
    } else if (had_served && (corps__life.stage == CORPS__SERVING || !child->cleaned)) {
        bool has_said = child->failure[0] != '\0';
        corps__child_log_lost(child->env, has_said ? child->failure : text, has_said || end != CORPS__END_IN_ORDER);
        corps__child_is_lost(child->env, has_said ? child->failure : text, true);
    }
    if (corps__life.stage == CORPS__CLEANING) {
        ops->cleaned();
    }
}

/* ---- processes ---- */

static enum corps_err start_process(struct corps__life_child *child, uint32_t incarnation) {
    child->incarnation = incarnation;
    child->ready = child->started = child->cleaned = child->ended = false;
    child->failure[0] = '\0';
    struct corps_launched launched;
    int fd;
    const struct corps__start start = {.incarnation = incarnation_of(child)};
    enum corps_err err = corps__env_spawn(corps__life.corps, child->env, &start, &launched, &fd);
    if (err != CORPS_OK) {
        return err;
    }
    err = corps__control_open(fd, on_record, child, &child->control);
    if (err != CORPS_OK) {
        close(fd);
        corps__env_unspawn(&launched);
        return err;
    }
    err = corps__child_watch(launched.pid, launched.status_fd, on_end, child, &child->process);
    if (err != CORPS_OK) {
        launched.status_fd = -1; /* child_watch took it */
        corps__env_unspawn(&launched);
        corps__control_close(child->control);
        child->control = NULL;
        return err;
    }
    atomic_store(&corps__life.corps->envs[child->env].pid, launched.pid);
    tell_process(child, launched.pid);
    return CORPS_OK;
}

enum corps_err corps__children_start(const struct corps__children_ops *given) {
    ops = given;
    unsigned count = corps__life.corps->settings.env_count;
    corps__life.children = calloc(count, sizeof *corps__life.children);
    enum corps_err err =
        corps__life.children != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %u Envs", count);
    for (unsigned i = 1; err == CORPS_OK && i < count; i++) {
        struct corps__life_child *child = child_of(i);
        child->env = i;
        child->last_made = &child->made;
        child->first = corps__first_number(i);
        child->bound = child->first + CORPS__CONC_PAGE;
        err = start_process(child, 1);
    }
    return err;
}

static void close_child(struct corps__life_child *child) {
    corps__control_close(child->control);
    corps__child_close(child->process);
    child->control = NULL;
    child->process = NULL;
}

enum corps_err corps__child_start_again(unsigned env, uint32_t incarnation) {
    struct corps__life_child *child = child_of(env);
    close_child(child);
    child->first = child->bound; /* what an earlier process has given is never used for another Conc */
    child->bound = child->first + CORPS__CONC_PAGE;
    enum corps_err err = start_process(child, incarnation);
    child->ended = err != CORPS_OK;
    return err;
}

void corps__child_end_now(unsigned env) {
    corps__child_kill(child_of(env)->process);
}

void corps__children_close(void) {
    for (unsigned i = 1; corps__life.children != NULL && i < corps__life.corps->settings.env_count; i++) {
        close_child(child_of(i)); /* an Env that has not ended sees this as its parent's death */
        while (child_of(i)->made != NULL) {
            struct corps__made *made = child_of(i)->made;
            child_of(i)->made = made->next;
            free_made(made);
        }
    }
}
