#include "links.h"

#include <stdlib.h>
#include <string.h>

static struct corps__links *links_of(const struct corps__link *link) {
    return (struct corps__links *)link->base.endpoint;
}

/* ---- life ---- */

void *corps__link_create(struct corps__links *links, size_t bytes) {
    struct corps__link *link = calloc(1, bytes);
    if (link == NULL) {
        (void)corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a link");
        return NULL;
    }
    link->base.transport = links->base.transport;
    link->base.endpoint = &links->base;
    link->next = links->first;
    links->first = link;
    links->count++;
    return link;
}

void corps__link_start(struct corps__link *link, bool accepted) {
    link->news = accepted ? CORPS__LINK_ACCEPTED : CORPS__LINK_CONNECTED;
    links_of(link)->news_count++;
    /* Release: what a sender needs of the link comes first. Pairs with the acquire load in corps__link_check. */
    atomic_store_explicit(&link->started, true, memory_order_release);
}

bool corps__link_end(struct corps__link *link, enum corps_err reason) {
    if (link->ended) {
        return false;
    }
    link->ended = true;
    link->reason = reason;
    atomic_store(&link->shut, true);
    links_of(link)->news_count++;
    return true;
}

void corps__link_peer_closed(struct corps__link *link, enum corps_err reason) {
    link->peer_closed = true;
    link->reason = reason;
    atomic_store(&link->shut, true);
    if (!atomic_load(&link->started)) {
        (void)corps__link_end(link, reason);
    }
}

void corps__link_remove(struct corps__link *link) {
    struct corps__links *links = links_of(link);
    struct corps__link **at = &links->first;
    while (*at != link) {
        at = &(*at)->next;
    }
    *at = link->next;
    links->count--;
    links->turn = links->turn == link ? link->next : links->turn;
    links->news_count -= (link->news != CORPS__LINK_QUIET ? 1u : 0u) + (link->ended && !link->reported ? 1u : 0u);
    (void)corps__link_set_blocked(link, false);
}

void corps__link_destroy(struct corps__link *link) {
    corps_block_unref(link->large);
    free(link);
}

/* ---- sending ---- */

bool corps__link_set_blocked(struct corps__link *link, bool blocked) {
    if (atomic_exchange(&link->blocked, blocked) == blocked) {
        return false;
    }
    atomic_fetch_add(&links_of(link)->blocked_count, blocked ? 1u : -1u);
    return true;
}

/* ---- what poll reports ---- */

bool corps__links_take_news(struct corps__links *links, struct corps_event *event) {
    for (struct corps__link *link = links->first; link != NULL; link = link->next) {
        if (link->news != CORPS__LINK_QUIET) {
            event->kind = link->news == CORPS__LINK_ACCEPTED ? CORPS_EVENT_ACCEPTED : CORPS_EVENT_CONNECTED;
            link->news = CORPS__LINK_QUIET;
        } else if (link->ended && !link->reported) {
            event->kind = CORPS_EVENT_CLOSED;
            event->reason = link->reason;
            link->reported = true;
        } else {
            continue;
        }
        event->link = &link->base;
        links->news_count--;
        return true;
    }
    return false;
}

bool corps__links_take_writable(struct corps__links *links, bool (*has_room)(struct corps__link *link),
                                struct corps_event *event) {
    for (struct corps__link *link = links->first; link != NULL; link = link->next) {
        if (corps__link_waits(link) && has_room(link)) {
            (void)corps__link_set_blocked(link, false);
            event->kind = CORPS_EVENT_WRITABLE;
            event->link = &link->base;
            return true;
        }
    }
    return false;
}

/* ---- frames ---- */

enum corps_err corps__link_too_large(const struct corps__link *link, uint64_t bytes) {
    return corps_error_set(CORPS_ERR_TOO_LARGE, "a peer announces a frame of %llu bytes; at most %zu are allowed",
                           (unsigned long long)bytes, links_of(link)->frame_bytes_max);
}

enum corps_err corps__link_gather_begin(struct corps__link *link, uint64_t bytes) {
    if (link->large != NULL) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer began a frame within a frame");
    }
    enum corps_err err = corps__link_check_bytes(link, bytes);
    if (err != CORPS_OK) {
        return err;
    }
    link->large = corps_block_create((size_t)bytes);
    link->large_bytes = 0;
    return link->large != NULL
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a frame of %llu bytes", (unsigned long long)bytes);
}

enum corps_err corps__link_gather(struct corps__link *link, const uint8_t *data, size_t bytes) {
    if (link->large == NULL || bytes > link->large->bytes - link->large_bytes) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer sent more of a frame than it had announced");
    }
    memcpy(link->large->data + link->large_bytes, data, bytes);
    link->large_bytes += bytes;
    return link->large_bytes == link->large->bytes ? CORPS_OK : CORPS_ERR_EMPTY;
}

void corps__link_give_gathered(struct corps__link *link, struct corps_event *event) {
    struct corps_block *block = link->large;
    link->large = NULL;
    corps__link_give(link, block->data, block->bytes, block, event);
}
