/* corps-agent, as an owner meets it: it starts what is ordered, passes on what the Env's control channel says, tells
 * how it ends, and ends what nobody grants time to; and a channel loses nothing and repeats nothing, wherever its
 * connections are cut. The Env is this program: one that echoes its control channel, or a real one. */
#include "owner.h"

#include "codec/framed.h"
#include "codec/record.h"
#include "process/control.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char *agent_program;
static struct stage stage;

static int setup(void **state) {
    (void)state;
    stage_begin(&stage, agent_program, 2);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    stage_end(&stage);
    return 0;
}

/* ---- what is waited for ---- */

static bool has_begun(void *arg) {
    return ((struct owner_env *)arg)->pid != 0;
}

static bool has_ended(void *arg) {
    return ((struct owner_env *)arg)->ended;
}

static bool was_refused(void *arg) {
    return ((struct owner_env *)arg)->refused != 0;
}

static unsigned wanted_alive;
static bool has_asked(void *arg) {
    return ((struct owner *)arg)->alive >= wanted_alive;
}

static bool is_gone(void *arg) {
    return ((struct owner *)arg)->gone;
}

static size_t wanted_bytes;
static bool has_bytes(void *arg) {
    return ((struct owner_env *)arg)->bytes >= wanted_bytes;
}

static void boot(struct owner *owner, unsigned env, uint64_t incarnation, const char *mode) {
    size_t bytes;
    uint8_t *record = owner_boot_record(owner, env, &bytes);
    owner_order(owner, env, incarnation, mode);
    /* In two pieces: the record is put together by the agent. */
    owner_send(owner, "send", env, incarnation, record, 7);
    owner_send(owner, "send", env, incarnation, record + 7, bytes - 7);
    free(record);
}

/* ---- cases ---- */

static void test_relay(void **state) {
    (void)state;
    struct owner owner;
    owner_begin(&owner, 0);
    boot(&owner, 1, 1, "echo");
    owner_order(&owner, 1, 1, "echo"); /* asked twice */
    owner_send(&owner, "send", 1, 1, "hello", 5);
    wanted_bytes = 5;
    owner_until(&owner, has_bytes, &owner.envs[1]);
    assert_int_equal(owner.envs[1].bytes, 5);
    assert_memory_equal(owner.envs[1].stream, "hello", 5);
    assert_true(owner.envs[1].pid > 0);
    owner_send(&owner, "end", 1, 1, NULL, 0);
    owner_until(&owner, has_ended, &owner.envs[1]);
    assert_int_equal(owner.envs[1].end, CORPS__END_IN_ORDER);
    assert_non_null(strstr(owner.envs[1].text, "exited with status 0 on host 2 (there)"));
    owner_end(&owner);
}

static void test_killed(void **state) {
    (void)state;
    struct owner owner;
    owner_begin(&owner, 0);
    boot(&owner, 1, 1, "echo");
    owner_until(&owner, has_begun, &owner.envs[1]);
    owner_send(&owner, "kill", 1, 1, NULL, 0);
    owner_until(&owner, has_ended, &owner.envs[1]);
    assert_int_equal(owner.envs[1].end, CORPS__END_SIGNAL);
    assert_non_null(strstr(owner.envs[1].text, "SIGKILL"));
    owner_end(&owner);
}

/* The next incarnation begins once the former has ended: two never run at once. */
static void test_replaced(void **state) {
    (void)state;
    struct owner owner;
    owner_begin(&owner, 0);
    boot(&owner, 1, 1, "echo");
    owner_until(&owner, has_begun, &owner.envs[1]);
    int former = owner.envs[1].pid;
    owner.envs[1].pid = 0;
    boot(&owner, 1, 2, "echo");
    owner_until(&owner, has_begun, &owner.envs[1]);
    assert_true(owner.envs[1].ended && owner.envs[1].pid != former);
    assert_int_equal(kill(former, 0), -1);
    owner_end(&owner);
}

