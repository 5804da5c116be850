#include "link/news.h"

#include "wait/wait.h"

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

void corps__news_set(void (*read)(struct corps *corps)) {
    atomic_store(&corps__link_floor->read_news, read);
}
