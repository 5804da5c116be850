#include "actor/defer.h"

#include <stddef.h>

static void put_aside(struct corps__conc *conc, struct corps__route *route, struct corps__mail *mail) {
    mail->node.next = NULL;
    *(route->deferred != NULL ? &route->last_deferred->next : &route->deferred) = &mail->node;
    route->last_deferred = &mail->node;
    conc->deferred_count++;
    atomic_store(&route->waits, true);
}

struct corps__route *corps__defer(struct corps__conc *conc, struct corps__mail *mail, struct corps__peer *from) {
    if (mail->kind == CORPS__MAIL_RESUME) {
        return (struct corps__route *)(void *)((char *)mail - offsetof(struct corps__route, resume));
    }
    struct corps__route *route = corps__conc_route(conc, from);
    if (route == NULL || (route->deferred == NULL && !atomic_load(&from->behind))) {
        return NULL;
    }
    put_aside(conc, route, mail);
    return route;
}

struct corps__mail *corps__deferred_next(struct corps__conc *conc, struct corps__route *route) {
    if (route->deferred == NULL) {
        return NULL;
    }
    /* Said before the look, so that whoever finds that the peer has read sees that somebody waits for it; pairs with
     * posts.c. */
    atomic_store(&route->peer->has_deferred, true);
    if (atomic_load(&route->peer->behind)) {
        return NULL;
    }
    struct corps_node *node = route->deferred;
    route->deferred = node->next;
    conc->deferred_count--;
    if (route->deferred == NULL) {
        atomic_store(&route->waits, false);
    }
    return (struct corps__mail *)(void *)node;
}

void corps__deferred_resume(struct corps__peer *peer) {
    if (atomic_load(&peer->behind) || !atomic_exchange(&peer->has_deferred, false)) {
        return;
    }
    for (size_t i = 0; i < sizeof peer->routes / sizeof peer->routes[0]; i++) {
        for (struct corps__route *route = atomic_load(&peer->routes[i]); route != NULL; route = route->next) {
            struct corps__conc *conc = atomic_load(&route->waits) ? corps__conc_find(route->conc) : NULL;
            if (conc != NULL && !atomic_exchange(&route->resuming, true)) {
                peer->arrived++; /* the peer stays until it is handled */
                route->resume.kind = CORPS__MAIL_RESUME;
                corps__conc_post(conc, &route->resume, CORPS__PUSH_OTHER);
            }
        }
    }
}
