#include "process/receipts.h"

#include <pthread.h>
#include <stdlib.h>

/* One that Env 0 has not said yet. */
struct ticket {
    int64_t number;
    struct corps_future *came; /* one reference */
    struct ticket *next;
};

static struct {
    pthread_mutex_t lock;
    struct ticket *first;
    int64_t last;
} tickets = {.lock = PTHREAD_MUTEX_INITIALIZER};

enum corps_err corps__receipt_draw(struct corps__receipt *receipt) {
    struct ticket *ticket = calloc(1, sizeof *ticket);
    struct corps_future *came = ticket != NULL ? corps_future_create() : NULL;
    if (came == NULL) {
        free(ticket);
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to wait for a word of Env 0");
    }
    pthread_mutex_lock(&tickets.lock);
    *ticket = (struct ticket){.number = ++tickets.last, .came = corps_future_ref(came), .next = tickets.first};
    tickets.first = ticket;
    *receipt = (struct corps__receipt){.ticket = ticket->number, .came = came};
    pthread_mutex_unlock(&tickets.lock);
    return CORPS_OK;
}

/* Takes it off the list; gives the list's reference, NULL where it is not there. */
static struct corps_future *take(int64_t number) {
    pthread_mutex_lock(&tickets.lock);
    struct ticket **at = &tickets.first;
    while (*at != NULL && (*at)->number != number) {
        at = &(*at)->next;
    }
    struct ticket *ticket = *at;
    struct corps_future *came = ticket != NULL ? ticket->came : NULL;
    if (ticket != NULL) {
        *at = ticket->next;
        free(ticket);
    }
    pthread_mutex_unlock(&tickets.lock);
    return came;
}

void corps__receipt_drop(struct corps__receipt *receipt) {
    if (receipt->came != NULL) {
        struct corps_future *listed = take(receipt->ticket);
        if (listed != NULL) {
            corps_future_destroy(listed);
        }
        corps_future_destroy(receipt->came);
        receipt->came = NULL;
    }
}

void corps__receipt_came(int64_t ticket) {
    struct corps_future *came = take(ticket);
    if (came != NULL) {
        corps_future_fulfil(came);
        corps_future_destroy(came);
    }
}
