#include "fake_agent.h"

#include "fake_fleet.h"
#include "helpers.h"

#include "actor/state.h"
#include "base/clock.h"
#include "base/dir.h"
#include "codec/framed.h"
#include "codec/record.h"
#include "link/far.h"
#include "process/boot.h"
#include "process/control.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { PAGE_BYTES = 4096, ITEMS_MAX = 64, FILE_BYTES_MAX = 1 << 20 };

/* One life of it. */
struct life {
    int pid, env_fd, page_fd;
    _Atomic int64_t *page;
    pthread_t relay;
};

static struct {
    pthread_mutex_t lock; /* of what other threads look at */
    pthread_cond_t released;
    bool holds;
    bool is_owned, is_up;
    uint64_t corps_id;
    char name[64], tag[64];
    uint8_t secret[CORPS_SECRET_BYTES];
    char directory[CORPS__DIR_BYTES]; /* of the present life */
    _Atomic bool is_silent;           /* the creator is told nothing */
    /* The test's thread's. */
    struct corps_box *boot;
    uint64_t epoch;
    unsigned host;
    uint32_t numbers; /* the highest bound that was told */
    int keeper_fd;    /* of the directory */
    int creator_fd;   /* the agent's end */
    struct life now, frozen;
} agent = {.lock = PTHREAD_MUTEX_INITIALIZER, .released = PTHREAD_COND_INITIALIZER, .creator_fd = -1, .keeper_fd = -1};

/* ---- directories ---- */

/* The base of a fake host is a directory of its own, but for the first. */
static void directory_on(unsigned host, char out[CORPS__DIR_BYTES]) {
    char base[CORPS__DIR_BYTES - 32];
    assert_ok(corps__dir_base(base, sizeof base));
    if (host != 1) {
        size_t used = strlen(base);
        snprintf(base + used, sizeof base - used, "-%u-%d", host, (int)getpid());
        (void)mkdir(base, 0700);
    }
    snprintf(out, CORPS__DIR_BYTES, "%s/%016llx", base, (unsigned long long)agent.corps_id);
}

static void leave_directory(void) {
    if (agent.keeper_fd < 0) {
        return;
    }
    close(agent.keeper_fd);
    agent.keeper_fd = -1;
    corps__dir_remove(agent.directory);
    if (agent.host != 1) {
        char base[CORPS__DIR_BYTES];
        snprintf(base, sizeof base, "%s", agent.directory);
        *strrchr(base, '/') = '\0';
        (void)rmdir(base);
    }
}

/* Kept from life to life on one host, as whoever is left of a former one would remove it. */
static void enter_directory(unsigned host) {
    char path[CORPS__DIR_BYTES];
    int lock_fd;
    if (agent.keeper_fd >= 0 && host == agent.host) {
        return;
    }
    leave_directory();
    directory_on(host, path);
    assert_ok(corps__dir_create(path, &lock_fd));
    assert_ok(corps__dir_keep(path, &agent.keeper_fd));
    close(lock_fd);
    pthread_mutex_lock(&agent.lock);
    memcpy(agent.directory, path, sizeof path);
    pthread_mutex_unlock(&agent.lock);
    agent.host = host;
}

/* Nobody finds it here. */
static void unpublish(void) {
    char path[CORPS__DIR_BYTES + 16];
    snprintf(path, sizeof path, "%s/%s", agent.directory, CORPS__KNOWN_FILE);
    (void)unlink(path);
}

/* ---- Env 0 ---- */

static void say(int fd, const char *word, const char *text) {
    const struct corps_value items[2] = {corps_str(word), corps_str(text)};
    const struct corps_value record = corps_array(items, 2);
    (void)!corps__control_write(fd, &record);
}

static void *relay(void *arg) {
    const int fd = *(int *)arg;
    free(arg);
    for (;;) {
        struct corps_box *box;
        if (corps__control_read(fd, INT64_C(1000000000) * 3600, &box) != CORPS_OK) {
            return NULL;
        }
        const struct corps_value *record = corps_box_root(box);
        if (corps__record_is(record, "numbers") && record->count == 3) {
            uint32_t bound = (uint32_t)corps__record_int(record, 2, 0);
            agent.numbers = bound > agent.numbers ? bound : agent.numbers;
        } else if (corps__record_is(record, "ready")) {
            pthread_mutex_lock(&agent.lock);
            agent.is_up = true;
            pthread_mutex_unlock(&agent.lock);
        }
        if (!agent.is_silent) {
            (void)!corps__control_write(agent.creator_fd, record);
        }
        corps_box_unref(box);
    }
}

