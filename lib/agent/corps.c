#include "look.h"

#include "base/standard.h"

#include <corps.h>

#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* corps: what a person asks of the hosts. One subcommand: `corps hosts`. */

static const char usage[] =
    "usage: corps hosts [--json]\n"
    "       corps hosts --drain HOST | --undrain HOST\n"
    "\n"
    "Which hosts there are, by the agent of this one, and what each host's agent says: version, Envs, slots, load,\n"
    "whether it is drained, and the hash of its hosts file. With a ledger etcd also how long each host's lease runs,\n"
    "and which Corps are owned by which host, in which of their lives. Exit status 1: one does not answer, or has\n"
    "another file; or the ledger does not answer.\n"
    "\n"
    "  --json           the same as one JSON object\n"
    "  --drain HOST     the host, by name or number, takes no Envs from now on; those that it has end in order and go\n"
    "                   to other hosts, and so do Corps that it owns. Exit status 1: it does not answer, or is "
    "drained\n"
    "  --undrain HOST   it takes Envs again\n";

static int wrong_usage(const char *what) {
    fprintf(stderr, "corps: %s; corps --help says what is possible\n", what);
    return 2;
}

static bool is_help(const char *word) {
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int help(void) {
    printf("%s", usage);
    return 0;
}

static int hosts(int argc, char **argv) {
    bool json = argc == 1 && strcmp(argv[0], "--json") == 0;
    bool on = argc >= 1 && strcmp(argv[0], "--drain") == 0;
    bool drains = on || (argc >= 1 && strcmp(argv[0], "--undrain") == 0);
    if (drains && argc != 2) {
        return wrong_usage(on ? "--drain needs one host, by name or number"
                              : "--undrain needs one host, by name or number");
    }
    if (argc == 1 && is_help(argv[0])) {
        return help();
    }
    if (argc > 0 && !json && !drains) {
        const char *odd = strcmp(argv[0], "--json") == 0 ? argv[1] : argv[0];
        fprintf(stderr, "corps: there is no place for '%s'; corps --help says what is possible\n", odd);
        return 2;
    }
    if (sodium_init() < 0) {
        fprintf(stderr, "corps: libsodium cannot start\n");
        return 1;
    }
    return drains ? look_ask_drain("corps", argv[1], on) : look_ask("corps", json ? LOOK_JSON : LOOK_TABLE);
}

static int run(int argc, char **argv) {
    if (argc == 2 && is_help(argv[1])) {
        return help();
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("corps " CORPS_VERSION "\n");
        return 0;
    }
    if (argc < 2 || strcmp(argv[1], "hosts") != 0) {
        return wrong_usage("there is one thing that it can be asked: corps hosts");
    }
    return hosts(argc - 2, argv + 2);
}

int main(int argc, char **argv) {
    corps__standard_fill();
    return look_end("corps", run(argc, argv));
}
