#include "hosts/courier.h"

#include "base/clock.h"
#include "codec/config.h"
#include "codec/record.h"
#include "hosts/channel.h"
#include "hosts/desk.h"
#include "hosts/ferry.h"
#include "hosts/fleet_plan.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { HOW_BYTES = 480, BYE_MS = 300, BYE_LOOK_MS = 5 };

/* One host, at the thread. */
struct post {
    const struct corps__host *row;
    struct corps__channel *channel; /* NULL: none now */
    struct corps__channel *over;    /* told gone: closed at the next turn, not within its own callback */
    uint8_t key[CORPS__KEY_BYTES];
    char trouble[256]; /* why the last channel failed */
};

/* What the lead asks the thread for. */
struct wish {
    struct wish *next;
    enum { WISH_CARRY, WISH_FORGET } what;
    unsigned env;
    uint64_t incarnation;
    int fd;
};

/* What the thread tells the lead. */
struct news {
    struct news *next;
    unsigned env;
    uint64_t incarnation;
    enum corps__end end;
    char how[HOW_BYTES];
};

static struct {
    /* Set before the thread begins. */
    const struct corps__hosts *hosts;
    const struct corps_value *launch;
    uint64_t corps_id;
    corps__courier_fn ended;
    bool begun;
    pthread_t thread;
    /* Under the lock. */
    pthread_mutex_t lock;
    struct corps__plan plan;
    struct wish *wishes, **last_wish;
    struct news *news, **last_news;
    bool stops;
    /* The thread's. */
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t timer;
    struct post *posts; /* as hosts->rows */
    bool leaves;        /* agents were told the end */
    uv_timer_t end_timer;
    unsigned end_rounds;
    /* The lead's. */
    int news_fd;
    struct corps__plan_host *plan_hosts;
    struct corps__plan_env *plan_envs;
} courier = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- to the lead ---- */

static void tell(unsigned env, uint64_t incarnation, const char *how, enum corps__end end) {
    struct news *news = calloc(1, sizeof *news);
    if (news == NULL) {
        abort(); /* an end that nobody hears of would be waited for for ever; Env 0's end is heard */
    }
    news->env = env;
    news->incarnation = incarnation;
    news->end = end;
    snprintf(news->how, sizeof news->how, "%s", how);
    pthread_mutex_lock(&courier.lock);
    *courier.last_news = news;
    courier.last_news = &news->next;
    pthread_mutex_unlock(&courier.lock);
    const uint64_t one = 1;
    (void)!write(courier.news_fd, &one, sizeof one); /* full: it was woken long ago */
}

/* ---- the thread: what has come of Envs ---- */

static struct post *post_of(uint32_t number) {
    const struct corps__host *row = corps__hosts_find(courier.hosts, number);
    return row != NULL ? &courier.posts[row - courier.hosts->rows] : NULL;
}

/* Its life is over: behind what it had still said. */
static void end_env(unsigned env, uint64_t incarnation, const char *how, enum corps__end end) {
    struct corps__ferry *ferry = corps__ferry_find(env, incarnation);
    if (ferry != NULL) {
        corps__ferry_end(ferry, how, end);
    } else {
        tell(env, incarnation, how, end);
    }
}

static void take_end(unsigned env, uint64_t incarnation, const char *how, enum corps__end end) {
    pthread_mutex_lock(&courier.lock);
    bool is_news = corps__plan_ended(&courier.plan, env, incarnation);
    pthread_mutex_unlock(&courier.lock);
    if (is_news) {
        end_env(env, incarnation, how, end);
    }
}

static void take_refusal(unsigned env, uint64_t incarnation, const struct corps_value *record) {
    char text[HOW_BYTES - 32];
    char how[HOW_BYTES];
    corps__record_text(record, 4, text, sizeof text);
    snprintf(how, sizeof how, "was not started: %s", text);
    take_end(env, incarnation, how, CORPS__END_FAILED);
}

