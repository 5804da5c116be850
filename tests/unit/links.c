/* What transports keep of their links: news in order and once, counts that fit what is there, frames put together. */
#include "links.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct corps__links links;

static int set_up(void **state) {
    (void)state;
    links = (struct corps__links){.frame_bytes_max = 100};
    return 0;
}

static struct corps__link *make(void) {
    struct corps__link *link = corps__link_create(&links, sizeof *link);
    assert_non_null(link);
    return link;
}

static void drop(struct corps__link *link) {
    corps__link_remove(link);
    corps__link_destroy(link);
}

static int tear_down(void **state) {
    (void)state;
    while (links.first != NULL) {
        drop(links.first);
    }
    /* Whatever a link was waiting for when it went is not waited for any more. */
    assert_int_equal(links.count, 0);
    assert_int_equal(links.news_count, 0);
    assert_int_equal(links.blocked_count, 0);
    assert_null(links.turn);
    return 0;
}

static struct corps_event news(void) {
    struct corps_event event = {0};
    assert_true(corps__links_take_news(&links, &event));
    return event;
}

static void test_news(void **state) {
    (void)state;
    struct corps_event event;
    assert_false(corps__links_take_news(&links, &event));
    struct corps__link *a = make();
    struct corps__link *b = make();
    corps__link_start(a, true);
    assert_true(corps__link_end(a, CORPS_ERR_PROTOCOL));
    assert_false(corps__link_end(a, CORPS_ERR_CLOSED)); /* the first reason stays */
    assert_int_equal(links.news_count, 2);
    event = news();
    assert_int_equal(event.kind, CORPS_EVENT_ACCEPTED); /* before its end */
    assert_ptr_equal(event.link, &a->base);
    event = news();
    assert_int_equal(event.kind, CORPS_EVENT_CLOSED);
    assert_int_equal(event.reason, CORPS_ERR_PROTOCOL);
    corps__link_start(b, false);
    assert_int_equal(news().kind, CORPS_EVENT_CONNECTED);
    assert_false(corps__links_take_news(&links, &event));
    assert_int_equal(links.news_count, 0);
}

static void test_lost(void **state) {
    (void)state;
    struct corps__link *waiting = make();
    struct corps__link *started = make();
    corps__link_start(started, true);
    (void)news();
    corps__link_peer_closed(started, CORPS_ERR_CLOSED); /* what it had sent may be there still */
    assert_true(started->peer_closed && !started->ended && links.news_count == 0);
    assert_int_equal(corps__link_check(started), CORPS_ERR_CLOSED);
    corps__link_peer_closed(waiting, CORPS_ERR_DENIED);
    struct corps_event event = news();
    assert_ptr_equal(event.link, &waiting->base);
    assert_int_equal(event.reason, CORPS_ERR_DENIED);
}

static bool yes(struct corps__link *link) {
    (void)link;
    return true;
}

static bool no(struct corps__link *link) {
    (void)link;
    return false;
}

static void test_room(void **state) {
    (void)state;
    struct corps_event event = {0};
    struct corps__link *link = make();
    assert_int_equal(corps__link_check(link), CORPS_ERR_FULL);
    assert_int_equal(corps__link_check(link), CORPS_ERR_FULL);
    assert_int_equal(links.blocked_count, 1); /* a link counts once */
    assert_false(corps__links_take_writable(&links, yes, &event));
    corps__link_start(link, false);
    assert_int_equal(corps__link_check(link), CORPS_OK);
    assert_false(corps__links_take_writable(&links, yes, &event)); /* CONNECTED comes first */
    (void)news();
    assert_false(corps__links_take_writable(&links, no, &event));
    assert_true(corps__links_take_writable(&links, yes, &event));
    assert_int_equal(event.kind, CORPS_EVENT_WRITABLE);
    assert_ptr_equal(event.link, &link->base);
    assert_false(corps__links_take_writable(&links, yes, &event));
    assert_true(corps__link_set_blocked(link, true));
    assert_false(corps__link_set_blocked(link, true));
    (void)corps__link_end(link, CORPS_ERR_CLOSED);
    assert_false(corps__links_take_writable(&links, yes, &event)); /* not once the peer is gone */
}

/* Every link has its turn, also when the one whose turn it is goes. */
static void test_turns(void **state) {
    (void)state;
    assert_null(corps__links_turn(&links));
    struct corps__link *three[3];
    for (int i = 0; i < 3; i++) {
        three[i] = make();
    }
    struct corps__link *at = corps__links_turn(&links);
    for (int i = 0; i < 6; i++) {
        assert_ptr_equal(at, three[2 - i % 3]);
        at = corps__links_after(&links, at);
    }
    links.turn = three[1];
    drop(three[1]);
    assert_ptr_equal(corps__links_turn(&links), three[0]);
    drop(three[0]); /* the last of the list: it begins anew */
    assert_ptr_equal(corps__links_turn(&links), three[2]);
}

static void test_gathering(void **state) {
    (void)state;
    struct corps__link *link = make();
    struct corps_event event;
    uint8_t bytes[100];
    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
    assert_int_equal(corps__link_gather(link, bytes, 1), CORPS_ERR_PROTOCOL); /* of no frame */
    assert_int_equal(corps__link_gather_begin(link, 101), CORPS_ERR_TOO_LARGE);
    assert_int_equal(corps__link_gather_begin(link, 100), CORPS_OK);
    assert_int_equal(corps__link_gather_begin(link, 1), CORPS_ERR_PROTOCOL); /* within another */
    assert_int_equal(corps__link_gather(link, bytes, 60), CORPS_ERR_EMPTY);
    assert_int_equal(corps__link_gather(link, bytes, 41), CORPS_ERR_PROTOCOL);
    assert_int_equal(corps__link_gather(link, bytes + 60, 40), CORPS_OK);
    corps__link_give_gathered(link, &event);
    assert_int_equal(event.kind, CORPS_EVENT_MESSAGE);
    assert_int_equal(event.bytes, 100);
    assert_memory_equal(event.data, bytes, 100);
    corps_block_unref(event.block);
    assert_int_equal(corps__link_gather_begin(link, 0), CORPS_OK);
    assert_int_equal(corps__link_gather(link, bytes, 0), CORPS_OK); /* left for the end to free */
}

/* Each removal takes with it what was still to be reported. */
static void test_removed_unheard(void **state) {
    (void)state;
    struct corps__link *link = make();
    corps__link_start(link, true);
    (void)corps__link_end(link, CORPS_ERR_CLOSED);
    (void)corps__link_set_blocked(link, true);
    struct corps__link *other = make();
    corps__link_start(other, true);
    drop(link);
    assert_int_equal(links.news_count, 1);
    assert_ptr_equal(news().link, &other->base);
}

int main(void) {
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_news),  CASE(test_lost),      CASE(test_room),
        CASE(test_turns), CASE(test_gathering), CASE(test_removed_unheard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