static void test_refused(void **state) {
    (void)state;
    struct owner owner;
    owner_begin(&owner, 0);
    owner_order(&owner, 1, 1, "other");
    owner_until(&owner, was_refused, &owner.envs[1]);
    assert_int_equal(owner.envs[1].refused, CORPS_ERR_INVALID);
    assert_non_null(strstr(owner.envs[1].text, "is another one here (hash "));
    boot(&owner, 1, 2, "echo");
    boot(&owner, 2, 1, "echo");
    boot(&owner, 3, 1, "echo");
    owner_until(&owner, was_refused, &owner.envs[3]);
    assert_int_equal(owner.envs[3].refused, CORPS_ERR_LIMIT);
    assert_non_null(strstr(owner.envs[3].text, "host 2 (there): its 2 slots are used up"));
    owner_end(&owner);
}

/* Nobody grants time: its Envs end, and the owner hears of it when it comes. */
static void test_no_grant(void **state) {
    (void)state;
    struct owner owner;
    owner_begin(&owner, 0);
    boot(&owner, 1, 1, "echo");
    owner_until(&owner, has_begun, &owner.envs[1]);
    owner.grants = false;
    owner_until(&owner, has_ended, &owner.envs[1]);
    assert_int_equal(owner.envs[1].end, CORPS__END_DISPLACED);
    assert_non_null(strstr(owner.envs[1].text, "has not been heard for 2.4 s"));
    owner_end(&owner);
}

/* What is still to be started waits for time. */
static void test_begins_with_a_grant(void **state) {
    (void)state;
    struct owner owner;
    owner_begin(&owner, 0);
    owner.grants = false;
    boot(&owner, 1, 1, "echo");
    wanted_alive = 3;
    owner_until(&owner, has_asked, &owner);
    assert_int_equal(owner.envs[1].pid, 0);
    owner.grants = true;
    owner_until(&owner, has_begun, &owner.envs[1]);
    owner_end(&owner);
}

static bool is_zombie(int pid) {
    char path[64], line[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return true;
    }
    bool read_it = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    const char *state = strrchr(line, ')');
    return !read_it || state == NULL || state[2] == 'Z';
}

/* Agent and Env are stopped together, or the agent alone: the Env looks itself, and ends. */
static void test_stopped_agent(void **state) {
    (void)state;
    struct owner owner;
    owner_begin(&owner, 0);
    boot(&owner, 1, 1, "env");
    wanted_bytes = 8;
    owner_until(&owner, has_bytes, &owner.envs[1]);
    kill(stage.agent_pid, SIGSTOP);
    for (int i = 0; i < 400 && !is_zombie(owner.envs[1].pid); i++) {
        (void)poll(NULL, 0, 50); /* at most 20 s */
    }
    bool ended_itself = is_zombie(owner.envs[1].pid);
    kill(stage.agent_pid, SIGCONT);
    assert_true(ended_itself);
    owner_until(&owner, has_ended, &owner.envs[1]);
    assert_int_equal(owner.envs[1].end, CORPS__END_DISPLACED);
    owner_end(&owner);
}

/* The owner says goodbye, or dies: what it had is gone, and another Corps can be there. */
static void test_owner_leaves(void **state) {
    (void)state;
    struct owner owner;
    owner_begin(&owner, 0);
    boot(&owner, 1, 1, "echo");
    boot(&owner, 2, 1, "echo");
    owner_until(&owner, has_begun, &owner.envs[2]);
    owner_end(&owner);
    owner_begin(&owner, 0);
    for (uint64_t incarnation = 1; owner.envs[1].pid == 0; incarnation++) {
        owner.envs[1].refused = 0; /* as long as both slots are used */
        boot(&owner, 1, incarnation, "echo");
        while (owner.envs[1].pid == 0 && owner.envs[1].refused == 0) {
            uv_run(owner.loop, UV_RUN_ONCE);
        }
    }
    owner_end(&owner);
}