static void take_alive(struct post *post, const struct corps_value *record) {
    pthread_mutex_lock(&courier.lock);
    bool grants = corps__plan_heard(&courier.plan, post->row->number, corps__boottime_ns());
    pthread_mutex_unlock(&courier.lock);
    if (grants) {
        const struct corps_value items[2] = {corps_str("grant"), corps_int(corps__record_int(record, 1, 0))};
        const struct corps_value grant = corps_array(items, 2);
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
        pthread_mutex_lock(&courier.lock);
        corps__plan_begun(&courier.plan, env, incarnation);
        pthread_mutex_unlock(&courier.lock);
    } else if (corps__record_is(record, "data")) {
        struct corps__ferry *ferry = corps__ferry_find(env, incarnation);
        const struct corps_value *what = corps_value_item(record, 3);
        if (ferry != NULL && what != NULL && what->kind == CORPS_BIN) {
            corps__ferry_write(ferry, what->bin, what->count);
        }
    } else if (corps__record_is(record, "refused")) {
        take_refusal(env, incarnation, record);
    } else if (corps__record_is(record, "ended")) {
        char how[HOW_BYTES];
        corps__record_text(record, 3, how, sizeof how);
        take_end(env, incarnation, how, (enum corps__end)corps__record_int(record, 4, CORPS__END_FAILED));
    }
    turn();
}

static void on_heard(void *arg) {
    (void)arg; /* what counts is "alive", which asks for time */
}

static void on_gone(void *arg, enum corps_err err, const char *why) {
    struct post *post = arg;
    (void)err;
    snprintf(post->trouble, sizeof post->trouble, "%s", why);
    corps__ferries_cut(post->channel);
    post->over = post->channel;
    post->channel = NULL;
    pthread_mutex_lock(&courier.lock);
    corps__plan_gone(&courier.plan, post->row->number, corps__boottime_ns());
    pthread_mutex_unlock(&courier.lock);
    uv_async_send(&courier.wake);
}

static void on_room(void *arg) {
    corps__ferries_room(((struct post *)arg)->channel);
}

static const struct corps__channel_ops channel_ops = {
    .record = on_record, .heard = on_heard, .gone = on_gone, .room = on_room};

/* ---- the thread: what is decided ---- */

static void open_channel(struct post *post) {
    enum corps_err err = corps__channel_connect(&courier.loop, post->row, courier.corps_id, post->key,
                                                courier.hosts->hash, &channel_ops, post, &post->channel);
    if (err != CORPS_OK) {
        snprintf(post->trouble, sizeof post->trouble, "%s", corps_error_detail());
        post->channel = NULL;
        pthread_mutex_lock(&courier.lock);
        corps__plan_gone(&courier.plan, post->row->number, corps__boottime_ns());
        pthread_mutex_unlock(&courier.lock);
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
    if (send_word(post, "order", action, courier.launch) != CORPS_OK) {
        char how[HOW_BYTES];
        snprintf(how, sizeof how, "was not started: %s", corps_error_detail());
        take_end(action->env, action->incarnation, how, CORPS__END_FAILED);
        return;
    }
    corps__ferry_begin(ferry, post->channel);
}

static void lose(struct post *post, const struct corps__plan_action *action) {
    char how[HOW_BYTES];
    bool says = post->trouble[0] != '\0' && action->why != CORPS__WHY_KILLED;
    bool unreached = action->why == CORPS__WHY_UNREACHED;
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

/* ---- the thread: what the lead wishes ---- */

static struct wish *take_wishes(void) {
    struct wish *wishes = courier.wishes;
    courier.wishes = NULL;
    courier.last_wish = &courier.wishes;
    return wishes;
}

static void forget(const struct wish *wish) {
    struct corps__ferry *ferry = corps__ferry_find(wish->env, wish->incarnation);
    if (ferry != NULL) {
        corps__ferry_end(ferry, NULL, CORPS__END_FAILED);
    }
}

static void carry(const struct wish *wish) {
    struct corps__ferry *ferry;
    if (corps__ferry_create(&courier.loop, wish->env, wish->incarnation, wish->fd, tell, &ferry) != CORPS_OK) {
        char how[HOW_BYTES];
        snprintf(how, sizeof how, "was not started: %s", corps_error_detail());
        close(wish->fd);
        pthread_mutex_lock(&courier.lock);
        corps__plan_kill(&courier.plan, wish->env, wish->incarnation);
        pthread_mutex_unlock(&courier.lock);
        tell(wish->env, wish->incarnation, how, CORPS__END_FAILED);
    }
}

static void fulfil(struct wish *wishes) {
    while (wishes != NULL) {
        struct wish *next = wishes->next;
        (wishes->what == WISH_CARRY ? carry : forget)(wishes);
        free(wishes);
        wishes = next;
    }
}

/* ---- the thread: its turns ---- */

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
        pthread_mutex_lock(&courier.lock);
        struct wish *wishes = take_wishes(); /* with it: what is to be ordered has its ferry first */
        bool is_one = corps__plan_next(&courier.plan, corps__boottime_ns(), &action);
        int64_t due_ns = is_one ? 0 : corps__plan_due(&courier.plan);
        pthread_mutex_unlock(&courier.lock);
        fulfil(wishes);
        if (!is_one) {
            int64_t left_ms = due_ns == INT64_MAX ? INT64_MAX : (due_ns - corps__boottime_ns()) / 1000000 + 1;
            if (due_ns == INT64_MAX) {
                uv_timer_stop(&courier.timer);
            } else {
                uv_update_time(&courier.loop);
                uv_timer_start(&courier.timer, on_timer, left_ms > 0 ? (uint64_t)left_ms : 0, 0);
            }
            break;
        }
        act(&action);
    }
    turns = false;
}

