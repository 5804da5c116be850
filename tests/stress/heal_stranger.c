#include "heal.h"

#include "value/name.h"

#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { O_CLOEXEC_ = 02000000, WORD_BYTES = 160 };

/* ---- in its creator ---- */

static bool spawn(char *const *argv, struct stranger *stranger) {
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC_) != 0 || pipe2(from, O_CLOEXEC_) != 0) {
        return false;
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
    int failed = posix_spawn(&stranger->pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(to[0]);
    close(from[1]);
    stranger->in = to[1];
    stranger->out = from[0];
    return failed == 0;
}

bool stranger_start(const char *path, struct corps_name *const *books, struct stranger *stranger) {
    char self[] = "/proc/self/exe", word[] = "stranger", place[WORD_BYTES], names[HEAL_ENVS][WORD_BYTES];
    char *argv[HEAL_ENVS + 4] = {self, word, place};
    snprintf(place, sizeof place, "%s", path);
    for (unsigned env = 1; env < HEAL_ENVS; env++) {
        uint64_t id;
        unsigned where, conc;
        corps_name_address(books[env], &id, &where, &conc);
        snprintf(names[env], sizeof names[env], "%" PRIx64 ":%u:%u", id, where, conc);
        argv[2 + env] = names[env];
    }
    return spawn(argv, stranger);
}

bool stranger_begin(const struct stranger *stranger, unsigned env, const struct load *load) {
    return dprintf(stranger->in, "%u %u %u %" PRIu64 "\n", env, load->generation, load->sender, load->seed) > 0;
}

bool stranger_await(const struct stranger *stranger) {
    char word;
    return read(stranger->out, &word, 1) == 1;
}

bool stranger_end(struct stranger *stranger) {
    int status = -1;
    close(stranger->in);
    (void)!waitpid(stranger->pid, &status, 0);
    close(stranger->out);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- itself ---- */

static bool read_name(const char *text, struct corps_name **name) {
    uint64_t id;
    uint32_t env, conc;
    return sscanf(text, "%" SCNx64 ":%" SCNu32 ":%" SCNu32, &id, &env, &conc) == 3 &&
           corps__name_create(id, env, conc, "Book", 4, name) == CORPS_OK;
}

int stranger_main(int argc, char **argv) {
    struct corps_name *books[HEAL_ENVS] = {NULL};
    struct ledger_page *page = argc == HEAL_ENVS + 2 ? ledger_open(argv[2], false) : NULL;
    bool good = page != NULL;
    for (unsigned env = 1; good && env < HEAL_ENVS; env++) {
        good = read_name(argv[2 + env], &books[env]);
    }
    unsigned env;
    struct load load;
    while (good && scanf("%u %u %u %" SCNu64, &env, &load.generation, &load.sender, &load.seed) == 4) {
        load.book = books[env];
        load_run(page, &load);
        good = write(STDOUT_FILENO, "x", 1) == 1;
    }
    for (env = 1; env < HEAL_ENVS; env++) {
        corps_name_unref(books[env]);
    }
    return good ? 0 : 1;
}
