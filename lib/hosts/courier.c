#include "hosts/courier_own.h"

#include "codec/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* What the thread tells the lead. */
struct news {
    struct news *next;
    unsigned env;
    uint64_t incarnation;
    enum corps__end end;
    char how[CORPS__COURIER_HOW_BYTES];
};

struct corps__courier corps__courier = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct {
    corps__courier_fn ended;
    bool begun;
    int news_fd;
    struct corps__plan_host *plan_hosts;
    struct corps__plan_env *plan_envs;
    struct news *news, **last_news; /* under the lock */
} lead;

/* ---- news ---- */

void corps__courier_tell(unsigned env, uint64_t incarnation, const char *how, enum corps__end end) {
    struct news *news = calloc(1, sizeof *news);
    if (news == NULL) {
        abort(); /* an end that nobody hears of would be waited for for ever; Env 0's end is heard */
    }
    news->env = env;
    news->incarnation = incarnation;
    news->end = end;
    snprintf(news->how, sizeof news->how, "%s", how);
    pthread_mutex_lock(&corps__courier.lock);
    *lead.last_news = news;
    lead.last_news = &news->next;
    pthread_mutex_unlock(&corps__courier.lock);
    const uint64_t one = 1;
    (void)!write(lead.news_fd, &one, sizeof one); /* full: it was woken long ago */
}

int corps__courier_news_fd(void) {
    return lead.news_fd;
}

void corps__courier_read_news(void) {
    uint64_t count;
    (void)!read(lead.news_fd, &count, sizeof count);
    pthread_mutex_lock(&corps__courier.lock);
    struct news *news = lead.news;
    lead.news = NULL;
    lead.last_news = &lead.news;
    pthread_mutex_unlock(&corps__courier.lock);
    while (news != NULL) {
        struct news *next = news->next;
        lead.ended(news->env, news->incarnation, news->how, news->end);
        free(news);
        news = next;
    }
}

/* ---- its life ---- */

static enum corps_err make_plan(void) {
    const struct corps__hosts *hosts = corps__courier.hosts;
    lead.plan_hosts = calloc(hosts->count, sizeof *lead.plan_hosts);
    lead.plan_envs = calloc(CORPS__ENVS_MAX, sizeof *lead.plan_envs);
    if (lead.plan_hosts == NULL || lead.plan_envs == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %u hosts", hosts->count);
    }
    for (unsigned i = 0; i < hosts->count; i++) {
        const struct corps__host *row = &hosts->rows[i];
        lead.plan_hosts[i] = (struct corps__plan_host){
            .number = row->number, .slots = row->slots, .name = row->name, .labels = row->labels};
    }
    enum corps_err err = corps__plan_init(&corps__courier.plan, lead.plan_hosts, hosts->count, hosts->own,
                                          lead.plan_envs, CORPS__ENVS_MAX);
    for (unsigned i = 0; err == CORPS_OK && i < hosts->count; i++) {
        corps__plan_warned(&corps__courier.plan, hosts->rows[i].number, hosts->rows[i].drained, hosts->rows[i].away);
    }
    return err;
}

enum corps_err corps__courier_begin(const struct corps__hosts *hosts, uint64_t corps_id, uint32_t life,
                                    const struct corps_value *launch, corps__courier_fn ended) {
    corps__courier.hosts = hosts;
    corps__courier.launch = launch;
    corps__courier.corps_id = corps_id;
    corps__courier.life = life;
    corps__courier.last_wish = &corps__courier.wishes;
    lead.ended = ended;
    lead.last_news = &lead.news;
    enum corps_err err = make_plan();
    err = err == CORPS_OK ? corps__courier_thread_make() : err;
    if (err != CORPS_OK) {
        return err;
    }
    lead.news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (lead.news_fd < 0) {
        return corps_error_system("Env 0 cannot make what it hears of other hosts by");
    }
    err = corps__courier_thread_begin();
    lead.begun = err == CORPS_OK;
    return err;
}

/* ---- Envs ---- */

enum corps_err corps__courier_place(unsigned env, const char *where, uint32_t *host) {
    pthread_mutex_lock(&corps__courier.lock);
    enum corps_err err = corps__plan_place(&corps__courier.plan, env, where, host);
    pthread_mutex_unlock(&corps__courier.lock);
    if (lead.begun) {
        corps__courier_thread_wake();
    }
    return err;
}

void corps__courier_leave(unsigned env) {
    pthread_mutex_lock(&corps__courier.lock);
    corps__plan_kill(&corps__courier.plan, env, 0); /* of a life that has ended only the slot is left */
    pthread_mutex_unlock(&corps__courier.lock);
}

/* Lists it; under the lock. */
static bool wish_for(struct corps__wish wish) {
    struct corps__wish *made = malloc(sizeof *made);
    if (made != NULL) {
        *made = wish;
        made->next = NULL;
        *corps__courier.last_wish = made;
        corps__courier.last_wish = &made->next;
    }
    return made != NULL;
}

enum corps_err corps__courier_start(unsigned env, uint64_t incarnation, int fd) {
    pthread_mutex_lock(&corps__courier.lock);
    bool listed =
        wish_for((struct corps__wish){.what = CORPS__WISH_CARRY, .env = env, .incarnation = incarnation, .fd = fd});
    if (listed) {
        corps__plan_start(&corps__courier.plan, env, incarnation);
    }
    pthread_mutex_unlock(&corps__courier.lock);
    corps__courier_thread_wake();
    return listed ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to start Env %u", env);
}

void corps__courier_kill(unsigned env, uint64_t incarnation) {
    pthread_mutex_lock(&corps__courier.lock);
    corps__plan_kill(&corps__courier.plan, env, incarnation);
    pthread_mutex_unlock(&corps__courier.lock);
    corps__courier_thread_wake();
}

void corps__courier_forget(unsigned env, uint64_t incarnation) {
    pthread_mutex_lock(&corps__courier.lock);
    corps__plan_kill(&corps__courier.plan, env, incarnation);
    (void)wish_for((struct corps__wish){.what = CORPS__WISH_FORGET, .env = env, .incarnation = incarnation, .fd = -1});
    pthread_mutex_unlock(&corps__courier.lock);
    corps__courier_thread_wake();
}

void corps__courier_look(uint32_t host, uint32_t *envs, bool *is_heard) {
    pthread_mutex_lock(&corps__courier.lock);
    for (uint32_t i = 0; i < corps__courier.plan.host_count; i++) {
        if (lead.plan_hosts[i].number == host) {
            *envs = lead.plan_hosts[i].used;
            *is_heard = lead.plan_hosts[i].state == CORPS__HOST_UP;
        }
    }
    pthread_mutex_unlock(&corps__courier.lock);
}

void corps__courier_end(void) {
    if (lead.begun) {
        pthread_mutex_lock(&corps__courier.lock);
        corps__courier.stops = true;
        pthread_mutex_unlock(&corps__courier.lock);
        corps__courier_thread_wake();
        corps__courier_thread_join();
        lead.begun = false;
    }
}
