#include "care/seats_own.h"

#include "actor/conc.h"
#include "actor/tell.h"
#include "base/clock.h"
#include "base/log.h"
#include "care/pool.h"
#include "codec/record.h"
#include "process/changes.h"
#include "process/fleet.h"
#include "value/failure.h"
#include "value/name.h"
#include "wait/wait.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARGIN_NS INT64_C(200000000) /* of a caller's clock, and of one that is slow to send what it has chosen */
#define GREET_NS INT64_C(250000000)  /* an Env that cannot be reached in this time gets no member now … */
#define AGAIN_NS INT64_C(5000000000) /* … and for so long */
#define TAKE_NS INT64_C(10000000000) /* of an Env in which nothing is called any more */

int64_t corps__seats_option(const struct corps__seats *seats, unsigned index) {
    return corps__record_int(corps_box_root(seats->box), index, 0);
}

bool corps__seats_are_nearest(const struct corps__seats *seats) {
    return corps__seats_option(seats, CORPS__POOL_LOCATION) == CORPS_LOCATION_PER_ENV;
}

void corps__seats_say(const struct corps__seats *seats, enum corps_log_level level, const char *event,
                      const char *format, ...) {
    char text[400];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    corps__log(level, event, CORPS__LOG_FIELDS(CORPS__LOG_TEXT("pool", corps__conc_class(seats->pool))), "%s: %s",
               corps__conc_class(seats->pool), text);
}

/* ---- beginning and end ---- */

static enum corps_err no_memory(void) {
    return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the members of a pool");
}

/* With the lead: which hosts are meant. */
static enum corps_err know_hosts(void *arg) {
    struct corps__seats *seats = arg;
    char where[CORPS__WHERE_BYTES];
    corps__record_text(corps_box_root(seats->box), CORPS__POOL_HOST, where, sizeof where);
    if (where[0] == '\0' || corps__own_fleet() == NULL) {
        return CORPS_OK;
    }
    seats->hosts = calloc(CORPS__ENVS_MAX, sizeof *seats->hosts); /* as many as there can be Envs */
    return seats->hosts != NULL ? corps__own_fleet()->find(where, seats->hosts, CORPS__ENVS_MAX, &seats->host_count)
                                : no_memory();
}

enum corps_err corps__seats_init(struct corps__seats *seats, struct corps__conc *pool, struct corps_box *box) {
    *seats = (struct corps__seats){.pool = pool, .box = corps_box_ref(box), .version = (uint64_t)corps__now_ns()};
    uint32_t envs = corps__own()->settings.env_count;
    struct corps__scale_options options = {
        .min = corps__seats_are_nearest(seats) ? envs : (uint32_t)corps__seats_option(seats, CORPS__POOL_MIN),
        .max = corps__seats_are_nearest(seats) ? envs : (uint32_t)corps__seats_option(seats, CORPS__POOL_MAX_COUNT),
        .target_ns = corps__seats_option(seats, CORPS__POOL_TARGET_NS),
        .quiet_ns = corps__seats_option(seats, CORPS__POOL_QUIET_NS),
        .leave_ns = CORPS__POOL_VALID_NS + MARGIN_NS,
    };
    /* Those that drain have places beside the others. */
    uint32_t places = corps__seats_are_nearest(seats) ? CORPS__ENVS_MAX : 2 * options.max;
    seats->members = calloc(places, sizeof *seats->members);
    seats->seats = calloc(places, sizeof *seats->seats);
    if (seats->members == NULL || seats->seats == NULL) {
        corps__seats_finish(seats);
        return no_memory();
    }
    seats->first_env = atomic_fetch_add(&corps__own()->next_auto, 1);
    enum corps_err err = corps__with_lead(know_hosts, seats);
    if (err != CORPS_OK) {
        corps__seats_finish(seats);
        return err;
    }
    corps__scale_init(&seats->scale, &options, seats->members, places, corps__now_ns());
    return CORPS_OK;
}

