#include "link/posts.h"

#include "link/known.h"

#include <stdlib.h>
#include <string.h>

struct corps__post *corps__post_copy(const struct corps_parcel *parcel) {
    struct corps__post *post = malloc(sizeof *post + parcel->bytes);
    if (post == NULL) {
        return NULL;
    }
    *post = (struct corps__post){0};
    for (unsigned i = 0; i < parcel->segment_count; i++) {
        if (parcel->segments[i].iov_len > 0) {
            memcpy(post->data + post->bytes, parcel->segments[i].iov_base, parcel->segments[i].iov_len);
            post->bytes += parcel->segments[i].iov_len;
        }
    }
    return post;
}

/* Decides whether the peer is behind, with some distance between becoming and ceasing to be. */
static void note_kept(struct corps__peer *peer, size_t kept_bytes) {
    peer->kept_bytes = kept_bytes;
    if (corps__own() == NULL) {
        return; /* nobody calls this process */
    }
    size_t bound = corps__own()->settings.mailbox_bytes;
    bool behind = atomic_load_explicit(&peer->behind, memory_order_relaxed);
    if (!behind && kept_bytes > bound) {
        atomic_store(&peer->behind, true);
    } else if (behind && kept_bytes <= bound / 2) {
        atomic_store(&peer->behind, false); /* then the look; pairs with corps__deferred_next */
        if (atomic_load(&peer->has_deferred)) {
            corps__check_links();
        }
    }
}

static size_t cost_of(const struct corps__post *post) {
    return sizeof *post + post->bytes;
}

void corps__post_keep(struct corps__peer *peer, struct corps__post *post, bool first) {
    post->next = first ? peer->first_post : NULL;
    if (first) {
        peer->last_post = peer->first_post == NULL ? &post->next : peer->last_post;
        peer->first_post = post;
    } else {
        *peer->last_post = post;
        peer->last_post = &post->next;
    }
    note_kept(peer, peer->kept_bytes + cost_of(post));
}

void corps__post_free(struct corps__peer *peer, struct corps__post *post) {
    if (post->is_frame && peer->spare_frame == NULL) {
        peer->spare_frame = post;
    } else {
        free(post);
    }
}

enum corps_err corps__posts_flush(struct corps__peer *peer) {
    bool any = peer->first_post != NULL;
    while (peer->first_post != NULL) {
        struct corps__post *post = peer->first_post;
        struct iovec segment = {.iov_base = post->data, .iov_len = post->bytes};
        struct corps_parcel parcel = {.segments = &segment, .segment_count = 1, .bytes = post->bytes};
        corps__grant_settle(post->grant, post->charge_count, post->charge_bytes); /* before the peer hears of it */
        post->grant = NULL;
        atomic_store(&peer->writable, false);
        enum corps_err err = peer->link->transport->send(peer->link, &parcel, 0);
        if (err != CORPS_OK) {
            return err;
        }
        atomic_store(&peer->writable, true);
        peer->frames_sent++;
        peer->bytes_sent += post->bytes;
        peer->first_post = post->next;
        peer->last_post = peer->first_post == NULL ? &peer->first_post : peer->last_post;
        note_kept(peer, peer->kept_bytes - cost_of(post));
        corps__post_free(peer, post);
    }
    if (any) { /* who looked while `writable` said otherwise waits for somebody to say so */
        corps__waitlist_notify(&peer->waiters);
    }
    return CORPS_OK;
}

void corps__posts_drop(struct corps__peer *peer) {
    for (struct corps__post *post = peer->first_post; post != NULL;) {
        struct corps__post *next = post->next;
        free(post);
        post = next;
    }
    peer->first_post = NULL;
    peer->last_post = &peer->first_post;
    free(peer->batch_frame);
    peer->batch_frame = NULL;
    free(peer->spare_frame);
    peer->spare_frame = NULL;
    note_kept(peer, 0);
}
