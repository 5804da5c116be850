#include "process/creator.h"

#include "actor/fork.h"
#include "base/clock.h"
#include "base/dir.h"
#include "link/far.h"
#include "link/known.h"
#include "link/peer.h"
#include "process/anew.h"
#include "process/owned.h"
#include "wait/wait.h"

#include <stdlib.h>
#include <unistd.h>

/* The creator's side of a Corps, from where it is to end. */

#define CREATED_EXIT_NS 10000000000 /* a Corps that an ending Corps has created must end within this time */

static bool env_0_gone(void *arg) {
    struct creator *creator = arg;
    return atomic_load(&creator->env_0_ended) ||
           (creator->corps->settings.owned && corps__corps_has_ended(creator->corps));
}

#define LOOK_NS INT64_C(200000000)

/* Of a Corps that an agent owns the end is not always told: one looks for it now and then. */
static enum corps_err await_end(struct creator *creator, int64_t deadline_ns) {
    enum corps_err err = CORPS_ERR_TIMEOUT;
    bool looks = creator->corps->settings.owned;
    int64_t until_ns;
    do {
        until_ns = looks ? corps__deadline_ns(LOOK_NS) : deadline_ns;
        until_ns = until_ns < deadline_ns ? until_ns : deadline_ns;
        err = corps__waitlist_wait(&corps__creators, env_0_gone, creator, until_ns, NULL);
    } while (err == CORPS_ERR_TIMEOUT && until_ns < deadline_ns);
    return err;
}

static enum corps_err take_down(void *arg) {
    struct creator *creator = arg;
    corps__peers_close(creator->corps);
    corps__ports_close(creator->corps);
    corps__control_close(creator->corps->control);
    creator->corps->control = NULL;
    struct corps__child *env_0 = creator->env_0;
    creator->env_0 = NULL; /* first: the child of a fork looks there */
    corps__child_close(env_0);
    struct corps__anew *anew = creator->anew;
    creator->anew = NULL;
    corps__anew_free(anew);
    atomic_store(&creator->env_0_ended, true); /* or nobody will hear of it */
    uv_run(corps__loop(), UV_RUN_NOWAIT);
    return CORPS_OK;
}

static enum corps_err kill_env_0(void *arg) {
    struct creator *creator = arg;
    corps__child_kill(creator->env_0);
    return CORPS_OK;
}

struct exit_word {
    struct corps *corps;
    int64_t within_ns;
};

static enum corps_err say_exit(void *arg) {
    const struct exit_word *said = arg;
    struct corps *corps = said->corps;
    corps__anew_halt(corps->creator);
    if (corps->control != NULL) {
        corps_flush(); /* what this program has sent is on its way before the word is */
        const struct corps_value items[] = {corps_str("exit"), corps_int(said->within_ns)};
        struct corps_value record = corps_array(items, 2);
        (void)!corps__control_send(corps->control, &record); /* Env 0 may have ended: whoever waits for that sees it */
    }
    return CORPS_OK;
}

/* With the lead, as another thread may be taking the channel down. */
void corps__creator_ask_to_end(struct corps *corps, int64_t within_ns) {
    struct exit_word said = {corps, within_ns};
    atomic_store(&corps->exited, true);
    (void)!corps__with_lead(say_exit, &said);
    if (corps->settings.owned) {
        corps__owned_end(corps->creator);
    }
}

static enum corps_err exit_corps(struct creator *creator, int64_t timeout_ns) {
    struct corps *corps = creator->corps;
    int64_t deadline = corps__deadline_ns(timeout_ns);
    corps__creator_ask_to_end(corps, timeout_ns);
    bool killed = false;
    if (await_end(creator, deadline) != CORPS_OK && corps->settings.owned) {
        (void)!corps__with_lead(take_down, creator);
        corps__corps_unlist(corps);
        return corps_error_set(CORPS_ERR_TIMEOUT, "the Corps was told to end, and had not within the time; its agent "
                                                  "sees to it");
    }
    if (!env_0_gone(creator)) {
        (void)!corps__with_lead(kill_env_0, creator);
        killed = true;
        (void)!corps__waitlist_wait(&corps__creators, env_0_gone, creator, corps__deadline_ns(5000000000), NULL);
        deadline = corps__now_ns() + 100000000;
    }
    killed = corps__others_reap(&creator->others, deadline) || killed;
    (void)!corps__with_lead(take_down, creator);
    if (corps->boot_result != CORPS_OK && !corps->settings.owned) {
        corps__dir_remove_last(corps->directory, false); /* its Envs may still be on their way out */
    }
    if (!corps->settings.owned) { /* else it is the agent's */
        corps__dir_remove(corps->directory);
    }
    corps__corps_unlist(corps); /* afterwards: a new Name finds either an exited Corps or none */
    if (killed) {
        return corps_error_set(CORPS_ERR_TIMEOUT, "the Corps did not end in time and was killed");
    }
    return corps->lost_text != NULL ? corps_error_set(CORPS_ERR_WORKER_LOST, "%s", corps->lost_text) : CORPS_OK;
}