/* An owner that was given up, and does not know that, is refused where a later life of its Corps is. */
static void test_former_owner(void **state) {
    (void)state;
    struct owner former;
    owner_begin(&former, 0);
    boot(&former, 1, 1, "echo");
    owner_until(&former, has_begun, &former.envs[1]);
    struct owner later = former;
    memset(later.envs, 0, sizeof later.envs);
    later.life = 1;
    owner_connect(&later);
    boot(&later, 1, UINT64_C(1) << 32 | 1, "echo");
    owner_until(&later, has_begun, &later.envs[1]);
    owner_end(&former);
    memset(former.envs, 0, sizeof former.envs);
    former.gone = false;
    owner_connect(&former);
    owner_until(&former, is_gone, &former);
    assert_int_equal(former.gone_err, CORPS_ERR_CLOSED);
    assert_non_null(strstr(former.gone_why, "serves a later life of this Corps"));
    assert_false(later.envs[1].ended || later.gone);
    owner_end(&former);
    owner_end(&later);
}

static void test_agent_is_another(void **state) {
    (void)state;
    struct owner owner;
    owner_begin(&owner, 0);
    boot(&owner, 1, 1, "echo");
    owner_until(&owner, has_begun, &owner.envs[1]);
    stage_end_agent(&stage, SIGKILL);
    stage_start_agent(&stage);
    owner_until(&owner, is_gone, &owner);
    assert_int_equal(owner.gone_err, CORPS_ERR_WORKER_LOST);
    assert_string_equal(owner.gone_why, "the agent of host 2 (there) was started again");
    owner_end(&owner);
}

/* The agent tells both hashes. */
static void test_other_file(void **state) {
    (void)state;
    struct owner owner;
    owner_begin(&owner, 0);
    corps__channel_close(owner.channel);
    owner.hash[0] ^= 1;
    owner_connect(&owner);
    owner_until(&owner, is_gone, &owner);
    assert_int_equal(owner.gone_err, CORPS_ERR_INVALID);
    assert_non_null(strstr(owner.gone_why, "the hosts file of host 2 (there) says something else (hash "));
    owner_end(&owner);
}

/* Wherever the connection is cut, everything comes, once, in order. */
static void test_cuts(void **state) {
    (void)state;
    struct owner owner;
    uint16_t port;
    struct door *door = door_open(uv_default_loop(), stage.port, &port);
    owner_begin(&owner, port);
    boot(&owner, 1, 1, "echo");
    owner_until(&owner, has_begun, &owner.envs[1]);
    size_t sent = 0;
    uint32_t word = 0;
    const char *seal = getenv("CORPS_SEAL"); /* then more has to pass before the first record can */
    size_t first = seal != NULL && strcmp(seal, "always") == 0 ? 4000 : 1200;
    for (size_t after = first; after < first + 100; after += 9) {
        door_shut_after(door, after);
        for (int i = 0; i < 20; i++, word++) {
            owner_send(&owner, "send", 1, 1, &word, sizeof word);
            sent += sizeof word;
        }
        wanted_bytes = sent;
        owner_until(&owner, has_bytes, &owner.envs[1]);
    }
    door_shut_after(door, 0);
    assert_int_equal(owner.envs[1].bytes, sent);
    for (uint32_t i = 0; i < word; i++) {
        assert_memory_equal(owner.envs[1].stream + 4 * i, &i, 4);
    }
    assert_true(door_shut_count(door) >= 5);
    owner_end(&owner);
    door_close(door);
}

/* Streams of megabytes pass both ways, though neither side keeps much. */
static void test_much(void **state) {
    (void)state;
    struct owner owner;
    owner_begin(&owner, 0);
    boot(&owner, 1, 1, "echo");
    enum { PIECE = 1 << 16, PIECES = 400 };
    uint8_t *piece = malloc(PIECE);
    for (unsigned i = 0; i < PIECES; i++) {
        memset(piece, (int)i, PIECE);
        while (!corps__channel_has_room(owner.channel)) {
            uv_run(owner.loop, UV_RUN_ONCE);
        }
        owner_send(&owner, "send", 1, 1, piece, PIECE);
    }
    wanted_bytes = (size_t)PIECE * PIECES;
    owner_until(&owner, has_bytes, &owner.envs[1]);
    for (unsigned i = 0; i < PIECES; i++) {
        assert_int_equal(owner.envs[1].stream[(size_t)i * PIECE + i], (uint8_t)i);
    }
    free(piece);
    owner_end(&owner);
}

