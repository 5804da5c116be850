/* Spans of call chains and their JSON: `unit-chains`. */
#include "process/chains.h"
#include "../core/json.h"
#include "value/name.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct corps__span call_span(uint64_t link) {
    return (struct corps__span){.chain = 7,
                                .thread = 11,
                                .link = link,
                                .corps = 1,
                                .env = 0,
                                .ns = {1000, 2000, 9000},
                                .kind = CORPS__SPAN_CALL,
                                .method = "go",
                                .class = "Node"};
}

static struct corps__span served_span(uint64_t link) {
    return (struct corps__span){.chain = 7,
                                .thread = 12,
                                .link = link,
                                .corps = 1,
                                .env = CORPS__GUEST_ENV,
                                .conc = 3,
                                .ns = {3000, 4500, 6001, 7000},
                                .kind = CORPS__SPAN_SERVED,
                                .method = "go",
                                .class = "Node"};
}

/* ---- the spans of a process ---- */

static void test_latest_stay(void **state) {
    (void)state;
    assert_int_equal(corps__span_add(&(struct corps__span){0}), 0); /* nothing is recorded */
    assert_int_equal(corps__chains_start(5, 8, 1), CORPS_OK);
    assert_int_equal(corps__chains_recording(), 5);
    uint32_t numbers[20];
    for (unsigned i = 0; i < 20; i++) {
        struct corps__span span = call_span(i);
        numbers[i] = corps__span_add(&span);
        assert_int_not_equal(numbers[i], 0);
    }
    assert_null(corps__span_open(numbers[11])); /* its place is another's */
    struct corps__span *open = corps__span_open(numbers[12]);
    assert_non_null(open);
    assert_int_equal(open->link, 12);
    assert_null(corps__span_open(numbers[12])); /* somebody has it */
    struct corps__span span = call_span(20);
    open->failed = CORPS_ERR_REMOTE;
    assert_int_equal(corps__span_add(&span), 0); /* would lie there, and is dropped */
    corps__span_close(open);
    corps__chains_stop();
    assert_int_equal(corps__span_add(&span), 0);
    assert_null(corps__span_open(numbers[15]));
    struct corps__span found[8];
    uint64_t total;
    assert_int_equal(corps__chains_read(0, found, 3, &total), 3);
    assert_int_equal(total, 21);
    assert_int_equal(found[0].link, 13);
    assert_int_equal(corps__chains_read(found[2].number, found, 8, &total), 4);
    assert_int_equal(found[0].link, 16);
    assert_int_equal(found[3].link, 19);
    assert_int_equal(corps__chains_read(found[3].number, found, 8, &total), 0);
    corps__chains_free();
    assert_int_equal(corps__chains_recording(), 0);
}

static void test_chain_numbers(void **state) {
    (void)state;
    assert_int_equal(corps__chains_start(6, 8, 3), CORPS_OK);
    uint32_t last = 0;
    for (unsigned i = 0; i < 30; i++) {
        uint64_t chain = corps__chain_new();
        if (i % 3 != 0) {
            assert_int_equal(chain, CORPS__CHAIN_NONE);
            continue;
        }
        uint32_t number = corps_chain_id(chain);
        assert_int_not_equal(number, 0);
        assert_true(last == 0 || number == last + 1 || last == UINT32_MAX);
        last = number;
    }
    corps__chains_free();
    assert_int_equal(corps__chains_start(7, 8, 1), CORPS_OK);
    assert_int_not_equal(corps_chain_id(corps__chain_new()), last); /* it counts on */
    corps__chains_free();
}

/* Several threads write and open, and one stops in between. */
static void *write_many(void *arg) {
    (void)arg;
    for (unsigned i = 0; i < 20000; i++) {
        struct corps__span span = call_span(i);
        uint32_t number = corps__span_add(&span);
        struct corps__span *open = corps__span_open(number);
        if (open != NULL) {
            assert_int_equal(open->number, number);
            open->ns[CORPS__SPAN_SENT] = 5;
            corps__span_close(open);
        }
    }
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    assert_int_equal(corps__chains_start(8, 4, 1), CORPS_OK);
    pthread_t threads[4];
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, NULL), 0);
    }
    for (unsigned i = 0; i < 20; i++) {
        corps__chains_stop();
        struct corps__span found[4];
        uint64_t total;
        size_t count = corps__chains_read(0, found, 4, &total);
        for (size_t k = 0; k < count; k++) {
            assert_string_equal(found[k].method, "go");
            assert_true(found[k].ns[CORPS__SPAN_SENT] == 5 || found[k].ns[CORPS__SPAN_SENT] == 2000);
        }
        assert_int_equal(corps__chains_start(8, 4, 1), CORPS_OK);
    }
    for (unsigned i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    corps__chains_free();
}

