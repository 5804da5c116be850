/* Conformance of one transport with corps/transport.h: `transport NAME [CASE]`. Passed by every transport; a transport
 * that passes can stand under the core. CORPS_TEST_LARGE=1 makes the very large frame 1 GiB, CORPS_TEST_SEALED=1 seals
 * all links. */
#include "transport_driver.h"

#include "transport_cases.h"

#if __has_include(<execinfo.h>)
#include <execinfo.h>
#endif
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../core/room.h"

enum { CASE_SECONDS = 150 }; /* far beyond what any case takes, also under a sanitizer on a busy machine */

/* A case that hangs says where. */
static void tell_where(int signal_number) {
    (void)signal_number;
#if __has_include(<execinfo.h>)
    void *frames[64];
    backtrace_symbols_fd(frames, backtrace(frames, 64), STDERR_FILENO);
#endif
    static const char text[] = "the case takes too long\n";
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(1);
}

static int set_up(void **state) {
    (void)state;
    signal(SIGALRM, tell_where);
    snprintf(directory, sizeof directory, "/tmp/corps-conformance-XXXXXX");
    alarm(CASE_SECONDS);
    return mkdtemp(directory) == NULL || uv_loop_init(&loop) != 0 ? -1 : 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

static int tear_down(void **state) {
    (void)state;
    alarm(0);
    uv_run(&loop, UV_RUN_NOWAIT);
    /* A handle that its transport has not closed makes this fail. */
    int failed = uv_loop_close(&loop);
    return nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0 || failed != 0 ? -1 : 0;
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static const struct CMUnitTest cases[] = {
    CASE(table_is_complete),
    CASE(table_agrees),
    CASE(roles_are_filled),
    CASE(address_fits),
    CASE(connect_and_accept),
    CASE(close_leaves_nothing),
    CASE(name_in_use),
    CASE(bind_in_use),
    CASE(bind_to_range),
    CASE(connect_to_nobody),
    CASE(discards),
    CASE(order_and_content),
    CASE(sizes),
    CASE(many_segments),
    CASE(full_then_writable),
    CASE(partial_is_resumed),
    CASE(partial_goes_on_with_a_copy),
    CASE(flush_amid_a_frame),
    CASE(batches_keep_order),
    CASE(many_links),
    CASE(send_from_a_thread),
    CASE(loans),
    CASE(loans_large),
    CASE(loans_of_several),
    CASE(loans_of_several_run_out),
    CASE(loans_run_out),
    CASE(loan_of_a_closed_link),
    CASE(stress),
    CASE(frame_before_arm),
    CASE(frames_left_before_arm),
    CASE(frame_after_arm),
    CASE(room_after_arm),
    CASE(connect_after_arm),
    CASE(close_after_arm),
    CASE(word_after_arm),
    CASE(ping_pong_asleep),
    CASE(flood_both_ways),
    CASE(close_in_flight),
    CASE(close_under_a_sender),
    CASE(killed_peer),
    CASE(dies_while_full),
    CASE(dies_while_partial),
    CASE(dies_while_placed),
    CASE(dies_while_held_back),
    CASE(dies_while_flushing),
    CASE(dies_while_connecting),
    CASE(dies_while_others_send),
    CASE(dies_among_many),
    CASE(full_before_connected),
    CASE(no_memory_for_a_frame),
    CASE(shared_descriptors_block),
    CASE(oversize_frame),
    CASE(garbage_on_the_socket),
    CASE(wrong_secret),
    CASE(silent_peer),
    CASE(very_large),
};

/* Each case in a process of its own: there are libraries that cannot be used any more after a fork. */
static int run_all(char *program, char *name) {
    int failed = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            execv("/proc/self/exe", (char *const[]){program, name, (char *)(uintptr_t)cases[i].name, NULL});
            _exit(127);
        }
        int status;
        if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            fprintf(stderr, "transport %s: case %s failed\n", name, cases[i].name);
            failed = 1;
        }
    }
    return failed;
}

int main(int argc, char **argv) {
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: transport NAME [CASE]\n");
        return 2;
    }
    transport = corps_transport_find(argv[1]);
    if (transport == NULL || sodium_init() < 0) {
        fprintf(stderr, "transport: %s\n", corps_error_detail());
        return 2;
    }
    if (argc == 2 && !room_await(argv[1])) { /* for the cases that this process starts, too */
        return 2;
    }
    randombytes_buf(secret, sizeof secret);
    if (argc == 2) {
        return run_all(argv[0], argv[1]);
    }
    cmocka_set_test_filter(argv[2]);
    return cmocka_run_group_tests_name(argv[1], cases, NULL, NULL);
}
