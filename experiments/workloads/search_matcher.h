/* Counts the lines of a file that match a POSIX extended regular expression, as `LC_ALL=C grep -c -a -E` does: every
 * byte is a character, a line may hold NUL bytes, and a last line without newline counts too.
 *
 * Lifecycle: zeroed memory is a matcher; count as often as needed; finish. Threads: one at a time.
 */
#ifndef SEARCH_MATCHER_H
#define SEARCH_MATCHER_H

#include <corps/error.h>

#include <locale.h>
#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct search_matcher {
    char pattern[256];
    regex_t compiled;
    bool ready;     /* `compiled` is that of `pattern` */
    locale_t bytes; /* the C locale, whatever the process has chosen */
    char *text;     /* the file; kept for the next one */
    size_t capacity;
};

/* Errors: INVALID (the pattern: why), SYSTEM (the file: which and why), NO_MEMORY. */
enum corps_err search_matcher_count(struct search_matcher *matcher, const char *path, const char *pattern,
                                    int64_t *lines) CORPS_CHECKED;
void search_matcher_finish(struct search_matcher *matcher);

#endif
