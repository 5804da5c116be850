#include "cell/near.h"
#include "cli/export.h"
#include "raw/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char run_help[] =
    "MATRIX is a file, or one of corps-lab list matrices. Every cell of it runs in fresh processes, in blocks of "
    "shuffled\n"
    "order, beside bare controls. Cells that cannot be run are left out, with the reason. Each trial becomes a line "
    "of\n"
    "JSON in the results file, whose path is printed at the end.\n\n"
    "  --blocks N           how often each cell runs (default: as the matrix says, else 20)\n"
    "  --quick              5 blocks\n"
    "  --until P%           run until each cell is known to ±P %: at least 10 blocks, at most --blocks (60)\n"
    "  --seed N             seed of the order (default: drawn at random, and recorded)\n"
    "  --out FILE           a new results file (default: results/TIME-MATRIX.jsonl)\n"
    "  --resume FILE        continue a run that was stopped, or add blocks to its file\n"
    "  --only KEY=V[,V]     only cells with these values; KEY is a key of a cell, or family; may be repeated\n"
    "  --shard I/N          only every N-th block, from the I-th on; corps-lab merge joins the files of all shards\n"
    "  --trial-timeout S    kill a trial after S seconds (default: 60); it counts as failed\n"
    "  --stages             echo cells record where the time of each call goes\n"
    "  --program PROGRAM    run the trials with another corps-lab\n"
    "  --against PROGRAM    run each cell with this corps-lab, too, in the same blocks, as arm b (corps-lab compare)\n"
    "  --hosts FILE         cells of several hosts use those of FILE, whose agents run, instead of hosts made here\n"
    "  --dry-run            print the plan and what is left out, and run nothing\n" LAB_EXPORT_HELP "\n"
    "Exit status: 0 success; 1 a trial failed, or the run was stopped; 2 wrong usage.\n";

static const char cell_help[] =
    "On a terminal it prints a summary, otherwise the trial as one line of JSON, as in a results file. Keys and their\n"
    "values: corps-lab list.\n\n"
    "  --json               the line of JSON on a terminal, too\n" LAB_EXPORT_HELP "\n"
    "Example: corps-lab cell workload=echo transport=shm serializer=msgpack payload=bytes:4096 placement=cross\n\n"
    "Exit status: 0 success; 1 the trial failed (what is known of it is printed all the same); 2 wrong usage.\n";

static const char doctor_help[] = "\n  --clean              remove what Corps that died have left behind\n\n"
                                  "Exit status: 0 nothing prevents a run; 1 something does; 2 wrong usage.\n";

static const struct lab_command commands[] = {
    {"list", "[--plain] [transports|raw|peers|serializers|workloads|payloads|wake|placements|matrices|keys]",
     "Lists what there is to choose from",
     "\n  --plain              bare words, one a line: commands, topics, keys, traits, matrices, or values KEY\n",
     lab_command_list},
    {"doctor", "[--clean]", "Checks what could prevent or spoil a run", doctor_help, lab_command_doctor},
    {"cell", "[KEY=VALUE]… [OPTION]…", "Runs one trial and prints what it measured", cell_help, lab_command_cell},
    {"run", "MATRIX [OPTION]…", "Runs a matrix of trials", run_help, lab_command_run},
    {"report", "FILE… [OPTION]…", "Prints tables and answers from results, and writes one HTML page", NULL,
     lab_command_python},
    {"compare", "A [B] [OPTION]…", "Says what got faster or slower between two results files, arms or git revisions",
     NULL, lab_command_python},
    {"recommend", "FILE… [OPTION]…", "Recommends a transport, serializer and wake policy from results", NULL,
     lab_command_python},
    {"merge", "FILE… --out OUT", "Merges shards or sessions into one results file", NULL, lab_command_python},
    {"coverage", "[OPTION]…", "Measures what each serializer can carry into a fresh process, checked by behaviour",
     NULL, lab_command_python},
    {"validate", "FILE…", "Checks results files line by line and as a whole", NULL, lab_command_python},
    {"publish", "FILE… [OPTION]…", "Adds the results of one matrix to results/, with their page and the index", NULL,
     lab_command_python},
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

const struct lab_command *lab_command_at(unsigned index) {
    return index < COMMAND_COUNT ? &commands[index] : NULL;
}

static int help(void) {
    printf("usage: corps-lab COMMAND [ARGUMENT]…\n\n"
           "The laboratory of Corps: measures transports and serializers under real workloads on this machine.\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        printf("  %-10s %s\n", commands[i].name, commands[i].summary);
    }
    printf("\n  --help     this text; corps-lab COMMAND --help tells more\n  --version\n\n"
           "Start with: corps-lab doctor, then corps-lab run quick.yaml (about 5 minutes)\n");
    return LAB_EXIT_OK;
}

static const struct lab_command *find(const char *name) {
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static int run(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    static char help_option[] = "--help";
    if (strcmp(name, "help") == 0 && argc == 3 && find(argv[2]) != NULL) { /* help COMMAND */
        char *asked[] = {argv[2], help_option, NULL};
        return find(argv[2])->run(find(argv[2]), 2, asked);
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        return help();
    }
    if (strcmp(name, "--version") == 0) {
        printf("corps-lab %s\n", CORPS_VERSION);
        return LAB_EXIT_OK;
    }
    const struct lab_command *command = find(name);
    if (command != NULL) {
        return command->run(command, argc - 1, argv + 1);
    }
    fprintf(stderr, "corps-lab: ");
    if (argc < 2) {
        fprintf(stderr, "name a command; corps-lab --help lists them\n");
    } else {
        struct lab_near near;
        char text[LAB_NEAR_TEXT_BYTES];
        lab_near_begin(&near, name);
        lab_near_try_words(&near, "help --help --version");
        for (size_t i = 0; i < COMMAND_COUNT; i++) {
            lab_near_try(&near, commands[i].name);
        }
        fprintf(stderr, "there is no %s '%s'%s; corps-lab --help lists what there is\n",
                name[0] == '-' ? "option" : "command", name, lab_near_text(&near, text));
    }
    return LAB_EXIT_USAGE;
}

int main(int argc, char **argv) {
    if (raw_process_is_started(argc, argv)) {
        return raw_process_main(argv);
    }
    lab_choose_python();
    corps_start(lab_classes()); /* an Env of a trial is this program started again */
    int status = run(argc, argv);
    /* What printf could not write shows only here: a full disk must not pass for success. */
    bool lost = ferror(stdout) != 0;
    if (fflush(stdout) != 0 || lost) {
        lab_say("cannot write the output: %s", strerror(errno));
        status = status == LAB_EXIT_OK ? LAB_EXIT_FAILURE : status;
    }
    return status;
}
