#include "process/boot.h"

#include "base/placement.h"
#include "codec/config.h"
#include "codec/framed.h"
#include "codec/record.h"
#include "link/known.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* ---- the boot record: ["boot", id, env, settings, directory, secret, front, front_args, processors, boot_data,
 * incarnation, first numbers, host, address for other hosts, page of grants, host of Env 0]. What starts it on another
 * host puts what is that host's own in the place of items 4, 5, 8, 12 and 13. ---- */

/* Does it with the record, whose memory is gone afterwards. */
static enum corps_err with_record(const struct corps *corps, unsigned env, const struct corps__start *start,
                                  enum corps_err (*use)(const struct corps_value *record, void *arg), void *arg) {
    struct corps_box *box = corps_box_create();
    if (box == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a boot record");
    }
    uint8_t processors[CORPS__ALLOWED_BYTES];
    corps__placement_allowed(processors);
    struct corps__settings told = corps->settings;
    told.env_count = env < told.env_count ? told.env_count : env + 1; /* one that is being added counts itself */
    struct corps_value settings;
    enum corps_err err = corps__settings_encode(&told, box, &settings);
    struct corps_value items[] = {
        corps_str("boot"),
        corps_int((int64_t)corps->id),
        corps_int(env),
        settings,
        corps_str(corps->directory),
        corps_bin(corps->secret, sizeof corps->secret),
        start->front != NULL ? corps_str(start->front) : corps_nil(),
        start->front_args != NULL ? *start->front_args : corps_nil(),
        corps_bin(processors, sizeof processors),
        start->boot_data != NULL ? *start->boot_data : corps->boot_data,
        corps_int((int64_t)start->incarnation),
        start->firsts != NULL ? *start->firsts : corps_nil(),
        corps_int(start->host != 0 ? start->host : corps->settings.host),
        corps_str(start->host != 0 ? start->remote_bind : corps->remote_bind),
        corps_str(start->page != NULL ? start->page : ""),
        corps_int(start->env_0_host),
    };
    struct corps_value record = corps_array(items, sizeof items / sizeof items[0]);
    if (err == CORPS_OK) {
        err = use(&record, arg);
    }
    corps_box_unref(box);
    return err;
}

static enum corps_err write_record(const struct corps_value *record, void *arg) {
    return corps__control_write(*(int *)arg, record);
}

enum corps_err corps__boot_send(const struct corps *corps, unsigned env, const struct corps__start *start, int fd) {
    return with_record(corps, env, start, write_record, &fd);
}

struct encoded {
    uint8_t *frame;
    size_t bytes;
};

static enum corps_err encode_record(const struct corps_value *record, void *arg) {
    struct encoded *encoded = arg;
    return corps__framed_encode(record, NULL, 0, &encoded->frame, &encoded->bytes);
}

enum corps_err corps__boot_encode(const struct corps *corps, unsigned env, const struct corps__start *start,
                                  uint8_t **frame, size_t *bytes) {
    struct encoded encoded = {0};
    enum corps_err err = with_record(corps, env, start, encode_record, &encoded);
    if (err == CORPS_OK) {
        *frame = encoded.frame;
        *bytes = encoded.bytes;
    }
    return err;
}

enum corps_err corps__boot_decode(const struct corps_value *record, struct corps **out, uint32_t *env) {
    const struct corps_value *settings_value = corps_value_item(record, 3);
    const struct corps_value *secret = corps_value_item(record, 5);
    if (!corps__record_is(record, "boot") || settings_value == NULL || secret == NULL || secret->kind != CORPS_BIN ||
        secret->count != CORPS_SECRET_BYTES) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "descriptor %s does not hold a boot record", CORPS__BOOT_VARIABLE);
    }
    struct corps__settings settings;
    enum corps_err err = corps__settings_decode(settings_value, &settings);
    if (err != CORPS_OK) {
        return err;
    }
    struct corps *corps = corps__corps_create(&settings);
    if (corps == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a Corps");
    }
    corps->id = (uint64_t)corps__record_int(record, 1, 0);
    *env = (uint32_t)corps__record_int(record, 2, 0);
    if (*env >= settings.env_count) {
        corps__corps_unref(corps);
        return corps_error_set(CORPS_ERR_PROTOCOL, "the boot record is of Env %u, and the Corps has %u", *env,
                               settings.env_count);
    }
    atomic_store(&corps->envs[*env].incarnation, (uint64_t)corps__record_int(record, 10, 0));
    corps__record_text(record, 4, corps->directory, sizeof corps->directory);
    memcpy(corps->secret, secret->bin, sizeof corps->secret);
    int64_t host = corps__record_int(record, 12, 0);
    corps->settings.host = host > 0 && host <= CORPS__HOST_MAX ? (uint32_t)host : 0;
    corps__record_text(record, 13, corps->remote_bind, sizeof corps->remote_bind);
    const struct corps_value *boot_data = corps_value_item(record, 9);
    corps->boot_data = boot_data != NULL ? *boot_data : corps_nil(); /* lives as long as the record: for ever */
    const struct corps_value *processors = corps_value_item(record, 8);
    if (processors != NULL && processors->kind == CORPS_BIN) {
        corps__placement_allow(processors->bin, processors->count);
    }
    *out = corps;
    return CORPS_OK;
}

