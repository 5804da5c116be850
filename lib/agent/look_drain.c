#include "look_own.h"

#include "hosts/desk.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* A host is drained, or takes Envs again: the agent there is told, by a connection or at the desk of this host. */

static int fail(const char *program) {
    fprintf(stderr, "%s: %s\n", program, corps_error_detail());
    return 1;
}

/* By its name or number; a label may mean several. */
static const struct corps__host *find(const struct corps__hosts *hosts, const char *word) {
    char number[16];
    for (unsigned i = 0; i < hosts->count; i++) {
        snprintf(number, sizeof number, "%u", hosts->rows[i].number);
        if (strcmp(hosts->rows[i].name, word) == 0 || strcmp(number, word) == 0) {
            return &hosts->rows[i];
        }
    }
    return NULL;
}

static int say_unknown(const char *program, const struct corps__hosts *hosts, const char *word) {
    fprintf(stderr, "%s: there is no host '%s', by name or number; there %s", program, word,
            hosts->count == 1 ? "is " : "are ");
    for (unsigned i = 0; i < hosts->count; i++) {
        fprintf(stderr, "%s%s", i == 0 ? "" : i + 1 < hosts->count ? ", " : " and ", hosts->rows[i].name);
    }
    fprintf(stderr, "\n");
    return 1;
}

static void say_count(unsigned count, const char *one, const char *several) {
    if (count > 0) {
        printf("; %u %s", count, count == 1 ? one : several);
    }
}

static void say_drained(const struct corps_value *map) {
    unsigned envs = (unsigned)look_number(map, "envs", 0), owned = (unsigned)look_number(map, "owned", 0);
    unsigned stays = (unsigned)look_number(map, "stays", 0);
    say_count(envs, "Env of another host's Corps ends there in order and goes on elsewhere",
              "Envs of other hosts' Corps end there in order and go on elsewhere");
    say_count(owned, "Corps that it owns ends there in order, and begins on another host if it is to be restarted",
              "Corps that it owns end there in order, and begin on other hosts if they are to be restarted");
    say_count(stays, "Corps that a program has made there cannot move, and stays until it ends",
              "Corps that programs have made there cannot move, and stay until they end");
    if (envs + owned + stays == 0) {
        printf("; nothing runs there");
    }
}

/* What the agent has answered. */
static int say_done(const char *program, const struct corps__host *host, const struct corps_value *map, bool on) {
    if (!look_flag(map, "changed")) {
        fprintf(stderr, "%s: host %u (%s) %s\n", program, host->number, host->name,
                on ? "is drained already; `corps hosts` shows what is left there" : "is not drained: it takes Envs");
        return 1;
    }
    printf("host %u (%s) %s", host->number, host->name, on ? "takes no Envs from now on" : "takes Envs again");
    if (on) {
        say_drained(map);
    }
    printf("\n");
    return 0;
}

static int at_desk(const char *program, const struct corps__host *host, bool on) {
    struct corps_box *box;
    if (corps__desk_drain(on, &box) != CORPS_OK) {
        return fail(program);
    }
    int status = say_done(program, host, corps_value_item(corps_box_root(box), 1), on);
    corps_box_unref(box);
    return status;
}

static int by_visit(const char *program, const struct corps__hosts *hosts, const struct corps__host *host,
                    const uint8_t *key, bool on) {
    struct look look;
    if (look_prepare(&look, hosts, host, key, on ? "drain" : "undrain") != CORPS_OK) {
        return fail(program);
    }
    look_at_all(&look, 1);
    int status = 1;
    if (look.answer == NULL) {
        fprintf(stderr, "%s: host %u (%s) cannot be told: %s\n", program, host->number, host->name,
                look_trouble(&look));
    } else {
        status = say_done(program, host, look_said(&look), on);
        corps_box_unref(look.answer);
    }
    sodium_memzero(&look, sizeof look);
    return status;
}

int look_drain(const char *program, const struct corps__hosts *hosts, const uint8_t key[CORPS__KEY_BYTES],
               const char *host, bool on) {
    const struct corps__host *found = find(hosts, host);
    return found == NULL ? say_unknown(program, hosts, host) : by_visit(program, hosts, found, key, on);
}

int look_ask_drain(const char *program, const char *host, bool on) {
    struct corps__hosts *hosts;
    if (corps__desk_hosts(&hosts) != CORPS_OK) {
        return fail(program);
    }
    const struct corps__host *found = find(hosts, host);
    int status = found == NULL                 ? say_unknown(program, hosts, host)
                 : found->number == hosts->own ? at_desk(program, found, on)
                                               : by_visit(program, hosts, found, NULL, on);
    free(hosts);
    return status;
}
