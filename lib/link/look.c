#include "link/look.h"

#include "base/clock.h"

#include <stdio.h>

enum {
    SOON_MS = 2, /* the news of how a process ended usually comes within a millisecond */
    LOOK_MS = 10,
};

static void look(uv_timer_t *timer);

static void look_in(uint64_t ms) {
    uv_timer_t *timer = &corps__link_floor->look.timer;
    if (!corps__link_floor->look.started) {
        uv_timer_init(corps__loop(), timer);
        corps__link_floor->look.started = true;
    }
    if (uv_is_closing((uv_handle_t *)timer) || (uv_is_active((uv_handle_t *)timer) && ms > 0)) {
        return; /* it will look soon enough */
    }
    corps__timer_start(timer, look, ms, 0);
}

/* ---- what waits ---- */

static bool needs_link(struct corps__peer *peer) {
    return !corps__peer_has_link(peer) && corps__link_floor->ops->waits(peer);
}

static bool is_waited_for(struct corps__peer *peer) {
    return peer->corps != NULL &&
           (peer->grace_end_ns != 0 || atomic_load(&peer->watcher_count) > 0 || needs_link(peer));
}

/* ---- a look ---- */

static enum corps_err read_news(struct corps *corps) {
    corps->look = corps__link_floor->look.count;
    enum corps_err err = corps__link_floor->ops->refresh(corps);
    atomic_store(&corps->unreadable, err != CORPS_OK);
    return err;
}

/* A Corps of others that something waits for and that this look has not read. */
static struct corps *find_unread(void) {
    struct corps__peer *peer = corps__peers_walk();
    corps__peers_walked(); /* who leads frees, so none goes meanwhile */
    while (peer != NULL && !(is_waited_for(peer) && corps__is_foreign(peer->corps) &&
                             peer->corps->look != corps__link_floor->look.count)) {
        peer = peer->next;
    }
    return peer != NULL ? peer->corps : NULL;
}

/* No news has come. */
static void give_up(struct corps__peer *peer) {
    char text[128];
    bool exited = corps__peer_has_exited(peer);
    if (exited) {
        snprintf(text, sizeof text, "the Corps has exited");
    } else if (peer->port->is_far) {
        snprintf(text, sizeof text, "the link to Env %u is cut, or its host %u is lost", peer->env,
                 peer->env_info->host);
    } else {
        snprintf(text, sizeof text, "the link to Env %u has closed and nothing tells why", peer->env);
    }
    peer->grace_end_ns = 0;
    corps__peer_fail(peer, exited ? CORPS_ERR_EXITED : CORPS_ERR_WORKER_LOST, text);
    corps__check_foreign();
}

static void see_to(struct corps__peer *peer) {
    if (atomic_load(&peer->corps->unreadable)) {
        corps__waitlist_notify(&peer->waiters);
    }
    if (peer->grace_end_ns != 0 && corps__now_ns() >= peer->grace_end_ns) {
        give_up(peer);
    }
    if (needs_link(peer)) {
        (void)!corps__peer_connect_known(peer); /* whatever it is: later again */
    }
}

static void look(uv_timer_t *timer) {
    (void)timer;
    corps__link_floor->look.count++;
    for (struct corps *corps = find_unread(); corps != NULL; corps = find_unread()) {
        (void)!read_news(corps); /* from the start again: the news may have freed peers */
    }
    bool waits = false;
    struct corps__peer *peer = corps__peers_walk();
    corps__peers_walked(); /* as above */
    while (peer != NULL) {
        struct corps__peer *next = peer->next;
        if (is_waited_for(peer)) {
            waits = true;
            see_to(peer);
        }
        peer = next;
    }
    if (waits) {
        look_in(LOOK_MS);
    }
}

void corps__look_for_end(struct corps__peer *peer) {
    peer->grace_end_ns = corps__deadline_ns(CORPS__GRACE_NS);
    look_in(peer->hello_seen ? SOON_MS : LOOK_MS);
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

void corps__look_stop(void) {
    uv_handle_t *timer = (uv_handle_t *)&corps__link_floor->look.timer;
    if (corps__link_floor->look.started && !uv_is_closing(timer)) {
        uv_close(timer, NULL);
    }
}

/* ---- threads that wait ---- */

struct watch {
    struct corps__peer *peer;
    bool (*holds)(void *peer);
};

static enum corps_err begin_watch(void *arg) {
    struct corps__peer *peer = arg;
    enum corps_err err = read_news(peer->corps);
    look_in(LOOK_MS);
    return err;
}

/* What is waited for holds, or the file cannot be read. */
static bool ends_watch(void *arg) {
    const struct watch *watch = arg;
    return watch->holds(watch->peer) || atomic_load(&watch->peer->corps->unreadable);
}

static enum corps_err watch_news(struct watch *watch, int64_t deadline_ns) {
    struct corps__peer *peer = watch->peer;
    enum corps_err err = CORPS_OK;
    atomic_fetch_add(&peer->watcher_count, 1); /* before the look that decides whether there is another one */
    do {
        err = corps__with_lead(begin_watch, peer); /* after a look that failed: for the error, on this thread */
        err = err == CORPS_OK ? corps__waitlist_wait_call(&peer->waiters, ends_watch, watch, deadline_ns, NULL) : err;
    } while (err == CORPS_OK && !watch->holds(peer));
    atomic_fetch_sub(&peer->watcher_count, 1);
    return err;
}

enum corps_err corps__look_wait(struct corps__peer *peer, bool (*holds)(void *peer), int64_t deadline_ns) {
    if (!corps__is_foreign(peer->corps)) {
        return corps__waitlist_wait_call(&peer->waiters, holds, peer, deadline_ns, NULL);
    }
    struct watch watch = {.peer = peer, .holds = holds};
    return watch_news(&watch, deadline_ns);
}