/* ---- starting a process ---- */

/* The environment with what boot needs in front of the caller's. Freed by free; `module` is used until then. */
static char **boot_environment(char *module) {
    size_t count = 0;
    while (environ[count] != NULL) {
        count++;
    }
    char **made = malloc((count + 3) * sizeof *made);
    if (made != NULL) {
        static char variable[] = CORPS__BOOT_VARIABLE "=3";
        made[0] = variable;
        made[1] = module;
        memcpy(made + 2, environ, (count + 1) * sizeof *made);
    }
    return made;
}

/* corps-env: beside the program, or in the path. */
void corps__env_program(const struct corps__settings *settings, char *out) {
    snprintf(out, PATH_MAX, "/proc/self/exe");
    if (settings->module[0] == '\0') {
        return;
    }
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 16);
    snprintf(out, PATH_MAX, "corps-env");
    if (length > 0) {
        self[length] = '\0';
        char *slash = strrchr(self, '/');
        strcpy(slash != NULL ? slash + 1 : self, "corps-env");
        if (access(self, X_OK) == 0) {
            memcpy(out, self, PATH_MAX);
        }
    }
}

static corps_launch_fn launcher;
static void *launcher_arg;

void corps_launcher_set(corps_launch_fn launch, void *arg) {
    launcher = launch;
    launcher_arg = arg;
}

static enum corps_err spawn_process(const struct corps *corps, unsigned env, int fd, struct corps_launched *launched) {
    *launched = (struct corps_launched){.status_fd = -1, .size = sizeof *launched};
    if (launcher != NULL && corps->settings.module[0] == '\0') {
        return launcher(launcher_arg, corps->settings.tag, env, fd, launched);
    }
    char program[PATH_MAX];
    corps__env_program(&corps->settings, program);
    char number[16];
    snprintf(number, sizeof number, "%u", env);
    char tag[sizeof corps->settings.tag];
    memcpy(tag, corps->settings.tag, sizeof tag);
    char name[] = "corps-env";
    char *argv[] = {name, tag, number, NULL}; /* what ps shows */
    char module[sizeof corps->settings.module + 16];
    snprintf(module, sizeof module, "CORPS_MODULE=%s", corps->settings.module);
    char **environment = boot_environment(module);
    if (environment == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to start an Env");
    }
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fd, 3);
    posix_spawn_file_actions_addclosefrom_np(&actions, 4);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int failed = posix_spawnp(&launched->pid, program, &actions, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    free(environment);
    if (failed != 0) {
        errno = failed;
        return corps_error_system("cannot start Env %u (%s)", env, program);
    }
    return CORPS_OK;
}

void corps__env_unspawn(const struct corps_launched *launched) {
    kill(launched->pid, SIGKILL); /* just started, not yet waited for: the number is still its */
    if (launched->status_fd >= 0) {
        close(launched->status_fd); /* its parent waits for it */
    } else {
        waitpid(launched->pid, NULL, 0);
    }
}

enum corps_err corps__env_launch(const struct corps *corps, unsigned env, struct corps_launched *launched,
                                 int *control_fd) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return corps_error_system("cannot make a control channel");
    }
    /* adddup2 of a descriptor that is 3 already would keep it close-on-exec in some C libraries: avoid the number. */
    if (pair[1] == 3) {
        int moved = fcntl(pair[1], F_DUPFD_CLOEXEC, 10);
        close(pair[1]);
        pair[1] = moved;
    }
    enum corps_err err = spawn_process(corps, env, pair[1], launched);
    close(pair[1]);
    if (err != CORPS_OK) {
        close(pair[0]);
        return err;
    }
    *control_fd = pair[0];
    return CORPS_OK;
}

enum corps_err corps__env_spawn(const struct corps *corps, unsigned env, const struct corps__start *start,
                                struct corps_launched *launched, int *control_fd) {
    enum corps_err err = corps__env_launch(corps, env, launched, control_fd);
    if (err != CORPS_OK) {
        return err;
    }
    err = corps__boot_send(corps, env, start, *control_fd);
    if (err != CORPS_OK) {
        corps__env_unspawn(launched);
        close(*control_fd);
    }
    return err;
}
