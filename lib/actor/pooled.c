#include "actor/pooled.h"

#include "actor/broken.h"
#include "actor/future.h"
#include "actor/pool_view.h"
#include "actor/runtime.h"
#include "base/clock.h"
#include "link/known.h"
#include "link/peer.h"

/* ---- what members have to do ---- */

/* Of this Env. What it runs counts too; and who waits for itself waits for ever. */
static uint64_t local_load(const struct corps_name *member) {
    struct corps__conc *conc = corps__conc_find(member->conc);
    if (conc == NULL || atomic_load(&conc->lost) || atomic_load(&conc->moved) || corps__conc_is_mine(conc)) {
        return CORPS__LOAD_NONE;
    }
    int state = corps__task_state(&conc->task);
    bool is_idle = state == CORPS__IDLE || state == CORPS__HOME_IDLE;
    return (uint64_t)atomic_load_explicit(&conc->local_count, memory_order_relaxed) + (is_idle ? 0 : 1);
}

static bool is_local(const struct corps *corps, const struct corps_name *member) {
    return corps == corps__own() && member->env == corps__own_env();
}

/* A corps__load_fn; `arg` is the members' Corps. */
static uint64_t load_of(const struct corps_name *member, void *arg) {
    const struct corps *corps = arg;
    if (is_local(corps, member)) {
        return local_load(member);
    }
    if (member->env >= corps->settings.env_count) {
        return 0; /* it is new: who calls it looks for it, as for one that seems to be lost */
    }
    const struct corps__env *env = &corps->envs[member->env];
    if (atomic_load_explicit(&env->restarting, memory_order_relaxed)) {
        return CORPS__LOAD_NONE;
    }
    const struct corps__route *route = atomic_load(&member->route);
    const struct corps__peer *peer = route == NULL ? atomic_load(&env->peer) : NULL;
    route = peer != NULL ? corps__route_find(peer, member->conc) : route; /* others may have called it */
    return route != NULL ? corps__route_count(route) : 0;
}

/* ---- asking for members ---- */

/* NULL before the first call by its Name. */
static struct corps *corps_of_view(const struct corps__pool_view *view) {
    struct corps *own = corps__own();
    return own != NULL && own->id == view->corps_id ? own : (struct corps *)atomic_load(&view->own->corps);
}

/* Asks, whatever the Corps' serializer carries; `question` is the caller's to end. */
static enum corps_err ask(struct corps__pool_view *view, unsigned flags, int64_t timeout_ns,
                          struct corps__members_question *question) {
    const struct corps_call_options options = {.flags = flags, .timeout_ns = timeout_ns, .serializer = "msgpack"};
    struct corps__replicas *known = corps__pool_view_table(view);
    struct corps *corps = corps_of_view(view);
    uint64_t outstanding = known != NULL && corps != NULL ? corps__replicas_outstanding(known, load_of, corps) : 0;
    const struct corps_value items[3] = {corps_int(known != NULL ? (int64_t)known->version : 0),
                                         corps_int((int64_t)outstanding), corps_nil()};
    const struct corps_value args = corps_array(items, 3);
    *question = (struct corps__members_question){.known = known, .asked_ns = corps__now_ns()};
    enum corps_err err = corps_call(view->own, "corps:members", &args, &options, &question->future);
    if (err != CORPS_OK) {
        corps__replicas_unref(known);
        *question = (struct corps__members_question){0};
    }
    return err;
}

static enum corps_err failed(const struct corps__pool_view *view, enum corps_err err) {
    return corps_error_set(err, "the %s cannot be asked for its members: %s", view->own->class_name,
                           corps_error_detail());
}

/* Takes the answer, for which it waits; ends the question. */
static enum corps_err take_answer(struct corps__pool_view *view, struct corps__members_question *question) {
    const struct corps_value *answer;
    struct corps__replicas *table;
    int64_t valid_ns;
    enum corps_err err = corps_future_wait(question->future, CORPS_FOREVER, &answer);
    if (err == CORPS_OK) {
        err = corps__replicas_read(answer, view->corps_id, view->class_name, question->known, &table, &valid_ns);
    } else {
        err = failed(view, err);
    }
    if (err == CORPS_OK) {
        corps__pool_view_put(view, table, question->asked_ns, valid_ns);
        corps__replicas_unref(table);
    }
    corps_future_destroy(question->future);
    corps__replicas_unref(question->known);
    return err;
}

/* Beside a call: it neither waits nor fails. */
static void ask_beside(struct corps__pool_view *view, int64_t now_ns) {
    struct corps__members_question question;
    (void)!ask(view, CORPS_CALL_NO_WAIT | CORPS_CALL_DETACHED, 0, &question);
    corps__pool_view_asked(view, &question, now_ns);
}

/* Waits for a table. */
static enum corps_err fetch(struct corps__pool_view *view, unsigned flags, int64_t timeout_ns) {
    struct corps__members_question question;
    enum corps_err err = ask(view, flags, timeout_ns, &question);
    return err == CORPS_OK ? take_answer(view, &question) : failed(view, err);
}

