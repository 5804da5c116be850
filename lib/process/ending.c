#include "process/ending.h"

#include "actor/checkpoint.h"
#include "actor/conc.h"
#include "actor/group.h"
#include "base/log.h"
#include "link/peer.h"
#include "process/changes.h"
#include "process/creator.h"
#include "process/life.h"
#include "wait/wait.h"

#include <pthread.h>
#include <stdlib.h>

static bool child_ended(const struct corps__life_child *child) {
    return child->ended;
}

static bool child_cleaned(const struct corps__life_child *child) {
    return child->cleaned || child->ended;
}

static enum corps_err created_are_ended(void *arg) {
    (void)arg;
    corps__life.created_done = true;
    corps__end_when_cleaned();
    return CORPS_OK;
}

static void *end_created(void *arg) {
    corps__exit_created();
    (void)!corps__with_lead(created_are_ended, arg);
    return NULL;
}

/* Ends the Corps that this Env's Concs created, which takes waiting and so a thread of its own. True when they have. */
static bool created_have_ended(void) {
    if (!corps__life.created_begun) {
        corps__life.created_begun = true;
        pthread_t thread;
        if (!corps__has_created() || pthread_create(&thread, NULL, end_created, NULL) != 0) {
            corps__life.created_done = true; /* without a thread they see our end, and end */
        } else {
            pthread_detach(thread);
        }
    }
    return corps__life.created_done;
}

/* Does this Env end alone, and the Corps goes on? */
static bool ends_alone(void) {
    return atomic_load(&corps__life.leaves) || atomic_load(&corps__life.moves);
}

/* Is each of its Concs to be told that it ends, also where its class has no cleanup? */
static bool tells_all(void) {
    return ends_alone() || atomic_load(&corps__actors->moves);
}

enum { LOOK_MS = 2, MOVE_LOOKS = 500 /* a second */ };

static void look_again(uv_timer_t *timer) {
    (void)timer;
    corps__end_when_cleaned();
}

/* What this Env was asked is answered, also where the reply was put off, and all that it has sent has gone: others stay
 * and wait for it, which is not so at the end of the Corps. Those of one that moves call it all the time, and are told
 * to call again: they are never quiet, and little time is left. */
static bool has_answered(void) {
    static uv_timer_t timer;
    static bool is_there;
    static unsigned looks;
    corps_flush();
    if (corps__peers_are_idle() || (atomic_load(&corps__life.moves) && ++looks > MOVE_LOOKS)) {
        return true;
    }
    if (!is_there) {
        is_there = true;
        uv_timer_init(corps__loop(), &timer);
    }
    corps__timer_start(&timer, look_again, LOOK_MS, 0);
    return false;
}

/* The Concs of this Env, in Env 0 those of all, then the Corps that they created, then the processes. */
void corps__end_when_cleaned(void) {
    if (corps__life.stage != CORPS__CLEANING || !corps__life.cleanup_done || !corps__all_children(child_cleaned) ||
        !created_have_ended()) {
        return;
    }
    if (!corps__is_env_0() && corps__life.orphan) {
        corps__life_stop();
        return;
    }
    if (ends_alone() && !corps__life.waits_for_nobody && !has_answered()) {
        return; /* it looks again soon */
    }
    if (atomic_load(&corps__life.moves)) { /* Env 0 hears of it from the agent, and of nothing that ends for good */
        corps__life_stop();
        return;
    }
    if (!corps__is_env_0()) {
        struct corps_value cleaned = corps_str("cleaned");
        corps__tell_parent(&cleaned, 1);
        return; /* "exit" follows: others may still clean up with our help */
    }
    struct corps_value word = corps_str("exit");
    corps__tell_children(&word, 1);
    if (corps__all_children(child_ended) && corps__changes_are_over()) {
        corps__life.all_have_ended = true;
        corps__life_stop();
    }
}

static enum corps_err concs_are_cleaned(void *arg) {
    (void)arg;
    corps__life.cleanup_done = true;
    corps__end_when_cleaned();
    return CORPS_OK;
}

/* Queues the cleanup of one Conc; `done` frees the group. False: no memory even for that. */
static bool clean_up_conc(struct corps__conc *conc, void (*done)(struct corps__group *group, void *arg)) {
    struct corps__message *message = corps__message_create();
    struct corps__group *group = message != NULL ? calloc(1, sizeof *group) : NULL;
    if (group == NULL) {
        if (message != NULL) {
            corps__message_free(message);
        }
        return false;
    }
    *group = (struct corps__group){.left = 1, .done = done};
    message->mail.kind = CORPS__MAIL_CLEANUP;
    message->group = group;
    corps__conc_post(conc, &message->mail, CORPS__PUSH_OTHER);
    return true;
}

