#include "actor/cancel.h"

#include "actor/future.h"
#include "link/hello.h"
#include "link/peer.h"
#include "value/failure.h"
#include "wait/wait.h"

#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of what is beside Concs; short, and rarely taken */

/* ---- under the lock ---- */

static bool is_of(const struct corps__message *message, uint64_t peer, uint64_t id) {
    return message->from != NULL && message->from->number == peer && message->header.id == id;
}

static void unlist(struct corps__cancel_watch *watch) {
    *watch->link = watch->next;
    if (watch->next != NULL) {
        watch->next->link = watch->link;
    }
    watch->message = NULL;
}

static void notify(struct corps__cancel_watch *watch) {
    unlist(watch);
    watch->notify(watch->arg);
}

static struct corps__cancel **entry_of(struct corps__conc *conc, const struct corps__message *message) {
    if (corps__rare(conc)->cancelled == NULL) {
        return NULL;
    }
    for (struct corps__cancel **at = &corps__rare_make(conc)->cancelled; *at != NULL; at = &(*at)->next) {
        if (is_of(message, (*at)->peer, (*at)->id)) {
            return at;
        }
    }
    return NULL;
}

static bool is_given_up(struct corps__conc *conc, const struct corps__message *message) {
    if ((message->header.flags & CORPS__NO_REPLY) != 0) {
        return false;
    }
    return message->from == NULL ? message->future != NULL && corps__future_is_cancelled(message->future)
                                 : entry_of(conc, message) != NULL;
}

/* ---- the callee ---- */

bool corps__cancel_find(struct corps__conc *conc, const struct corps__message *message, bool forget) {
    pthread_mutex_lock(&lock);
    bool found = is_given_up(conc, message);
    struct corps__cancel **at = found && forget && message->from != NULL ? entry_of(conc, message) : NULL;
    struct corps__cancel *over = at != NULL ? *at : NULL;
    if (over != NULL) {
        *at = over->next;
    }
    pthread_mutex_unlock(&lock);
    free(over);
    return found;
}

static void free_list(struct corps__cancel *first) {
    while (first != NULL) {
        struct corps__cancel *next = first->next;
        free(first);
        first = next;
    }
}

/* Takes all that is listed. */
static struct corps__cancel *take_list(struct corps__conc *conc) {
    struct corps__cancel *first = corps__rare(conc)->cancelled;
    if (first != NULL) {
        corps__rare_make(conc)->cancelled = NULL;
    }
    return first;
}

/* What is listed came behind its request. So if the mailbox is empty after the list was looked at, and nothing of it
 * was put aside (defer.h, broken.h), all of those requests have begun, and none of them runs now. */
void corps__cancel_tidy_up(struct corps__conc *conc) {
    pthread_mutex_lock(&lock);
    struct corps__cancel *over = NULL;
    atomic_store(&conc->cancels, false);
    if (corps__conc_has_mail(conc) || conc->deferred_count > 0 || atomic_load(&conc->down) != 0) {
        atomic_store(&conc->cancels, true);
    } else {
        over = take_list(conc);
    }
    pthread_mutex_unlock(&lock);
    free_list(over);
}

void corps__cancel_watch_begin(struct corps__cancel_watch *watch, struct corps__conc *conc,
                               const struct corps__message *message) {
    pthread_mutex_lock(&lock);
    watch->message = message;
    watch->link = &conc->watches;
    watch->next = conc->watches;
    if (watch->next != NULL) {
        watch->next->link = &watch->next;
    }
    conc->watches = watch;
    if (is_given_up(conc, message)) {
        notify(watch);
    }
    pthread_mutex_unlock(&lock);
}

void corps__cancel_watch_end(struct corps__cancel_watch *watch) {
    pthread_mutex_lock(&lock);
    if (watch->message != NULL) {
        unlist(watch);
    }
    pthread_mutex_unlock(&lock);
}