static enum corps_err fetch_for(struct corps__pool_view *view, const struct corps__call *call) {
    if (call->no_wait) {
        return corps_error_set(CORPS_ERR_FULL, "the members of the %s are not known yet", view->own->class_name);
    }
    int64_t now_ns = corps__now_ns();
    if (call->deadline_ns <= now_ns) {
        return corps_error_set(CORPS_ERR_TIMEOUT, "the call's deadline passed before a member of the %s was found",
                               view->own->class_name);
    }
    int64_t timeout_ns = call->deadline_ns == CORPS_FOREVER ? 0 : call->deadline_ns - now_ns;
    return fetch(view, CORPS_CALL_DETACHED, timeout_ns); /* the call's own deadline is the sooner one already */
}

/* ---- one call ---- */

struct way {
    struct corps__call *call;
    const struct corps_name *pool;
    struct corps__pool_view *view;
    struct corps__replicas *table;
    int64_t until_ns; /* the table may be used */
    bool try_only;    /* as the caller said it */
    int64_t empty_ns; /* since then the pool has no member; 0: it has */
};

/* How hard it looks for room: at the one chosen, at the one with the least to do, and there it waits. */
enum stage { CHOSEN, LEAST, WAIT };

static enum corps_err check_key(const struct way *way) {
    bool sticky = way->table->spreading == CORPS__STICKY;
    if (way->call->keyed && !sticky) {
        return corps_error_set(CORPS_ERR_INVALID, "the %s is not sticky: calls to it have no key",
                               way->pool->class_name);
    }
    if (!way->call->keyed && sticky) {
        return corps_error_set(CORPS_ERR_INVALID,
                               "the %s is sticky: calls to it need CORPS_CALL_KEYED and a key, which says to which of "
                               "its members they go",
                               way->pool->class_name);
    }
    return CORPS_OK;
}

static size_t choose(const struct way *way, enum stage stage) {
    struct corps *corps = way->call->corps;
    if (way->table->spreading == CORPS__STICKY) {
        return corps__replicas_sticky(way->table, way->call->key);
    }
    uint64_t random = corps__pool_view_random(way->view);
    if (stage != CHOSEN) {
        return corps__replicas_least(way->table, random, load_of, corps);
    }
    if (way->table->spreading == CORPS__NEAREST) {
        uint32_t near = corps == corps__own() ? corps__own_env() : CORPS__GUEST_ENV;
        return corps__replicas_nearest(way->table, near, random, load_of, corps);
    }
    return corps__replicas_spread(way->table, random, load_of, corps);
}

/* Of this Env one knows at once that it is gone; others say so. */
static enum corps_err check_local(const struct corps_name *member) {
    struct corps__conc *conc = corps__conc_find(member->conc);
    char why[CORPS__BROKEN_TEXT_BYTES];
    if (conc == NULL || !(atomic_load(&conc->moved) || atomic_load(&conc->lost))) {
        return CORPS_OK;
    }
    corps__conc_lost_text(conc, why);
    return corps_error_set(atomic_load(&conc->moved) ? CORPS_ERR_MOVED : CORPS_ERR_WORKER_LOST, "%s", why);
}

static enum corps_err call_member(const struct way *way, const struct corps_name *member, enum stage stage,
                                  struct corps_future **future) {
    struct corps__call *call = way->call;
    enum corps_err err = is_local(call->corps, member) ? check_local(member) : CORPS_OK;
    if (err != CORPS_OK) {
        return err;
    }
    call->to = member;
    call->try_only = way->try_only || stage != WAIT;
    call->until_ns = way->until_ns < call->deadline_ns ? way->until_ns : call->deadline_ns;
    err = corps__call_begin(call, future);
    bool is_unknown = err == CORPS_ERR_INVALID && member->env >= call->corps->settings.env_count;
    return is_unknown ? corps_error_set(CORPS_ERR_WORKER_LOST, "Env %u is not known here yet", member->env) : err;
}

static bool is_gone(enum corps_err err) {
    return err == CORPS_ERR_WORKER_LOST || err == CORPS_ERR_NO_WORKER || err == CORPS_ERR_MOVED;
}

/* Among those of one table. */
static enum corps_err call_one_of(const struct way *way, struct corps_future **future) {
    struct corps__replicas *table = way->table;
    enum stage stage = table->spreading == CORPS__STICKY ? WAIT : CHOSEN;
    enum corps_err err = corps_error_set(table->count == 0 ? CORPS_ERR_EMPTY : CORPS_ERR_WORKER_LOST,
                                         "the %s has no member that can be called now", way->pool->class_name);
    for (size_t left = table->count + WAIT; left > 0; left--) {
        size_t at = choose(way, stage);
        if (at == CORPS__NO_MEMBER) {
            break;
        }
        err = call_member(way, table->members[at].name, stage, future);
        if (is_gone(err)) {
            atomic_store(&table->members[at].avoided, true);
        } else if (err == CORPS_ERR_FULL && stage < (way->try_only ? LEAST : WAIT)) {
            stage++;
        } else {
            break;
        }
    }
    return err;
}

