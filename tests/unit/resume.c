/* Records over connections that are cut at any byte: each comes once, in order, and what was acknowledged is not kept.
 * And the keys of hosts, which are derived from one and never the same for two uses. */
#include "hosts/resume.h"
#include "hosts/keys.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { RECORDS = 60, FRAME = 8 + 8 + 4 };

/* One side: what it has of the present connection, and what it has taken in all. */
struct side {
    struct corps__resume resume;
    uint8_t in[1 << 16];
    size_t in_bytes;
    uint32_t taken; /* the next record that is to come */
};

/* Frames of this test: number, acknowledgement, content. */
static size_t write_frame(uint8_t *out, uint64_t number, uint64_t ack, uint32_t content) {
    memcpy(out, &number, 8);
    memcpy(out + 8, &ack, 8);
    memcpy(out + 16, &content, 4);
    return FRAME;
}

static void take_frames(struct side *side) {
    size_t at = 0;
    for (; side->in_bytes - at >= FRAME; at += FRAME) {
        uint64_t number, ack;
        uint32_t content;
        memcpy(&number, side->in + at, 8);
        memcpy(&ack, side->in + at + 8, 8);
        memcpy(&content, side->in + at + 16, 4);
        assert_true(corps__resume_ack(&side->resume, ack));
        enum corps__resume_news news = corps__resume_take(&side->resume, number);
        assert_int_equal(news, CORPS__RESUME_NEW); /* on one connection nothing comes twice */
        assert_int_equal(content, side->taken++);
    }
    memmove(side->in, side->in + at, side->in_bytes - at);
    side->in_bytes -= at;
}

/* Everything of `from`, as far as the connection goes: `left` bytes. */
static void pass(struct side *from, struct side *to, size_t *left) {
    const struct corps__resume_item *item;
    while (*left > 0 && (item = corps__resume_next(&from->resume)) != NULL) {
        uint8_t frame[FRAME];
        uint32_t content;
        memcpy(&content, item->data, sizeof content);
        size_t bytes = write_frame(frame, item->number, from->resume.taken, content);
        bytes = bytes < *left ? bytes : *left;
        *left -= bytes;
        memcpy(to->in + to->in_bytes, frame, bytes);
        to->in_bytes += bytes;
    }
    take_frames(to);
}

static void queue(struct side *side, uint32_t *next) {
    if (*next < RECORDS) {
        assert_int_equal(corps__resume_queue(&side->resume, (const uint8_t *)next, sizeof *next), CORPS_OK);
        ++*next;
    }
}

static void test_cut_anywhere(void **state) {
    (void)state;
    for (size_t cut = 1; cut < (size_t)FRAME * 12; cut++) {
        static struct side sides[2];
        memset(sides, 0, sizeof sides);
        uint32_t queued[2] = {0, 0};
        for (unsigned round = 0; sides[0].taken < RECORDS || sides[1].taken < RECORDS; round++) {
            assert_true(round < 100000);
            assert_true(corps__resume_begin(&sides[0].resume, sides[1].resume.taken));
            assert_true(corps__resume_begin(&sides[1].resume, sides[0].resume.taken));
            sides[0].in_bytes = sides[1].in_bytes = 0;
            size_t left = cut + round % 2 * FRAME; /* some progress, also with short ones */
            while (left > 0 && (sides[0].taken < RECORDS || sides[1].taken < RECORDS)) {
                size_t before = left;
                for (unsigned i = 0; i < 2; i++) {
                    queue(&sides[i], &queued[i]);
                    pass(&sides[i], &sides[1 - i], &left);
                }
                if (before == left) {
                    break; /* the rest are acknowledgements */
                }
            }
        }
        for (unsigned i = 0; i < 2; i++) {
            assert_true(corps__resume_begin(&sides[i].resume, sides[1 - i].resume.taken));
            assert_null(sides[i].resume.first);
            assert_int_equal(sides[i].resume.bytes, 0);
        }
    }
}

static void test_refuses(void **state) {
    (void)state;
    struct corps__resume resume = {0};
    assert_false(corps__resume_ack(&resume, 1)); /* what never was */
    assert_false(corps__resume_begin(&resume, 1));
    uint8_t byte = 0;
    assert_int_equal(corps__resume_queue(&resume, &byte, 1), CORPS_OK);
    assert_false(corps__resume_ack(&resume, 1)); /* what was not written yet */
    assert_non_null(corps__resume_next(&resume));
    assert_true(corps__resume_ack(&resume, 1));
    assert_false(corps__resume_begin(&resume, 0)); /* it has forgotten */
    assert_int_equal(corps__resume_take(&resume, 2), CORPS__RESUME_GAP);
    assert_int_equal(corps__resume_take(&resume, 1), CORPS__RESUME_NEW);
    assert_int_equal(corps__resume_take(&resume, 1), CORPS__RESUME_KNOWN);
    corps__resume_free(&resume);
}

static void test_keys(void **state) {
    (void)state;
    const uint8_t key[CORPS__KEY_BYTES] = {1, 2, 3};
    uint8_t made[5][CORPS__KEY_BYTES];
    corps__key_secret(key, 7, made[0]);
    corps__key_secret(key, 8, made[1]);
    corps__key_channel(key, 7, 1, made[2]);
    corps__key_channel(key, 7, 2, made[3]);
    corps__key_channel(key, 8, 1, made[4]);
    for (unsigned i = 0; i < 5; i++) {
        for (unsigned j = 0; j < i; j++) {
            assert_memory_not_equal(made[i], made[j], CORPS__KEY_BYTES);
        }
    }
}

static void test_key_file(void **state) {
    (void)state;
    char path[] = "/tmp/corps-key-XXXXXX";
    uint8_t key[CORPS__KEY_BYTES], again[CORPS__KEY_BYTES];
    close(mkstemp(path));
    assert_int_equal(corps__key_make(path), CORPS_ERR_SYSTEM); /* it is left alone */
    assert_int_equal(corps__key_read(path, key), CORPS_ERR_INVALID);
    unlink(path);
    assert_int_equal(corps__key_read(path, key), CORPS_ERR_SYSTEM);
    assert_int_equal(corps__key_make(path), CORPS_OK);
    assert_int_equal(corps__key_read(path, key), CORPS_OK);
    assert_int_equal(corps__key_read(path, again), CORPS_OK);
    assert_memory_equal(key, again, sizeof key);
    chmod(path, 0640);
    assert_int_equal(corps__key_read(path, key), CORPS_ERR_DENIED);
    assert_non_null(strstr(corps_error_detail(), "mode 640"));
    chmod(path, 0600);
    assert_int_equal(truncate(path, 33), 0);
    assert_int_equal(corps__key_read(path, key), CORPS_ERR_INVALID);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_key_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