static void launch(void) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    int far_fd = fcntl(pair[1], F_DUPFD_CLOEXEC, 20), page_fd = fcntl(agent.now.page_fd, F_DUPFD_CLOEXEC, 20);
    close(pair[1]);
    size_t count = 0;
    while (environ[count] != NULL) {
        count++;
    }
    char **variables = calloc(count + 3, sizeof *variables);
    static char fd_text[] = CORPS__BOOT_VARIABLE "=3", page_text[] = "CORPS_GRANT_FD=4", name[] = "env-0";
    variables[0] = fd_text;
    variables[1] = page_text;
    memcpy(variables + 2, environ, count * sizeof *variables);
    char *argv[] = {name, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, far_fd, 3);
    posix_spawn_file_actions_adddup2(&actions, page_fd, 4);
    posix_spawn_file_actions_addclosefrom_np(&actions, 5);
    assert_int_equal(posix_spawn(&agent.now.pid, "/proc/self/exe", &actions, NULL, argv, variables), 0);
    posix_spawn_file_actions_destroy(&actions);
    free(variables);
    close(far_fd);
    close(page_fd);
    agent.now.env_fd = pair[0];
}

/* The record as on this host, in this life. */
static void send_boot(unsigned host) {
    const struct corps_value *root = corps_value_open(corps_box_root(agent.boot));
    struct corps_value items[ITEMS_MAX];
    memcpy(items, root->items, root->count * sizeof *items);
    char address[32];
    snprintf(address, sizeof address, "127.0.0.%u", host);
    items[4] = corps_str(agent.directory);
    items[10] = corps_int((int64_t)corps__incarnation((uint32_t)agent.epoch - 1, 1));
    if (agent.epoch > 1) {
        uint32_t page = agent.numbers / CORPS__CONC_PAGE + 20000; /* far above: more than the table has pages */
        items[11] = corps_int((int64_t)page * CORPS__CONC_PAGE);
        agent.numbers = page * CORPS__CONC_PAGE;
    }
    items[12] = corps_int(host);
    items[13] = corps_str(address);
    const struct corps_value record = corps_array(items, root->count);
    assert_ok(corps__control_write(agent.now.env_fd, &record));
}

void fake_agent_begin_life(unsigned host) {
    agent.epoch++;
    enter_directory(host);
    agent.now.page_fd = memfd_create("page", MFD_CLOEXEC);
    assert_int_equal(ftruncate(agent.now.page_fd, PAGE_BYTES), 0);
    agent.now.page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, agent.now.page_fd, 0);
    fake_agent_grant(INT64_MAX);
    launch();
    send_boot(host);
    if (agent.epoch > 1) {
        const struct corps_value word = corps_str("go");
        const struct corps_value record = corps_array(&word, 1);
        assert_ok(corps__control_write(agent.now.env_fd, &record));
    }
    int *fd = malloc(sizeof *fd);
    *fd = agent.now.env_fd;
    assert_int_equal(pthread_create(&agent.now.relay, NULL, relay, fd), 0);
}

static void free_life(struct life *life) {
    pthread_join(life->relay, NULL);
    close(life->env_fd);
    munmap((void *)life->page, PAGE_BYTES);
    close(life->page_fd);
    *life = (struct life){0};
}