/* A new entry; `watch` is told instead, if that is the request. */
static void give_up_locked(struct corps__conc *conc, const struct corps__peer *peer, uint64_t id) {
    for (struct corps__cancel_watch *watch = conc->watches; watch != NULL; watch = watch->next) {
        if (is_of(watch->message, peer->number, id)) {
            notify(watch);
            return;
        }
    }
    unsigned count = 0;
    for (const struct corps__cancel *at = corps__rare(conc)->cancelled; at != NULL; at = at->next) {
        if (at->peer == peer->number && (at->id == id || ++count >= corps__own()->settings.mailbox_count)) {
            return;
        }
    }
    struct corps__rare *rare = corps__rare_make(conc);
    struct corps__cancel *made = rare != NULL ? malloc(sizeof *made) : NULL;
    if (made != NULL) { /* else it runs, and nobody waits for its answer */
        *made = (struct corps__cancel){peer->number, id, rare->cancelled};
        rare->cancelled = made;
        atomic_store(&conc->cancels, true);
    }
}

enum corps_err corps__cancel_take(const struct corps__peer *peer, const struct corps__header *header, size_t bytes) {
    if (bytes != CORPS__HEADER_BYTES || header->segment_count != 0 || header->name_bytes != 0) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a CANCEL has %zu bytes", bytes);
    }
    struct corps__conc *conc = corps__own() != NULL ? corps__conc_find(header->destination) : NULL;
    if (conc != NULL) { /* else its request was refused */
        pthread_mutex_lock(&lock);
        give_up_locked(conc, peer, header->id);
        pthread_mutex_unlock(&lock);
    }
    return CORPS_OK;
}

void corps__cancels_free(void) {
    for (uint32_t id = 0; id < corps__conc_count(); id = corps__conc_number_next(id + 1)) {
        struct corps__conc *conc = corps__conc_find(id);
        if (conc != NULL) {
            free_list(take_list(conc));
        }
    }
}

void corps__cancels_forked(void) {
    pthread_mutex_init(&lock, NULL);
}

/* ---- the caller ---- */

/* To a Conc of this Env. The outcome stands in the Future: whoever looks from now on sees it. */
static void tell_own(struct corps__conc *conc, const struct corps_future *future) {
    pthread_mutex_lock(&lock);
    atomic_store(&conc->cancels, true);
    for (struct corps__cancel_watch *watch = conc->watches; watch != NULL; watch = watch->next) {
        if (watch->message->future == future) {
            notify(watch);
            break;
        }
    }
    pthread_mutex_unlock(&lock);
}

/* To another Env, if it knows what that means. */
static enum corps_err tell_peer(void *arg) {
    struct corps_future *future = arg;
    struct corps__peer *peer = corps__calls_awaits(future) ? atomic_load(&future->peer) : NULL;
    if (peer != NULL && (peer->features & CORPS__FEATURE_CANCEL) != 0) {
        const struct corps__outgoing out = {.header = {.kind = CORPS__CANCEL,
                                                       .flags = CORPS__NIL_PAYLOAD,
                                                       .id = corps__calls_id(future),
                                                       .source_env = corps__own_env(),
                                                       .destination = future->remote_conc}};
        corps__peer_post(peer, &out);
    }
    return CORPS_OK;
}

bool corps_future_cancel(struct corps_future *future) {
    if (!corps__future_claim(future)) {
        return false;
    }
    const struct corps_error_info info = {.code = CORPS_ERR_CANCELLED, .text = "the call was cancelled by its caller"};
    corps__future_failed(future, info.code, corps__failure_create(&info));
    if (future->local != NULL) {
        tell_own(future->local, future);
    } else if (corps__calls_awaits(future)) {
        enum corps_err err = corps__with_lead(tell_peer, future); /* so that the peer is not freed meanwhile */
        (void)err;                                                /* LIMIT, of the wait; it was told all the same */
    }
    return true;
}
