/* Many who only connect: strangers that never say who they are, and peers that open links until the Env has no
 * descriptors left. Who has a link is served all the while, idle costs nothing, and new peers get in again. */
#include "hostile.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { ENV_DESCRIPTORS = 200, STRANGERS = 250, LINKS_MAX = 300 };

static struct rlimit own_limit;

/* The Env inherits the limit that this process has while it is made. */
int set_up_small(void **state) {
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &own_limit), 0);
    struct rlimit small = {.rlim_cur = ENV_DESCRIPTORS, .rlim_max = own_limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
    int failed = set_up(state);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &own_limit), 0);
    honest_call();
    return failed;
}

/* What the Env has used of a processor, in ticks of 10 ms. */
static unsigned long used_ticks(void) {
    char path[64];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)victim.pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    int read = fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    fclose(file);
    assert_int_equal(read, 2);
    return user + system;
}

static void check_idle(const char *attack) {
    honest_call();
    unsigned long used = ULONG_MAX;
    for (unsigned tries = 0; used > 10 && tries < 20; tries++) { /* on a busy machine what there is to do takes long */
        unsigned long before = used_ticks();
        usleep(1000000);
        used = used_ticks() - before;
    }
    printf("# %s: the idle Env used %lu0 ms of 1 s\n", attack, used);
    if (used > 10) {
        fail_msg("%s: the idle Env used %lu0 ms of 1 s", attack, used);
    }
}

static unsigned descriptor_count(void) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%lld/fd", (long long)victim.pid);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    unsigned count = 0;
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

/* ---- strangers ---- */

static int stranger(const char *address) {
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    struct sockaddr_in tcp = {.sin_family = AF_INET};
    bool is_path = address[0] == '/';
    if (is_path) {
        assert_true(strlen(address) < sizeof path.sun_path);
        strcpy(path.sun_path, address);
    } else {
        char host[64];
        unsigned port = 0;
        assert_int_equal(sscanf(address, "%63[^:]:%u", host, &port), 2);
        assert_int_equal(inet_pton(AF_INET, host, &tcp.sin_addr), 1);
        tcp.sin_port = htons((uint16_t)port);
    }
    int fd = socket(is_path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    int failed =
        is_path ? connect(fd, (struct sockaddr *)&path, sizeof path) : connect(fd, (struct sockaddr *)&tcp, sizeof tcp);
    assert_int_equal(failed, 0);
    return fd;
}

void test_strangers(void **state) {
    (void)state;
    int fds[STRANGERS];
    unsigned before = descriptor_count();
    for (unsigned i = 0; i < STRANGERS; i++) {
        fds[i] = stranger(victim.corps->envs[0].address);
    }
    honest_call();
    assert_true(descriptor_count() - before <= ENV_DESCRIPTORS / 4);
    struct raw raw;
    raw_open(&raw, victim.corps);
    raw_meet(&raw); /* a new peer gets in, while they all wait */
    honest_call();
    check_idle("strangers");
    unsigned turned_out = 0;
    for (unsigned i = 0; i < STRANGERS; i++) { /* their time is bounded, whatever they do not do */
        struct pollfd end = {.fd = fds[i], .events = POLLIN};
        turned_out += poll(&end, 1, 60000) == 1;
        close(fds[i]);
    }
    assert_int_equal(turned_out, STRANGERS);
    raw_close(&raw);
    honest_call();
}

/* ---- as many links as there are descriptors ---- */

void test_no_descriptors(void **state) {
    (void)state;
    struct raw raw;
    raw_open(&raw, victim.corps);
    struct corps_link *links[LINKS_MAX] = {0};
    for (unsigned i = 0; i < LINKS_MAX; i++) {
        if (raw.transport->connect(raw.endpoint, victim.corps->envs[0].address, &links[i]) != CORPS_OK) {
            links[i] = NULL;
        }
        uv_run(&raw.loop, UV_RUN_NOWAIT);
    }
    for (unsigned round = 0; round < 200; round++) {
        uv_run(&raw.loop, UV_RUN_NOWAIT);
        struct corps_event event = {0};
        while (raw.transport->poll(raw.endpoint, &event) == CORPS_OK) {
            struct corps_event was = event;
            raw.transport->release(raw.endpoint, &event);
            corps_block_unref(was.block);
            for (unsigned i = 0; i < LINKS_MAX && was.kind == CORPS_EVENT_CLOSED; i++) {
                if (links[i] == was.link) {
                    raw.transport->disconnect(links[i]);
                    links[i] = NULL;
                }
            }
            event = (struct corps_event){0};
        }
        usleep(1000);
    }
    check_idle("no descriptors left");
    honest_call();
    for (unsigned i = 0; i < LINKS_MAX; i++) {
        if (links[i] != NULL) {
            raw.transport->disconnect(links[i]);
        }
    }
    uv_run(&raw.loop, UV_RUN_NOWAIT);
    raw_meet(&raw); /* now there are some again */
    honest_call();
    raw_close(&raw);
}
