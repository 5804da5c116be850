#include "link/relink.h"

enum {
    SOON_MS = 2, /* the news of how a process ended usually comes within a millisecond */
    LOOK_MS = 10,
};

static void look(uv_timer_t *timer);

static void look_in(uint64_t ms) {
    uv_timer_t *timer = &corps__link_floor->relink.timer;
    if (!corps__link_floor->relink.started) {
        uv_timer_init(corps__loop(), timer);
        corps__link_floor->relink.started = true;
    }
    if (uv_is_closing((uv_handle_t *)timer) || (uv_is_active((uv_handle_t *)timer) && ms > 0)) {
        return; /* it will look soon enough */
    }
    corps__timer_start(timer, look, ms, 0);
}

static bool has_link(const struct corps__peer *peer) {
    int state = atomic_load(&peer->state);
    return state == CORPS__PEER_READY || state == CORPS__PEER_CONNECTING || state == CORPS__PEER_GREETING;
}

static void look(uv_timer_t *timer) {
    (void)timer;
    bool waits = false;
    struct corps__peer *peer = corps__peers_walk();
    corps__peers_walked(); /* who leads frees, so none goes meanwhile */
    while (peer != NULL) {
        struct corps__peer *next = peer->next;
        if (peer->corps != NULL && !has_link(peer) && corps__link_floor->ops->waits(peer)) {
            waits = true;
            (void)!corps__peer_connect(peer); /* whatever it is: later again */
        }
        peer = next;
    }
    if (waits) {
        look_in(LOOK_MS);
    }
}

void corps__relink(struct corps__peer *peer) {
    if (corps__link_floor->ops->waits(peer)) {
        look_in(peer->hello_seen ? SOON_MS : LOOK_MS);
    }
}

void corps__relink_now(struct corps__peer *peer) {
    if (corps__link_floor->ops->waits(peer)) {
        look_in(0);
    }
}

void corps__relink_stop(void) {
    uv_handle_t *timer = (uv_handle_t *)&corps__link_floor->relink.timer;
    if (corps__link_floor->relink.started && !uv_is_closing(timer)) {
        uv_close(timer, NULL);
    }
}
