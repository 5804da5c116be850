#include "actor/checkpoint.h"

#include "actor/answers.h"
#include "actor/broken.h"
#include "actor/due.h"
#include "actor/group.h"
#include "actor/innermost.h"
#include "actor/once.h"
#include "base/clock.h"
#include "base/log.h"
#include "link/known.h"
#include "value/failure.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct corps__keep {
    struct corps__late due_mail; /* first: what the timer puts into the mailbox */
    _Atomic bool mailed;         /* it is there */
    _Atomic bool armed;          /* the timer runs, or is about to */
    struct corps__conc *conc;
    struct corps__due due; /* of the thread that runs the Conc, as are the next two */
    bool taking;
    bool told;
    _Atomic uint64_t kept, failed;
    pthread_mutex_t lock; /* between keeping a state and the Conc's end, which another thread may see first */
    _Atomic bool ended;
    bool has_timer; /* with the lead, as the timer */
    uv_timer_t timer;
};

static const struct corps_value nil;

/* The Conc's, made now if it has none: at an init, or where its thread asks for a checkpoint. NULL: no memory. */
static struct corps__keep *keep_of(struct corps__conc *conc) {
    struct corps__keep *keep = atomic_load(&corps__rare(conc)->keep);
    if (keep != NULL) {
        return keep;
    }
    struct corps__rare *rare = corps__rare_make(conc);
    keep = rare != NULL ? calloc(1, sizeof *keep) : NULL;
    if (keep != NULL && rare->once == NULL) {
        rare->once = calloc(1, sizeof *rare->once);
    }
    if (keep == NULL || rare->once == NULL) {
        free(keep);
        (void)corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for checkpoints of class %s", corps__conc_class(conc));
        return NULL;
    }
    keep->due_mail.mail.kind = CORPS__MAIL_CHECKPOINT;
    keep->conc = conc;
    keep->due.every_ns = conc->class->checkpoint_every_ns;
    pthread_mutex_init(&keep->lock, NULL);
    atomic_store(&rare->keep, keep);
    return keep;
}

/* ---- taking one ---- */

static enum corps_err keep_state(struct corps__keep *keep, const struct corps_value *state) {
    const struct corps__conc *conc = keep->conc;
    struct corps_value *items;
    int64_t now_ns = corps__now_ns();
    corps__once_expire(corps__rare(keep->conc)->once, now_ns);
    enum corps_err err = corps__once_items(corps__rare(keep->conc)->once, now_ns, &items);
    if (err != CORPS_OK) {
        return err;
    }
    const struct corps_value answers = corps_array(items, corps__rare(keep->conc)->once->count + 1);
    pthread_mutex_lock(&keep->lock);
    bool unneeded = keep->ended || atomic_load(&conc->down) == CORPS__BROKEN;
    if (!unneeded) { /* else nobody needs it */
        err = corps__actors->keep->keep(conc->id, corps__conc_class(conc), state, &answers);
    }
    pthread_mutex_unlock(&keep->lock);
    free(items);
    if (err == CORPS_OK && !unneeded && corps__actors->keep->settle != NULL) {
        err = corps__actors->keep->settle();
    }
    return err;
}

/* The class's `checkpoint`, and its outcome as this thread's error. */
static enum corps_err run_hook(struct corps__keep *keep) {
    struct corps__conc *conc = keep->conc;
    struct corps__message message; /* stands for a request */
    memset(&message, 0, offsetof(struct corps__message, small));
    message.lent = true;
    message.mail.kind = CORPS__MAIL_CHECKPOINT;
    message.header.flags = CORPS__NO_REPLY;
    struct corps_context context;
    corps__context_enter(&context, conc, &message);
    struct corps_value state = corps_nil();
    enum corps_err err = conc->class->checkpoint(&context, corps__conc_self(conc), &nil, &state);
    corps__context_forked(&context, err);
    if (err == CORPS_OK) {
        err = keep_state(keep, &state);
    } else if (context.failure != NULL) {
        const struct corps_error_info *info = &context.failure->info;
        err = corps_error_set(CORPS_ERR_REMOTE, "%s: %s", info->type, info->text);
    }
    corps__context_leave(&context);
    return err;
}

