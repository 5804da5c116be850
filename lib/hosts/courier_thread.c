#include "hosts/courier_own.h"

#include "actor/granted.h"
#include "base/clock.h"
#include "codec/record.h"
#include "hosts/channel.h"
#include "hosts/desk.h"
#include "hosts/ferry.h"
#include "hosts/lease.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BYE_MS = 300, BYE_LOOK_MS = 5 };

/* One host, at the thread. */
struct post {
    const struct corps__host *row;
    struct corps__channel *channel; /* NULL: none now */
    struct corps__channel *over;    /* told gone: closed at the next turn, not within its own callback */
    uint8_t key[CORPS__KEY_BYTES];
    char trouble[256]; /* why the last channel failed */
};

static struct {
    pthread_t thread;
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t timer;
    struct post *posts; /* as hosts->rows */
    bool leaves;        /* agents were told the end */
    uv_timer_t end_timer;
    unsigned end_rounds;
} here;

/* ---- what has come of Envs ---- */

static struct post *post_of(uint32_t number) {
    const struct corps__host *row = corps__hosts_find(corps__courier.hosts, number);
    return row != NULL ? &here.posts[row - corps__courier.hosts->rows] : NULL;
}

/* Its life is over: behind what it had still said. */
static void end_env(unsigned env, uint64_t incarnation, const char *how, enum corps__end end) {
    struct corps__ferry *ferry = corps__ferry_find(env, incarnation);
    if (ferry != NULL) {
        corps__ferry_end(ferry, how, end);
    } else {
        corps__courier_tell(env, incarnation, how, end);
    }
}

static void take_end(unsigned env, uint64_t incarnation, const char *how, enum corps__end end) {
    pthread_mutex_lock(&corps__courier.lock);
    bool is_news = corps__plan_ended(&corps__courier.plan, env, incarnation);
    pthread_mutex_unlock(&corps__courier.lock);
    if (is_news) {
        end_env(env, incarnation, how, end);
    }
}

/* By an agent that takes no Envs it is no failure: another host is chosen. */
static void take_refusal(const struct post *post, unsigned env, uint64_t incarnation,
                         const struct corps_value *record) {
    char text[CORPS__COURIER_HOW_BYTES - 32];
    char how[CORPS__COURIER_HOW_BYTES];
    bool is_drained = corps__record_int(record, 5, 0) != 0;
    corps__record_text(record, 4, text, sizeof text);
    snprintf(how, sizeof how, "was not started: %s", text);
    if (is_drained) {
        pthread_mutex_lock(&corps__courier.lock);
        corps__plan_drain(&corps__courier.plan, post->row->number, true);
        pthread_mutex_unlock(&corps__courier.lock);
    }
    take_end(env, incarnation, how, is_drained ? CORPS__END_UNREACHED : CORPS__END_FAILED);
}

static bool says_drained(const struct corps_value *record) {
    const struct corps_value *how_it_is = corps_value_item(record, 2);
    const struct corps_value *said = how_it_is != NULL ? corps_value_get(how_it_is, "drained") : NULL;
    return said != NULL && said->kind == CORPS_BOOL && said->boolean;
}

static void take_alive(struct post *post, const struct corps_value *record) {
    pthread_mutex_lock(&corps__courier.lock);
    bool grants = corps__plan_heard(&corps__courier.plan, post->row->number, corps__boottime_ns());
    if (grants) {
        corps__plan_drain(&corps__courier.plan, post->row->number, says_drained(record));
    }
    pthread_mutex_unlock(&corps__courier.lock);
    int64_t length_ns = corps__grant_length(corps__granted_until(), corps__boottime_ns());
    if (grants && length_ns > 0) { /* else Env 0 itself has no time left */
        const struct corps_value items[3] = {corps_str("grant"), corps_int(corps__record_int(record, 1, 0)),
                                             corps_int(length_ns)};
        const struct corps_value grant = corps_array(items, 3);
        (void)!corps__channel_send(post->channel, &grant); /* one that is lost is asked for again */
    }
}

static void turn(void);

