#include "owner.h"

#include "codec/config.h"
#include "codec/framed.h"
#include "codec/record.h"
#include "hosts/desk.h"
#include "process/control.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define AGENT_ADDRESS "127.0.0.2"
enum { PATIENCE_MS = 20000, FIRST_ENV_INCARNATION = 1 };

static const char *agent_path;

_Noreturn static void give_up(const char *what) {
    fprintf(stderr, "%s: %s (%s)\n", what, corps_error_detail(), strerror(errno));
    _exit(99);
}

/* ---- the agent ---- */

static uint16_t free_port(const char *address) {
    struct sockaddr_in where = {.sin_family = AF_INET};
    socklen_t bytes = sizeof where;
    inet_pton(AF_INET, address, &where.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&where, sizeof where) != 0 ||
        getsockname(fd, (struct sockaddr *)&where, &bytes) != 0) {
        give_up("no free port");
    }
    close(fd);
    return ntohs(where.sin_port);
}

void stage_start_agent(struct stage *stage) {
    char hosts[128], key[128], socket_path[128];
    snprintf(hosts, sizeof hosts, "%s/hosts", stage->path);
    snprintf(key, sizeof key, "%s/key", stage->path);
    snprintf(socket_path, sizeof socket_path, "%s/agent", stage->path);
    stage->agent_pid = fork();
    if (stage->agent_pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* it ends with this test, however that ends */
        int said = open(stage->said, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(said, STDERR_FILENO);
        setenv("XDG_RUNTIME_DIR", stage->path, 1);
        execl(agent_path, "corps-agent", "--hosts", hosts, "--key", key, "--number", "2", "--socket", socket_path,
              "--as-root", (char *)NULL);
        _exit(127);
    }
    setenv("CORPS_AGENT", socket_path, 1);
    struct corps__hosts *list = NULL;
    for (int i = 0; i < 500 && corps__desk_hosts(&list) != CORPS_OK; i++) {
        (void)poll(NULL, 0, 20); /* until it serves */
    }
    if (list == NULL) {
        give_up("the agent does not serve");
    }
    free(list);
}

void stage_begin(struct stage *stage, const char *agent_program, unsigned slots) {
    agent_path = agent_program;
    snprintf(stage->path, sizeof stage->path, "/tmp/corps-hosts-XXXXXX");
    if (mkdtemp(stage->path) == NULL || sodium_init() < 0) {
        give_up("no directory");
    }
    char path[128];
    snprintf(stage->said, sizeof stage->said, "%s/said", stage->path);
    snprintf(path, sizeof path, "%s/hosts", stage->path);
    stage->port = free_port(AGENT_ADDRESS);
    FILE *file = fopen(path, "w");
    fprintf(file, "1 here 127.0.0.1:7 4\n2 there %s:%u %u\n", AGENT_ADDRESS, stage->port, slots);
    fclose(file);
    snprintf(path, sizeof path, "%s/key", stage->path);
    if (corps__key_make(path) != CORPS_OK) {
        give_up("no key");
    }
    stage_start_agent(stage);
}

int stage_end_agent(struct stage *stage, int signal_number) {
    int status = -1;
    if (stage->agent_pid > 0) {
        kill(stage->agent_pid, signal_number);
        waitpid(stage->agent_pid, &status, 0);
    }
    stage->agent_pid = 0;
    return status;
}

void stage_end(struct stage *stage) {
    (void)stage_end_agent(stage, SIGTERM);
    char base[128];
    snprintf(base, sizeof base, "%s/corps", stage->path);
    DIR *dir = opendir(base);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] != '.') {
            fprintf(stderr, "left behind: %s/%s\n", base, entry->d_name);
            _exit(98);
        }
    }
    if (dir != NULL) {
        closedir(dir);
        rmdir(base);
    }
    static const char *const names[] = {"hosts", "key", "said", "agent"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(base, sizeof base, "%s/%s", stage->path, names[i]);
        unlink(base);
    }
    if (rmdir(stage->path) != 0) {
        give_up(stage->path);
    }
}

/* ---- the channel ---- */