static bool is_over(void *arg) {
    struct creator *creator = arg;
    return atomic_load(&creator->over);
}

/* Ends it once, whoever comes first: the program, or the end of the Env that it was created in. */
static enum corps_err exit_once(struct creator *creator, int64_t timeout_ns) {
    enum corps_err err;
    if (atomic_exchange(&creator->exiting, true)) {
        err = corps__waitlist_wait(&corps__creators, is_over, creator, corps__deadline_ns(timeout_ns), NULL);
        return err == CORPS_OK ? err : corps_error_set(err, "the Corps is still ending");
    }
    err = exit_corps(creator, timeout_ns);
    atomic_store(&creator->over, true);
    corps__waitlist_notify(&corps__creators);
    return err;
}

enum corps_err corps_exit(struct corps *corps, int64_t timeout_ns) {
    if (corps == NULL) {
        return CORPS_OK;
    }
    if (corps->creator == NULL) {
        return corps_error_set(CORPS_ERR_INVALID,
                               "corps_exit is for the process that created the Corps; corps_end ends the own one");
    }
    enum corps_err err = exit_once(corps->creator, timeout_ns);
    corps_name_unref(corps->front); /* it may hold the Corps */
    corps__corps_unref(corps);
    return err;
}

enum corps_err corps_wait_ended(struct corps *corps, int64_t timeout_ns) {
    if (corps->creator == NULL) {
        return corps_error_set(CORPS_ERR_INVALID, "only who created a Corps can wait for its end");
    }
    (void)corps__corps_ref(corps); /* another thread may exit it */
    enum corps_err err = await_end(corps->creator, corps__deadline_ns(timeout_ns));
    corps__corps_unref(corps);
    return err;
}

/* Those that this process created and that end with it. */
struct created {
    struct corps *corps[CORPS__ENDPOINTS_MAX];
    unsigned count;
};

static bool ends_with_us(const struct corps *corps) {
    return corps->creator != NULL && !corps->settings.detached;
}

static void note_created(struct corps *corps, void *arg) {
    struct created *created = arg;
    if (ends_with_us(corps) && created->count < CORPS__ENDPOINTS_MAX) {
        created->corps[created->count++] = corps__corps_ref(corps);
    }
}

static void count_created(struct corps *corps, void *arg) {
    *(unsigned *)arg += ends_with_us(corps) ? 1 : 0;
}

void corps__exit_created(void) {
    struct created mine = {.count = 0};
    corps__corps_each(note_created, &mine);
    for (unsigned i = 0; i < mine.count; i++) {
        corps__creator_ask_to_end(mine.corps[i], CREATED_EXIT_NS); /* all at once … */
    }
    for (unsigned i = 0; i < mine.count; i++) {
        (void)!exit_once(mine.corps[i]->creator, CREATED_EXIT_NS); /* … then wait; how they ended is nobody's concern */
        corps__corps_unref(mine.corps[i]);                         /* who has the handle may still look at it */
    }
}

bool corps__has_created(void) {
    unsigned count = 0;
    corps__corps_each(count_created, &count);
    return count > 0;
}

/* ---- reading ---- */

bool corps_has_ended(const struct corps *corps) {
    return corps->creator != NULL && env_0_gone(corps->creator);
}

/* ---- after a fork ---- */

static void forget_created(struct corps *corps, void *unused) {
    (void)unused;
    if (corps->creator != NULL) {
        corps__others_forget(&corps->creator->others);
        corps__child_forget(corps->creator->env_0);
    }
    if (corps->lock_fd >= 0) {
        close(corps->lock_fd); /* a lock that the child kept would keep the directory */
    }
    corps->lock_fd = -1;
    corps->creator = NULL;
    corps->control = NULL;
}

void corps__created_forked(void) {
    corps__creators = CORPS__WAITLIST_INIT;
    corps__corps_each(forget_created, NULL);
}
