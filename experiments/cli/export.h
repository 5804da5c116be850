/* --export-csv, --export-markdown and --export-json of `run` and `cell`: the report's programs write them. */
#ifndef EXPORT_H
#define EXPORT_H

#include "cli/cli.h"

/* Where each goes: a file, "-" for standard output, NULL for nowhere. */
struct lab_exports {
    const char *csv, *markdown, *json;
};

/* The options' values in a command's own table begin at `first`, which is above those of the command itself. */
enum { LAB_EXPORT_CSV = 1000, LAB_EXPORT_MARKDOWN, LAB_EXPORT_JSON };
#define LAB_EXPORT_OPTIONS                                                                                             \
    {"export-csv", required_argument, NULL, LAB_EXPORT_CSV},                                                           \
        {"export-markdown", required_argument, NULL, LAB_EXPORT_MARKDOWN}, {                                           \
        "export-json", required_argument, NULL, LAB_EXPORT_JSON                                                        \
    }
#define LAB_EXPORT_HELP                                                                                                \
    "  --export-csv FILE    the figures as a spreadsheet reads them, a row a cell; - for standard output\n"            \
    "  --export-markdown FILE\n"                                                                                       \
    "                       the same as a short table for a README\n"                                                  \
    "  --export-json FILE   the same for a program (docs/results-format.md has the columns)\n"

/* Takes an option of LAB_EXPORT_OPTIONS. False when it is none of them. */
bool lab_export_option(int option, const char *value, struct lab_exports *exports);

bool lab_export_wanted(const struct lab_exports *exports);

/* Does one of them go to standard output, so that nothing else may? */
bool lab_export_to_stdout(const struct lab_exports *exports);

/* Before anything is measured: can the files be written, as far as that can be told? False after printing why not. */
bool lab_export_check(const struct lab_command *command, const struct lab_exports *exports);

/* Writes them from a file of lines, and waits for that. False after a line on standard error. */
bool lab_export_write(const struct lab_exports *exports, const char *lines_path);

#endif
