#include "stress.h"

#include "value/name.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { QUEUES_PER_LINK = 2 }; /* mqueue: what a user may have of them is little, and shared with every other test */
#define EXIT_NS (60 * 1000000000LL)

extern char **environ;

static const struct {
    const char *class_name;
    unsigned env;
} placed[VICTIM_CONCS] = {
    [IN_ENV_0] = {"Caller", 0}, [IN_ENV_1] = {"Caller", 1}, [IN_ENV_1_TOO] = {"Caller", 1}, [LEDGER] = {"Ledger", 2}};

struct corps_options stress_options(const char *transport, unsigned env_count) {
    return (struct corps_options){.tag = "stress",
                                  .transport = transport,
                                  .env_count = env_count,
                                  .mailbox_count = 8192,
                                  .queue_count = QUEUES_PER_LINK};
}

struct corps_name *stress_place(struct corps *corps, const char *class_name, unsigned env) {
    struct corps_name *name = NULL;
    enum corps_err err = corps_create_concs(corps, class_name, NULL, CORPS_ENV_ID(env), 1, &name);
    if (err != CORPS_OK) {
        fprintf(stderr, "stress: no %s in Env %u: %s\n", class_name, env, corps_error_detail());
    }
    return err == CORPS_OK ? name : NULL;
}

static enum corps_err create_here(const char *transport, struct victims *victims) {
    struct corps_options options = stress_options(transport, VICTIM_ENVS);
    enum corps_err err = corps_create(NULL, NULL, &options, &victims->corps);
    if (err != CORPS_OK) {
        return err;
    }
    for (unsigned i = 0; i < VICTIM_CONCS; i++) {
        victims->names[i] = stress_place(victims->corps, placed[i].class_name, placed[i].env);
        if (victims->names[i] == NULL) {
            return CORPS_ERR_WORKER_LOST;
        }
    }
    for (unsigned i = 0; i < VICTIM_ENVS; i++) {
        victims->pids[i] = corps_env_pid(victims->corps, i);
    }
    return CORPS_OK;
}

/* ---- a creator of its own ---- */

int creator_main(const char *transport) {
    struct victims victims = {0};
    if (create_here(transport, &victims) != CORPS_OK) {
        fprintf(stderr, "stress: the creator cannot create: %s\n", corps_error_detail());
        (void)!corps_exit(victims.corps, EXIT_NS);
        return 1;
    }
    printf("%" PRIx64, corps_id(victims.corps));
    for (unsigned i = 0; i < VICTIM_ENVS; i++) {
        printf(" %d", victims.pids[i]);
    }
    for (unsigned i = 0; i < VICTIM_CONCS; i++) {
        uint64_t id;
        unsigned env, conc;
        corps_name_address(victims.names[i], &id, &env, &conc);
        printf(" %u", conc);
    }
    printf("\n");
    fflush(stdout);
    char nothing;
    while (read(STDIN_FILENO, &nothing, 1) > 0) {
    }
    return victims_end(&victims) ? 0 : 3;
}

static int spawn_creator(const char *transport, int *in, int *out) {
    int to[2], from[2];
    if (pipe2(to, 02000000) != 0 || pipe2(from, 02000000) != 0) { /* O_CLOEXEC */
        return -1;
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
    char self[] = "/proc/self/exe", word[] = "creator", name[32];
    snprintf(name, sizeof name, "%s", transport);
    char *argv[] = {self, word, name, NULL};
    int pid = -1;
    int failed = posix_spawn(&pid, self, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(to[0]);
    close(from[1]);
    *in = to[1];
    *out = from[0];
    return failed == 0 ? pid : -1;
}

static enum corps_err create_elsewhere(const char *transport, struct victims *victims) {
    int out = -1;
    victims->creator_pid = spawn_creator(transport, &victims->creator_in, &out);
    FILE *file = out >= 0 ? fdopen(out, "r") : NULL;
    uint64_t id = 0;
    unsigned concs[VICTIM_CONCS];
    int *pids = victims->pids;
    bool told = file != NULL && fscanf(file, "%" SCNx64 " %d %d %d %u %u %u %u", &id, &pids[0], &pids[1], &pids[2],
                                       &concs[0], &concs[1], &concs[2], &concs[3]) == 8;
    if (file != NULL) {
        fclose(file);
    }
    for (unsigned i = 0; told && i < VICTIM_CONCS; i++) {
        const char *class_name = placed[i].class_name;
        told = corps__name_create(id, placed[i].env, concs[i], class_name, strlen(class_name), &victims->names[i]) ==
               CORPS_OK;
    }
    return told ? CORPS_OK : CORPS_ERR_CLOSED;
}

enum corps_err victims_create(const char *transport, bool by_another_process, struct victims *victims) {
    *victims = (struct victims){.creator_in = -1};
    return by_another_process ? create_elsewhere(transport, victims) : create_here(transport, victims);
}

/* ---- the end ---- */

/* Waits until the creator has ended, which is itself or somebody's victim. */
static bool creator_ends(struct victims *victims) {
    close(victims->creator_in);
    for (int waited_ms = 0; waited_ms < EXIT_NS / 1000000 + 5000; waited_ms += 10) {
        int status;
        if (waitpid(victims->creator_pid, &status, WNOHANG) == victims->creator_pid) {
            return WIFSIGNALED(status) || WEXITSTATUS(status) == 0;
        }
        usleep(10000);
    }
    show_stacks(victims->creator_pid);
    kill(victims->creator_pid, SIGKILL);
    waitpid(victims->creator_pid, NULL, 0);
    return false;
}

bool victims_end(struct victims *victims) {
    bool in_order = true;
    for (unsigned i = 0; i < VICTIM_CONCS; i++) {
        corps_name_unref(victims->names[i]);
    }
    if (victims->creator_pid > 0) {
        in_order = creator_ends(victims);
    } else if (victims->corps != NULL) {
        in_order = corps_exit(victims->corps, EXIT_NS) != CORPS_ERR_TIMEOUT;
    }
    *victims = (struct victims){.creator_in = -1};
    return in_order;
}