static void count_failure(struct corps__keep *keep, enum corps_err err) {
    atomic_fetch_add(&keep->failed, 1);
    if (!keep->told) { /* what fails each time does not fill the standard error */
        keep->told = true;
        corps__log(CORPS_LOG_WARN, "checkpoint_failed",
                   CORPS__LOG_FIELDS(CORPS__LOG_INT("conc", keep->conc->id),
                                     CORPS__LOG_TEXT("class", corps__conc_class(keep->conc)),
                                     CORPS__LOG_TEXT("code", corps_error_name(err))),
                   "a checkpoint of Worker L%u:M%u.%u (class %s) failed, and its last one stays; further ones are "
                   "counted: %s: %s",
                   corps__own_env(), corps__own_env(), keep->conc->id, corps__conc_class(keep->conc),
                   corps_error_name(err), corps_error_detail());
    }
}

static enum corps_err take(struct corps__keep *keep) {
    keep->taking = true;
    enum corps_err err = run_hook(keep);
    keep->taking = false;
    corps__due_tried(&keep->due, corps__now_ns());
    if (err == CORPS_OK) {
        atomic_fetch_add(&keep->kept, 1);
    } else {
        count_failure(keep, err);
    }
    return err;
}

/* ---- time ---- */

static void on_timer(uv_timer_t *timer) {
    struct corps__keep *keep = timer->data;
    atomic_store(&keep->armed, false);
    if (!atomic_exchange(&keep->mailed, true)) {
        corps__conc_post(keep->conc, &keep->due_mail.mail, CORPS__PUSH_OTHER);
    }
}

/* What is looked at here was set by the thread that waits for this, or has a running timer already. */
static enum corps_err start_timer(void *arg) {
    struct corps__keep *keep = arg;
    if (!keep->has_timer) {
        keep->has_timer = true;
        uv_timer_init(corps__loop(), &keep->timer);
        keep->timer.data = keep;
    }
    corps__timer_set(&keep->timer, on_timer, corps__due_at(&keep->due));
    return CORPS_OK;
}

static void look_again_later(struct corps__keep *keep) {
    if (corps__due_at(&keep->due) != INT64_MAX && !atomic_exchange(&keep->armed, true)) {
        (void)!corps__with_lead(start_timer, keep);
    }
}

static void time_has_passed(struct corps__keep *keep) {
    atomic_store(&keep->mailed, false);
    if (!keep->conc->alive || atomic_load(&keep->ended)) {
        return;
    }
    if (corps__due_now(&keep->due, corps__now_ns())) {
        (void)take(keep); /* it says what fails */
    } else {
        look_again_later(keep);
    }
}

/* ---- when ---- */

bool corps__checkpoint_awaited(const struct corps__conc *conc) {
    const struct corps__keep *keep = atomic_load(&corps__rare(conc)->keep);
    return keep != NULL && keep->due.every_ns != CORPS_FOREVER;
}

void corps__checkpoint_ran(struct corps__conc *conc) {
    struct corps__keep *keep = corps__rare(conc)->keep;
    if (!conc->alive || keep->taking || atomic_load(&keep->ended)) {
        return;
    }
    if (corps__due_ran(&keep->due, corps__now_ns())) {
        char detail[512]; /* of the method's own error, which is to be answered */
        snprintf(detail, sizeof detail, "%s", corps_error_detail());
        (void)take(keep); /* likewise */
        (void)!corps_error_set(CORPS_OK, "%s", detail);
    } else {
        look_again_later(keep);
    }
}

/* Its key is that of the call, which nobody else answers meanwhile. */
static enum corps_err add_answer(struct corps__keep *keep, const struct corps__message *message,
                                 const struct corps__outgoing *out) {
    struct corps__result_key key;
    int64_t keep_until_ns;
    corps__answers_look(message->answer, &key, &keep_until_ns);
    return corps__once_add(corps__rare(keep->conc)->once, &key, keep_until_ns, out);
}

