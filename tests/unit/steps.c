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

static struct lab_step_counts count(const struct worker *worker, unsigned times, uint32_t loops) {
    struct lab_step_counts counts;
    await_sleep(worker);
    struct lab_steps *steps = lab_steps_begin(&worker->pid, 1);
    if (steps == NULL) {
        printf("skipped: no process may be stepped here (x86-64 is needed, and leave to trace others)\n");
        exit(77);
    }
    for (unsigned i = 0; i < times; i++) {
        ask(worker, loops);
    }
    await_sleep(worker);
    assert_true(lab_steps_end(steps, &counts));
    return counts;
}

static void test_exact(void **state) {
    (void)state;
    struct worker worker = start();
    ask(&worker, 1); /* its libraries are bound */
    struct lab_step_counts few = count(&worker, 4, 100), again = count(&worker, 4, 100);
    struct lab_step_counts more = count(&worker, 4, 200), most = count(&worker, 4, 300);
    assert_int_equal(few.instructions, again.instructions);
    assert_int_equal(most.instructions - more.instructions, more.instructions - few.instructions);
    assert_true(more.instructions - few.instructions >= 4 * 100 * 2);   /* a loop is two instructions at least */
    assert_true(more.instructions - few.instructions <= 4 * 100 * 100); /* and few, also with what a sanitizer adds */
    assert_int_equal(4 * 2, few.system_calls);
    assert_int_equal(4 * 2 * sizeof(uint32_t), few.bytes);
    struct lab_step_counts copied = count(&worker, 4, 0);
    assert_true(copied.instructions < few.instructions); /* and not the bytes */
    int status;
    ask(&worker, 5);
    close(worker.to);
    assert_int_equal(worker.pid, waitpid(worker.pid, &status, 0));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    close(worker.from);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_exact), cmocka_unit_test(test_nothing_to_count)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