void corps__seats_finish(struct corps__seats *seats) {
    for (uint32_t i = 0; seats->seats != NULL && i < seats->scale.places; i++) {
        corps_future_destroy(seats->seats[i].future);
    }
    for (unsigned i = 0; i < seats->env_count; i++) {
        corps_future_destroy(seats->envs[i].probes);
        corps_name_unref(seats->envs[i].manager);
    }
    free(seats->failure);
    free(seats->hosts);
    free(seats->envs);
    free(seats->members);
    free(seats->seats);
    corps_box_unref(seats->box);
    *seats = (struct corps__seats){0};
}

/* ---- Envs ---- */

const struct corps__env *corps__seats_row(unsigned env) {
    return &corps__own()->envs[env];
}

enum corps_err corps__seats_know_envs(struct corps__seats *seats) {
    unsigned count = corps__own()->settings.env_count;
    if (count <= seats->env_count) {
        return CORPS_OK;
    }
    struct corps__seat_env *grown = realloc(seats->envs, count * sizeof *grown);
    if (grown == NULL) {
        return no_memory();
    }
    memset(grown + seats->env_count, 0, (count - seats->env_count) * sizeof *grown);
    seats->envs = grown;
    seats->env_count = count;
    return CORPS_OK;
}

enum corps_err corps__seats_ask(struct corps__seats *seats, unsigned env, const char *method,
                                const struct corps_value *args, int64_t wait_ns, struct corps_future **future) {
    static const char manager_class[] = "corps manager";
    struct corps__seat_env *known = &seats->envs[env];
    enum corps_err err = CORPS_OK;
    if (known->manager == NULL) {
        err = corps__name_create(corps__own()->id, env, CORPS__MANAGER, manager_class, sizeof manager_class - 1,
                                 &known->manager);
    }
    const struct corps_call_options options = {.serializer = "msgpack",
                                               .timeout_ns = wait_ns,
                                               .flags = CORPS_CALL_DETACHED |
                                                        (wait_ns > 0 ? CORPS_CALL_TRY : CORPS_CALL_NO_WAIT)};
    err = err == CORPS_OK ? corps_call(known->manager, method, args, &options, future) : err;
    known->is_greeted = known->is_greeted && err == CORPS_OK;
    return err;
}

bool corps__seats_can_ask(struct corps__seats *seats, unsigned env) {
    if (env == corps__own_env() || seats->envs[env].is_greeted) {
        return true;
    }
    bool is_down = atomic_load(&corps__seats_row(env)->restarting) || atomic_load(&corps__seats_row(env)->lost);
    if (is_down || corps__now_ns() < seats->envs[env].greet_ns) {
        return false;
    }
    struct corps_value none = corps_array(NULL, 0);
    struct corps_future *future = NULL;
    int64_t asked_ns = corps__now_ns();
    seats->envs[env].is_greeted = corps__seats_ask(seats, env, "probe", &none, GREET_NS, &future) == CORPS_OK;
    corps_future_destroy(future);
    if (corps__now_ns() - asked_ns >= GREET_NS) { /* it costs too much to be tried in every step */
        seats->envs[env].greet_ns = corps__now_ns() + AGAIN_NS;
    }
    corps__scale_was_busy(&seats->scale, corps__now_ns());
    return seats->envs[env].is_greeted;
}

/* ---- where members are ---- */

bool corps__seats_is_taken(const struct corps__seats *seats, uint32_t place) {
    enum corps__member_state state = seats->members[place].state;
    return state == CORPS__MEMBER_STARTING || state == CORPS__MEMBER_ACTIVE;
}

static uint32_t count_in(const struct corps__seats *seats, unsigned env, uint32_t without) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < seats->scale.places; i++) {
        count += i != without && corps__seats_is_taken(seats, i) && seats->seats[i].env == env ? 1 : 0;
    }
    return count;
}

