/* Many links on one endpoint, and several threads. */
#include "transport_driver.h"

#include "transport_cases.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- many links ---- */

enum { LINKS = 12, CONNECTORS = 3, PRELOAD = 50 };

static size_t hundred(unsigned k) {
    return 100 + k % 7;
}

/* Every link holds frames: none may be served to the end before the others are served at all. */
static void check_fairness(struct flow *flows) {
    bool comparable = transport->version == NULL; /* else threads of a library's own decide what is there first */
    for (unsigned i = 0; i < LINKS; i++) {
        flows[i].count = PRELOAD;
        flow_send_until_blocked(&flows[i]);
        comparable = comparable && flows[i].sent == PRELOAD;
    }
    unsigned received = 0;
    while (comparable && received < LINKS * PRELOAD / 2) {
        if (!flows_step(flows, LINKS)) {
            struct side *sleeper = flows[0].to;
            sides_sleep(&sleeper, 1);
        }
        received = 0;
        for (unsigned i = 0; i < LINKS; i++) {
            received += flows[i].received;
        }
    }
    for (unsigned i = 0; i < LINKS; i++) {
        check(!comparable || flows[i].received > 0);
        flows[i].count = 500;
    }
    if (!comparable) {
        print_message("%s: links share one buffer, or a library's threads fill them: fairness cannot be told\n",
                      transport->name);
    }
}

void many_links(void **state) {
    (void)state;
    SKIP_DISCARDS;
    SKIP_IF(CORPS_TRANSPORT_INTRA, "an endpoint has one link");
    struct side to;
    struct side from[CONNECTORS];
    struct flow flows[LINKS];
    struct corps_endpoint_options options = default_options("to");
    side_open(&to, &options);
    for (unsigned i = 0; i < CONNECTORS; i++) {
        char name[8];
        snprintf(name, sizeof name, "from%u", i);
        options.name = name;
        side_open(&from[i], &options);
    }
    for (unsigned i = 0; i < LINKS; i++) {
        flows[i] = (struct flow){.from = &from[i % CONNECTORS], .to = &to, .bytes_of = hundred, .seed = i + 1};
        sides_connect(flows[i].from, &to, &flows[i].out, &flows[i].in);
    }
    check_fairness(flows);
    flows_run(flows, LINKS);
    for (unsigned i = 0; i < LINKS; i++) { /* the other links go on while one after the other closes */
        transport->disconnect(flows[i].out);
        check(side_expect_closed(&to, flows[i].in) == CORPS_ERR_CLOSED);
        transport->disconnect(flows[i].in);
        for (unsigned j = i + 1; j < LINKS; j++) {
            flows[j].count += 20;
        }
        flows_run(flows + i + 1, LINKS - i - 1);
    }
    side_close(&to);
    for (unsigned i = 0; i < CONNECTORS; i++) {
        side_close(&from[i]);
    }
}

/* ---- threads ---- */

enum { BY_THREAD = 20000 };

static size_t thread_bytes(unsigned k) {
    return 1000 + k % 3;
}

/* The core's lock of a link, and its word that WRITABLE has come. */
struct shared {
    struct corps_link *link;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned writable; /* events so far */
};

static void *sender(void *arg) {
    struct shared *shared = arg;
    uint8_t frame[1100];
    for (unsigned k = 0; k < BY_THREAD; k++) {
        size_t bytes = thread_bytes(k);
        fill(frame, bytes, k);
        for (bool sent = false; !sent;) {
            pthread_mutex_lock(&shared->lock);
            unsigned seen = shared->writable;
            enum corps_err err = send_bytes(shared->link, frame, bytes, 0);
            sent = err == CORPS_OK;
            while (!sent && shared->writable == seen && !has(CORPS_TRANSPORT_INTRA)) {
                pthread_cond_wait(&shared->changed, &shared->lock);
            }
            pthread_mutex_unlock(&shared->lock);
        }
    }
    return NULL;
}

void send_from_a_thread(void **state) {
    (void)state;
    SKIP_DISCARDS;
    struct pair pair;
    struct corps_endpoint_options options = default_options("a");
    options.queue_count = has(CORPS_TRANSPORT_INTRA) ? 100 : 0;
    pair_open(&pair, &options);
    struct shared shared = {.link = pair.out};
    pthread_mutex_init(&shared.lock, NULL);
    pthread_cond_init(&shared.changed, NULL);
    pthread_t thread;
    check(pthread_create(&thread, NULL, sender, &shared) == 0);
    /* Both endpoints are polled here without sleeping, as a sender elsewhere would have to wake a sleeper first. */
    for (unsigned received = 0; received < BY_THREAD;) {
        struct corps_event event;
        if (side_next(pair.to, &event)) {
            check(event_is(&event, thread_bytes(received), received));
            side_done(pair.to, &event);
            received++;
        }
        if (pair.from != pair.to && side_next(pair.from, &event)) {
            check(event.kind == CORPS_EVENT_WRITABLE);
            side_done(pair.from, &event);
            pthread_mutex_lock(&shared.lock);
            shared.writable++;
            pthread_cond_signal(&shared.changed);
            pthread_mutex_unlock(&shared.lock);
        }
    }
    pthread_join(thread, NULL);
    pthread_mutex_destroy(&shared.lock);
    pthread_cond_destroy(&shared.changed);
    pair_close(&pair);
}
