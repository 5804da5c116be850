/* An open batch: one thread adds to it at full speed, one that is told how far it is sends after that, and one flushes
 * and makes room on the link, which is full now and then. What the link takes is every request once, whole and in
 * order, and nothing that was said after a request passes it; in the end all room is back. */
#include "threads.h"

#include "base/clock.h"
#include "link/known.h"
#include "link/layout.h"
#include "link/open_batch.h"
#include "wait/reactor.h"

#include <corps/serializer.h>

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#ifdef __SANITIZE_THREAD__
enum { ENTRIES = 200000 };
#else
enum { ENTRIES = 1000000 };
#endif
enum { FILL_MAX = 200, OWNER = 0, OTHER = 1, WORKER = 5, MAILBOX_COUNT = 1024, MAILBOX_BYTES = 1 << 18 };

struct said {
    uint32_t who, number;
    uint32_t after; /* the other's: the owner's number that it was told of */
    uint32_t sum;   /* of what follows */
    uint8_t fill[FILL_MAX];
};
enum { SAID_BYTES = offsetof(struct said, fill) };

static struct corps__peer *peer;
static struct corps__route *route;
static const struct corps__symbol *method;
static _Atomic uint32_t told; /* how many the owner has sent, as it says now and then */
static _Atomic bool full, over;

/* Under tx. */
static struct {
    uint64_t random;
    uint32_t next[2];
    uint64_t batches, entries; /* frames, and what came in them */
} link_end = {.random = 7};

static uint32_t sum_of(const uint8_t *bytes, size_t count) {
    uint32_t sum = 1;
    for (size_t i = 0; i < count; i++) {
        sum = sum * 31 + bytes[i];
    }
    return sum;
}

/* The n-th that `who` says, with this many bytes behind it. */
static size_t say(struct said *said, uint32_t who, uint32_t n, uint32_t after, size_t fill) {
    for (size_t i = 0; i < fill; i++) {
        said->fill[i] = (uint8_t)(n * 7 + i);
    }
    said->who = who;
    said->number = n;
    said->after = after;
    said->sum = sum_of(said->fill, fill);
    return SAID_BYTES + fill;
}

static void hear(const uint8_t *data, size_t bytes) {
    struct said said;
    check(bytes >= SAID_BYTES && bytes <= sizeof said, "a request has %zu bytes", bytes);
    memcpy(&said, data, bytes);
    check(said.who <= OTHER, "request of %u", said.who);
    check(said.number == link_end.next[said.who], "request %u of %u comes in place of %u", said.number, said.who,
          link_end.next[said.who]);
    check(said.sum == sum_of(said.fill, bytes - SAID_BYTES), "request %u of %u is damaged", said.number, said.who);
    check(said.after <= link_end.next[OWNER], "what was said after request %u passes it", said.after);
    link_end.next[said.who]++;
    if (said.who == OWNER) {
        corps__route_give_back(route, 1, CORPS__HEADER_BYTES + bytes);
    }
}

static void hear_batch(const struct corps__header *header, const uint8_t *at, const uint8_t *end) {
    for (uint64_t i = 0; i < header->id; i++) {
        struct corps__header entry;
        uint32_t bytes;
        check(corps__wire_read_entry(at, (size_t)(end - at), &entry, &bytes) == CORPS_OK, "%s", corps_error_detail());
        check(entry.destination == WORKER && entry.method == method->number, "an entry has another head");
        hear(at + CORPS__ENTRY_BYTES, bytes);
        at += CORPS__ENTRY_BYTES + bytes;
    }
    check(at == end, "a frame holds more than its entries");
    link_end.batches++;
    link_end.entries += header->id;
}

/* The transport's. Now and then there is no room, until the third thread makes some. */
static enum corps_err take_frame(struct corps_link *link, const struct corps_parcel *parcel, unsigned flags) {
    static uint8_t frame[1 << 14];
    (void)link;
    (void)flags;
    if (parcel->bytes == 0) {
        return CORPS_OK;
    }
    if (atomic_load(&full) || next_random(&link_end.random) % 64 == 0) {
        atomic_store(&full, true);
        return CORPS_ERR_FULL;
    }
    size_t bytes = 0;
    for (unsigned i = 0; i < parcel->segment_count; i++) {
        memcpy(frame + bytes, parcel->segments[i].iov_base, parcel->segments[i].iov_len);
        bytes += parcel->segments[i].iov_len;
    }
    struct corps__header header;
    const char *name;
    check(corps__wire_read(frame, bytes, &header, &name) == CORPS_OK, "%s", corps_error_detail());
    if (header.kind == CORPS__BATCH) {
        hear_batch(&header, frame + CORPS__HEADER_BYTES, frame + bytes);
    } else {
        hear(frame + CORPS__HEADER_BYTES, bytes - CORPS__HEADER_BYTES);
    }
    return CORPS_OK;
}

