#include "process/children.h"

#include "actor/state.h"
#include "base/log.h"
#include "base/sparse.h"
#include "codec/record.h"
#include "link/foreign.h"
#include "link/peer.h"
#include "link/rows.h"
#include "process/boot.h"
#include "process/fleet.h"
#include "process/made.h"
#include "process/report.h"
#include "process/starting.h"
#include "value/failure.h"
#include "wait/wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRIES = 4 }; /* of an Env, on hosts that do not answer, before its Corps cannot be created */

static const struct corps__children_ops *ops;

static struct corps__life_child *child_of(unsigned env) {
    return &corps__life.children[env];
}

/* ---- telling ---- */

/* ["row", env, row, its creator's corps_exit is to say so]: needs no memory, or somebody might wait for ever. Strangers
 * read it in the file. */
static void tell_row(unsigned env, bool failed, bool publishes) {
    struct corps_value row[CORPS__ROW_ITEMS];
    corps__row_items(corps__life.corps, env, row);
    struct corps_value items[4] = {corps_str("row"), corps_int(env), corps_array(row, CORPS__ROW_ITEMS),
                                   corps_int(failed)};
    corps__tell_children(items, 4);
    corps__report_row(child_of(env), failed);
    if (publishes && corps__may_be_seen() && corps__foreign_publish(corps__life.corps) != CORPS_OK) {
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
    tell_row(env, false, true);
}

void corps__child_is_lost(unsigned env, const char *text, bool failed) {
    corps__env_lost(corps__life.corps, env, text);
    tell_row(env, failed, corps__care() != NULL);
}

static void taken_text(unsigned env, char *out, size_t bytes) {
    snprintf(out, bytes, "Env %u was taken from the Corps", env);
}

/* That nothing comes of it any more; once. */
static void tell_taken(unsigned env) {
    if (!atomic_load(&corps__life.corps->envs[env].taken)) {
        char text[64];
        taken_text(env, text, sizeof text);
        corps__log(CORPS_LOG_INFO, "env_taken", CORPS__LOG_FIELDS(CORPS__LOG_INT("taken", env)), "%s", text);
        corps__env_taken(corps__life.corps, env, text);
        tell_row(env, false, true);
    }
}

/* ---- records ---- */

static bool child_ready(const struct corps__life_child *child) {
    return child->ready;
}

static bool child_started(const struct corps__life_child *child) {
    return child->started;
}

/* ["start", table, first number, what to make again] */
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
        items[2] = corps_int(child->first);
        items[3] = corps_array(list, count);
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
    for (unsigned i = 1; i < corps__life.child_count; i++) {
        if (child_of(i)->present && !child_of(i)->ended && introduce(child_of(i)) == CORPS_ERR_NO_MEMORY) {
            return CORPS_ERR_NO_MEMORY; /* what else is wrong shows by its end */
        }
    }
    return CORPS_OK;
}

/* Where it is, for its row. */
static void take_host(unsigned env, uint32_t host) {
    struct corps__env *info = &corps__life.corps->envs[env];
    info->host = host;
    const struct corps__fleet_host *known = corps__own_fleet() != NULL ? corps__own_fleet()->host(host) : NULL;
    if (known != NULL) {
        memcpy(info->host_name, known->name, sizeof info->host_name);
    }
}

static void take_ready(struct corps__life_child *child, const struct corps_value *record) {
    struct corps__env *env = &corps__life.corps->envs[child->env];
    corps__record_text(record, 1, env->address, sizeof env->address);
    corps__record_text(record, 2, env->data_address, sizeof env->data_address);
    corps__record_text(record, 3, env->remote_address, sizeof env->remote_address);
    take_host(child->env, child->host);
    child->ready = true;
    if (corps__life.stage == CORPS__SERVING) {
        if (tell_kept(child) == CORPS_OK) { /* what is wrong shows by its end */
            (void)!introduce(child);
        }
        return;
    }
    atomic_store(&env->incarnation, corps__child_incarnation(child));
    if (corps__all_children(child_ready)) {
        ops->all_ready();
    }
}