/* ---- JSON ---- */

/* To be freed. */
static char *written(struct corps__chains_gathered *gathered) {
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(corps__chains_write(gathered, fileno(file)), CORPS_OK);
    long bytes = (fseek(file, 0, SEEK_END), ftell(file));
    char *text = calloc(1, (size_t)bytes + 1);
    rewind(file);
    assert_int_equal(fread(text, 1, (size_t)bytes, file), bytes);
    fclose(file);
    if (!json_is_whole(text)) {
        fail_msg("this is no JSON:\n%s", text);
    }
    return text;
}

static void assert_has(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fail_msg("there is no %s in\n%s", part, text);
    }
}

static void test_json(void **state) {
    (void)state;
    struct corps__span spans[2] = {call_span(99), served_span(99)};
    spans[0].number = 4;
    spans[1].number = 6;
    struct corps__chains_thread thread = {.number = 12, .name = "pool \"1\""};
    struct corps__chains_process processes[3] = {
        {.corps = 1, .env = CORPS__GUEST_ENV, .pid = 100, .total = 5, .first = 0, .count = 1},
        {.corps = 2, .env = 0, .pid = 200, .total = 1, .first = 1, .count = 1, .threads = &thread, .thread_count = 1},
        {.env = 1, .why = "it \\ died\n"}};
    struct corps__chains_gathered gathered = {
        .tag = "a \"tag\"", .every = 2, .processes = processes, .process_count = 3, .spans = spans, .span_count = 2};
    char *text = written(&gathered);
    assert_has(
        text,
        "{\"ph\":\"X\",\"cat\":\"call\",\"pid\":100,\"tid\":11,\"ts\":1.000,\"name\":\"call Node.go\",\"dur\":1.000,");
    assert_has(text, "\"span\":\"100.4\",\"env\":0,");
    assert_has(
        text,
        "{\"ph\":\"X\",\"cat\":\"request\",\"pid\":200,\"tid\":12,\"ts\":4.500,\"name\":\"Node.go\",\"dur\":1.501,");
    assert_has(text, "\"chain\":\"00000007\",\"span\":\"200.6\",\"parent\":\"100.4\",\"env\":0,\"worker\":3,"
                     "\"waited_us\":1.500,\"outcome\":\"ok\"}}");
    assert_has(text, "{\"ph\":\"s\",\"cat\":\"chain\",\"pid\":100,\"tid\":11,\"ts\":1.500,");
    assert_has(text, "{\"ph\":\"f\",\"cat\":\"chain\",\"pid\":200,\"tid\":12,\"ts\":4.500,\"bp\":\"e\",");
    assert_has(text, "\"ph\":\"e\",\"cat\":\"call\",\"pid\":100,\"tid\":11,\"ts\":9.000,");
    assert_has(text, "\"args\":{\"name\":\"Env 0 of a \\\"tag\\\"\"}");
    assert_has(text, "\"args\":{\"name\":\"pool \\\"1\\\"\"}");
    assert_has(text, "\"spans\":1,\"dropped\":4}");
    assert_has(text, "\"lost\":[{\"env\":1,\"why\":\"it \\\\ died\\u000a\"}]");
    free(text);
}

/* Another host's clock is elsewhere, and its kernel gives the same numbers. */
static void test_hosts(void **state) {
    (void)state;
    struct corps__span spans[3] = {call_span(99), served_span(99), served_span(98)};
    spans[1].number = 6;
    for (unsigned i = 0; i < CORPS__SPAN_TIMES; i++) {
        spans[1].ns[i] += INT64_C(5000000000000);
    }
    spans[1].ns[CORPS__SPAN_ANSWERED] = 0;
    spans[2].ns[CORPS__SPAN_ARRIVED] = INT64_MIN; /* cannot be, and is not believed */
    struct corps__chains_process processes[2] = {
        {.corps = 1, .env = CORPS__GUEST_ENV, .pid = 100, .total = 1, .first = 0, .count = 1},
        {.corps = 2, .env = 1, .pid = 100, .host = 7, .total = 2, .first = 1, .count = 2}};
    struct corps__chains_gathered gathered = {
        .tag = "t", .every = 1, .processes = processes, .process_count = 2, .spans = spans, .span_count = 3};
    corps__chains_align(&gathered, &processes[1], INT64_C(5000000000000), 34567);
    assert_int_equal(spans[0].ns[CORPS__SPAN_CALLED], 1000);
    assert_int_equal(spans[1].ns[CORPS__SPAN_STARTED], 4500);
    assert_int_equal(spans[1].ns[CORPS__SPAN_ANSWERED], 0);
    assert_int_equal(spans[2].ns[CORPS__SPAN_ARRIVED], 1);
    corps__chains_tell_apart(&gathered);
    assert_int_equal(processes[0].pid, 100);
    char *text = written(&gathered);
    assert_has(text, "{\"ph\":\"X\",\"cat\":\"request\",\"pid\":4194404,\"tid\":12,\"ts\":4.500,");
    assert_has(text, "\"args\":{\"name\":\"Env 1 of t on host 7\"}");
    assert_has(text, "{\"pid\":4194404,\"env\":1,\"spans\":2,\"dropped\":0,\"host\":7,\"clock_error_us\":34.567}");
    assert_has(text, "{\"pid\":100,\"env\":-1,\"spans\":1,\"dropped\":0}");
    free(text);
}