static bool may_have(const struct corps__seats *seats, unsigned env) {
    int64_t location = corps__seats_option(seats, CORPS__POOL_LOCATION);
    bool is_meant = location != CORPS_LOCATION_ENV_ID || env == corps__seats_option(seats, CORPS__POOL_ENV);
    bool is_on_one = seats->host_count == 0;
    for (unsigned i = 0; i < seats->host_count; i++) {
        is_on_one = is_on_one || seats->hosts[i] == corps__seats_row(env)->host;
    }
    is_meant = is_meant && is_on_one;
    return is_meant && corps__env_is_there(corps__own(), env) && !atomic_load(&corps__seats_row(env)->lost);
}

/* Of the Envs that can be asked the one with the fewest. False: there is none. */
static bool choose_env(struct corps__seats *seats, uint32_t place, unsigned *chosen) {
    uint32_t fewest = UINT32_MAX;
    for (unsigned i = 0; i < seats->env_count; i++) {
        unsigned env = (seats->first_env + i) % seats->env_count;
        uint32_t count = may_have(seats, env) ? count_in(seats, env, place) : UINT32_MAX;
        bool is_full = corps__seats_are_nearest(seats) && count > 0;
        if (count < fewest && !is_full && corps__seats_can_ask(seats, env)) {
            fewest = count;
            *chosen = env;
        }
    }
    return fewest != UINT32_MAX;
}

/* ---- asking for what is decided ---- */

void corps__seats_on_ready(void *arg) {
    const struct corps__symbol *look;
    if (corps__symbol_of(CORPS__POOL_LOOK, strlen(CORPS__POOL_LOOK), &look) == CORPS_OK) {
        (void)!corps__conc_tell(arg, look); /* else the timer's word will do */
    }
}

/* [class, 1, policy, init's arguments …] */
static enum corps_err order(struct corps__seats *seats, unsigned env, struct corps_future **future) {
    const struct corps_value *root = corps_box_root(seats->box);
    const struct corps_value *init = corps_value_item(root, CORPS__POOL_INIT);
    size_t extra = init->kind == CORPS_ARRAY ? init->count : 0;
    struct corps_value *items = malloc((3 + extra) * sizeof *items);
    if (items == NULL) {
        return no_memory();
    }
    items[0] = *corps_value_item(root, CORPS__POOL_CLASS);
    items[1] = corps_int(1);
    items[2] = *corps_value_item(root, CORPS__POOL_POLICY);
    for (size_t i = 0; i < extra; i++) {
        items[3 + i] = init->items[i];
    }
    struct corps_value args = corps_array(items, 3 + extra);
    enum corps_err err = corps__seats_ask(seats, env, "create", &args, 0, future);
    free(items);
    return err;
}

static void fail_start(struct corps__seats *seats, uint32_t place, const struct corps_error_info *info) {
    if (seats->has_begun && !seats->scale.closing) { /* of the first ones its creator is told */
        corps__seats_say(seats, CORPS_LOG_WARN, "member_failed", "a member could not be made: %s%s%s", info->type,
                         info->type[0] != '\0' ? ": " : "", info->text);
    }
    free(seats->failure);
    seats->failure = corps__failure_create(info);
    corps__scale_start_failed(&seats->scale, place, corps__now_ns());
}

/* ---- Envs of their own ---- */

static bool has_own_env(const struct corps__seats *seats) {
    return corps__seats_option(seats, CORPS__POOL_ENV_EACH) != 0;
}

/* The member has gone, and where it was goes with it; how that ends concerns nobody here. */
static void take_env(struct corps__seats *seats, unsigned env) {
    if (!has_own_env(seats) || atomic_load(&corps__seats_row(env)->lost)) {
        return;
    }
    const struct corps_value items[2] = {corps_int(env), corps_int(TAKE_NS)};
    const struct corps_value args = corps_array(items, 2);
    struct corps_future *future = NULL;
    if (corps__seats_ask(seats, 0, CORPS__ENV_TAKE, &args, 0, &future) != CORPS_OK) {
        corps__seats_say(seats, CORPS_LOG_WARN, "env_stays", "Env %u, which a member had, could not be taken: %s", env,
                         corps_error_detail());
    }
    corps_future_destroy(future);
}