static void send_as_usual(struct said *said, size_t bytes, bool may_hold) {
    struct iovec segment = {said, bytes};
    const struct corps__outgoing out = {.header = {.kind = CORPS__REQUEST,
                                                   .flags = CORPS__NO_REPLY,
                                                   .serializer = 7,
                                                   .segment_count = 1,
                                                   .destination = WORKER},
                                        .method = method,
                                        .segments = &segment};
    enum corps_err err = corps__peer_send(peer, &out, may_hold, false, corps__deadline_ns(THREADS_LONG_NS));
    check(err == CORPS_OK, "%s", corps_error_detail());
}

/* Does as a method does: adds where that goes, and else sends as usual and begins another. */
static void *owner(void *unused) {
    static const struct corps_serializer serializer = {.capabilities = CORPS_SERIALIZER_BYTES_ONLY, .wire_id = 7};
    (void)unused;
    uint64_t random = 3;
    struct corps__open_batch *open = NULL;
    struct said said;
    for (uint32_t n = 0; n < ENTRIES; n++) {
        size_t bytes = say(&said, OWNER, n, 0, next_random(&random) % FILL_MAX);
        bool something_else = next_random(&random) % 500 == 0;
        if (open != NULL && (something_else || !corps__open_batch_add(open, 0, &said, (uint32_t)bytes))) {
            corps__open_batch_end(open);
            open = NULL;
        } else if (open != NULL) {
            bytes = 0;
        }
        if (bytes > 0) {
            enum corps_err err =
                corps__route_reserve(route, CORPS__HEADER_BYTES + bytes, false, corps__deadline_ns(THREADS_LONG_NS));
            check(err == CORPS_OK, "%s", corps_error_detail());
            send_as_usual(&said, bytes, true);
            open = corps__open_batch_begin(route, method, &serializer);
        }
        if (next_random(&random) % 8 == 0) {
            atomic_store_explicit(&told, n + 1, memory_order_release);
        }
        if (next_random(&random) % 2000 == 0) {
            sched_yield();
        }
    }
    if (open != NULL) {
        corps__open_batch_end(open);
    }
    atomic_store_explicit(&told, ENTRIES, memory_order_release);
    return NULL;
}

static void *other(void *unused) {
    (void)unused;
    uint64_t random = 5;
    struct said said;
    uint32_t after = 0;
    for (uint32_t n = 0; after < ENTRIES; n++) {
        after = atomic_load_explicit(&told, memory_order_acquire);
        size_t bytes = say(&said, OTHER, n, after, next_random(&random) % FILL_MAX);
        send_as_usual(&said, bytes, next_random(&random) % 2 == 0);
        for (uint64_t pause = next_random(&random) % 256; pause > 0; pause--) {
            corps__relax();
        }
    }
    atomic_store(&over, true);
    return NULL;
}

static void *leader(void *unused) {
    (void)unused;
    while (!atomic_load(&over) || corps__held_any() || atomic_load(&full)) {
        if (atomic_exchange(&full, false)) {
            corps__peer_writable(peer);
        }
        corps_flush();
        sched_yield();
    }
    return NULL;
}

static void *part(void *which) {
    static void *(*const parts[])(void *) = {owner, other, leader};
    return parts[*(unsigned *)which](NULL);
}

int main(void) {
    static const struct corps_transport transport = {.name = "test", .send = take_frame};
    static struct corps_link link = {.transport = &transport};
    static struct corps corps = {.settings = {.mailbox_count = MAILBOX_COUNT, .mailbox_bytes = MAILBOX_BYTES}};
    static struct corps__env env;
    check(corps__reactor_start(corps__reactor->ops) == CORPS_OK, "%s", corps_error_detail());
    corps__reactor_open();
    corps__link_floor->own = &corps;
    check(corps__symbol_of("handle", 6, &method) == CORPS_OK, "%s", corps_error_detail());
    peer = corps__peer_create(NULL);
    route = peer != NULL ? corps__route_of(peer, WORKER) : NULL;
    check(route != NULL, "no memory");
    peer->corps = &corps;
    peer->env_info = &env;
    peer->link = &link;
    corps__name_now(peer, method);
    atomic_store(&peer->writable, true);
    atomic_store(&peer->state, CORPS__PEER_READY);
    unsigned parts[] = {0, 1, 2};
    on_threads(3, part, parts, sizeof *parts);
    check(link_end.next[OWNER] == ENTRIES, "%u requests came of %d", link_end.next[OWNER], ENTRIES);
    check(corps__route_count(route) == 0, "%u places in the mailbox are not given back", corps__route_count(route));
    check(peer->open == NULL && peer->batch_frame == NULL && peer->first_post == NULL, "something is left over");
    check(link_end.entries > ENTRIES / 2, "only %d requests came in batches", (int)link_end.entries);
    return 0;
}
