#include "cell/peers.h"

#include "cli/cli.h"
#include "cli/places.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Which peers there are, where they lie, and what they can do. */

enum { MIB = 1 << 20 };

#define ACTORS                                                                                                         \
    "echo count fanout ring spawn savina-pingpong savina-counting savina-forkjoin savina-ring savina-chameneos "       \
    "savina-big savina-buffer savina-apsp"

static const struct lab_peer peers[] = {
    {"peer:erlang", "erlang", "Erlang processes; envs=2: two nodes over loopback (adaptive: schedulers' own busy wait)",
     ACTORS " heal", "adaptive block", "c", 1, 2, MIB},
    {"peer:caf", "caf", "C++ Actor Framework; envs=2: remote actors over loopback TCP (block: work sharing)", ACTORS,
     "adaptive block", "c", 1, 2, 64},
    {"peer:ucx-posix", "ucx_peer.py", "ucx_perftest over POSIX shared memory", "echo oneway", "spin block", "c", 2, 2,
     MIB},
    {"peer:ucx-sysv", "ucx_peer.py", "ucx_perftest over System V shared memory", "echo oneway", "spin block", "c", 2, 2,
     MIB},
    {"peer:ucx-cma", "ucx_peer.py", "ucx_perftest over single copies by the kernel; for large payloads", "echo oneway",
     "spin block", "c", 2, 2, MIB},
    {"peer:iceoryx2", "iceoryx2", "iceoryx2 (spin: polling; block: events)", "echo oneway", "spin block", "c", 2, 2,
     MIB},
    {"peer:aeron", "aeron", "Aeron IPC, Java (spin: busy spinning; adaptive: back-off)", "echo oneway", "spin adaptive",
     "c", 2, 2, MIB},
    {"peer:mp-pipe", "mp.py", "Python's multiprocessing.Pipe", "echo oneway", "block", "python", 2, 2, MIB},
    {"peer:mp-queue", "mp.py", "Python's multiprocessing.Queue", "echo oneway", "block", "python", 2, 2, MIB},
    {"peer:ray", "ray_peer.py", "Ray actors", "echo oneway", "block", "python", 2, 2, MIB},
};

enum { PEER_COUNT = sizeof peers / sizeof peers[0] };

const struct lab_peer *lab_peer_at(unsigned index) {
    return index < PEER_COUNT ? &peers[index] : NULL;
}

const struct lab_peer *lab_peer_find(const char *name) {
    for (size_t i = 0; i < PEER_COUNT; i++) {
        if (strcmp(peers[i].name, name) == 0) {
            return &peers[i];
        }
    }
    return NULL;
}

bool lab_cell_is_peer(const struct lab_cell *cell) {
    return strncmp(cell->transport, "peer:", 5) == 0;
}