/* ---- the thread: its life ---- */

static void begin_leaving(void);

static void on_wake(uv_async_t *wake) {
    (void)wake;
    pthread_mutex_lock(&courier.lock);
    bool stops = courier.stops;
    pthread_mutex_unlock(&courier.lock);
    for (unsigned i = 0; i < courier.hosts->count; i++) {
        corps__channel_close(courier.posts[i].over);
        courier.posts[i].over = NULL;
    }
    turn();
    if (stops && !courier.leaves) {
        courier.leaves = true;
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
    for (unsigned i = 0; i < courier.hosts->count; i++) {
        struct corps__channel *channel = courier.posts[i].channel;
        if (channel != NULL && corps__channel_trouble(channel)[0] == '\0') {
            return false;
        }
    }
    return true;
}

/* What is left is closed, and then the loop ends by itself. */
static void leave(uv_timer_t *timer) {
    (void)timer;
    if (!all_have_heard() && courier.end_rounds++ < BYE_MS / BYE_LOOK_MS) {
        return;
    }
    for (unsigned i = 0; i < courier.hosts->count; i++) {
        close_channel(&courier.posts[i]);
    }
    corps__ferries_close();
    uv_close((uv_handle_t *)&courier.wake, NULL);
    uv_close((uv_handle_t *)&courier.timer, NULL);
    uv_close((uv_handle_t *)&courier.end_timer, NULL);
}

/* Agents hear that the Corps has ended, and need not wait for its grants to run out. */
static void begin_leaving(void) {
    const struct corps_value word = corps_str("bye");
    const struct corps_value bye = corps_array(&word, 1);
    for (unsigned i = 0; i < courier.hosts->count; i++) {
        struct post *post = &courier.posts[i];
        if (post->channel != NULL) {
            (void)!corps__channel_send(post->channel, &bye); /* else the end of its grants tells it */
        }
    }
    uv_timer_init(&courier.loop, &courier.end_timer);
    uv_timer_start(&courier.end_timer, leave, 0, BYE_LOOK_MS);
}

static void *run(void *unused) {
    (void)unused;
    uv_run(&courier.loop, UV_RUN_DEFAULT);
    uv_walk(&courier.loop, close_handle, NULL);
    uv_run(&courier.loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&courier.loop);
    return NULL;
}

/* ---- the lead ---- */

int corps__courier_news_fd(void) {
    return courier.news_fd;
}

void corps__courier_read_news(void) {
    uint64_t count;
    (void)!read(courier.news_fd, &count, sizeof count);
    pthread_mutex_lock(&courier.lock);
    struct news *news = courier.news;
    courier.news = NULL;
    courier.last_news = &courier.news;
    pthread_mutex_unlock(&courier.lock);
    while (news != NULL) {
        struct news *next = news->next;
        courier.ended(news->env, news->incarnation, news->how, news->end);
        free(news);
        news = next;
    }
}

static enum corps_err know_keys(void) {
    for (unsigned i = 0; i < courier.hosts->count; i++) {
        courier.posts[i].row = &courier.hosts->rows[i];
        enum corps_err err =
            courier.posts[i].row->number == courier.hosts->own
                ? CORPS_OK
                : corps__desk_key(courier.corps_id, courier.posts[i].row->number, courier.posts[i].key);
        if (err != CORPS_OK) {
            return err;
        }
    }
    return CORPS_OK;
}

static enum corps_err make_plan(void) {
    const struct corps__hosts *hosts = courier.hosts;
    courier.plan_hosts = calloc(hosts->count, sizeof *courier.plan_hosts);
    courier.plan_envs = calloc(CORPS__ENVS_MAX, sizeof *courier.plan_envs);
    courier.posts = calloc(hosts->count, sizeof *courier.posts);
    if (courier.plan_hosts == NULL || courier.plan_envs == NULL || courier.posts == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %u hosts", hosts->count);
    }
    for (unsigned i = 0; i < hosts->count; i++) {
        const struct corps__host *row = &hosts->rows[i];
        courier.plan_hosts[i] = (struct corps__plan_host){
            .number = row->number, .slots = row->slots, .name = row->name, .labels = row->labels};
    }
    enum corps_err err = corps__plan_init(&courier.plan, courier.plan_hosts, hosts->count, hosts->own,
                                          courier.plan_envs, CORPS__ENVS_MAX);
    return err == CORPS_OK ? know_keys() : err;
}

/* It takes no signals: those are for the threads of the program. */
static enum corps_err start_thread(void) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&courier.thread, NULL, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    courier.begun = failed == 0;
    return failed == 0
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_SYSTEM, "Env 0 cannot start the thread that speaks with other hosts");
}

