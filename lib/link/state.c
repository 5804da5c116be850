#include "link/state.h"

#include "base/log.h"

#include <sodium.h>

static void calls_are_nobodys(struct corps__peer *peer, enum corps_err code, const char *text) {
    (void)peer;
    (void)code;
    (void)text;
}

static void peer_is_nobodys(struct corps__peer *peer) {
    (void)peer;
}

static bool nobody_waits(struct corps__peer *peer) {
    (void)peer;
    return false;
}

static void nobody_counts(uint32_t conc, uint64_t count) {
    (void)conc;
    (void)count;
}

static void nobody_flushes(void) {
}

/* Until the floor above has said what it does. */
static const struct corps__link_ops no_ops = {.on_lost = calls_are_nobodys,
                                              .on_read = peer_is_nobodys,
                                              .on_retired = peer_is_nobodys,
                                              .on_connected = peer_is_nobodys,
                                              .waits = nobody_waits,
                                              .on_counted = nobody_counts,
                                              .on_held = nobody_flushes};

static struct corps__link_floor first = {
    .ops = &no_ops,
    .env = CORPS__GUEST_ENV,
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .peers.lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP,
    .retired.last = &first.retired.first,
};
struct corps__link_floor *corps__link_floor = &first;

void corps__link_floor_init(struct corps__link_floor *links) {
    links->ops = &no_ops;
    links->env = CORPS__GUEST_ENV;
    pthread_mutex_init(&links->lock, NULL);
    links->peers.lock = (pthread_rwlock_t)PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
    links->retired.last = &links->retired.first;
}

void corps__identify(bool is_env, uint64_t corps_id, uint32_t env) {
    corps__link_floor->is_env = is_env;
    corps__link_floor->env = env;
    corps__link_floor->corps_id = corps_id;
    corps__log_identify(is_env ? (int)env : -1);
    randombytes_buf(corps__link_floor->identity, sizeof corps__link_floor->identity);
    if (!is_env) {
        randombytes_buf(&corps__link_floor->corps_id, sizeof corps__link_floor->corps_id);
    }
}

void corps__clocks_stop(void) {
    uv_handle_t *timer = (uv_handle_t *)&corps__link_floor->clocks.timer;
    if (corps__link_floor->clocks.started && !uv_is_closing(timer)) {
        uv_close(timer, NULL);
    }
}

void corps__check_links(void) {
    atomic_store(&corps__link_floor->check_links, true);
    corps__reactor_tend();
    corps__kick();
}

void corps__check_unused(void) {
    atomic_store(&corps__link_floor->check_unused, true);
    corps__reactor_tend();
    corps__kick();
}

void corps__check_foreign(void) {
    atomic_store(&corps__link_floor->check_foreign, true);
    corps__reactor_tend();
}