static enum corps_err make_member(struct corps__seats *seats, uint32_t place, unsigned env) {
    struct corps__seat *seat = &seats->seats[place];
    enum corps_err err = order(seats, env, &seat->future);
    if (err == CORPS_OK) {
        seat->env = env;
        seat->asked = CORPS__ASKED_CREATE;
        seats->members[place].group = env;
        corps_future_on_ready(seat->future, corps__seats_on_ready, seats->pool);
    }
    return err;
}

static enum corps_err make_env(struct corps__seats *seats, uint32_t place) {
    struct corps__seat *seat = &seats->seats[place];
    const struct corps_value *where = corps_value_item(corps_box_root(seats->box), CORPS__POOL_HOST);
    const struct corps_value args = corps_array(where, 1);
    enum corps_err err = corps__seats_ask(seats, 0, CORPS__ENV_ADD, &args, 0, &seat->future);
    if (err == CORPS_OK) {
        seat->asked = CORPS__ASKED_ENV;
        corps_future_on_ready(seat->future, corps__seats_on_ready, seats->pool);
    }
    return err;
}

/* Env 0's manager has answered [error, Env, text]. */
static void env_is_added(struct corps__seats *seats, uint32_t place, const struct corps_value *answer) {
    enum corps_err err = (enum corps_err)corps__record_int(answer, 0, CORPS_ERR_PROTOCOL);
    unsigned env = (unsigned)corps__record_int(answer, 1, 0);
    char text[CORPS__CHANGE_TEXT_BYTES];
    corps__record_text(answer, 2, text, sizeof text);
    if (err != CORPS_OK) {
        const struct corps_error_info info = {.code = err, .type = corps_error_name(err), .text = text};
        fail_start(seats, place, &info);
    } else if (corps__seats_know_envs(seats) != CORPS_OK || !corps__seats_can_ask(seats, env) ||
               make_member(seats, place, env) != CORPS_OK) {
        take_env(seats, env);
        corps__scale_start_failed(&seats->scale, place, corps__now_ns());
    }
}

/* Where it cannot begin now, it is tried again in a while. */
static void begin_start(struct corps__seats *seats, uint32_t place) {
    seats->seats[place] = (struct corps__seat){0};
    unsigned env = 0;
    bool begun = has_own_env(seats) ? make_env(seats, place) == CORPS_OK
                                    : choose_env(seats, place, &env) && make_member(seats, place, env) == CORPS_OK;
    if (!begun) {
        corps__scale_start_failed(&seats->scale, place, corps__now_ns());
    }
}

/* ---- asking members ---- */

static const char *method_of(enum corps__asked asked) {
    switch (asked) {
    case CORPS__ASKED_PROBE:
        return "probe";
    case CORPS__ASKED_MOVE:
        return "move";
    case CORPS__ASKED_END:
        return "end";
    case CORPS__ASKED_ENV: /* are not asked for like this */
    case CORPS__ASKED_CREATE:
    case CORPS__ASKED_NOTHING:
        break;
    }
    return NULL;
}

/* Of the member alone; what cannot be asked for now is asked for in the next step. */
static void ask_of(struct corps__seats *seats, uint32_t place, enum corps__asked asked) {
    struct corps__seat *seat = &seats->seats[place];
    struct corps_value number = corps_int(seat->conc);
    struct corps_value numbers = corps_array(&number, 1);
    seat->asked = asked;
    seat->future = NULL;
    if (corps__seats_can_ask(seats, seat->env) &&
        corps__seats_ask(seats, seat->env, method_of(asked), &numbers, 0, &seat->future) == CORPS_OK) {
        corps_future_on_ready(seat->future, corps__seats_on_ready, seats->pool);
    }
}

static void do_action(struct corps__seats *seats, const struct corps__scale_action *action) {
    switch (action->what) {
    case CORPS__SCALE_START:
        begin_start(seats, action->place);
        break;
    case CORPS__SCALE_LEAVE:
        seats->version++;
        break;
    case CORPS__SCALE_DRAIN:
        ask_of(seats, action->place, CORPS__ASKED_MOVE);
        break;
    case CORPS__SCALE_END:
        ask_of(seats, action->place, CORPS__ASKED_END);
        break;
    case CORPS__SCALE_CLOSED:
        break;
    }
}

