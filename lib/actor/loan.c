#include "actor/conc.h"
#include "link/peer.h"
#include "value/name.h"

/* Memory for large payloads that is the transport's where that lends any. What lies in it the transport finds again
 * when it is sent: nothing else needs to know. */

/* A peer decides how many results are made for it, and when it reads them. So what is lent for them is no more than
 * what a link keeps anyway; larger ones wait outside of it, where what waits is counted (posts.h). */
#define RESULT_LOAN_BYTES_MAX ((size_t)128 << 20)

static struct corps_block *loan_of(struct corps__peer *peer, size_t bytes) {
    struct corps_block *block = NULL;
    pthread_mutex_lock(&peer->tx);
    if (atomic_load(&peer->state) == CORPS__PEER_READY && peer->link != NULL && peer->link->transport->loan != NULL) {
        block = peer->link->transport->loan(peer->link, bytes);
    }
    pthread_mutex_unlock(&peer->tx);
    return block;
}

struct corps_block *corps_loan(const struct corps_name *to, size_t bytes) {
    struct corps__route *route = atomic_load(&to->route);
    struct corps_block *block = route != NULL ? loan_of(route->peer, bytes) : NULL;
    block = block != NULL ? block : corps_block_create(bytes);
    if (block == NULL) {
        (void)corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a payload of %zu bytes", bytes);
    }
    return block;
}

void *corps_context_loan(struct corps_context *context, size_t bytes) {
    struct corps__peer *caller = context->message->from;
    struct corps_block *block = caller != NULL && bytes <= RESULT_LOAN_BYTES_MAX ? loan_of(caller, bytes) : NULL;
    if (block == NULL) {
        return corps_context_alloc(context, bytes);
    }
    if (context->scratch == NULL) {
        context->scratch = corps_box_create();
    }
    void *memory = block->data;
    if (context->scratch == NULL) {
        corps_block_unref(block);
        return NULL;
    }
    return corps_box_keep_block(context->scratch, block) == CORPS_OK ? memory : NULL;
}
