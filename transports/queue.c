#include <corps/transport.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The inter-thread queue: every Conc's mailbox. Objects pass by reference; nothing is copied or serialized.
 *
 * A multi-producer single-consumer linked queue with a stub node. Source of the algorithm: D. Vyukov, "Intrusive MPSC
 * node-based queue" (1024cores.net). A producer makes itself the head with one exchange, and then links its predecessor
 * to itself. Between the two steps the queue is cut: the consumer sees no successor although the head has moved on. It
 * then says EMPTY, and `arm` says AGAIN, so that nobody goes to sleep over it; the producer is two instructions away.
 */

struct endpoint {
    struct corps_endpoint base;
    struct corps_link link;               /* one link for all senders: sending needs no lock */
    struct corps_node *_Atomic head;      /* producers: the newest node */
    struct corps_node *_Atomic tail;      /* consumer: a reference to the oldest node; atomic for queue_arm's sake */
    struct corps_node *_Atomic stub_next; /* the stub is this node; a struct corps_node by layout */
    _Atomic uint32_t count;               /* kept only when there is a bound */
    uint32_t bound;
};

/* Links are written by producers and read by the consumer. */
static struct corps_node *_Atomic *link_of(struct corps_node *node) {
    return (struct corps_node * _Atomic *)&node->next;
}

static struct corps_node *stub_of(struct endpoint *endpoint) {
    return (struct corps_node *)(void *)&endpoint->stub_next;
}

_Static_assert(sizeof(struct corps_node *_Atomic) == sizeof(struct corps_node), "a link can be read atomically");

/* A frame sent as segments travels as an object of this queue's own. References to such nodes have their low bit set,
 * so that the receiver can tell them from the core's objects. */
static struct corps_node *tagged(struct corps_node *node) {
    return (struct corps_node *)((uintptr_t)node | 1);
}

static bool is_tagged(const struct corps_node *reference) {
    return ((uintptr_t)reference & 1) != 0;
}

static struct corps_node *untagged(struct corps_node *reference) {
    return (struct corps_node *)((uintptr_t)reference & ~(uintptr_t)1);
}

struct copied {
    struct corps_node node;
    struct corps_block block;
};

static enum corps_err queue_open(struct corps_endpoint *base, const struct corps_endpoint_options *options,
                                 char address[CORPS_ADDRESS_BYTES]) {
    struct endpoint *endpoint = (struct endpoint *)base;
    endpoint->link.transport = base->transport;
    endpoint->link.endpoint = base;
    endpoint->stub_next = NULL;
    atomic_store_explicit(&endpoint->tail, stub_of(endpoint), memory_order_relaxed);
    atomic_store_explicit(&endpoint->head, stub_of(endpoint), memory_order_relaxed);
    endpoint->bound = options->queue_count < UINT32_MAX ? (uint32_t)options->queue_count : UINT32_MAX;
    strcpy(address, "queue");
    return CORPS_OK;
}

static enum corps_err queue_connect(struct corps_endpoint *base, const char *address, struct corps_link **link) {
    (void)address;
    *link = &((struct endpoint *)base)->link;
    return CORPS_OK;
}

static void queue_disconnect(struct corps_link *link) {
    (void)link; /* it is part of the endpoint */
}

static void push(struct endpoint *endpoint, struct corps_node *reference) {
    struct corps_node *node = untagged(reference);
    atomic_store_explicit(link_of(node), NULL, memory_order_relaxed);
    /* Release: the node's content and its NULL link come before it can be found. Acquire: we see the predecessor whole.
     * Sequentially consistent, since the receiver's going idle must be ordered against it: see queue_arm. Model:
     * mailbox.pml, steps M1 and M2. */
    struct corps_node *previous = atomic_exchange(&endpoint->head, node);
    atomic_store_explicit(link_of(previous), reference, memory_order_release); /* pairs with the acquire loads in pop */
}

static void free_copied(struct corps_block *block) {
    free((char *)block - offsetof(struct copied, block));
}

static struct corps_node *copy_segments(const struct corps_parcel *parcel) {
    struct copied *copied = malloc(sizeof *copied + parcel->bytes);
    if (copied == NULL) {
        return NULL;
    }
    corps_block_init(&copied->block, (uint8_t *)(copied + 1), parcel->bytes, free_copied);
    size_t at = 0;
    for (unsigned i = 0; i < parcel->segment_count; i++) {
        if (parcel->segments[i].iov_len > 0) {
            memcpy(copied->block.data + at, parcel->segments[i].iov_base, parcel->segments[i].iov_len);
            at += parcel->segments[i].iov_len;
        }
    }
    return tagged(&copied->node);
}