/* A real Env boots, and says where it is reached from its own host and from others. */
static void test_real_env(void **state) {
    (void)state;
    struct owner owner;
    owner_begin(&owner, 0);
    boot(&owner, 1, 1, "env");
    wanted_bytes = 8;
    owner_until(&owner, has_bytes, &owner.envs[1]);
    uint32_t length;
    memcpy(&length, owner.envs[1].stream, 4);
    wanted_bytes = 4 + (size_t)length;
    owner_until(&owner, has_bytes, &owner.envs[1]);
    struct corps_box *box;
    assert_int_equal(corps__framed_decode(owner.envs[1].stream + 4, length, &box), CORPS_OK);
    char far[128];
    if (!corps__record_is(corps_box_root(box), "ready")) {
        char text[200];
        corps__record_text(corps_box_root(box), 3, text, sizeof text);
        fail_msg("the Env is not ready: %s", text);
    }
    corps__record_text(corps_box_root(box), 3, far, sizeof far);
    assert_non_null(strstr(far, "127.0.0.2:"));
    corps_box_unref(box);
    owner_send(&owner, "end", 1, 1, NULL, 0);
    owner_until(&owner, has_ended, &owner.envs[1]);
    owner_end(&owner);
}

/* SIGTERM: the Envs end in order, their owners are told, then the agent ends. */
static void test_terminated(void **state) {
    (void)state;
    struct owner owner;
    owner_begin(&owner, 0);
    boot(&owner, 1, 1, "echo");
    owner_until(&owner, has_begun, &owner.envs[1]);
    kill(stage.agent_pid, SIGTERM);
    owner_until(&owner, has_ended, &owner.envs[1]);
    assert_int_equal(owner.envs[1].end, CORPS__END_DISPLACED);
    assert_non_null(strstr(owner.envs[1].text, "exited with status 0 on host 2 (there): its agent ended"));
    assert_int_equal(stage_end_agent(&stage, 0), 0);
    owner_end(&owner);
    stage_start_agent(&stage); /* for the teardown, and since it can be */
}

/* A person says it, at the agent's own host. */
static void drain(const char *option) {
    int status = -1, pid = fork();
    if (pid == 0) {
        execl(agent_program, "corps-agent", option, "there", (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* A drained host ends in order what it has, refuses what is ordered, and takes Envs again when it is told so. */
static void test_drained(void **state) {
    (void)state;
    struct owner owner;
    owner_begin(&owner, 0);
    boot(&owner, 1, 1, "echo");
    owner_until(&owner, has_begun, &owner.envs[1]);
    drain("--drain");
    owner_until(&owner, has_ended, &owner.envs[1]);
    assert_int_equal(owner.envs[1].end, CORPS__END_DISPLACED);
    assert_non_null(strstr(owner.envs[1].text, "exited with status 0 on host 2 (there): its host is drained"));
    boot(&owner, 2, 1, "echo");
    owner_until(&owner, was_refused, &owner.envs[2]);
    assert_int_equal(owner.envs[2].refused, CORPS_ERR_LIMIT);
    assert_non_null(strstr(owner.envs[2].text, "host 2 (there): it is drained"));
    drain("--undrain");
    boot(&owner, 2, 2, "echo");
    owner_until(&owner, has_begun, &owner.envs[2]);
    owner_end(&owner);
}

int main(int argc, char **argv) {
    owner_child(argc, argv);
    static const struct corps_class *const none[] = {NULL};
    corps_start(none); /* of a real Env */
    assert_in_range(argc, 2, 3);
    agent_program = argv[1];
    cmocka_set_test_filter(argc == 3 ? argv[2] : NULL);
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_relay),         CASE(test_killed),       CASE(test_replaced),
        CASE(test_refused),       CASE(test_no_grant),     CASE(test_begins_with_a_grant),
        CASE(test_stopped_agent), CASE(test_owner_leaves), CASE(test_agent_is_another),
        CASE(test_other_file),    CASE(test_cuts),         CASE(test_much),
        CASE(test_real_env),      CASE(test_terminated),   CASE(test_drained),
        CASE(test_former_owner),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
