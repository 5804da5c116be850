#include "look.h"

#include <corps.h>

#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* corps: what a person asks of the hosts. One subcommand: `corps hosts`. */

static const char usage[] =
    "usage: corps hosts\n"
    "\n"
    "Which hosts there are, by the agent of this one, and what each host's agent says: version, Envs, slots, load,\n"
    "and the hash of its hosts file. Exit status 1: one does not answer, or has another file.\n";

int main(int argc, char **argv) {
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        return fputs(usage, stdout) >= 0 ? 0 : 1;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        return puts("corps " CORPS_VERSION) >= 0 ? 0 : 1;
    }
    if (argc != 2 || strcmp(argv[1], "hosts") != 0) {
        fprintf(stderr, "corps: there is one thing that it can be asked: corps hosts\n");
        return 2;
    }
    if (sodium_init() < 0) {
        fprintf(stderr, "corps: libsodium cannot start\n");
        return 1;
    }
    return look_ask("corps");
}
