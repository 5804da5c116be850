/* The peer dies while this side is blocked, in each state of sending. What it had sent still comes, then CLOSED does,
 * and send says CLOSED: a sender that tries again whenever it may is never kept busy by a link that is neither alive
 * nor ended. */
#include "transport_driver.h"

#include "transport_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    SENT_BEFORE = 5, /* by the peer, few enough for any queue */
    TRIES_MAX = 1000,
    END_SECONDS = 20,
    IDLE_MAX = 5, /* with the others more than a transport looks at one by one */
};

static size_t large(unsigned k) {
    return ((size_t)1 << 20) + k % 3;
}

static size_t huge(unsigned k) {
    return ((size_t)64 << 20) + k % 3;
}

/* ---- a peer that connects, sends a little, and then does nothing at all ---- */

static void silent_child(int channel) {
    struct side b;
    struct corps_link *link = child_meet(channel, &b);
    struct flow flow = {.from = &b, .out = link, .count = SENT_BEFORE, .bytes_of = about_thousand};
    flow_send_until_blocked(&flow);
    check(flow.sent == SENT_BEFORE);
    channel_put(channel, "", 1);
    child_hold();
}

struct scene {
    struct child child;
    struct side a;
    struct flow in; /* what the peer had sent */
};

static void scene_open(struct scene *scene) {
    *scene = (struct scene){.in = {.count = SENT_BEFORE, .bytes_of = about_thousand}};
    scene->child = child_start_met(silent_child, &scene->a, &scene->in.in);
    scene->in.to = &scene->a;
    char ready;
    channel_get(scene->child.channel, &ready, 1);
}

/* Tries again at every WRITABLE, as the core does, until CLOSED comes. */
static void expect_end(struct scene *scene, struct flow *out) {
    for (unsigned tries = 0;;) {
        struct corps_event event;
        side_wait(&scene->a, &event);
        check(event.link == out->out);
        if (event.kind == CORPS_EVENT_MESSAGE) {
            check(event_is(&event, about_thousand(scene->in.received), scene->in.received));
            scene->in.received++;
        }
        side_done(&scene->a, &event);
        if (event.kind == CORPS_EVENT_CLOSED) {
            check(event.reason == CORPS_ERR_CLOSED);
            break;
        }
        if (event.kind == CORPS_EVENT_WRITABLE) {
            check(tries++ < TRIES_MAX);
            while (flow_attempt(out) == CORPS_OK) {
            }
        }
    }
    /* What a thread of a library's own still held died with the peer. */
    check(scene->in.received == SENT_BEFORE || transport->version != NULL);
    check(flow_attempt(out) == CORPS_ERR_CLOSED);
    flow_finish(out);
    transport->disconnect(out->out);
    side_close(&scene->a);
}

/* Blocks with this flow, and then the peer dies. */
static void dies_while(struct flow out, unsigned flush_first) {
    struct scene scene;
    scene_open(&scene);
    out.from = &scene.a;
    out.out = scene.in.in;
    out.count = 1u << 31;
    flow_send_until_blocked(&out);
    check(out.blocked);
    if (flush_first > 0) {
        enum corps_err err = flush(out.out);
        check(err == CORPS_OK || err == CORPS_ERR_FULL || err == CORPS_ERR_PARTIAL);
    }
    child_kill(&scene.child);
    expect_end(&scene, &out);
}

void dies_while_full(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
    dies_while((struct flow){.bytes_of = about_thousand}, 0);
}

void dies_while_partial(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
    dies_while((struct flow){.bytes_of = huge}, 0);
}

/* Large last segments go a way of their own where the transport has one. */
void dies_while_placed(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
    dies_while((struct flow){.bytes_of = large, .segments = 2}, 0);
}

void dies_while_held_back(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
    dies_while((struct flow){.bytes_of = below_300, .flush_every = 1u << 30}, 0);
}

void dies_while_flushing(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
    dies_while((struct flow){.bytes_of = below_300, .flush_every = 1u << 30}, 1);
}

/* ---- a peer that was never met ---- */

static void deaf_child(int channel) {
    struct corps_endpoint_options options = default_options("b");
    struct side b;
    side_open(&b, &options);
    channel_put(channel, b.address, sizeof b.address);
    child_hold();
}

void dies_while_connecting(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
    struct scene scene = {.child = child_start(deaf_child)};
    struct corps_endpoint_options options = default_options("a");
    side_open(&scene.a, &options);
    char address[CORPS_ADDRESS_BYTES];
    channel_get(scene.child.channel, address, sizeof address);
    struct flow out = {.from = &scene.a, .count = 1u << 31, .bytes_of = about_thousand};
    check(transport->connect(scene.a.endpoint, address, &out.out) == CORPS_OK);
    for (unsigned i = 0; i < 100; i++) {
        struct corps_event event;
        check(!side_next(&scene.a, &event));
        check(flow_attempt(&out) == CORPS_ERR_FULL);
    }
    child_kill(&scene.child);
    scene.in.received = SENT_BEFORE;
    expect_end(&scene, &out);
}