void fake_agent_end_life(bool in_order) {
    pthread_mutex_lock(&agent.lock);
    agent.is_up = false;
    pthread_mutex_unlock(&agent.lock);
    if (in_order) {
        const struct corps_value word = corps_str("move");
        const struct corps_value record = corps_array(&word, 1);
        assert_ok(corps__control_write(agent.now.env_fd, &record));
    } else {
        kill(agent.now.pid, SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(agent.now.pid, &status, 0), agent.now.pid);
    assert_true(in_order ? WIFEXITED(status) && WEXITSTATUS(status) == 0 : !WIFEXITED(status));
    fake_agent_grant(0);
    say(agent.creator_fd, "restarts", "Env 0 was lost");
    free_life(&agent.now);
    unpublish();
}

void fake_agent_freeze(void) {
    kill(agent.now.pid, SIGSTOP);
    pthread_mutex_lock(&agent.lock);
    agent.is_up = false;
    pthread_mutex_unlock(&agent.lock);
    agent.is_silent = true;
    agent.frozen = agent.now;
}

void fake_agent_kill_frozen(void) {
    kill(agent.frozen.pid, SIGKILL);
    assert_int_equal(waitpid(agent.frozen.pid, NULL, 0), agent.frozen.pid);
    free_life(&agent.frozen);
    agent.is_silent = false;
}

void fake_agent_next(bool in_order, unsigned host) {
    fake_agent_end_life(in_order);
    fake_agent_begin_life(host);
}

int fake_agent_pid(void) {
    return agent.now.pid;
}

void fake_agent_grant(int64_t until_ns) {
    atomic_store(agent.now.page, until_ns);
}

void fake_agent_hold(bool on) {
    pthread_mutex_lock(&agent.lock);
    agent.holds = on;
    pthread_cond_broadcast(&agent.released);
    pthread_mutex_unlock(&agent.lock);
}

void fake_agent_forget(void) {
    int status;
    (void)waitpid(agent.now.pid, &status, 0);
    free_life(&agent.now);
    leave_directory();
    corps_box_unref(agent.boot);
    agent.epoch = 0;
    agent.numbers = 0;
    int fd = agent.creator_fd;
    pthread_mutex_lock(&agent.lock);
    agent.is_owned = agent.is_up = false; /* last: from here on there may be another one */
    pthread_mutex_unlock(&agent.lock);
    const struct corps_value items[3] = {corps_str("over"), corps_int(WIFEXITED(status) && WEXITSTATUS(status) == 0),
                                         corps_str("Env 0 has ended")};
    const struct corps_value record = corps_array(items, 3);
    (void)!corps__control_write(fd, &record);
    close(fd);
}

/* ---- what the library asks it ---- */

/* The creator says "exit": once, then Env 0's end is the Corps'. */
static void *take_exit(void *unused) {
    (void)unused;
    struct corps_box *box;
    if (corps__control_read(agent.creator_fd, INT64_C(1000000000) * 3600, &box) == CORPS_OK) {
        (void)!corps__control_write(agent.now.env_fd, corps_box_root(box));
        corps_box_unref(box);
        fake_agent_forget();
    }
    return NULL;
}

static enum corps_err own(const struct corps *corps, const uint8_t *boot, size_t bytes, int *control_fd) {
    if (agent.is_owned && strcmp(agent.name, corps->settings.singleton) == 0) {
        return corps_error_set(CORPS_ERR_AGAIN, "Corps %016llx on host 1", (unsigned long long)agent.corps_id);
    }
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_ok(corps__framed_decode(boot + 4, bytes - 4, &agent.boot));
    agent.corps_id = corps->id;
    memcpy(agent.secret, corps->secret, sizeof agent.secret);
    memcpy(agent.name, corps->settings.singleton, sizeof agent.name);
    memcpy(agent.tag, corps->settings.tag, sizeof agent.tag);
    agent.creator_fd = pair[0];
    agent.is_owned = true;
    fake_agent_begin_life(1);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, take_exit, NULL), 0);
    pthread_detach(thread);
    *control_fd = pair[1];
    return CORPS_OK;
}

static enum corps_err known(uint64_t corps_id, struct corps__far_known *told) {
    char path[CORPS__DIR_BYTES + 16];
    pthread_mutex_lock(&agent.lock);
    while (agent.holds) {
        pthread_cond_wait(&agent.released, &agent.lock);
    }
    bool is_owned = agent.is_owned && agent.corps_id == corps_id, is_up = agent.is_up;
    snprintf(path, sizeof path, "%s/%s", agent.directory, CORPS__KNOWN_FILE);
    pthread_mutex_unlock(&agent.lock);
    if (!is_owned) {
        return corps_error_set(CORPS_ERR_EXITED, "there is no Corps %016llx", (unsigned long long)corps_id);
    }
    int fd = is_up ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    uint8_t *data = fd >= 0 ? malloc(FILE_BYTES_MAX) : NULL;
    ssize_t done = data != NULL ? read(fd, data, FILE_BYTES_MAX) : 0;
    *told = (struct corps__far_known){.host = is_up ? 1 : 0, .data = data, .bytes = done > 0 ? (size_t)done : 0};
    if (fd >= 0) {
        close(fd);
    }
    return CORPS_OK;
}

static enum corps_err identify(uint64_t corps_id, uint32_t *here, uint8_t secret[CORPS_SECRET_BYTES]) {
    (void)corps_id;
    *here = 1;
    memcpy(secret, agent.secret, CORPS_SECRET_BYTES);
    return CORPS_OK;
}

static enum corps_err named(const char *name, uint64_t *corps_id) {
    *corps_id = agent.corps_id;
    return agent.is_owned && strcmp(name, agent.name) == 0
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_UNKNOWN, "there is no singleton '%s'", name);
}

static enum corps_err fronts(const char *tag, void (*each)(uint64_t corps_id, void *arg), void *arg) {
    if (agent.is_owned && (tag == NULL || strcmp(tag, agent.tag) == 0)) {
        each(agent.corps_id, arg);
    }
    return CORPS_OK;
}

static enum corps_err end(uint64_t corps_id) {
    (void)corps_id;
    return CORPS_OK;
}

void fake_agent_begin(void) {
    static const struct corps__far_ops ops = {
        .known = known, .identify = identify, .named = named, .fronts = fronts, .end = end};
    fake_fleet_set();
    fake_owner = own;
    corps__far_set(&ops);
}