static void on_record(void *arg, const struct corps_value *record) {
    struct post *post = arg;
    unsigned env = (unsigned)corps__record_int(record, 1, UINT32_MAX);
    uint64_t incarnation = (uint64_t)corps__record_int(record, 2, 0);
    if (corps__record_is(record, "alive")) {
        take_alive(post, record);
    } else if (corps__record_is(record, "begun")) {
        pthread_mutex_lock(&corps__courier.lock);
        corps__plan_begun(&corps__courier.plan, env, incarnation);
        pthread_mutex_unlock(&corps__courier.lock);
    } else if (corps__record_is(record, "data")) {
        struct corps__ferry *ferry = corps__ferry_find(env, incarnation);
        const struct corps_value *what = corps_value_item(record, 3);
        if (ferry != NULL && what != NULL && what->kind == CORPS_BIN) {
            corps__ferry_write(ferry, what->bin, what->count);
        }
    } else if (corps__record_is(record, "refused")) {
        take_refusal(post, env, incarnation, record);
    } else if (corps__record_is(record, "ended")) {
        char how[CORPS__COURIER_HOW_BYTES];
        corps__record_text(record, 3, how, sizeof how);
        take_end(env, incarnation, how, (enum corps__end)corps__record_int(record, 4, CORPS__END_FAILED));
    }
    turn();
}

static void on_gone(void *arg, enum corps_err err, const char *why) {
    struct post *post = arg;
    (void)err;
    snprintf(post->trouble, sizeof post->trouble, "%s", why);
    corps__ferries_cut(post->channel);
    post->over = post->channel;
    post->channel = NULL;
    pthread_mutex_lock(&corps__courier.lock);
    corps__plan_gone(&corps__courier.plan, post->row->number, corps__boottime_ns());
    pthread_mutex_unlock(&corps__courier.lock);
    uv_async_send(&here.wake);
}

static void on_room(void *arg) {
    corps__ferries_room(((struct post *)arg)->channel);
}

static const struct corps__channel_ops channel_ops = {.record = on_record, .gone = on_gone, .room = on_room};

/* ---- what is decided ---- */

static void open_channel(struct post *post) {
    enum corps_err err =
        corps__channel_connect(&here.loop, post->row, corps__courier.corps_id, corps__courier.life, post->key,
                               corps__courier.hosts->hash, &channel_ops, post, &post->channel);
    if (err != CORPS_OK) {
        snprintf(post->trouble, sizeof post->trouble, "%s", corps_error_detail());
        post->channel = NULL;
        pthread_mutex_lock(&corps__courier.lock);
        corps__plan_gone(&corps__courier.plan, post->row->number, corps__boottime_ns());
        pthread_mutex_unlock(&corps__courier.lock);
    }
}

static void close_channel(struct post *post) {
    if (post->channel != NULL) {
        snprintf(post->trouble, sizeof post->trouble, "%s", corps__channel_trouble(post->channel));
        corps__ferries_cut(post->channel);
        corps__channel_close(post->channel);
    }
    corps__channel_close(post->over);
    post->channel = post->over = NULL;
}

static enum corps_err send_word(struct post *post, const char *word, const struct corps__plan_action *action,
                                const struct corps_value *what) {
    const struct corps_value items[4] = {corps_str(word), corps_int(action->env),
                                         corps_int((int64_t)action->incarnation), what != NULL ? *what : corps_nil()};
    const struct corps_value record = corps_array(items, what != NULL ? 4 : 3);
    return corps__channel_send(post->channel, &record);
}

static void order(struct post *post, const struct corps__plan_action *action) {
    struct corps__ferry *ferry = corps__ferry_find(action->env, action->incarnation);
    if (ferry == NULL || post->channel == NULL) {
        return; /* it was forgotten meanwhile; or its host is about to be given up */
    }
    if (send_word(post, "order", action, corps__courier.launch) != CORPS_OK) {
        char how[CORPS__COURIER_HOW_BYTES];
        snprintf(how, sizeof how, "was not started: %s", corps_error_detail());
        take_end(action->env, action->incarnation, how, CORPS__END_FAILED);
        return;
    }
    corps__ferry_begin(ferry, post->channel);
}

