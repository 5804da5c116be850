#include "actor/timers.h"

#include "actor/conc.h"
#include "base/clock.h"
#include "link/state.h"
#include "value/name.h"
#include "wait/wait.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static struct corps__timers *all(void) {
    return &corps__actors->timers;
}

/* ---- which there are ---- */

void corps__timers_list(struct corps_timer *timer) {
    struct corps__timers *timers = all();
    pthread_mutex_lock(&timers->lock);
    timer->next = timers->first;
    timer->at = &timers->first;
    if (timer->next != NULL) {
        timer->next->at = &timer->next;
    }
    timers->first = timer;
    pthread_mutex_unlock(&timers->lock);
}

void corps__timers_unlist(struct corps_timer *timer) {
    struct corps__timers *timers = all();
    pthread_mutex_lock(&timers->lock);
    if (timer->at != NULL) {
        *timer->at = timer->next;
        if (timer->next != NULL) {
            timer->next->at = timer->at;
        }
        timer->at = NULL;
    }
    bool last = timers->first == NULL && timers->has_thread;
    pthread_mutex_unlock(&timers->lock);
    if (last) {
        corps__notify(&timers->waiter); /* the thread may go */
    }
}

/* Holds the first one that there is, or that the Conc `owner` has. */
static struct corps_timer *find(const uint32_t *owner) {
    struct corps__timers *timers = all();
    pthread_mutex_lock(&timers->lock);
    struct corps_timer *timer = timers->first;
    while (timer != NULL && owner != NULL && !(timer->owned && timer->owner == *owner)) {
        timer = timer->next;
    }
    if (timer != NULL) {
        (void)corps__timer_ref(timer); /* one that is listed has a reference, which the lock keeps */
    }
    pthread_mutex_unlock(&timers->lock);
    return timer;
}

static void stop_all_of(const uint32_t *owner) {
    for (struct corps_timer *timer = find(owner); timer != NULL; timer = find(owner)) {
        (void)corps_timer_stop(timer);
        corps__timer_unref(timer);
    }
}

static void conc_ended(uint32_t conc) {
    stop_all_of(&conc);
}

void corps__timers_stop_all(void) {
    stop_all_of(NULL);
}

/* ---- what is due ---- */

static void attend_to_all(void) {
    struct corps__timers *timers = all();
    for (;;) {
        pthread_mutex_lock(&timers->lock);
        struct corps_timer *timer = timers->due;
        unsigned what = 0;
        if (timer != NULL) {
            timers->due = timer->next_due;
            what = timer->due;
            timer->due = 0;
        } else {
            timers->asked = false;
        }
        pthread_mutex_unlock(&timers->lock);
        if (timer == NULL) {
            return;
        }
        corps__timer_attend(timer, what, true);
    }
}

static enum corps_err attend(struct corps_context *context, void *self, const struct corps_value *args,
                             struct corps_value *result) {
    (void)context;
    (void)self;
    (void)args;
    (void)result;
    attend_to_all();
    return CORPS_OK;
}

static const struct corps_method methods[] = {{"attend", attend}, {NULL, NULL}};
static const struct corps_class timers_class = {.name = "corps timers", .methods = methods};

/* One request is enough for all that is due. */
static void ask_conc(struct corps__timers *timers) {
    struct corps_context *waiting = corps__innermost;
    corps__innermost = NULL;
    const struct corps_call_options options = {.flags = CORPS_CALL_NO_WAIT};
    if (corps_send(timers->conc, "attend", NULL, &options) != CORPS_OK) {
        pthread_mutex_lock(&timers->lock);
        timers->asked = false; /* no memory: the next one asks again */
        pthread_mutex_unlock(&timers->lock);
    }
    corps__innermost = waiting;
}

void corps__timers_hand_over(struct corps_timer *timer, unsigned what) {
    struct corps__timers *timers = all();
    pthread_mutex_lock(&timers->lock);
    if (timer->due == 0) {
        timer->next_due = NULL;
        *(timers->due != NULL ? timers->last_due : &timers->due) = timer;
        timers->last_due = &timer->next_due;
    }
    if ((timer->due & what) != what) {
        (void)corps__timer_ref(timer);
    }
    timer->due |= what;
    bool ask = !timers->asked;
    timers->asked = true;
    pthread_mutex_unlock(&timers->lock);
    if (timers->conc != NULL && ask) {
        ask_conc(timers);
    } else if (timers->conc == NULL) {
        corps__notify(&timers->waiter);
    }
}

/* ---- when they ring ---- */

