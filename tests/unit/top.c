/* What corps-top makes of readings that are made up: quantiles, differences, lines that are cut, pools, links that are
 * one series. tests/python/top.py has it over a real Corps. */
#include "top/export.h"
#include "top/table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- spreads ---- */

static void test_quantiles(void **state) {
    (void)state;
    struct top_spread spread = {.counts = {[10] = 50, [20] = 50}};
    assert_int_equal(top_spread_count(&spread), 100);
    assert_true(fabs(top_spread_quantile(&spread, 0.5) - 1024) < 1e-6);
    assert_true(fabs(top_spread_quantile(&spread, 1) - 1048576) < 1e-3);
    double quarter = top_spread_quantile(&spread, 0.25); /* half of the bucket, on a scale of powers */
    assert_true(quarter > 700 && quarter < 750);
    spread.max_ns = 600000;
    assert_true(fabs(top_spread_quantile(&spread, 0.99) - 600000) < 1e-6);
    const struct top_spread none = {.sum_ns = 0};
    assert_true(top_spread_quantile(&none, 0.5) < 0);
}

static void test_spread_of_values(void **state) {
    (void)state;
    struct corps_value pairs[3][2] = {{corps_int(128), corps_int(1)},
                                      {corps_int(INT64_C(1) << 40), corps_int(2)},
                                      {corps_int(INT64_MAX), corps_int(3)}};
    struct corps_value buckets[3] = {corps_array(pairs[0], 2), corps_array(pairs[1], 2), corps_array(pairs[2], 2)};
    const struct corps_entry entries[] = {{corps_str("sum_ns"), corps_int(9)},
                                          {corps_str("buckets"), corps_array(buckets, 3)}};
    const struct corps_value map = corps_map(entries, 2);
    struct top_spread spread, before;
    top_spread_read(&map, &spread);
    assert_int_equal(spread.counts[7], 1);
    assert_int_equal(spread.counts[40], 2);
    assert_int_equal(spread.counts[63], 3);
    before = spread;
    before.counts[40] = 5; /* what a reading has seen a part of */
    spread.counts[7] = 4;
    top_spread_subtract(&spread, &before);
    assert_int_equal(spread.counts[7], 3);
    assert_int_equal(top_spread_count(&spread), 3);
    top_spread_read(NULL, &spread);
    assert_int_equal(top_spread_count(&spread), 0);
    const struct corps_value none = corps_int(1);
    top_spread_read(&none, &spread);
    assert_int_equal(top_spread_count(&spread), 0);
}

/* ---- texts ---- */

static void test_plain_text(void **state) {
    (void)state;
    struct top_text text = {.bytes = NULL};
    static const char odd[] = "a\x1b[2J\n\xc2\x9b\xc3\xa4\x7f\xff.";
    top_add_plain(&text, odd, sizeof odd - 1, 100, false);
    static const char made[] = "a?[2J??\xc3\xa4??.";
    assert_int_equal(text.used, sizeof made - 1);
    assert_memory_equal(text.bytes, made, text.used);
    text.used = 0;
    top_add_plain(&text, "\xc3\xa4\xc3\xa4\xc3\xa4", 6, 2, true);
    top_add_plain(&text, "b", 1, 3, true);
    assert_int_equal(text.used, 7);
    assert_memory_equal(text.bytes,
                        "\xc3\xa4\xc3\xa4"
                        "b  ",
                        7);
    top_text_free(&text);
}

/* ---- whole readings ---- */

static struct corps_entry entry(const char *key, int64_t number) {
    return (struct corps_entry){corps_str(key), corps_int(number)};
}

static struct corps_box *env_box(void) {
    struct corps_entry links[3][12];
    struct corps_value link_maps[3];
    for (int i = 0; i < 3; i++) { /* two programs, and an Env of the same Corps */
        const struct corps_entry of[] = {
            entry("corps", i < 2 ? 77 + i : 0x5eed),
            entry("env", i < 2 ? -1 : 4),
            entry("out", i == 2),
            entry("frames_sent", 10),
            entry("bytes_sent", 2048),
            entry("frames_received", 1),
            entry("bytes_received", 100),
            entry("outstanding", 5 * i + 1),
            entry("kept_bytes", 0),
            entry("losses", 0),
            {corps_str("state"), corps_str("ready")},
        };
        memcpy(links[i], of, sizeof of);
        link_maps[i] = corps_map(links[i], sizeof of / sizeof of[0]);
    }
    const struct corps_entry pool[] = {
        entry("conc", 9),        {corps_str("class"), corps_str("pool of Calc \"x\"\n")},
        entry("members", 3),     entry("draining", 1),
        entry("min", 1),         entry("max", 8),
        entry("wait_ns", 20000), entry("target_ns", 10000000),
        entry("grown", 6),       entry("shrunk", 4),
        entry("moved", 2),
    };
    const struct corps_value pool_map = corps_map(pool, sizeof pool / sizeof pool[0]);
    const struct corps_entry env[] = {{corps_str("links"), corps_array(link_maps, 3)},
                                      {corps_str("pools"), corps_array(&pool_map, 1)}};
    const struct corps_value map = corps_map(env, 2);
    struct corps_box *box;
    assert_int_equal(corps_box_of(&map, &box), CORPS_OK);
    return box;
}