static void lose(struct post *post, const struct corps__plan_action *action) {
    char how[CORPS__COURIER_HOW_BYTES];
    bool says = post->trouble[0] != '\0' && action->why != CORPS__WHY_KILLED;
    bool unreached = action->why == CORPS__WHY_UNREACHED || action->why == CORPS__WHY_DRAINED;
    snprintf(how, sizeof how, "%s host %s: %s%s%s%s", unreached ? "was not started on" : "is lost with",
             post->row->name, corps__plan_why_text(action->why), says ? " (" : "", says ? post->trouble : "",
             says ? ")" : "");
    end_env(action->env, action->incarnation, how, unreached ? CORPS__END_UNREACHED : CORPS__END_DISPLACED);
}

static void act(const struct corps__plan_action *action) {
    struct post *post = post_of(action->host);
    switch (action->what) {
    case CORPS__PLAN_OPEN:
        open_channel(post);
        break;
    case CORPS__PLAN_CLOSE:
        close_channel(post);
        break;
    case CORPS__PLAN_ORDER:
        order(post, action);
        break;
    case CORPS__PLAN_KILL:
        if (post->channel != NULL) {
            (void)!send_word(post, "kill", action, NULL); /* a full channel is one that is given up */
        }
        break;
    case CORPS__PLAN_LOST:
        lose(post, action);
        break;
    }
}

/* ---- what the lead wishes ---- */

static struct corps__wish *take_wishes(void) {
    struct corps__wish *wishes = corps__courier.wishes;
    corps__courier.wishes = NULL;
    corps__courier.last_wish = &corps__courier.wishes;
    return wishes;
}

static void forget(const struct corps__wish *wish) {
    struct corps__ferry *ferry = corps__ferry_find(wish->env, wish->incarnation);
    if (ferry != NULL) {
        corps__ferry_end(ferry, NULL, CORPS__END_FAILED);
    }
}

static void carry(const struct corps__wish *wish) {
    struct corps__ferry *ferry;
    if (corps__ferry_create(&here.loop, wish->env, wish->incarnation, wish->fd, corps__courier_tell, &ferry) !=
        CORPS_OK) {
        char how[CORPS__COURIER_HOW_BYTES];
        snprintf(how, sizeof how, "was not started: %s", corps_error_detail());
        close(wish->fd);
        pthread_mutex_lock(&corps__courier.lock);
        corps__plan_kill(&corps__courier.plan, wish->env, wish->incarnation);
        pthread_mutex_unlock(&corps__courier.lock);
        corps__courier_tell(wish->env, wish->incarnation, how, CORPS__END_FAILED);
    }
}

static void fulfil(struct corps__wish *wishes) {
    while (wishes != NULL) {
        struct corps__wish *next = wishes->next;
        (wishes->what == CORPS__WISH_CARRY ? carry : forget)(wishes);
        free(wishes);
        wishes = next;
    }
}

/* ---- its turns ---- */

static void on_timer(uv_timer_t *timer) {
    (void)timer;
    turn();
}

/* Does what the plan decides. Within callbacks of channels too, but never within itself. */
static void turn(void) {
    static bool turns;
    struct corps__plan_action action;
    if (turns) {
        return;
    }
    turns = true;
    for (;;) {
        pthread_mutex_lock(&corps__courier.lock);
        struct corps__wish *wishes = take_wishes(); /* with it: what is to be ordered has its ferry first */
        bool is_one = corps__plan_next(&corps__courier.plan, corps__boottime_ns(), &action);
        int64_t due_ns = is_one ? 0 : corps__plan_due(&corps__courier.plan);
        pthread_mutex_unlock(&corps__courier.lock);
        fulfil(wishes);
        if (!is_one) {
            int64_t left_ms = due_ns == INT64_MAX ? INT64_MAX : (due_ns - corps__boottime_ns()) / 1000000 + 1;
            if (due_ns == INT64_MAX) {
                uv_timer_stop(&here.timer);
            } else {
                uv_update_time(&here.loop);
                uv_timer_start(&here.timer, on_timer, left_ms > 0 ? (uint64_t)left_ms : 0, 0);
            }
            break;
        }
        act(&action);
    }
    turns = false;
}