static void on_alarm(struct corps__alarm *alarm) {
    struct corps_timer *timer = (struct corps_timer *)alarm;
    bool is_env = all()->conc != NULL;
    if (is_env && !timer->local) {
        corps__timers_hand_over(timer, CORPS__TIMER_RING);
        corps__timer_unref(timer); /* the alarm's */
    } else {
        corps__timer_attend(timer, CORPS__TIMER_RING, !is_env);
    }
}

static struct corps__alarms *alarms_of(struct corps__timers *timers) {
    return timers->conc != NULL ? &corps__reactor->alarms : &timers->alarms;
}

void corps__timers_set(struct corps_timer *timer, int64_t at_ns) {
    struct corps__timers *timers = all();
    if (!corps__alarm_set(alarms_of(timers), &timer->alarm, at_ns, on_alarm)) {
        return;
    }
    if (timers->conc != NULL) {
        corps__kick();
    } else {
        corps__notify(&timers->waiter);
    }
}

bool corps__timers_clear(struct corps_timer *timer) {
    return corps__alarm_clear(alarms_of(all()), &timer->alarm);
}

void corps__timers_busy(int more) {
    atomic_fetch_add(&all()->busy, more);
}

/* ---- a program's thread ---- */

static bool has_news(void *arg) {
    struct corps__timers *timers = arg;
    pthread_mutex_lock(&timers->lock);
    bool news = timers->due != NULL || (timers->first == NULL && atomic_load(&timers->busy) == 0);
    pthread_mutex_unlock(&timers->lock);
    return news || corps__alarms_first_ns(&timers->alarms) <= corps__now_ns();
}

/* True, once: nothing is left to serve, and the next timer begins another thread. */
static bool ends(struct corps__timers *timers) {
    pthread_mutex_lock(&timers->lock);
    bool over = timers->first == NULL && timers->due == NULL && atomic_load(&timers->busy) == 0;
    timers->has_thread = !over;
    pthread_mutex_unlock(&timers->lock);
    return over;
}

static void *thread_main(void *arg) {
    struct corps__timers *timers = arg;
    while (!ends(timers)) {
        int64_t next_ns = corps__alarms_first_ns(&timers->alarms);
        if (has_news(timers)) {
            /* nothing to wait for */
        } else if (atomic_load(&timers->busy) > 0) {
            (void)!corps__wait(&timers->waiter, has_news, timers, next_ns, NULL);
        } else {
            corps__park(&timers->waiter, next_ns);
        }
        corps__alarms_ring(&timers->alarms, corps__now_ns());
        attend_to_all();
    }
    return NULL;
}

/* Under the lock. Signals are for the program's own threads. */
static enum corps_err start_thread(struct corps__timers *timers) {
    sigset_t every, before;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    pthread_t thread;
    int failed = pthread_create(&thread, NULL, thread_main, timers);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        errno = failed;
        return corps_error_system("cannot start the thread that serves timers");
    }
    pthread_detach(thread);
    timers->has_thread = true;
    return CORPS_OK;
}

/* ---- beginning and end ---- */

/* Under the lock. */
static enum corps_err make_conc(struct corps__timers *timers) {
    if (corps__own() == NULL) {
        return corps_error_set(CORPS_ERR_INVALID, "an Env that boots has no timers: start them in an init or a method");
    }
    struct corps__conc *conc;
    const char *name = timers_class.name;
    enum corps_err err = corps__conc_create(&timers_class, name, strlen(name), NULL, NULL, &conc);
    return err == CORPS_OK
               ? corps__name_create(corps__own_id(), corps__own_env(), conc->id, name, strlen(name), &timers->conc)
               : err;
}

/* In the child of a fork. */
static void forked(void) {
    struct corps__timers *timers = all();
    for (struct corps_timer *timer = timers->first; timer != NULL; timer = timer->next) {
        corps__timer_forked(timer);
    }
    *timers = (struct corps__timers){.ops = timers->ops};
    pthread_mutex_init(&timers->lock, NULL);
    corps__alarms_init(&timers->alarms);
}

/* At the end of the runtime. */
static void empty(void) {
    corps__timers_stop_all();
    attend_to_all();
    corps_name_unref(all()->conc);
    all()->conc = NULL;
}

static const struct corps__timers_ops ops = {.conc_ended = conc_ended, .forked = forked, .empty = empty};

enum corps_err corps__timers_open(void) {
    struct corps__timers *timers = all();
    enum corps_err err = CORPS_OK;
    pthread_mutex_lock(&timers->lock);
    timers->ops = &ops;
    if (corps__is_env()) {
        err = timers->conc == NULL ? make_conc(timers) : CORPS_OK;
    } else if (!timers->has_thread) {
        err = start_thread(timers);
    }
    pthread_mutex_unlock(&timers->lock);
    return err;
}