static struct top_reading *make_reading(void) {
    struct top_reading *reading = calloc(1, sizeof *reading);
    *reading = (struct top_reading){.corps_id = 0x5eed, .tag = "t", .env_count = 2, .worker_count = 40};
    reading->envs = calloc(2, sizeof *reading->envs);
    reading->workers = calloc(40, sizeof *reading->workers);
    reading->envs[0] = (struct top_env){.env = 0,
                                        .box = env_box(),
                                        .pid = 5,
                                        .incarnation = (INT64_C(2) << 32) | 3,
                                        .up_ns = 3600000000000,
                                        .count = 40};
    reading->envs[1] = (struct top_env){.env = 1, .why = "Env 1 was killed"};
    for (unsigned i = 0; i < 40; i++) {
        reading->workers[i] = (struct top_worker){.conc = i + 1, .class_name = "Calc", .class_bytes = 4, .served = i};
        reading->workers[i].wait.counts[11] = i;
    }
    return reading;
}

static void free_reading(struct top_reading *reading) {
    top_reading_free(reading);
    free(reading);
}

static char *whole(struct top_text *text) {
    assert_false(text->failed);
    top_add_bytes(text, "", 1);
    return text->bytes;
}

static void test_table(void **state) {
    (void)state;
    struct top_reading *reading = make_reading();
    top_reading_compare(reading, NULL);
    assert_int_equal(top_env_restarts(&reading->envs[0]), 4);
    struct top_text text = {.bytes = NULL};
    const struct top_layout all = {.columns = 120};
    top_table(reading, &all, &text);
    const char *page = whole(&text);
    assert_non_null(strstr(page, "Corps 0000000000005eed 't': 1 of 2 Envs, 40 Workers, up 1h00\n"));
    assert_non_null(strstr(page, "   1        -        - Env 1 was killed\n"));
    assert_non_null(strstr(
        page,
        "   0       9       3        1     1     8   20.0us   10.0ms      6      4      2  pool of Calc \"x\"?\n"));
    assert_non_null(strstr(page, " from a program "));
    assert_non_null(strstr(page, "   to Env 4 "));
    assert_non_null(strstr(page, "   0     40 ")); /* the first Worker: it has served the most */
    assert_true(strstr(page, "   0     40 ") < strstr(page, "   0     39 "));
    top_text_free(&text);
    const struct top_layout small = {.columns = 30, .lines = 24, .sort = TOP_QUEUED};
    top_table(reading, &small, &text);
    unsigned lines = 0;
    for (const char *line = whole(&text); *line != '\0'; line = strchr(line, '\n') + 1, lines++) {
        assert_true(strchr(line, '\n') - line <= 30);
    }
    assert_true(lines <= 24);
    assert_non_null(strstr(text.bytes, "POOL"));
    assert_non_null(strstr(text.bytes, " more\n"));
    top_text_free(&text);
    free_reading(reading);
}

static void test_rates(void **state) {
    (void)state;
    struct top_reading *before = make_reading(), *after = make_reading();
    after->envs[0].up_ns += 2000000000;
    after->envs[0].cpu_ns = 1000000000;
    after->workers[7].served += 100;
    after->workers[7].service.sum_ns = 500000000;
    top_reading_compare(after, before);
    assert_true(fabs(after->workers[7].served_rate - 50) < 1e-9);
    assert_true(fabs(after->workers[7].busy - 0.25) < 1e-9);
    assert_true(fabs(after->envs[0].cpu - 0.5) < 1e-9);
    assert_true(fabs(after->envs[0].served_rate - 50) < 1e-9);
    assert_int_equal(top_spread_count(&after->workers[20].wait_now), 0);
    after->envs[0].incarnation++; /* another process: all that it says is its own */
    top_reading_compare(after, before);
    assert_int_equal(top_spread_count(&after->workers[20].wait_now), 20);
    free_reading(before);
    free_reading(after);
}

static void test_prometheus(void **state) {
    (void)state;
    struct top_reading *reading = make_reading();
    struct top_text text = {.bytes = NULL};
    top_prometheus(reading, &text);
    const char *page = whole(&text);
    assert_non_null(strstr(page, "corps_env_up{corps=\"0000000000005eed\",tag=\"t\",env=\"1\"} 0\n"));
    assert_null(strstr(page, "corps_env_threads{corps=\"0000000000005eed\",tag=\"t\",env=\"1\"}"));
    assert_non_null(strstr(page, ",class=\"pool of Calc \\\"x\\\"\\n\"} 3\n"));
    assert_non_null(
        strstr(page, "corps_pool_target_seconds{corps=\"0000000000005eed\",tag=\"t\",env=\"0\",pool=\"9\","));
    assert_non_null(strstr(page, "} 0.01\n"));
    /* Both programs together. */
    assert_non_null(strstr(page, "env=\"0\",peer_corps=\"\",peer_env=\"program\",direction=\"in\"} 4096\n"));
    assert_non_null(
        strstr(page, "corps_link_outstanding{corps=\"0000000000005eed\",tag=\"t\",env=\"0\",peer_corps=\"\",peer_env="
                     "\"program\",direction=\"in\"} 7\n"));
    assert_non_null(strstr(page, "peer_corps=\"0000000000005eed\",peer_env=\"4\",direction=\"out\"} 11\n"));
    assert_non_null(strstr(page, "worker=\"40\",class=\"Calc\",le=\"1.024e-06\"} 0\n"));
    assert_non_null(strstr(page, "worker=\"40\",class=\"Calc\",le=\"4.096e-06\"} 39\n"));
    top_text_free(&text);
    free_reading(reading);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles),  cmocka_unit_test(test_spread_of_values),
        cmocka_unit_test(test_plain_text), cmocka_unit_test(test_table),
        cmocka_unit_test(test_rates),      cmocka_unit_test(test_prometheus),
    };
    return cmocka_run_group_tests_name("top", tests, NULL, NULL);
}
