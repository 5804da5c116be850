/* Files for the workload search: which there are, where Python keeps its library, and what grep makes of them.
 *
 * Threads: none of these keeps state.
 */
#ifndef SEARCH_FILES_H
#define SEARCH_FILES_H

#include <corps/error.h>

#include <stddef.h>
#include <stdint.h>

struct search_files {
    char **paths;
    size_t count;
    size_t capacity;
};

/* Every regular file below `root`, or `root` itself: the ones that `grep -r` reads, so symbolic links are not followed
 * except for `root`. Errors: SYSTEM (a directory that cannot be read: which), NO_MEMORY. Finish also after an error. */
enum corps_err search_files_list(const char *root, struct search_files *files) CORPS_CHECKED;
void search_files_finish(struct search_files *files);

/* The folder of the Python standard library's sources: the distribution's in /usr/lib, which holds nothing else and is
 * the same on every machine of a release; without it, what the interpreter CORPS_PYTHON (or python3) says. Errors:
 * UNKNOWN. */
enum corps_err search_default_path(char *out, size_t out_bytes) CORPS_CHECKED;

/* Runs `grep -rcaE` in the C locale and adds up its counts. Errors: SYSTEM, INVALID (grep complains: what it says),
 * TIMEOUT (a minute). */
enum corps_err search_ask_grep(const char *pattern, const char *root, uint64_t *total, uint64_t *files) CORPS_CHECKED;

#endif