static enum corps_err queue_send(struct corps_link *link, const struct corps_parcel *parcel, unsigned flags) {
    (void)flags; /* nothing is ever held back */
    struct endpoint *endpoint = (struct endpoint *)link->endpoint;
    if (parcel->object == NULL && parcel->segment_count == 0) {
        return CORPS_OK;
    }
    if (endpoint->bound != 0 && atomic_fetch_add(&endpoint->count, 1) >= endpoint->bound) {
        atomic_fetch_sub(&endpoint->count, 1);
        return CORPS_ERR_FULL;
    }
    struct corps_node *node = parcel->object;
    if (node == NULL) {
        node = copy_segments(parcel);
        if (node == NULL) {
            return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a frame of %zu bytes", parcel->bytes);
        }
    }
    push(endpoint, node);
    return CORPS_OK;
}

static struct corps_node *next_of(struct corps_node *reference) {
    return atomic_load_explicit(link_of(untagged(reference)), memory_order_acquire);
}

/* A reference to the oldest node, NULL when there is none or its producer has not linked it yet. */
static struct corps_node *pop(struct endpoint *endpoint) {
    struct corps_node *tail = atomic_load_explicit(&endpoint->tail, memory_order_relaxed);
    struct corps_node *next = next_of(tail);
    if (tail == stub_of(endpoint)) {
        if (next == NULL) {
            return NULL;
        }
        tail = next;
        atomic_store_explicit(&endpoint->tail, tail, memory_order_relaxed);
        next = next_of(tail);
    }
    if (next == NULL) {
        if (untagged(tail) != atomic_load(&endpoint->head)) {
            return NULL; /* a producer stands between its two steps */
        }
        push(endpoint, stub_of(endpoint)); /* so that the last node gets a successor and can be taken */
        next = next_of(tail);
        if (next == NULL) {
            return NULL;
        }
    }
    atomic_store_explicit(&endpoint->tail, next, memory_order_relaxed);
    return tail;
}

static enum corps_err queue_poll(struct corps_endpoint *base, struct corps_event *event) {
    struct endpoint *endpoint = (struct endpoint *)base;
    struct corps_node *reference = pop(endpoint);
    if (reference == NULL) {
        return CORPS_ERR_EMPTY;
    }
    if (endpoint->bound != 0) {
        atomic_fetch_sub(&endpoint->count, 1);
    }
    event->kind = CORPS_EVENT_MESSAGE;
    if (is_tagged(reference)) {
        struct copied *copied = (struct copied *)untagged(reference);
        event->block = &copied->block;
        event->data = copied->block.data;
        event->bytes = copied->block.bytes;
    } else {
        event->object = reference;
    }
    return CORPS_OK;
}

static void queue_release(struct corps_endpoint *base, struct corps_event *event) {
    (void)base;
    (void)event; /* whatever was delivered is the core's */
}

static enum corps_err queue_arm(struct corps_endpoint *base, struct pollfd *fds, size_t capacity, size_t *count) {
    (void)fds;
    (void)capacity;
    struct endpoint *endpoint = (struct endpoint *)base;
    *count = 0;
    /* Empty means that the newest node is the stub and nothing was taken out past it. The load is sequentially
     * consistent: the core marks the receiver idle before it, and a producer looks for that mark after its exchange, so
     * one of the two sees the other. By then another thread may have become the receiver: what is read here is old in
     * that case, and a wrong AGAIN makes the core look once more than it had to. Model: mailbox.pml, step R4. */
    struct corps_node *head = atomic_load(&endpoint->head);
    struct corps_node *tail = atomic_load_explicit(&endpoint->tail, memory_order_relaxed);
    return head == stub_of(endpoint) && tail == stub_of(endpoint) ? CORPS_OK : CORPS_ERR_AGAIN;
}

/* What nobody polled any more: frames of this queue's own are freed; objects are the core's, which empties its
 * mailboxes. */
static void queue_close(struct corps_endpoint *base) {
    struct endpoint *endpoint = (struct endpoint *)base;
    for (struct corps_node *reference = pop(endpoint); reference != NULL; reference = pop(endpoint)) {
        if (is_tagged(reference)) {
            corps_block_unref(&((struct copied *)untagged(reference))->block);
        }
    }
}

const struct corps_transport corps_transport_queue = {
    .name = "queue",
    .summary = "inter-thread queue inside one Env; objects pass by reference",
    .capabilities = CORPS_TRANSPORT_INTRA | CORPS_TRANSPORT_BY_REFERENCE | CORPS_TRANSPORT_MAILBOX,
    .endpoint_bytes = sizeof(struct endpoint),
    .control_block = "raw:futex",
    .control_spin = "raw:cacheline",
    .open = queue_open,
    .close = queue_close,
    .connect = queue_connect,
    .disconnect = queue_disconnect,
    .send = queue_send,
    .poll = queue_poll,
    .release = queue_release,
    .arm = queue_arm,
};