static void keep_answer(const struct corps__conc *conc, const struct corps__message *message,
                        const struct corps__outgoing *out) {
    bool is_kept = conc->alive && conc->keeps && !message->unkept && atomic_load(&conc->down) != CORPS__BROKEN;
    struct corps__keep *keep = is_kept ? keep_of(corps__conc_find(conc->id)) : NULL;
    enum corps_err err = keep != NULL ? add_answer(keep, message, out) : CORPS_OK;
    if (err != CORPS_OK) {
        count_failure(keep, err); /* so no state is kept either that has the effect of this call and not its answer */
    } else if (keep != NULL) {
        corps__checkpoint_ran(keep->conc);
    }
}

bool corps__checkpoint_is_full(const struct corps__conc *conc) {
    size_t bytes_max = corps__actors->keep->answers_bytes;
    if (corps__rare(conc)->once->bytes >= bytes_max) {
        corps__once_expire(corps__rare(conc)->once, corps__now_ns());
    }
    return corps__rare(conc)->once->bytes >= bytes_max;
}

enum corps_err corps__checkpoint_demand(struct corps__conc *conc) {
    if (conc->class->checkpoint == NULL) {
        return corps_error_set(CORPS_ERR_INVALID, "class %s has no checkpoint", corps__conc_class(conc));
    }
    if (!conc->keeps) {
        return CORPS_OK; /* it is not made again */
    }
    struct corps__keep *keep = keep_of(conc);
    if (keep == NULL) {
        return CORPS_ERR_NO_MEMORY;
    }
    return keep->taking ? corps_error_set(CORPS_ERR_INVALID, "a checkpoint cannot ask for another one") : take(keep);
}

void corps__checkpoint_last(struct corps__conc *conc) {
    struct corps__keep *keep = atomic_load(&corps__rare(conc)->keep);
    if (keep != NULL && keep->due.changed && keep->due.every_ns != CORPS_FOREVER && !atomic_load(&keep->ended)) {
        (void)take(keep); /* it says what fails */
    }
}

enum corps_err corps_context_checkpoint(struct corps_context *context) {
    return corps__checkpoint_demand(context->conc);
}

void corps__checkpoint_mail(struct corps__conc *conc, struct corps__mail *mail) {
    struct corps__late *late = (struct corps__late *)mail;
    if (corps__rare(conc)->keep != NULL && late == &corps__rare(conc)->keep->due_mail) {
        time_has_passed(corps__rare(conc)->keep);
    } else if (late->demanded) {
        late->answer(late, conc->alive ? corps__checkpoint_demand(conc)
                                       : corps_error_set(CORPS_ERR_NO_WORKER, "the Worker of class %s has ended",
                                                         corps__conc_class(conc)));
    } else {
        if (!late->is_kept) {
            corps__checkpoint_ran(conc);
        }
        late->answer(late, CORPS_OK);
    }
}

void corps__checkpoint_before(struct corps__conc *conc, struct corps__late *late) {
    late->mail.kind = CORPS__MAIL_CHECKPOINT;
    corps__conc_post(conc, &late->mail, CORPS__PUSH_OTHER);
}

/* ---- settings and counts ---- */

void corps__checkpoints_begin(const struct corps__keep_ops *ops, bool all) {
    corps__actors->keep = ops;
    corps__actors->keeps_all = all;
    corps__actors->keep_answer = keep_answer;
}

enum corps_err corps_context_checkpoint_every(struct corps_context *context, int64_t every_ns) {
    if (every_ns < 0) {
        return corps_error_set(CORPS_ERR_INVALID, "checkpoints every %lld ns cannot be: 0 is at each request",
                               (long long)every_ns);
    }
    if (!context->conc->keeps) {
        return CORPS_OK;
    }
    struct corps__keep *keep = keep_of(context->conc);
    if (keep == NULL) {
        return CORPS_ERR_NO_MEMORY;
    }
    keep->due.every_ns = every_ns;
    return CORPS_OK;
}

