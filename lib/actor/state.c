#include "actor/state.h"

static struct corps__actors first = {
    .pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .monitor_fd = -1},
    .concs.lock = PTHREAD_MUTEX_INITIALIZER,
    .room.lock = PTHREAD_MUTEX_INITIALIZER,
    .pool_views.lock = PTHREAD_MUTEX_INITIALIZER,
    .waits.lock = PTHREAD_MUTEX_INITIALIZER,
    .probes.lock = PTHREAD_MUTEX_INITIALIZER,
    .timers = {.lock = PTHREAD_MUTEX_INITIALIZER,
               .alarms = {.lock = PTHREAD_MUTEX_INITIALIZER, .first_ns = CORPS_FOREVER}},
};
struct corps__actors *corps__actors = &first;

void corps__actors_init(struct corps__actors *actors) {
    corps__thread_pool_init(&actors->pool);
    pthread_mutex_init(&actors->concs.lock, NULL);
    actors->room = CORPS__WAITLIST_INIT;
    pthread_mutex_init(&actors->pool_views.lock, NULL);
    pthread_mutex_init(&actors->waits.lock, NULL);
    pthread_mutex_init(&actors->broken.lock, NULL);
    pthread_mutex_init(&actors->probes.lock, NULL);
    pthread_mutex_init(&actors->timers.lock, NULL);
    corps__alarms_init(&actors->timers.alarms);
}