static void on_record(void *arg, const struct corps_value *record) {
    struct owner *owner = arg;
    if (corps__record_is(record, "alive")) {
        owner->alive++;
        const struct corps_value items[] = {corps_str("grant"), corps_int(corps__record_int(record, 1, 0))};
        const struct corps_value grant = corps_array(items, 2);
        if (owner->grants && corps__channel_send(owner->channel, &grant) != CORPS_OK) {
            give_up("no grant");
        }
        return;
    }
    struct owner_env *env = &owner->envs[corps__record_int(record, 1, 0) % OWNER_ENVS];
    if (corps__record_is(record, "begun")) {
        env->pid = (int)corps__record_int(record, 3, 0);
    } else if (corps__record_is(record, "refused")) {
        env->refused = (int)corps__record_int(record, 3, 0);
        corps__record_text(record, 4, env->text, sizeof env->text);
    } else if (corps__record_is(record, "ended")) {
        env->ended = true;
        env->end = (int)corps__record_int(record, 4, -1);
        corps__record_text(record, 3, env->text, sizeof env->text);
    } else if (corps__record_is(record, "data")) {
        const struct corps_value *data = corps_value_item(record, 3);
        env->stream = realloc(env->stream, env->bytes + data->count);
        memcpy(env->stream + env->bytes, data->bin, data->count);
        env->bytes += data->count;
    }
}

static void on_gone(void *arg, enum corps_err err, const char *why) {
    struct owner *owner = arg;
    owner->gone = true;
    owner->gone_err = err;
    snprintf(owner->gone_why, sizeof owner->gone_why, "%s", why);
}

static const struct corps__channel_ops ops = {.record = on_record, .gone = on_gone};

void owner_begin(struct owner *owner, uint16_t port) {
    *owner = (struct owner){.grants = true, .loop = uv_default_loop()};
    struct corps__hosts *hosts;
    randombytes_buf(&owner->corps_id, sizeof owner->corps_id);
    if (corps__desk_hosts(&hosts) != CORPS_OK || corps__desk_key(owner->corps_id, 2, owner->key) != CORPS_OK) {
        give_up("the desk");
    }
    memcpy(owner->hash, hosts->hash, sizeof owner->hash);
    owner->host = *corps__hosts_find(hosts, 2);
    if (port != 0) {
        snprintf(owner->host.address, sizeof owner->host.address, "127.0.0.1");
        owner->host.port = port;
    }
    free(hosts);
    owner_connect(owner);
}

void owner_connect(struct owner *owner) {
    if (corps__channel_connect(owner->loop, &owner->host, owner->corps_id, owner->life, owner->key, owner->hash, &ops,
                               owner, &owner->channel) != CORPS_OK) {
        give_up("no channel");
    }
}

void owner_end(struct owner *owner) {
    corps__channel_close(owner->channel);
    for (int i = 0; i < 4; i++) {
        uv_run(owner->loop, UV_RUN_NOWAIT);
    }
    for (unsigned i = 0; i < OWNER_ENVS; i++) {
        free(owner->envs[i].stream);
    }
}

static void on_patience(uv_timer_t *timer) {
    *(bool *)timer->data = true;
}

static void forget_timer(uv_handle_t *handle) {
    free(handle);
}

void owner_until(struct owner *owner, bool (*done)(void *arg), void *arg) {
    uv_timer_t *timer = malloc(sizeof *timer);
    bool over = false;
    uv_timer_init(owner->loop, timer);
    timer->data = &over;
    uv_update_time(owner->loop);
    uv_timer_start(timer, on_patience, PATIENCE_MS, 0);
    while (!done(arg) && !over) {
        uv_run(owner->loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)timer, forget_timer);
    uv_run(owner->loop, UV_RUN_NOWAIT);
    if (over && !done(arg)) {
        fprintf(stderr, "it did not come within %d s; the channel: %s\n", PATIENCE_MS / 1000,
                corps__channel_trouble(owner->channel));
        abort();
    }
}

static void send_it(struct owner *owner, const struct corps_value *items, size_t count) {
    const struct corps_value record = corps_array(items, count);
    if (corps__channel_send(owner->channel, &record) != CORPS_OK) {
        give_up("cannot send");
    }
}

static void hash_self(char path[256], uint8_t hash[32]) {
    ssize_t length = readlink("/proc/self/exe", path, 255);
    path[length] = '\0';
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, 32);
    static uint8_t buffer[1 << 16];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    for (ssize_t got; (got = read(fd, buffer, sizeof buffer)) > 0;) {
        crypto_generichash_update(&state, buffer, (size_t)got);
    }
    close(fd);
    crypto_generichash_final(&state, hash, 32);
}

