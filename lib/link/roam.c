#include "link/roam.h"

#include "link/far.h"
#include "link/peer.h"

enum { LOOK_MS = 250, LOOKS_OF_SILENCE = 4 };

/* Has it brought nothing since the last such look, though there is something to bring? */
static bool is_silent(struct corps__peer *peer) {
    bool moved = peer->frames_received != peer->frames_looked_at;
    peer->frames_looked_at = peer->frames_received;
    return !moved && corps__routes_outstanding(peer) > 0;
}

/* Does somebody wait for it to be made? */
static bool is_in_the_making(struct corps__peer *peer) {
    int state = atomic_load(&peer->state);
    return (state == CORPS__PEER_CONNECTING || state == CORPS__PEER_GREETING) && corps__link_floor->ops->waits(peer);
}

static void look(uv_timer_t *timer) {
    bool any = false;
    bool is_long = ++corps__link_floor->roam.looks % LOOKS_OF_SILENCE == 0;
    struct corps__peer *peer = corps__peers_walk();
    corps__peers_walked(); /* who leads frees, so none goes meanwhile */
    for (; peer != NULL; peer = peer->next) {
        if (peer->corps == NULL || !corps__roams(peer->corps) || !corps__is_foreign(peer->corps) ||
            peer->link == NULL) {
            continue;
        }
        any = true;
        if (is_in_the_making(peer) || (is_long && is_silent(peer))) {
            corps__far_want(peer->corps);
        }
    }
    if (!any) {
        uv_timer_stop(timer);
    }
}

void corps__roam_watch(void) {
    uv_timer_t *timer = &corps__link_floor->roam.timer;
    if (!corps__link_floor->roam.started) {
        uv_timer_init(corps__loop(), timer);
        corps__link_floor->roam.started = true;
    }
    if (!uv_is_closing((uv_handle_t *)timer) && !uv_is_active((uv_handle_t *)timer)) {
        corps__timer_start(timer, look, LOOK_MS, LOOK_MS);
    }
}

void corps__roam_stop(void) {
    uv_handle_t *timer = (uv_handle_t *)&corps__link_floor->roam.timer;
    if (corps__link_floor->roam.started && !uv_is_closing(timer)) {
        uv_close(timer, NULL);
    }
}
