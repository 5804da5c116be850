/* Counting by steps: exact, the same each time, and what was counted goes on as if nothing had been. */
#include "measure/steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A process that does `loops` rounds of work for each number that it is sent, and answers. */
struct worker {
    pid_t pid;
    int to, from;
};

enum { COPIED_BYTES = 100000 };

static void work(uint32_t loops) {
    static char from[COPIED_BYTES], to[COPIED_BYTES];
    if (loops == 0) { /* one instruction that repeats itself */
        void *source = from, *target = to;
        size_t count = sizeof from;
        __asm__ volatile("rep movsb" : "+S"(source), "+D"(target), "+c"(count) : : "memory");
    }
    for (volatile uint32_t i = 0; i < loops; i++) {
    }
}

static struct worker start(void) {
    int to[2], from[2];
    uint32_t loops;
    assert_int_equal(0, pipe(to));
    assert_int_equal(0, pipe(from));
    struct worker worker = {.pid = fork(), .to = to[1], .from = from[0]};
    if (worker.pid == 0) {
        close(to[1]);
        while (read(to[0], &loops, sizeof loops) == (ssize_t)sizeof loops) {
            work(loops);
            if (write(from[1], &loops, sizeof loops) != (ssize_t)sizeof loops) {
                _exit(1);
            }
        }
        _exit(42);
    }
    close(to[0]);
    close(from[1]);
    return worker;
}

static void ask(const struct worker *worker, uint32_t loops) {
    uint32_t answer = 0;
    assert_int_equal(sizeof loops, write(worker->to, &loops, sizeof loops));
    assert_int_equal(sizeof answer, read(worker->from, &answer, sizeof answer));
    assert_int_equal(loops, answer);
}

/* It has all its numbers, and went on as if it had never been stepped. */
static void end(const struct worker *worker) {
    int status;
    close(worker->to);
    assert_int_equal(worker->pid, waitpid(worker->pid, &status, 0));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    close(worker->from);
}

/* It waits for the next number, and has done so for some looks. */
static void await_sleep(const struct worker *worker) {
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)worker->pid);
    for (unsigned asleep = 0; asleep < 5; usleep(2000)) {
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        assert_non_null(fgets(text, sizeof text, file));
        fclose(file);
        asleep = strstr(text, ") S") != NULL ? asleep + 1 : 0;
    }
}

/* Begins with a stretch. The worker sleeps, here and at every other mark. */
static struct lab_steps *begin(const pid_t *pids, size_t count, const struct worker *worker) {
    await_sleep(worker);
    struct lab_steps *steps = lab_steps_begin(pids, count);
    if (steps == NULL) {
        printf("skipped: no process may be stepped here (x86-64 is needed, and leave to trace others)\n");
        exit(77);
    }
    await_sleep(worker);
    lab_steps_mark(steps);
    return steps;
}

/* A stretch of its own for each of so many numbers; a stretch ends at the worker's first step after the mark. */
static void stretches(struct lab_steps *steps, const struct worker *worker, unsigned times, uint32_t loops) {
    for (unsigned i = 0; i < times; i++) {
        ask(worker, loops);
        await_sleep(worker);
        lab_steps_mark(steps);
    }
}

static struct lab_step_counts count(const struct worker *worker, unsigned times, uint32_t loops) {
    struct lab_step_counts counts;
    struct lab_steps *steps = begin(&worker->pid, 1, worker);
    stretches(steps, worker, times, loops);
    assert_true(lab_steps_end(steps, &counts));
    return counts;
}

static void test_exact(void **state) {
    (void)state;
    struct worker worker = start();
    ask(&worker, 1); /* its libraries are bound */
    struct lab_step_counts few = count(&worker, 5, 100), again = count(&worker, 9, 100);
    struct lab_step_counts more = count(&worker, 5, 200), most = count(&worker, 5, 300);
    assert_int_equal(few.instructions, again.instructions);
    assert_int_equal(most.instructions - more.instructions, more.instructions - few.instructions);
    assert_true(more.instructions - few.instructions >= 100 * 2);   /* a loop is two instructions at least */
    assert_true(more.instructions - few.instructions <= 100 * 100); /* and few, also with what a sanitizer adds */
    assert_int_equal(2, few.system_calls);
    assert_int_equal(2 * sizeof(uint32_t), few.bytes);
    assert_int_equal(few.instructions, few.first_instructions);
    struct lab_step_counts copied = count(&worker, 5, 0);
    assert_true(copied.instructions < few.instructions); /* and not the bytes */
    ask(&worker, 5);
    end(&worker);
}

/* What some stretches have more of does not show, nor what one has less of. */
static void test_of_a_typical_one(void **state) {
    (void)state;
    struct worker worker = start();
    struct lab_step_counts counts;
    ask(&worker, 1);
    struct lab_step_counts alike = count(&worker, 5, 100);
    struct lab_steps *steps = begin(&worker.pid, 1, &worker);
    stretches(steps, &worker, 4, 400);
    stretches(steps, &worker, 3, 100);
    stretches(steps, &worker, 1, 1);
    assert_true(lab_steps_end(steps, &counts));
    assert_int_equal(alike.instructions, counts.instructions);
    end(&worker);
}

/* The first is told apart from the others. */
static void test_of_two(void **state) {
    (void)state;
    struct worker workers[] = {start(), start()};
    const pid_t pids[] = {workers[0].pid, workers[1].pid};
    struct lab_step_counts counts;
    for (unsigned i = 0; i < 2; i++) {
        ask(&workers[i], 1);
    }
    struct lab_step_counts alone = count(&workers[0], 5, 100);
    struct lab_steps *steps = begin(pids, 2, &workers[0]);
    for (unsigned i = 0; i < 9; i++) {
        ask(&workers[1], 300);
        await_sleep(&workers[1]);
        stretches(steps, &workers[0], 1, 100);
    }
    assert_true(lab_steps_end(steps, &counts));
    assert_int_equal(alone.instructions, counts.first_instructions);
    assert_true(counts.instructions > counts.first_instructions + 300 * 2);
    end(&workers[1]); /* which has the first one's pipe, too */
    end(&workers[0]);
}

static void test_too_few(void **state) {
    (void)state;
    struct worker worker = start();
    struct lab_step_counts counts;
    ask(&worker, 1);
    struct lab_steps *steps = begin(&worker.pid, 1, &worker);
    stretches(steps, &worker, 2, 100);
    assert_false(lab_steps_end(steps, &counts));
    end(&worker);
}

static void test_nothing_to_count(void **state) {
    (void)state;
    struct lab_step_counts counts;
    pid_t nobody = 0x3fffffff;
    assert_null(lab_steps_begin(&nobody, 1));
    assert_null(lab_steps_begin(&nobody, 0));
    assert_false(lab_steps_end(NULL, &counts));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_exact), cmocka_unit_test(test_of_a_typical_one),
                                       cmocka_unit_test(test_of_two), cmocka_unit_test(test_too_few),
                                       cmocka_unit_test(test_nothing_to_count)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