void owner_order(struct owner *owner, unsigned env, uint64_t incarnation, const char *mode) {
    char path[256];
    uint8_t hash[32];
    hash_self(path, hash);
    if (strcmp(mode, "other") == 0) {
        hash[0] ^= 1;
    }
    const struct corps_value argv[] = {corps_str(path), corps_str(mode)};
    const struct corps_entry environment[] = {{corps_str("OWNER_SAYS"), corps_str("this")}};
    const struct corps_entry launch[] = {
        {corps_str("program"), corps_str(path)},           {corps_str("hash"), corps_bin(hash, sizeof hash)},
        {corps_str("argv"), corps_array(argv, 2)},         {corps_str("cwd"), corps_str("/nowhere/at/all")},
        {corps_str("environ"), corps_map(environment, 1)},
    };
    const struct corps_value items[] = {corps_str("order"), corps_int(env), corps_int((int64_t)incarnation),
                                        corps_map(launch, sizeof launch / sizeof launch[0])};
    send_it(owner, items, 4);
}

void owner_send(struct owner *owner, const char *word, unsigned env, uint64_t incarnation, const void *data,
                size_t bytes) {
    const struct corps_value items[] = {corps_str(word), corps_int(env), corps_int((int64_t)incarnation),
                                        corps_bin(data, bytes)};
    send_it(owner, items, data != NULL ? 4 : 3);
}

uint8_t *owner_boot_record(struct owner *owner, unsigned env, size_t *bytes) {
    struct corps__settings settings;
    struct corps_options own, given = {.env_count = OWNER_ENVS, .transport = "unix"};
    const struct corps_options *options = corps__options_take(&given, &own);
    struct corps_box *box = corps_box_create();
    struct corps_value map;
    if (options == NULL || corps__settings_decide(options, &settings) != CORPS_OK ||
        corps__settings_encode(&settings, box, &map) != CORPS_OK) {
        give_up("no settings");
    }
    const uint8_t nothing[32] = {0};
    const struct corps_value items[] = {
        corps_str("boot"),
        corps_int((int64_t)owner->corps_id),
        corps_int(env),
        map,
        corps_str("/not/here"),
        corps_bin(nothing, 32),
        corps_nil(),
        corps_nil(),
        corps_nil(),
        corps_nil(),
        corps_int(FIRST_ENV_INCARNATION),
        corps_nil(),
        corps_int(1),
        corps_str(""),
    };
    const struct corps_value record = corps_array(items, sizeof items / sizeof items[0]);
    uint8_t *frame;
    if (corps__framed_encode(&record, NULL, 0, &frame, bytes) != CORPS_OK) {
        give_up("no boot record");
    }
    corps_box_unref(box);
    return frame;
}

/* ---- what is started ---- */

/* Checks what its host has put in, and gives everything back that comes behind, until it is told to move. */
_Noreturn static void run_echo(void) {
    struct corps_box *box;
    static uint8_t piece[1 << 16];
    if (getenv("CORPS_BOOT_FD") == NULL || corps__control_read(3, INT64_C(10000000000), &box) != CORPS_OK) {
        _exit(3);
    }
    char directory[256], where[128];
    const struct corps_value *record = corps_box_root(box);
    const struct corps_value *secret = corps_value_item(record, 5);
    corps__record_text(record, 4, directory, sizeof directory);
    corps__record_text(record, 13, where, sizeof where);
    struct stat st;
    bool right = stat(directory, &st) == 0 && secret->count == 32 && !sodium_is_zero(secret->bin, 32) &&
                 corps__record_int(record, 12, 0) == 2 && strcmp(where, AGENT_ADDRESS) == 0 &&
                 strcmp(getenv("OWNER_SAYS"), "this") == 0 && getenv("CORPS_AGENT") != NULL;
    if (!right) {
        _exit(4);
    }
    for (ssize_t got; (got = recv(3, piece, sizeof piece, 0)) > 0;) {
        if (memmem(piece, (size_t)got, "\x91\xa4move", 6) != NULL) { /* a record that its agent has put in */
            _exit(0);
        }
        for (ssize_t at = 0; at < got;) {
            ssize_t done = send(3, piece + at, (size_t)(got - at), MSG_NOSIGNAL);
            at += done > 0 ? done : got;
        }
    }
    _exit(0);
}

void owner_child(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "echo") == 0) {
        run_echo();
    }
}

