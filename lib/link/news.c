#include "link/news.h"

#include "base/hooks.h"
#include "wait/wait.h"

#include <poll.h>

static enum corps_err read_news(void *arg) {
    struct corps *corps = arg;
    if (corps__is_foreign(corps)) {
        return corps__link_floor->ops->refresh(corps);
    }
    void (*read)(struct corps * corps) = atomic_load(&corps__link_floor->read_news);
    if (read != NULL) {
        read(corps);
    }
    return CORPS_OK;
}

void corps__news_read(struct corps *corps) {
    (void)!corps__with_lead(read_news, corps); /* what is wrong with a Corps shows when it is called */
}

enum { TRIES = 100, PAUSE_MS = 10 };

static bool is_awaited(const struct corps *corps, uint32_t env, bool there) {
    return env >= corps->settings.env_count || (there && atomic_load(&corps->envs[env].taken));
}

void corps__news_await(struct corps *corps, uint32_t env, bool there) {
    corps__news_read(corps);
    for (int i = 0; i < TRIES && is_awaited(corps, env, there) && !atomic_load(&corps->exited); i++) {
        void *given_up = corps__give_up();
        (void)poll(NULL, 0, PAUSE_MS);
        corps__take_back(given_up);
        corps__news_read(corps);
    }
}

void corps__news_set(void (*read)(struct corps *corps)) {
    atomic_store(&corps__link_floor->read_news, read);
}
