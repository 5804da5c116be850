/* The inter-thread queue by itself: order per producer, bounds, frames that it copies, and what nobody polled. */
#include <corps/transport.h>

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct item {
    struct corps_node node;
    unsigned producer, number;
};

static struct corps_endpoint *open_queue(size_t bound, struct corps_link **link) {
    const struct corps_transport *queue = corps_transport_find("queue");
    struct corps_endpoint *endpoint = aligned_alloc(64, (queue->endpoint_bytes + 63) / 64 * 64);
    assert_non_null(endpoint);
    memset(endpoint, 0, queue->endpoint_bytes);
    endpoint->transport = queue;
    char address[CORPS_ADDRESS_BYTES];
    assert_int_equal(queue->open(endpoint, &(struct corps_endpoint_options){.queue_count = bound}, address), CORPS_OK);
    assert_int_equal(queue->connect(endpoint, address, link), CORPS_OK);
    return endpoint;
}

static void close_queue(struct corps_endpoint *endpoint) {
    endpoint->transport->close(endpoint);
    free(endpoint);
}

static enum corps_err send_item(struct corps_link *link, struct item *item) {
    return link->transport->send(link, &(struct corps_parcel){.object = &item->node}, 0);
}

static struct item *poll_item(struct corps_endpoint *endpoint) {
    struct corps_event event = {0};
    if (endpoint->transport->poll(endpoint, &event) != CORPS_OK) {
        return NULL;
    }
    assert_int_equal(event.kind, CORPS_EVENT_MESSAGE);
    struct item *item = (struct item *)(void *)event.object;
    endpoint->transport->release(endpoint, &event);
    return item;
}

static enum corps_err arm(struct corps_endpoint *endpoint) {
    struct pollfd fds[CORPS_ARM_FDS_MAX];
    size_t count = 7;
    enum corps_err err = endpoint->transport->arm(endpoint, fds, CORPS_ARM_FDS_MAX, &count);
    assert_int_equal(count, 0);
    return err;
}

static void test_order_and_arm(void **state) {
    (void)state;
    struct corps_link *link;
    struct corps_endpoint *endpoint = open_queue(0, &link);
    struct item items[5];
    assert_null(poll_item(endpoint));
    assert_int_equal(arm(endpoint), CORPS_OK);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 5; i++) {
            assert_int_equal(send_item(link, &items[i]), CORPS_OK);
            assert_int_equal(arm(endpoint), CORPS_ERR_AGAIN);
        }
        for (int i = 0; i < 5; i++) {
            assert_ptr_equal(poll_item(endpoint), &items[i]);
        }
        assert_null(poll_item(endpoint));
        assert_int_equal(arm(endpoint), CORPS_OK);
    }
    close_queue(endpoint);
}

static void test_bound(void **state) {
    (void)state;
    struct corps_link *link;
    struct corps_endpoint *endpoint = open_queue(3, &link);
    struct item items[4];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(send_item(link, &items[i]), CORPS_OK);
    }
    assert_int_equal(send_item(link, &items[3]), CORPS_ERR_FULL);
    assert_ptr_equal(poll_item(endpoint), &items[0]);
    assert_int_equal(send_item(link, &items[3]), CORPS_OK);
    assert_int_equal(send_item(link, &items[0]), CORPS_ERR_FULL);
    close_queue(endpoint);
}

/* A frame of segments is copied, so the sender's memory may go; what is never polled is freed by close. */
static void test_segments(void **state) {
    (void)state;
    struct corps_link *link;
    struct corps_endpoint *endpoint = open_queue(0, &link);
    for (int i = 0; i < 3; i++) {
        char text[] = "one, two";
        struct iovec segments[] = {
            {.iov_base = text, .iov_len = 5}, {.iov_base = NULL, .iov_len = 0}, {.iov_base = text + 5, .iov_len = 3}};
        const struct corps_parcel parcel = {.segments = segments, .segment_count = 3, .bytes = 8};
        assert_int_equal(link->transport->send(link, &parcel, CORPS_SEND_MORE), CORPS_OK);
        memset(text, 0, sizeof text);
    }
    assert_int_equal(link->transport->send(link, &(struct corps_parcel){0}, 0), CORPS_OK); /* a mere flush */
    for (int i = 0; i < 2; i++) {
        struct corps_event event = {0};
        assert_int_equal(endpoint->transport->poll(endpoint, &event), CORPS_OK);
        assert_null(event.object);
        assert_int_equal(event.bytes, 8);
        assert_memory_equal(event.data, "one, two", 8);
        endpoint->transport->release(endpoint, &event);
        corps_block_unref(event.block);
    }
    close_queue(endpoint); /* with one left: LeakSanitizer looks */
}

enum { PRODUCERS = 3, EACH = 20000 };

struct producer {
    struct corps_link *link;
    struct item *items;
};

static void *produce(void *arg) {
    const struct producer *producer = arg;
    for (unsigned i = 0; i < EACH; i++) {
        while (send_item(producer->link, &producer->items[i]) == CORPS_ERR_FULL) {
            (void)sched_yield();
        }
    }
    return NULL;
}

static void run_producers(size_t bound) {
    struct corps_link *link;
    struct corps_endpoint *endpoint = open_queue(bound, &link);
    struct producer producers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    unsigned next[PRODUCERS] = {0};
    for (unsigned p = 0; p < PRODUCERS; p++) {
        producers[p] = (struct producer){link, calloc(EACH, sizeof(struct item))};
        assert_non_null(producers[p].items);
        for (unsigned i = 0; i < EACH; i++) {
            producers[p].items[i].producer = p;
            producers[p].items[i].number = i;
        }
    }
    for (unsigned p = 0; p < PRODUCERS; p++) {
        assert_int_equal(pthread_create(&threads[p], NULL, produce, &producers[p]), 0);
    }
    for (unsigned taken = 0; taken < PRODUCERS * EACH;) {
        const struct item *item = poll_item(endpoint);
        if (item == NULL) {
            (void)sched_yield();
            continue;
        }
        assert_int_equal(item->number, next[item->producer]);
        next[item->producer]++;
        taken++;
    }
    for (unsigned p = 0; p < PRODUCERS; p++) {
        assert_int_equal(pthread_join(threads[p], NULL), 0);
        free(producers[p].items);
    }
    assert_null(poll_item(endpoint));
    assert_int_equal(arm(endpoint), CORPS_OK);
    close_queue(endpoint);
}

static void test_producers(void **state) {
    (void)state;
    run_producers(0);
}

static void test_producers_of_a_bounded_queue(void **state) {
    (void)state;
    run_producers(16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_arm),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_producers),
        cmocka_unit_test(test_producers_of_a_bounded_queue),
    };
    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