bool corps__seats_act(struct corps__seats *seats) {
    struct corps__scale_action action;
    bool closed = false;
    for (uint32_t i = 0; i < seats->scale.places; i++) {
        if (seats->seats[i].future == NULL && method_of(seats->seats[i].asked) != NULL) {
            ask_of(seats, i, seats->seats[i].asked);
        }
    }
    while (corps__scale(&seats->scale, corps__now_ns(), &action)) {
        do_action(seats, &action);
        closed = closed || action.what == CORPS__SCALE_CLOSED;
    }
    return closed;
}

/* ---- what managers answer ---- */

/* It may be called from now on. */
static void started(struct corps__seats *seats, uint32_t place) {
    corps__scale_started(&seats->scale, place, corps__now_ns());
    seats->version++;
    seats->has_begun = true;
    corps__seats_probe(seats, seats->seats[place].env); /* the next step knows something of it */
}

void corps__seats_lose(struct corps__seats *seats, uint32_t place, const char *why) {
    struct corps__seat *seat = &seats->seats[place];
    bool replaced = corps__seats_is_taken(seats, place) && !seats->scale.closing;
    if (replaced) {
        corps__seats_say(seats, CORPS_LOG_WARN, "member_lost", "member L%u:M%u.%u is lost and will be replaced: %s",
                         seat->env, seat->env, seat->conc, why);
    }
    take_env(seats, seat->env);
    corps_future_destroy(seat->future);
    *seat = (struct corps__seat){0};
    corps__scale_lost(&seats->scale, place, corps__now_ns());
    seats->version++;
}

/* What was asked for is done. */
static void take_answer(struct corps__seats *seats, uint32_t place, enum corps__asked asked,
                        const struct corps_value *result) {
    struct corps__seat *seat = &seats->seats[place];
    switch (asked) {
    case CORPS__ASKED_ENV:
        env_is_added(seats, place, result);
        break;
    case CORPS__ASKED_CREATE:
        seat->conc = (uint32_t)corps__record_int(result, 0, 0);
        ask_of(seats, place, CORPS__ASKED_PROBE);
        break;
    case CORPS__ASKED_PROBE:
        started(seats, place);
        break;
    case CORPS__ASKED_MOVE:
        seat->moved_ns = corps__now_ns();
        break;
    case CORPS__ASKED_END:
        seats->moved++;
        take_env(seats, seat->env);
        corps__scale_ended(&seats->scale, place, corps__now_ns());
        break;
    case CORPS__ASKED_NOTHING:
        break;
    }
}

static void look_at(struct corps__seats *seats, uint32_t place) {
    struct corps__seat *seat = &seats->seats[place];
    struct corps_future *future = seat->future;
    const struct corps_value *result = NULL;
    enum corps_err err = corps_future_wait(future, 0, &result);
    enum corps__asked asked = seat->asked;
    seat->asked = CORPS__ASKED_NOTHING;
    seat->future = NULL;
    if (err == CORPS_OK) {
        take_answer(seats, place, asked, result);
    } else if (asked == CORPS__ASKED_CREATE || asked == CORPS__ASKED_ENV) {
        fail_start(seats, place, corps_future_error(future));
        if (asked == CORPS__ASKED_CREATE) {
            take_env(seats, seat->env);
        }
    } else if (atomic_load(&corps__seats_row(seat->env)->lost)) {
        corps__seats_lose(seats, place, "its Env has ended");
    } else {
        seat->asked = asked; /* the Env is started again, say: once more */
    }
    corps_future_destroy(future);
}

void corps__seats_look(struct corps__seats *seats) {
    for (uint32_t i = 0; i < seats->scale.places; i++) {
        if (seats->seats[i].future != NULL && corps_future_ready(seats->seats[i].future)) {
            look_at(seats, i);
        }
    }
}