void corps__checkpoint_counts(const struct corps__conc *conc, uint64_t *kept, uint64_t *failed) {
    struct corps__keep *keep = atomic_load(&corps__rare(conc)->keep);
    *kept = keep != NULL ? atomic_load(&keep->kept) : 0;
    *failed = keep != NULL ? atomic_load(&keep->failed) : 0;
}

void corps_context_checkpoint_counts(struct corps_context *context, uint64_t *kept, uint64_t *failed) {
    corps__checkpoint_counts(context->conc, kept, failed);
}

/* ---- around an init, and at the end ---- */

enum corps_err corps__restore_begin(struct corps__conc *conc, const struct corps__group *group,
                                    struct corps__kept *kept) {
    *kept = (struct corps__kept){.found = false};
    bool is_made_again = corps__actors->keeps_all || (group != NULL && group->restarts);
    conc->keeps = corps__actors->keep != NULL && conc->class->checkpoint != NULL && is_made_again;
    if (!conc->keeps) {
        return CORPS_OK;
    }
    if (conc->class->checkpoint_every_ns != CORPS_FOREVER && keep_of(conc) == NULL) {
        return CORPS_ERR_NO_MEMORY;
    }
    struct corps__keep *keep = atomic_load(&corps__rare(conc)->keep);
    if (keep != NULL) { /* the Conc begins, perhaps not for the first time */
        keep->due = (struct corps__due){.every_ns = conc->class->checkpoint_every_ns};
        atomic_store(&keep->ended, false);
        corps__once_clear(corps__rare(keep->conc)->once);
    }
    return corps__actors->keep->find(conc->id, corps__conc_class(conc), &kept->found, &kept->box, &kept->answers);
}

/* From now on they are given again, and are kept with the states that follow. */
static enum corps_err restore_answers(struct corps__conc *conc, const struct corps_value *answers) {
    struct corps__keep *keep = keep_of(conc);
    int64_t now_ns = corps__now_ns();
    bool other_clock = corps__own()->settings.host != 0;
    enum corps_err err = keep != NULL ? corps__once_restore(corps__rare(keep->conc)->once, answers, other_clock, now_ns)
                                      : CORPS_ERR_NO_MEMORY;
    if (err == CORPS_OK) {
        corps__once_expire(corps__rare(keep->conc)->once, now_ns);
        err = corps__answers_restore(corps__rare(keep->conc)->once);
    }
    return err;
}

enum corps_err corps__restore_end(struct corps_context *context, struct corps__kept *kept, enum corps_err err) {
    if (err == CORPS_OK && kept->found) {
        struct corps__conc *conc = context->conc;
        const struct corps_value *state = kept->box != NULL ? corps_value_open(corps_box_root(kept->box)) : &nil;
        struct corps_value result = corps_nil();
        err = conc->class->restore(context, corps__conc_self(conc), state, &result);
        corps__context_forked(context, err);
        if (err == CORPS_ERR_PENDING) {
            err = corps_error_set(CORPS_ERR_INVALID, "the restore of class %s puts its answer off",
                                  corps__conc_class(conc));
        }
        err = err == CORPS_OK ? restore_answers(conc, corps_box_root(kept->answers)) : err;
    }
    corps_box_unref(kept->box);
    corps_box_unref(kept->answers);
    return err;
}

void corps__checkpoint_end(uint32_t number) {
    struct corps__conc *conc = corps__actors->keep != NULL ? corps__conc_find(number) : NULL;
    if (conc == NULL || conc->class->checkpoint == NULL) {
        return;
    }
    struct corps__keep *keep = atomic_load(&corps__rare(conc)->keep);
    if (keep == NULL) { /* an earlier one of its number may have kept something */
        corps__actors->keep->drop(number);
        return;
    }
    pthread_mutex_lock(&keep->lock);
    atomic_store(&keep->ended, true);
    corps__actors->keep->drop(number);
    pthread_mutex_unlock(&keep->lock);
}
