#include "actor/stages.h"

#include "actor/broken.h"
#include "actor/checkpoint.h"
#include "actor/group.h"
#include "actor/home.h"
#include "actor/innermost.h"
#include "actor/probe.h"
#include "value/failure.h"

#include <string.h>

/* What it has started goes with it. */
static void end_timers(const struct corps__conc *conc) {
    const struct corps__timers_ops *timers = corps__actors->timers.ops;
    if (timers != NULL) {
        timers->conc_ended(conc->id);
    }
}

/* What there was of it is no more. */
static void forget_self(struct corps__conc *conc) {
    conc->alive = false;
    conc->away = false;
    atomic_store(&conc->serves, false);
    memset(corps__conc_self(conc), 0, conc->class->bytes);
}

/* Its init has run, and its cleanup has not. */
static bool is_there(const struct corps__conc *conc) {
    return conc->alive || conc->away;
}

void corps__stage_go_away(struct corps__conc *conc) {
    conc->leaving = false;
    conc->away = is_there(conc);
    conc->alive = false;
}

/* True: what was parked is to be run. */
static bool run_init(struct corps__conc *conc, struct corps__message *message) {
    bool again = atomic_load(&conc->down);
    if (again && is_there(conc)) { /* it has ended by itself */
        forget_self(conc);
    }
    struct corps_context context;
    corps__context_enter(&context, conc, message);
    static const struct corps_value nil;
    struct corps__group *group = message->group;
    struct corps__kept kept;
    enum corps_err err = corps__restore_begin(conc, group, &kept); /* may run user code, and so may the next */
    if (err == CORPS_OK && group != NULL && group->argument != NULL && message->box == NULL) {
        err = group->argument(group, &message->box);
    }
    const struct corps_value *args = message->box != NULL ? corps_value_open(corps_box_root(message->box)) : &nil;
    struct corps_value result = corps_nil();
    if (err == CORPS_OK && conc->class->init != NULL) {
        err = conc->class->init(&context, corps__conc_self(conc), args, &result);
    }
    corps__context_forked(&context, err);
    err = corps__restore_end(&context, &kept, err);
    if (err == CORPS_ERR_PENDING && corps__home_takes_init(conc, message)) {
        corps__context_leave(&context);
        return false;
    }
    conc->alive = err == CORPS_OK;
    atomic_store(&conc->ended, err != CORPS_OK);
    atomic_store(&conc->serves, conc->alive);
    if (err != CORPS_OK && group != NULL) {
        const struct corps_error_info plain = {
            .code = CORPS_ERR_REMOTE, .type = corps_error_name(err), .text = corps_error_detail()};
        corps__group_fail(group, context.failure != NULL ? &context.failure->info : &plain);
    }
    if (err != CORPS_OK) {
        end_timers(conc);
    }
    corps__context_leave(&context);
    corps__message_free(message);
    if (again && err == CORPS_OK) {
        atomic_fetch_add(&conc->life, 1);
        struct corps__rare *rare = corps__rare_make(conc);
        if (rare != NULL) { /* else it is not counted */
            atomic_fetch_add(&rare->restarted, 1);
        }
    } else if (again) {
        forget_self(conc);
    }
    corps__group_finish(group);
    if (again && err == CORPS_OK) { /* first whoever has it made again knows that it is there */
        corps__conc_is_up(conc);
    }
    return again && err == CORPS_OK;
}

void corps__stage_begun(struct corps__conc *conc) {
    if (conc->moved) {
        corps__stage_go_away(conc);
    }
}

static void clean_up(struct corps__conc *conc, struct corps__message *message) {
    end_timers(conc);
    if (is_there(conc) && atomic_load(&corps__actors->moves)) {
        corps__checkpoint_last(conc);
    }
    if (is_there(conc) && conc->class->cleanup != NULL) {
        struct corps_context context;
        corps__context_enter(&context, conc, message);
        conc->class->cleanup(&context, corps__conc_self(conc));
        corps__context_forked(&context, CORPS_OK);
        corps__context_leave(&context);
    }
    conc->alive = false;
    conc->away = false;
    atomic_store(&conc->ended, true);
    atomic_store(&conc->serves, false);
}

static void run_cleanup(struct corps__conc *conc, struct corps__message *message) {
    clean_up(conc, message);
    struct corps__group *group = message->group;
    corps__message_free(message);
    corps__group_finish(group);
}

/* ---- stopping, to be made again (broken.h) ---- */

/* As run_init. */
static bool run_stop(struct corps__conc *conc, struct corps__message *message, bool failed) {
    char how[CORPS__SMALL_FRAME_BYTES];
    memcpy(how, message->small, sizeof how);
    bool meant = is_there(conc) && (!failed || message->header.id == atomic_load(&conc->life));
    if (meant) {
        clean_up(conc, message);
        forget_self(conc);
    }
    corps__message_free(message);
    bool up = !meant && is_there(conc); /* it meant a former life */
    if (meant) {
        corps__actors->broken.stopped(conc->id, failed, how);
    } else if (up) {
        corps__conc_is_up(conc);
    }
    return up;
}

static void give_up(struct corps__conc *conc, struct corps__message *message) {
    corps__message_free(message);
    conc->alive = false;
    conc->lost = true;
    corps__conc_is_up(conc);
}

/* What was put aside came before it. */
static void run_move(struct corps__conc *conc, struct corps__message *message) {
    corps__conc_has_moved(conc, (const char *)message->small);
    corps__message_free(message);
    if (conc->deferred_count == 0) {
        corps__stage_go_away(conc);
    } else {
        conc->leaving = true;
    }
}

bool corps__stage_run(struct corps__conc *conc, struct corps__message *message) {
    switch (message->mail.kind) {
    case CORPS__MAIL_INIT:
        return run_init(conc, message);
    case CORPS__MAIL_CLEANUP:
        run_cleanup(conc, message);
        break;
    case CORPS__MAIL_CRASH:
    case CORPS__MAIL_STOP:
        return run_stop(conc, message, message->mail.kind == CORPS__MAIL_CRASH);
    case CORPS__MAIL_GIVE_UP:
        give_up(conc, message);
        return true;
    case CORPS__MAIL_MOVE:
        run_move(conc, message);
        break;
    case CORPS__MAIL_PROBE:
        corps__probe_passes(conc, message, is_there(conc));
        break;
    case CORPS__MAIL_REQUEST: /* is no order */
    case CORPS__MAIL_BATCH:   /* are no messages */
    case CORPS__MAIL_RESUME:
    case CORPS__MAIL_CHECKPOINT:
        break;
    }
    return false;
}