/* A table that may be used now; one reference. */
static enum corps_err current_table(struct way *way) {
    enum corps_err err = CORPS_OK;
    way->table = NULL;
    while (err == CORPS_OK && way->table == NULL) {
        struct corps__pool_look look;
        int64_t now_ns = corps__now_ns();
        corps__pool_view_look(way->view, now_ns, !way->call->no_wait, &look);
        if (look.should_ask) {
            ask_beside(way->view, now_ns);
        }
        if (look.answered.future != NULL) {
            (void)!take_answer(way->view, &look.answered); /* who needs a table asks again, and hears why not */
        } else if (look.table == NULL) {
            err = fetch_for(way->view, way->call);
        }
        way->table = look.table;
        way->until_ns = look.until_ns;
    }
    return err;
}

static enum corps_err call_by_table(struct way *way, struct corps_future **future) {
    enum corps_err err = current_table(way);
    if (err != CORPS_OK) {
        return err;
    }
    err = check_key(way);
    err = err == CORPS_OK ? call_one_of(way, future) : err;
    corps__replicas_unref(way->table);
    return err;
}

enum { PAUSE_NS = 10 * 1000 * 1000 };
#define EMPTY_MAX_NS INT64_C(30000000000) /* by default the time that an Env has to boot */

static enum corps_err pause_ns(int64_t time_ns) {
    struct corps_future *never = corps_future_create();
    if (never == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to wait for a member");
    }
    enum corps_err err = corps_future_wait(never, time_ns, NULL);
    corps_future_destroy(never);
    return err == CORPS_ERR_TIMEOUT ? CORPS_OK : err;
}

/* The pool has lost all members and is making others: asks again in a moment. Errors: FULL (TRY), TIMEOUT, WORKER_LOST
 * (it takes too long), and of asking. */
static enum corps_err await_members(struct way *way) {
    int64_t now_ns = corps__now_ns();
    way->empty_ns = way->empty_ns != 0 ? way->empty_ns : now_ns;
    if (way->try_only) {
        return corps_error_set(CORPS_ERR_FULL, "the %s has no member now", way->pool->class_name);
    }
    if (now_ns - way->empty_ns > EMPTY_MAX_NS) {
        return corps_error_set(CORPS_ERR_WORKER_LOST, "the %s has had no member for 30 s", way->pool->class_name);
    }
    int64_t left_ns = way->call->deadline_ns - now_ns;
    enum corps_err err = pause_ns(left_ns < PAUSE_NS ? left_ns : PAUSE_NS);
    return err == CORPS_OK ? fetch_for(way->view, way->call) : err;
}

/* Was the table's time over before there was room, and the call's is not? */
static bool was_too_old(const struct way *way) {
    int64_t now_ns = corps__now_ns();
    return way->until_ns <= now_ns && now_ns < way->call->deadline_ns;
}

enum corps_err corps__pooled_call(struct corps__call *call, struct corps_future **future) {
    struct way way = {.call = call, .pool = call->to, .try_only = call->try_only};
    enum corps_err err = corps__pool_view_of(call->to, &way.view);
    bool asked_again = call->no_wait; /* may not */
    while (err == CORPS_OK) {
        err = call_by_table(&way, future);
        if (is_gone(err) && !asked_again) { /* the pool may know of others by now */
            asked_again = true;
            err = fetch_for(way.view, call);
        } else if (err == CORPS_ERR_TIMEOUT && was_too_old(&way)) {
            err = CORPS_OK; /* choose again */
        } else if (err == CORPS_ERR_EMPTY) {
            err = await_members(&way);
        } else {
            break;
        }
    }
    return err;
}

/* ---- public ---- */

enum corps_err corps_pool_members(const struct corps_name *pool, struct corps_name **names, size_t *count) {
    if (!corps__name_is_pool(pool)) {
        return corps_error_set(CORPS_ERR_INVALID, "this is no pool's Name, but one of a Worker of class %s",
                               pool->class_name);
    }
    struct corps__pool_view *view;
    enum corps_err err = corps__runtime_ensure(); /* this may be the first thing that a program does */
    err = err == CORPS_OK ? corps__pool_view_of(pool, &view) : err;
    err = err == CORPS_OK ? fetch(view, 0, 0) : err;
    if (err != CORPS_OK) {
        return err;
    }
    struct corps__replicas *table = corps__pool_view_table(view);
    for (size_t i = 0; i < table->count && i < *count; i++) {
        names[i] = corps_name_ref(table->members[i].name);
    }
    *count = table->count;
    corps__replicas_unref(table);
    return CORPS_OK;
}
