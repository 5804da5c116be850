#include "link/clocks.h"

#include "base/clock.h"
#include "link/hello.h"
#include "link/skew.h"

#include <stdlib.h>

/* ---- who is called asks ---- */

static void look(uv_timer_t *timer);

static void look_at(int64_t when_ns, int64_t now_ns) {
    uv_timer_t *timer = &corps__link_floor->clocks.timer;
    if (!corps__link_floor->clocks.started) {
        uv_timer_init(corps__loop(), timer);
        corps__link_floor->clocks.started = true;
    }
    bool soon_enough = uv_is_active((uv_handle_t *)timer) && corps__link_floor->clocks.due_ns <= when_ns;
    if (!uv_is_closing((uv_handle_t *)timer) && !soon_enough) {
        int64_t left_ns = when_ns > now_ns ? when_ns - now_ns : 0;
        corps__link_floor->clocks.due_ns = when_ns;
        corps__timer_start(timer, look, (uint64_t)(left_ns / 1000000 + 1), 0);
    }
}

/* Asks if it is time to. What finds no room is asked again later. */
static void ask(struct corps__peer *peer) {
    int64_t now_ns = corps__now_ns();
    if (corps__skew_asks(peer->skew, now_ns)) {
        const struct corps__outgoing out = {.header = {.kind = CORPS__CLOCK,
                                                       .flags = CORPS__NIL_PAYLOAD,
                                                       .id = (uint64_t)now_ns,
                                                       .source_env = corps__own_env(),
                                                       .destination = peer->skew->told}};
        corps__peer_try_post(peer, &out);
    }
    look_at(corps__skew_next_ns(peer->skew), now_ns);
}

static void look(uv_timer_t *timer) {
    (void)timer;
    struct corps__peer *peer = corps__peers_walk();
    corps__peers_walked(); /* who leads frees, so none goes meanwhile */
    while (peer != NULL) {
        struct corps__peer *next = peer->next;
        if (peer->skew != NULL && peer->link != NULL) { /* changed with the lead */
            ask(peer);
        }
        peer = next;
    }
}

static enum corps_err take_answer(struct corps__peer *peer, const struct corps__header *header) {
    if (peer->skew == NULL || header->deadline_ns == 0 || header->deadline_ns > INT64_MAX) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer tells what its clock says, and was not asked");
    }
    corps__skew_answered(peer->skew, (int64_t)header->id, (int64_t)header->deadline_ns, corps__now_ns());
    ask(peer);
    return CORPS_OK;
}

enum corps_err corps__clocks_translate(const struct corps__peer *peer, struct corps__header *header) {
    if (!peer->skew->told) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a request came before its sender's clock was known");
    }
    if (header->deadline_ns != 0) {
        header->deadline_ns = (uint64_t)corps__skew_here_ns(peer->skew, header->deadline_ns);
    }
    return CORPS_OK;
}

/* ---- who calls answers ---- */

static enum corps_err answer(struct corps__peer *peer, const struct corps__header *question) {
    const struct corps__outgoing out = {.header = {.kind = CORPS__CLOCK,
                                                   .flags = CORPS__NIL_PAYLOAD,
                                                   .id = question->id,
                                                   .source_env = corps__own_env(),
                                                   .deadline_ns = (uint64_t)corps__now_ns()}};
    corps__peer_try_post(peer, &out);
    if (question->destination != 0) {
        corps__peer_greeted(peer); /* does nothing from the second time on */
    }
    return CORPS_OK;
}

/* ---- both ---- */

enum corps_err corps__clocks_greeted(struct corps__peer *peer, uint32_t host, uint64_t features, bool *waits) {
    bool called_us = peer->corps == NULL;
    uint32_t here = corps__host_here(peer->corps);
    *waits = corps__hosts_differ(here, host);
    if (!*waits) {
        return CORPS_OK;
    }
    if ((features & CORPS__FEATURE_CLOCK) == 0) {
        return corps_error_set(CORPS_ERR_VERSION, "a peer on host %u cannot tell its clock; this program's version can",
                               host);
    }
    peer->elsewhere = !called_us;
    if (!called_us) {
        return CORPS_OK;
    }
    peer->skew = calloc(1, sizeof *peer->skew);
    if (peer->skew == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a link");
    }
    ask(peer);
    return CORPS_OK;
}

enum corps_err corps__clocks_take(struct corps__peer *peer, const struct corps__header *header, size_t bytes) {
    if (bytes != CORPS__HEADER_BYTES || header->name_bytes != 0 || header->segment_count != 0) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a CLOCK frame has %zu bytes", bytes);
    }
    if (peer->corps == NULL) {
        return take_answer(peer, header);
    }
    return peer->elsewhere ? answer(peer, header)
                           : corps_error_set(CORPS_ERR_PROTOCOL, "a peer on this host asks what its clock says");
}