/* ---- doors ---- */

/* One connection through it: two ends, and what was forwarded. */
struct passage {
    uv_poll_t polls[2];
    int fds[2];
    int open_handles;
    size_t passed;
    struct door *door;
    bool shut;
};

struct door {
    uv_poll_t poll;
    uv_loop_t *loop;
    int fd;
    uint16_t to;
    size_t after;
    unsigned shut_count;
    struct passage *present;
};

static void forget_passage(uv_handle_t *handle) {
    struct passage *passage = handle->data;
    if (--passage->open_handles == 0) {
        free(passage);
    }
}

static void shut_passage(struct passage *passage) {
    if (!passage->shut) {
        passage->shut = true;
        passage->door->present = NULL;
        for (int i = 0; i < 2; i++) {
            uv_poll_stop(&passage->polls[i]);
            uv_close((uv_handle_t *)&passage->polls[i], forget_passage);
            close(passage->fds[i]);
        }
    }
}

static void on_passage(uv_poll_t *poll_handle, int status, int events) {
    (void)status;
    (void)events;
    struct passage *passage = poll_handle->data;
    int from = poll_handle == &passage->polls[0] ? 0 : 1;
    static uint8_t piece[1 << 16];
    size_t after = passage->door->after;
    size_t most = after > 0 && after - passage->passed < sizeof piece ? after - passage->passed : sizeof piece;
    ssize_t got = recv(passage->fds[from], piece, most, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) {
        return;
    }
    for (ssize_t at = 0; at < got;) {
        ssize_t done = send(passage->fds[1 - from], piece + at, (size_t)(got - at), MSG_NOSIGNAL);
        at += done > 0 ? done : got;
    }
    passage->passed += got > 0 ? (size_t)got : 0;
    bool cut = after > 0 && passage->passed >= after;
    passage->door->shut_count += cut;
    if (got <= 0 || cut) {
        shut_passage(passage);
    }
}

static void on_door(uv_poll_t *poll_handle, int status, int events) {
    (void)status;
    (void)events;
    struct door *door = poll_handle->data;
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(door->to)};
    inet_pton(AF_INET, AGENT_ADDRESS, &where.sin_addr);
    struct passage *passage = calloc(1, sizeof *passage);
    passage->fds[0] = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC);
    passage->fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (passage->fds[0] < 0 || connect(passage->fds[1], (struct sockaddr *)&where, sizeof where) != 0) {
        close(passage->fds[0]);
        close(passage->fds[1]);
        free(passage);
        return;
    }
    passage->door = door;
    passage->open_handles = 2;
    door->present = passage;
    for (int i = 0; i < 2; i++) {
        uv_poll_init(door->loop, &passage->polls[i], passage->fds[i]);
        passage->polls[i].data = passage;
        uv_poll_start(&passage->polls[i], UV_READABLE, on_passage);
    }
}

struct door *door_open(uv_loop_t *loop, uint16_t to, uint16_t *port) {
    struct door *door = calloc(1, sizeof *door);
    struct sockaddr_in where = {.sin_family = AF_INET};
    socklen_t bytes = sizeof where;
    inet_pton(AF_INET, "127.0.0.1", &where.sin_addr);
    door->loop = loop;
    door->to = to;
    door->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(door->fd, (struct sockaddr *)&where, sizeof where) != 0 || listen(door->fd, 16) != 0 ||
        getsockname(door->fd, (struct sockaddr *)&where, &bytes) != 0) {
        give_up("no door");
    }
    *port = ntohs(where.sin_port);
    uv_poll_init(loop, &door->poll, door->fd);
    door->poll.data = door;
    uv_poll_start(&door->poll, UV_READABLE, on_door);
    return door;
}

void door_shut_after(struct door *door, size_t bytes) {
    door->after = bytes;
}

unsigned door_shut_count(const struct door *door) {
    return door->shut_count;
}

static void forget_door(uv_handle_t *handle) {
    free(handle->data);
}

void door_close(struct door *door) {
    if (door->present != NULL) {
        shut_passage(door->present);
    }
    uv_loop_t *loop = door->loop;
    uv_poll_stop(&door->poll);
    close(door->fd);
    uv_close((uv_handle_t *)&door->poll, forget_door);
    for (int i = 0; i < 4; i++) {
        uv_run(loop, UV_RUN_NOWAIT);
    }
}