static void test_unfinished(void **state) {
    (void)state;
    struct corps__span spans[4] = {call_span(1), served_span(2), served_span(3), served_span(4)};
    spans[0].ns[CORPS__SPAN_REPLIED] = 0;
    spans[1].ns[CORPS__SPAN_STARTED] = spans[1].ns[CORPS__SPAN_RETURNED] = spans[1].ns[CORPS__SPAN_ANSWERED] = 0;
    spans[2].ns[CORPS__SPAN_RETURNED] = spans[2].ns[CORPS__SPAN_ANSWERED] = 0;
    spans[3].ns[CORPS__SPAN_ANSWERED] = 0;
    spans[3].put_off = 1;
    struct corps__chains_process process = {.corps = 1, .pid = 100, .total = 4, .count = 4};
    struct corps__chains_gathered gathered = {
        .tag = "", .every = 1, .processes = &process, .process_count = 1, .spans = spans, .span_count = 4};
    char *text = written(&gathered);
    assert_has(text, "\"outcome\":\"no answer yet\"");
    assert_has(text, "{\"ph\":\"i\",");
    assert_has(text, "\"outcome\":\"waiting\"");
    assert_has(text, "{\"ph\":\"B\",\"cat\":\"request\",");
    assert_has(text, "\"outcome\":\"running\"");
    assert_has(text, "\"outcome\":\"put off\"");
    assert_has(text, "\"requests_without_call\":3,\"calls_without_request\":1}");
    assert_null(strstr(text, "\"ph\":\"s\""));
    free(text);
}

/* Whatever bytes a name has: text that was cut within a character, and none at all. */
static void test_any_text(void **state) {
    (void)state;
    struct corps__span spans[260];
    for (unsigned i = 0; i < 260; i++) {
        spans[i] = call_span(i);
        memset(spans[i].class, (int)(i % 255 + 1), sizeof spans[i].class - 1);
        snprintf(spans[i].method, sizeof spans[i].method, "%s",
                 i % 2 == 0 ? "\xc3\xbc\xe2\x82" : "\xed\xa0\x80\xf0\x9f\x98\x80\xf4\x90\x80\x80");
    }
    struct corps__chains_process process = {.corps = 1, .pid = 100, .total = 260, .count = 260};
    struct corps__chains_gathered gathered = {
        .tag = "\x01\xff", .every = 1, .processes = &process, .process_count = 1, .spans = spans, .span_count = 260};
    char *text = written(&gathered);
    assert_has(text, ".\xc3\xbc\\ufffd\\ufffd\"");
    assert_has(text, ".\\ufffd\\ufffd\\ufffd\xf0\x9f\x98\x80\\ufffd");
    assert_has(text, "Env 0 of \\u0001\\ufffd\"");
    free(text);
}

static void test_cannot_write(void **state) {
    (void)state;
    struct corps__chains_gathered none = {.tag = "", .every = 1};
    int closed[2];
    assert_int_equal(pipe(closed), 0);
    close(closed[0]);
    close(closed[1]);
    assert_int_equal(corps__chains_write(&none, closed[1]), CORPS_ERR_SYSTEM);
    assert_has(corps_error_detail(), "could not be written");
    free(written(&none));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_latest_stay),  cmocka_unit_test(test_chain_numbers), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_json),         cmocka_unit_test(test_unfinished),    cmocka_unit_test(test_any_text),
        cmocka_unit_test(test_cannot_write), cmocka_unit_test(test_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
