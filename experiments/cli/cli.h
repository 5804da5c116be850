/* The command line: what the subcommands of corps-lab share. */
#ifndef CLI_H
#define CLI_H

#include "lab.h"

#include <corps/transport.h>

#include <getopt.h>

/* A subcommand. `run` gets its own name as argv[0] and gives the exit status. */
struct lab_command {
    const char *name;
    const char *arguments; /* for the usage line */
    const char *summary;
    const char *help; /* what --help adds; NULL when the Python program answers --help itself */
    int (*run)(const struct lab_command *command, int argc, char **argv);
};

/* One line on standard error: "corps-lab: …". */
void lab_say(const char *format, ...) CORPS_PRINTF(1, 2);

/* The same for a mistake of the user's, with where to read more. Gives LAB_EXIT_USAGE. */
int lab_usage(const struct lab_command *command, const char *format, ...) CORPS_PRINTF(2, 3);

/* getopt_long for a subcommand: prints help (-h, --help) and bad options itself. Gives the option's `val`, LAB_CLI_END
 * after the last, or LAB_CLI_EXIT when the command is to end with *status. `options` must have room for nothing more:
 * --help is handled here. */
enum { LAB_CLI_END = -1, LAB_CLI_EXIT = -2, LAB_CLI_HELP = 'h' };
#define LAB_CLI_HELP_OPTION                                                                                            \
    { "help", no_argument, NULL, LAB_CLI_HELP }
int lab_cli_next(const struct lab_command *command, int argc, char **argv, const struct option *options, int *status);

/* A whole number of an option; false after printing what is wrong. */
bool lab_cli_number(const struct lab_command *command, const char *option, const char *text, uint64_t min, uint64_t max,
                    uint64_t *number);

/* The i-th subcommand, NULL past the end. */
const struct lab_command *lab_command_at(unsigned index);

#define LAB_LIST_TOPICS "transports raw peers serializers workloads payloads wake placements matrices keys"

/* list --plain: `what`, and for "values" the key (otherwise NULL), as bare words. Gives the exit status. */
int lab_list_plain(const struct lab_command *command, const char *what, const char *key);

/* Prints what a transport can, with `before` before the first word and `between` before the others; gives what stands
 * before whatever follows. */
const char *lab_print_capabilities(const struct corps_transport *transport, const char *before, const char *between);

/* The subcommands. */
int lab_command_list(const struct lab_command *command, int argc, char **argv);
int lab_command_doctor(const struct lab_command *command, int argc, char **argv);
int lab_command_cell(const struct lab_command *command, int argc, char **argv);
int lab_command_run(const struct lab_command *command, int argc, char **argv);
int lab_command_python(const struct lab_command *command, int argc, char **argv);

/* The interpreter for Python programs: CORPS_PYTHON in the environment, else the one this program was built with, else,
 * where that is gone, python3. */
const char *lab_python(void);

/* Where the interpreter that this program was built with is gone, the library and trials are to use that of lab_python,
 * too. */
void lab_choose_python(void);

/* Programs in Python find this program by CORPS_LAB in their environment: compare measures with it, the report asks it
 * for what it knows of transports. */
void lab_tell_program(void);

/* Before an interpreter takes the place of this process: Ctrl-C waits until report/start.py can answer it. */
void lab_hold_signals(void);

/* Runs a program (looked for in the path) with standard error thrown away and returns the first `bytes` - 1 of what it
 * printed, without trailing newlines. False when it cannot be run or does not end with status 0 within `seconds`. */
bool lab_capture(char *const argv[], unsigned seconds, char *out, size_t bytes);

#endif