/* Is the word in the list of words? */
static bool has_word(const char *list, const char *word) {
    size_t length = strlen(word);
    for (const char *at = list; length > 0 && *at != '\0'; at += strcspn(at, " "), at += *at == ' ') {
        if (strcspn(at, " ") == length && strncmp(at, word, length) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- where it lies ---- */

static bool is_python(const struct lab_peer *peer) {
    return strstr(peer->program, ".py") != NULL;
}

static bool folder(char out[PATH_MAX]) {
    const char *named = getenv("CORPS_PEERS");
    if (named != NULL && named[0] != '\0') {
        return snprintf(out, PATH_MAX, "%s", named) < PATH_MAX;
    }
    ssize_t length = readlink("/proc/self/exe", out, PATH_MAX - 8);
    if (length <= 0) {
        return false;
    }
    out[length] = '\0';
    strcpy(strrchr(out, '/') + 1, "peers");
    return true;
}

bool lab_peer_path(const struct lab_peer *peer, char path[PATH_MAX], char interpreter[PATH_MAX],
                   char why[LAB_ERROR_BYTES]) {
    char where[PATH_MAX];
    bool python = is_python(peer);
    if (python) {
        snprintf(interpreter, PATH_MAX, "%s", lab_python());
        lab_place("peers", where);
    } else {
        interpreter[0] = '\0';
        if (!folder(where)) {
            snprintf(why, LAB_ERROR_BYTES, "cannot tell where this program lies: %s; set CORPS_PEERS", strerror(errno));
            return false;
        }
    }
    if (snprintf(path, PATH_MAX, "%s/%s", where, peer->program) >= PATH_MAX ||
        access(path, python ? R_OK : X_OK) != 0) {
        snprintf(why, LAB_ERROR_BYTES, "%s is not there: no program %.120s; scripts/peers builds what it can",
                 peer->name, path);
        return false;
    }
    return true;
}

/* ---- what it can do ---- */

static const char *refuse(char why[LAB_ERROR_BYTES], const struct lab_peer *peer, const char *key,
                          const char *choices) {
    snprintf(why, LAB_ERROR_BYTES, "%s knows only some values of %s; choose one of: %s", peer->name, key, choices);
    return why;
}

static const char *shape_rule(const struct lab_peer *peer, const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    unsigned bytes = 0;
    int end = 0;
    if (strcmp(cell->serializer, "none") != 0) {
        return refuse(why, peer, "serializer", "none");
    }
    if (strcmp(cell->lang, peer->lang) != 0) {
        return refuse(why, peer, "lang", peer->lang);
    }
    if (cell->window != 1 || cell->gap_us != 0) {
        return refuse(why, peer, "window and gap_us", "window=1 gap_us=0");
    }
    if (sscanf(cell->payload, "bytes:%u%n", &bytes, &end) != 1 || cell->payload[end] != '\0' || bytes < 8 ||
        bytes > peer->bytes_max) {
        snprintf(why, LAB_ERROR_BYTES, "%s carries bytes:8 to bytes:%u; choose such a payload", peer->name,
                 peer->bytes_max);
        return why;
    }
    if (strcmp(peer->name, "peer:caf") == 0 && bytes != 64) {
        return refuse(why, peer, "payload", "bytes:64");
    }
    if (strcmp(peer->name, "peer:ucx-cma") == 0 && bytes < 4096) {
        return "UCX copies so little through shared memory, never by the kernel; choose peer:ucx-posix, or bytes:4096 "
               "and "
               "more";
    }
    return NULL;
}

/* Whether Python has the library, only Python knows: it is asked once. */
static const char *python_rule(const struct lab_peer *peer, char why[LAB_ERROR_BYTES]) {
    static struct {
        bool asked;
        bool found;
        char why[LAB_ERROR_BYTES];
    } known[PEER_COUNT];
    size_t i = (size_t)(peer - peers);
    if (!known[i].asked) {
        char version[LAB_ERROR_BYTES];
        known[i].found = lab_peer_version(peer, version, known[i].why);
        known[i].asked = true;
    }
    memcpy(why, known[i].why, LAB_ERROR_BYTES);
    return known[i].found ? NULL : why;
}

const char *lab_peer_rule(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    const struct lab_peer *peer = lab_peer_find(cell->transport);
    char path[PATH_MAX];
    char interpreter[PATH_MAX];
    if (peer == NULL) {
        return "there is no such peer; corps-lab list peers names them";
    }
    if (!has_word(peer->workloads, cell->workload)) {
        return refuse(why, peer, "workload", peer->workloads);
    }
    if (!has_word(peer->wakes, cell->wake)) {
        return refuse(why, peer, "wake", peer->wakes);
    }
    bool alone = !lab_cell_does(cell, LAB_WORKLOAD_PING_PONG) && !lab_cell_does(cell, LAB_WORKLOAD_STREAM);
    if (cell->envs < peer->envs_min || cell->envs > (alone ? peer->envs_min : peer->envs_max)) {
        return refuse(why, peer, "envs", peer->envs_min == 2 ? "2" : alone ? "1 (2: workload=echo alone)" : "1 2");
    }
    const char *rule = shape_rule(peer, cell, why);
    if (rule != NULL || !lab_peer_path(peer, path, interpreter, why)) {
        return rule != NULL ? rule : why;
    }
    return is_python(peer) ? python_rule(peer, why) : NULL;
}