static void next_cleanup(struct corps__group *group, void *arg);

/* Cleans up the latest Conc that is left; each one's end starts the next. Returns false when none is left. */
static bool clean_up_next(void) {
    for (;;) {
        uint32_t id = corps__conc_number_previous(atomic_load(&corps__life.next_cleanup));
        if (id <= CORPS__MANAGER) {
            return false;
        }
        atomic_store(&corps__life.next_cleanup, id - 1);
        struct corps__conc *conc = corps__conc_find(id);
        if (conc == NULL || (conc->class->cleanup == NULL && !tells_all())) {
            continue;
        }
        return clean_up_conc(conc, next_cleanup);
    }
}

static void next_cleanup(struct corps__group *group, void *arg) {
    (void)arg;
    free(group);
    if (corps__life.leaves) { /* it is not made again, and what it knew is not kept */
        corps__checkpoint_end(atomic_load(&corps__life.next_cleanup) + 1);
    }
    if (!clean_up_next()) {
        (void)!corps__with_lead(concs_are_cleaned, NULL);
    }
}

/* Everything but the Corps' own Conc, which has been cleaned up. */
static enum corps_err clean_up_rest(void *arg) {
    (void)arg;
    corps_flush(); /* what our Concs have sent is on its way before the word is */
    if (atomic_load(&corps__actors->moves) && !atomic_load(&corps__life.moves)) {
        corps__peers_part(); /* the Corps moves as a whole, and strangers are to wait for its next life */
    }
    struct corps_value word = corps_str("cleanup");
    corps__tell_children(&word, 1);
    uint32_t count = corps__conc_count();
    atomic_store(&corps__life.next_cleanup, count > 0 ? count - 1 : 0);
    if (!clean_up_next()) {
        (void)!concs_are_cleaned(NULL);
    }
    return CORPS_OK;
}

static void front_is_cleaned(struct corps__group *group, void *arg) {
    (void)arg;
    free(group);
    (void)!corps__with_lead(clean_up_rest, NULL);
}

/* The Corps' own Conc first: its cleanup may still call all others. */
void corps__clean_up(void) {
    if (corps__life.stage == CORPS__CLEANING && ends_alone() && !corps__life.waits_for_nobody) {
        corps__life.waits_for_nobody = true; /* this Env was ending alone, and now the Corps ends altogether */
        corps__end_when_cleaned();
    }
    if (corps__life.stage == CORPS__CLEANING || corps__life.stage == CORPS__ENDING) {
        return;
    }
    if (corps__life.stage != CORPS__SERVING) {
        corps__life_stop(); /* told to end while booting */
        return;
    }
    corps__life.stage = CORPS__CLEANING;
    if (corps__care() != NULL) {
        corps__care()->halt();
    }
    if (corps__is_env_0()) {
        corps__changes_halt();
    }
    corps__wards()->halt();
    atomic_store(&corps__actors->ending, true);
    struct corps__conc *front =
        corps__is_env_0() && corps__life.front[0] != '\0' ? corps__conc_find(CORPS__FRONT_CONC) : NULL;
    if (front == NULL || !clean_up_conc(front, front_is_cleaned)) {
        (void)!clean_up_rest(NULL);
    }
}

void corps__leave(void) {
    if (corps__life.stage == CORPS__SERVING) {
        corps__life.leaves = true;
        atomic_store(&corps__actors->leaves, true);
    }
    corps__clean_up();
}

void corps__move_away(void) {
    if (corps__life.stage == CORPS__SERVING) {
        corps__log(CORPS_LOG_INFO, "env_moves", NULL, "Env %u ends in order: its host wants it to be on another one",
                   corps__own_env());
        corps__life.moves = true;
        atomic_store(&corps__actors->moves, true);
    }
    corps__clean_up();
}

static enum corps_err end_job(void *arg) {
    (void)arg;
    struct corps_value word = corps_str("exiting");
    corps__tell_parent(&word, 1);
    corps__clean_up();
    return CORPS_OK;
}

enum corps_err corps__env_end(void) {
    if (!corps__is_env_0()) {
        return corps_error_set(CORPS_ERR_INVALID, "a Corps is ended from its Env 0, this is Env %u", corps__own_env());
    }
    return corps__with_lead(end_job, NULL);
}