/* ---- its life ---- */

static void begin_leaving(void);

static void on_wake(uv_async_t *wake) {
    (void)wake;
    pthread_mutex_lock(&corps__courier.lock);
    bool stops = corps__courier.stops;
    pthread_mutex_unlock(&corps__courier.lock);
    for (unsigned i = 0; i < corps__courier.hosts->count; i++) {
        corps__channel_close(here.posts[i].over);
        here.posts[i].over = NULL;
    }
    turn();
    if (stops && !here.leaves) {
        here.leaves = true;
        begin_leaving();
    }
}

static void close_handle(uv_handle_t *handle, void *unused) {
    (void)unused;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

/* Who has heard the end has closed the connection. */
static bool all_have_heard(void) {
    for (unsigned i = 0; i < corps__courier.hosts->count; i++) {
        struct corps__channel *channel = here.posts[i].channel;
        if (channel != NULL && corps__channel_trouble(channel)[0] == '\0') {
            return false;
        }
    }
    return true;
}

/* What is left is closed, and then the loop ends by itself. */
static void leave(uv_timer_t *timer) {
    (void)timer;
    if (!all_have_heard() && here.end_rounds++ < BYE_MS / BYE_LOOK_MS) {
        return;
    }
    for (unsigned i = 0; i < corps__courier.hosts->count; i++) {
        close_channel(&here.posts[i]);
    }
    corps__ferries_close();
    uv_close((uv_handle_t *)&here.wake, NULL);
    uv_close((uv_handle_t *)&here.timer, NULL);
    uv_close((uv_handle_t *)&here.end_timer, NULL);
}

/* Agents hear that the Corps has ended, and need not wait for its grants to run out. */
static void begin_leaving(void) {
    const struct corps_value word = corps_str("bye");
    const struct corps_value bye = corps_array(&word, 1);
    for (unsigned i = 0; i < corps__courier.hosts->count; i++) {
        struct post *post = &here.posts[i];
        if (post->channel != NULL) {
            (void)!corps__channel_send(post->channel, &bye); /* else the end of its grants tells it */
        }
    }
    uv_timer_init(&here.loop, &here.end_timer);
    uv_timer_start(&here.end_timer, leave, 0, BYE_LOOK_MS);
}

static void *run(void *unused) {
    (void)unused;
    uv_run(&here.loop, UV_RUN_DEFAULT);
    uv_walk(&here.loop, close_handle, NULL);
    uv_run(&here.loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&here.loop);
    return NULL;
}

/* ---- for the lead ---- */

static enum corps_err know_keys(void) {
    for (unsigned i = 0; i < corps__courier.hosts->count; i++) {
        here.posts[i].row = &corps__courier.hosts->rows[i];
        enum corps_err err =
            here.posts[i].row->number == corps__courier.hosts->own
                ? CORPS_OK
                : corps__desk_key(corps__courier.corps_id, here.posts[i].row->number, here.posts[i].key);
        if (err != CORPS_OK) {
            return err;
        }
    }
    return CORPS_OK;
}

enum corps_err corps__courier_thread_make(void) {
    here.posts = calloc(corps__courier.hosts->count, sizeof *here.posts);
    if (here.posts == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %u hosts", corps__courier.hosts->count);
    }
    enum corps_err err = know_keys();
    if (err != CORPS_OK) {
        return err;
    }
    if (uv_loop_init(&here.loop) != 0) {
        return corps_error_set(CORPS_ERR_SYSTEM, "Env 0 cannot make a loop for other hosts");
    }
    uv_async_init(&here.loop, &here.wake, on_wake);
    uv_timer_init(&here.loop, &here.timer);
    return CORPS_OK;
}

/* It takes no signals: those are for the threads of the program. */
enum corps_err corps__courier_thread_begin(void) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&here.thread, NULL, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_SYSTEM, "Env 0 cannot start the thread that speaks with other hosts");
}

void corps__courier_thread_wake(void) {
    uv_async_send(&here.wake);
}

void corps__courier_thread_join(void) {
    pthread_join(here.thread, NULL);
}