static void join(const struct corps__life_child *child) {
    if (corps__care() != NULL) {
        corps__care()->joined(child->env, child->incarnation);
    }
    ops->joined(child->env);
}

static void take_started(struct corps__life_child *child) {
    child->started = true;
    if (corps__life.stage == CORPS__SERVING) {
        bool joins = child->joins;
        child->joins = false;
        corps__env_is_up(corps__life.corps, child->env, corps__child_incarnation(child));
        corps__row_known(corps__life.corps, child->env);
        tell_row(child->env, false, true);
        if (joins) {
            corps__log(CORPS_LOG_INFO, "env_added", CORPS__LOG_FIELDS(CORPS__LOG_INT("added", child->env)),
                       "Env %u was added", child->env);
            join(child);
        } else {
            corps__log(CORPS_LOG_INFO, "env_up", CORPS__LOG_FIELDS(CORPS__LOG_INT("up", child->env)),
                       "Env %u is up again", child->env);
            corps__care()->started(child->env);
        }
    } else if (corps__all_children(child_started)) {
        ops->all_started();
    }
}

static void take_failure(struct corps__life_child *child, const struct corps_value *record) {
    struct corps__failure *failure = corps__failure_of_items(record, 1, false);
    struct corps_error_info info =
        failure != NULL ? failure->info : (struct corps_error_info){.code = CORPS_ERR_NO_MEMORY, .text = "no memory"};
    const char *type = info.type != NULL ? info.type : "";
    child->failure_code = info.code;
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

/* To an Env on another host, which waits for that before it answers (receipts.h). */
static void tell_stored(struct corps__life_child *child, const struct corps_value *record) {
    const struct corps_value *ticket = corps_value_item(record, 3);
    if (ticket != NULL) {
        struct corps_value items[2] = {corps_str("stored"), *ticket};
        corps__tell_child(child, items, 2);
    }
}

static void on_record(void *arg, const struct corps_value *record) {
    struct corps__life_child *child = arg;
    if (record == NULL) {
        return; /* its end follows */
    }
    bool again = corps__life.stage == CORPS__SERVING;
    if (corps__record_is(record, "ready") && (again || corps__life.stage == CORPS__BOOTING)) {
        take_ready(child, record);
    } else if (corps__record_is(record, "started") && (again || corps__life.stage == CORPS__STARTING)) {
        take_started(child);
    } else if (corps__record_is(record, "failed")) {
        take_failure(child, record);
    } else if (corps__record_is(record, "cleaned")) {
        child->cleaned = true;
        if (child->leaves && corps__life.stage == CORPS__SERVING) {
            struct corps_value word = corps_str("exit");
            tell_taken(child->env); /* first: whoever sees the end of its link knows why */
            corps__tell_child(child, &word, 1);
        }
        ops->cleaned();
    } else if (corps__record_is(record, "made")) {
        corps__made_keep(child, record);
        tell_stored(child, record);
    } else if (corps__record_is(record, "ended") && corps__life.stage <= CORPS__SERVING) {
        const struct corps_value *numbers = corps_value_item(record, 1);
        for (size_t i = 0; numbers != NULL && i < numbers->count; i++) {
            corps__made_drop(child, corps_value_item(numbers, i)->integer);
            corps__keeper()->drop(child->env, corps_value_item(numbers, i)->integer);
        }
    } else if (corps__record_is(record, "keep")) {
        corps__keeper()->take(child->env, record);
        tell_stored(child, record);
    } else if (corps__record_is(record, "numbers")) {
        child->bound = (uint32_t)corps__record_int(record, 1, child->bound);
        corps__report_process(child);
    }
}

static void end_change(struct corps__life_child *child, const char *how, bool in_order);

/* Is its end its host's fault? */
static bool is_its_hosts(enum corps__end end) {
    return end == CORPS__END_DISPLACED || end == CORPS__END_UNREACHED;
}

static enum corps_err start_process(struct corps__life_child *child, uint32_t incarnation);
static void close_child(struct corps__life_child *child);

/* While the Corps boots, one that any host may have is tried on others. */
static bool begin_elsewhere(struct corps__life_child *child, const char *text) {
    if (child->where[0] != '\0' || child->incarnation >= TRIES) {
        return false;
    }
    corps__log(CORPS_LOG_WARN, "env_elsewhere",
               CORPS__LOG_FIELDS(CORPS__LOG_INT("lost", child->env), CORPS__LOG_TEXT("reason", text)),
               "%s; it is started again", text);
    close_child(child);
    return start_process(child, child->incarnation + 1) == CORPS_OK;
}

static void on_end(void *arg, const char *how, enum corps__end end) {
    struct corps__life_child *child = arg;
    if (child->control != NULL) {
        corps__control_drain(child->control);
    }
    bool had_served = child->started;
    child->ended = true;
    if (child->joins || child->leaves) {
        end_change(child, how, end == CORPS__END_IN_ORDER && child->cleaned);
        ops->cleaned();
        return;
    }
    char text[480];
    snprintf(text, sizeof text, "Env %u %s", child->env, how);
    bool has_said = child->failure[0] != '\0' && !is_its_hosts(end);
    const char *why = has_said ? child->failure : text;
    if (corps__life.stage == CORPS__BOOTING && is_its_hosts(end) && begin_elsewhere(child, text)) {
        return;
    }
    if (corps__life.stage < CORPS__SERVING) {
        const struct corps_error_info info = {.code = CORPS_ERR_WORKER_LOST, .text = text};
        ops->failed(&info);
    } else if (corps__life.stage == CORPS__SERVING && corps__care() != NULL) {
        bool in_order = end == CORPS__END_IN_ORDER;
        corps__care()->ended(child->env, in_order && !had_served ? CORPS__END_FAILED : end, why);
    } else if (had_served && (corps__life.stage == CORPS__SERVING || !child->cleaned)) {
        corps__child_log_lost(child->env, why, has_said || end != CORPS__END_IN_ORDER);
        corps__child_is_lost(child->env, why, true);
    }
    if (corps__life.stage == CORPS__CLEANING) {
        ops->cleaned();
    }
}

/* ---- processes ---- */

static void stay_away(struct corps__life_child *child);

static enum corps_err start_process(struct corps__life_child *child, uint32_t incarnation) {
    return corps__child_begin(child, incarnation, on_record, on_end);
}

/* Before its process is started. What an earlier one has given is never used for another Conc. What one on another host
 * had said last may be lost with that host: so many pages more could it have begun until it was given up, 40,000 Concs
 * a second. */
enum { UNTOLD_PAGES = 128 };
static void next_numbers(struct corps__life_child *child) {
    bool may_be_untold = corps__life.corps->settings.host != 0 && child->bound > 0;
    child->bound = child->bound > 0 ? child->bound : corps__first_of_life();
    child->first = child->bound + (may_be_untold ? UNTOLD_PAGES * CORPS__CONC_PAGE : 0);
    child->bound = child->first + CORPS__CONC_PAGE;
}

enum corps_err corps__children_start(const struct corps__children_ops *given) {
    ops = given;
    unsigned count = corps__life.corps->settings.env_count;
    corps__life.children = corps__sparse_create(CORPS__ENVS_MAX * sizeof *corps__life.children);
    corps__life.child_count = count;
    enum corps_err err =
        corps__life.children != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %u Envs", count);
    if (err == CORPS_OK && corps__own_fleet() != NULL) {
        err = corps__own_fleet()->begin(corps__life.corps);
        take_host(0, corps__life.corps->settings.host);
    }
    for (unsigned i = 1; err == CORPS_OK && i < count; i++) {
        struct corps__life_child *child = child_of(i);
        child->env = i;
        child->last_made = &child->made;
        child->bound = corps__first_number(i);
        if (corps__was_taken(i)) {
            stay_away(child);
            continue;
        }
        child->present = true;
        next_numbers(child);
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
    next_numbers(child);
    enum corps_err err = start_process(child, incarnation);
    child->ended = err != CORPS_OK;
    return err;
}

/* ---- Envs that are added and taken ---- */

enum {
    REST = 16
}; /* so many are taken after one before its number is given again: who has it may still mean the former */

/* Of a Corps that was started anew: it had been taken before. */
static void stay_away(struct corps__life_child *child) {
    struct corps *corps = corps__life.corps;
    char text[64];
    taken_text(child->env, text, sizeof text);
    child->taken_at = ++corps__life.taken_count;
    atomic_store(&corps->envs[child->env].incarnation,
                 corps__child_incarnation(child)); /* newer than any of an earlier life */
    corps__env_taken(corps, child->env, text);
}

/* Of those whose numbers may be given again, the one that was taken first; 0: none. Concs get numbers that none before
 * has had, for as long as there are some. */
static unsigned longest_taken(unsigned *count) {
    unsigned found = 0;
    for (unsigned i = 1; i < corps__life.corps->settings.env_count; i++) {
        const struct corps__life_child *child = child_of(i);
        if (!child->present && (child->bound - corps__first_of_life()) / CORPS__CONC_PAGE < CORPS__CONC_PAGES / 2) {
            found = found == 0 || child->taken_at < child_of(found)->taken_at ? i : found;
            ++*count;
        }
    }
    return found;
}

unsigned corps__child_number(void) {
    unsigned next = corps__life.corps->settings.env_count;
    unsigned count = 0;
    unsigned taken = longest_taken(&count);
    return taken != 0 && (count > REST || next == CORPS__ENVS_MAX) ? taken : next < CORPS__ENVS_MAX ? next : 0;
}

/* Nothing of it is left, and its slot may be used again. */
static void forget_child(struct corps__life_child *child) {
    close_child(child);
    corps__made_free(child);
    child->present = child->joins = child->leaves = false;
    if (corps__own_fleet() != NULL) {
        corps__own_fleet()->leave(child->env);
    }
}

enum corps_err corps__child_add(unsigned env, const char *where) {
    struct corps__life_child *child = child_of(env);
    child->env = env;
    snprintf(child->where, sizeof child->where, "%s", where);
    child->last_made = &child->made;
    child->present = child->joins = true;
    next_numbers(child);
    corps__life.child_count = env < corps__life.child_count ? corps__life.child_count : env + 1;
    enum corps_err err = start_process(child, child->incarnation + 1);
    if (err != CORPS_OK) {
        forget_child(child);
    }
    return err;
}

/* Its process has ended. */
static void end_change(struct corps__life_child *child, const char *how, bool in_order) {
    unsigned env = child->env;
    char text[480];
    if (child->joins) {
        snprintf(text, sizeof text, "Env %u %s", env, how);
        bool has_said = child->failure[0] != '\0';
        const struct corps_error_info info = {.code = has_said ? child->failure_code : CORPS_ERR_WORKER_LOST,
                                              .text = has_said ? child->failure : text};
        ops->not_joined(env, &info);
        forget_child(child);
        return;
    }
    bool was_down = !child->started; /* and nothing of it was there to be cleaned up */
    child->taken_at = ++corps__life.taken_count;
    forget_child(child);
    tell_taken(env);
    corps__keeper()->found_all(env); /* nobody asks for what its Concs knew */
    ops->left(env, in_order || was_down ? NULL : how);
}

void corps__child_take(unsigned env) {
    struct corps__life_child *child = child_of(env);
    child->leaves = true;
    if (corps__care() != NULL) {
        corps__care()->left(env);
    }
    if (child->ended) {
        end_change(child, "had ended", true);
    } else if (!child->started) {
        corps__child_kill(child->process);
    } else {
        atomic_store(&corps__life.corps->envs[env].leaving, true);
        tell_row(env, false, true);
        struct corps_value word = corps_str("take");
        corps__tell_child(child, &word, 1);
    }
}

void corps__child_end_now(unsigned env) {
    corps__child_kill(child_of(env)->process);
}

void corps__children_close(void) {
    for (unsigned i = 1; corps__life.children != NULL && i < corps__life.child_count; i++) {
        close_child(child_of(i)); /* an Env that has not ended sees this as its parent's death */
        corps__made_free(child_of(i));
    }
    if (corps__own_fleet() != NULL) {
        corps__own_fleet()->end();
    }
}