/* What was refused before the link was ready leaves no trace: later on WRITABLE comes as ever. */
void full_before_connected(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
    struct corps_endpoint_options options = default_options("a");
    struct side a;
    struct side b;
    side_open(&a, &options);
    options.name = "b";
    side_open(&b, &options);
    struct flow flow = {.from = &b, .to = &a, .count = 200000, .bytes_of = about_thousand};
    check(transport->connect(b.endpoint, a.address, &flow.out) == CORPS_OK);
    check(flow_attempt(&flow) == CORPS_ERR_FULL);
    check(side_expect(&b, CORPS_EVENT_CONNECTED).link == flow.out);
    flow.in = side_expect(&a, CORPS_EVENT_ACCEPTED).link;
    flow_send_until_blocked(&flow);
    check(flow.blocked);
    flow.count = flow.sent + 2000;
    flows_run(&flow, 1);
    transport->disconnect(flow.out);
    transport->disconnect(flow.in);
    side_close(&b);
    side_close(&a);
}

/* ---- no memory ---- */

/* Bytes of address space that the process has now. */
static size_t address_space(void) {
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    check(file != NULL && fscanf(file, "%zu", &pages) == 1);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void sender_of_huge(int channel) {
    struct side b;
    struct flow flow = {.from = &b, .count = 1, .bytes_of = huge, .may_be_closed = true};
    flow.out = child_meet(channel, &b);
    struct side *sides[] = {&b};
    for (;;) { /* until it is killed, which may be after it has heard that the link is closed */
        if (!flows_step(&flow, 1)) {
            sides_sleep(sides, 1);
        }
    }
}

/* The receiver has no memory for a frame: it says so of the link, and does not call that the peer's fault. */
void no_memory_for_a_frame(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
#ifdef __SANITIZE_ADDRESS__
    print_message("skipped: under AddressSanitizer there is no bound to the address space\n");
    skip();
#endif
    struct side a;
    struct corps_link *link;
    struct child child = child_start_met(sender_of_huge, &a, &link);
    struct rlimit before;
    check(getrlimit(RLIMIT_AS, &before) == 0);
    struct rlimit little = {.rlim_cur = address_space() + huge(0) / 2, .rlim_max = before.rlim_max};
    check(setrlimit(RLIMIT_AS, &little) == 0);
    enum corps_err reason = side_expect_closed(&a, link);
    check(setrlimit(RLIMIT_AS, &before) == 0);
    check(reason == CORPS_ERR_NO_MEMORY);
    transport->disconnect(link);
    child_kill(&child);
    side_close(&a);
}

/* ---- others go on ---- */

/* A link of `c` to `a`. Frames of the silent peer may come before it is there. */
static struct corps_link *connect_also(struct scene *scene, struct side *c, struct corps_link **out) {
    struct corps_link *in = NULL;
    bool connected = false;
    check(transport->connect(c->endpoint, scene->a.address, out) == CORPS_OK);
    while (in == NULL || !connected) {
        struct corps_event event;
        if (side_next(&scene->a, &event)) {
            check(event.kind == CORPS_EVENT_ACCEPTED || event.kind == CORPS_EVENT_MESSAGE);
            in = event.kind == CORPS_EVENT_ACCEPTED ? event.link : in;
            scene->in.received += event.kind == CORPS_EVENT_MESSAGE;
            side_done(&scene->a, &event);
        } else if (side_next(c, &event)) {
            check(event.kind == CORPS_EVENT_CONNECTED);
            connected = true;
        } else {
            struct side *sides[2] = {&scene->a, c};
            sides_sleep(sides, 2);
        }
    }
    return in;
}

/* The end comes although somebody else's frames never stop coming. */
static void dies_beside(unsigned idle_count) {
    struct scene scene;
    scene_open(&scene);
    struct corps_endpoint_options options = default_options("c");
    struct side c;
    side_open(&c, &options);
    struct corps_link *in[IDLE_MAX];
    struct corps_link *out[IDLE_MAX];
    for (unsigned i = 0; i < idle_count; i++) {
        in[i] = connect_also(&scene, &c, &out[i]);
    }
    struct flow busy = {.from = &c, .to = &scene.a, .count = 1u << 31, .bytes_of = about_thousand, .seed = 1};
    busy.in = connect_also(&scene, &c, &busy.out);
    struct flow flows[2] = {busy, scene.in};
    for (unsigned i = 0; i < 100 && idle_count > 0; i++) { /* it is known for being busy when the other one dies */
        flow_send_until_blocked(&flows[0]);
        (void)flows_step(flows, 2);
    }
    child_kill(&scene.child);
    time_t until = time(NULL) + END_SECONDS;
    while (!flows[1].closed) { /* one event after each refill: the queue never runs dry */
        flow_send_until_blocked(&flows[0]);
        (void)flows_step(flows, 2);
        check(time(NULL) < until);
        check(!flows[0].closed);
    }
    check(flows[1].received == SENT_BEFORE || transport->version != NULL);
    flow_finish(&flows[0]);
    transport->disconnect(flows[1].in);
    transport->disconnect(flows[0].in);
    transport->disconnect(flows[0].out);
    for (unsigned i = 0; i < idle_count; i++) {
        transport->disconnect(in[i]);
        transport->disconnect(out[i]);
    }
    side_close(&c);
    side_close(&scene.a);
}

void dies_while_others_send(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
    dies_beside(0);
}

void dies_among_many(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
    dies_beside(IDLE_MAX);
}