enum corps_err corps__courier_begin(const struct corps__hosts *hosts, uint64_t corps_id,
                                    const struct corps_value *launch, corps__courier_fn ended) {
    courier.hosts = hosts;
    courier.launch = launch;
    courier.corps_id = corps_id;
    courier.ended = ended;
    courier.last_wish = &courier.wishes;
    courier.last_news = &courier.news;
    enum corps_err err = make_plan();
    if (err != CORPS_OK) {
        return err;
    }
    courier.news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (courier.news_fd < 0) {
        return corps_error_system("Env 0 cannot make what it hears of other hosts by");
    }
    if (uv_loop_init(&courier.loop) != 0) {
        return corps_error_set(CORPS_ERR_SYSTEM, "Env 0 cannot make a loop for other hosts");
    }
    uv_async_init(&courier.loop, &courier.wake, on_wake);
    uv_timer_init(&courier.loop, &courier.timer);
    return start_thread();
}

enum corps_err corps__courier_place(unsigned env, const char *where, uint32_t *host) {
    pthread_mutex_lock(&courier.lock);
    enum corps_err err = corps__plan_place(&courier.plan, env, where, host);
    pthread_mutex_unlock(&courier.lock);
    if (courier.begun) {
        uv_async_send(&courier.wake);
    }
    return err;
}

void corps__courier_leave(unsigned env) {
    pthread_mutex_lock(&courier.lock);
    corps__plan_kill(&courier.plan, env, 0); /* of a life that has ended only the slot is left */
    pthread_mutex_unlock(&courier.lock);
}

/* Lists it; under the lock. */
static bool wish_for(struct wish wish) {
    struct wish *made = malloc(sizeof *made);
    if (made != NULL) {
        *made = wish;
        made->next = NULL;
        *courier.last_wish = made;
        courier.last_wish = &made->next;
    }
    return made != NULL;
}

enum corps_err corps__courier_start(unsigned env, uint64_t incarnation, int fd) {
    pthread_mutex_lock(&courier.lock);
    bool listed = wish_for((struct wish){.what = WISH_CARRY, .env = env, .incarnation = incarnation, .fd = fd});
    if (listed) {
        corps__plan_start(&courier.plan, env, incarnation);
    }
    pthread_mutex_unlock(&courier.lock);
    uv_async_send(&courier.wake);
    return listed ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to start Env %u", env);
}

void corps__courier_kill(unsigned env, uint64_t incarnation) {
    pthread_mutex_lock(&courier.lock);
    corps__plan_kill(&courier.plan, env, incarnation);
    pthread_mutex_unlock(&courier.lock);
    uv_async_send(&courier.wake);
}

void corps__courier_forget(unsigned env, uint64_t incarnation) {
    pthread_mutex_lock(&courier.lock);
    corps__plan_kill(&courier.plan, env, incarnation);
    (void)wish_for((struct wish){.what = WISH_FORGET, .env = env, .incarnation = incarnation, .fd = -1});
    pthread_mutex_unlock(&courier.lock);
    uv_async_send(&courier.wake);
}

void corps__courier_look(uint32_t host, uint32_t *envs, bool *is_heard) {
    pthread_mutex_lock(&courier.lock);
    for (uint32_t i = 0; i < courier.plan.host_count; i++) {
        if (courier.plan_hosts[i].number == host) {
            *envs = courier.plan_hosts[i].used;
            *is_heard = courier.plan_hosts[i].state == CORPS__HOST_UP;
        }
    }
    pthread_mutex_unlock(&courier.lock);
}

void corps__courier_end(void) {
    if (courier.begun) {
        pthread_mutex_lock(&courier.lock);
        courier.stops = true;
        pthread_mutex_unlock(&courier.lock);
        uv_async_send(&courier.wake);
        pthread_join(courier.thread, NULL);
        courier.begun = false;
    }
}
