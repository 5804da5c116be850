#include "workloads/search_matcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum corps_err compile(struct search_matcher *matcher, const char *pattern) {
    if (matcher->ready && strcmp(matcher->pattern, pattern) == 0) {
        return CORPS_OK;
    }
    if (matcher->ready) {
        regfree(&matcher->compiled);
        matcher->ready = false;
    }
    int failed = regcomp(&matcher->compiled, pattern, REG_EXTENDED | REG_NOSUB);
    if (failed != 0) {
        char reason[128];
        regerror(failed, &matcher->compiled, reason, sizeof reason);
        return corps_error_set(CORPS_ERR_INVALID, "pattern %s: %s", pattern, reason);
    }
    snprintf(matcher->pattern, sizeof matcher->pattern, "%s", pattern);
    matcher->ready = true;
    return CORPS_OK;
}

/* Reads at most `bytes` bytes into the matcher's memory. A NUL after them keeps tools content that take regexec's
 * argument for a string, whatever its flags say. */
static enum corps_err read_text(struct search_matcher *matcher, int fd, const char *path, size_t bytes, size_t *got) {
    if (bytes >= matcher->capacity) {
        char *grown = realloc(matcher->text, bytes + 1);
        if (grown == NULL) {
            return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %s (%zu bytes)", path, bytes);
        }
        matcher->text = grown;
        matcher->capacity = bytes + 1;
    }
    *got = 0;
    while (*got < bytes) {
        ssize_t n = read(fd, matcher->text + *got, bytes - *got);
        if (n == 0) {
            break;
        }
        if (n < 0 && errno != EINTR) {
            return corps_error_system("cannot read %s", path);
        }
        *got += n > 0 ? (size_t)n : 0;
    }
    matcher->text[*got] = '\0';
    return CORPS_OK;
}

static enum corps_err load(struct search_matcher *matcher, const char *path, size_t *bytes) {
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return corps_error_system("cannot open %s", path);
    }
    enum corps_err err = fstat(fd, &status) != 0 ? corps_error_system("cannot read %s", path)
                                                 : read_text(matcher, fd, path, (size_t)status.st_size, bytes);
    close(fd);
    return err;
}

/* REG_STARTEND gives the line's length, so that NUL bytes within it do not end it. */
static int64_t count_lines(const struct search_matcher *matcher, size_t bytes) {
    int64_t count = 0;
    for (size_t at = 0; at < bytes;) {
        const char *newline = memchr(matcher->text + at, '\n', bytes - at);
        size_t line_end = newline != NULL ? (size_t)(newline - matcher->text) : bytes;
        regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)(line_end - at)};
        count += regexec(&matcher->compiled, matcher->text + at, 1, &range, REG_STARTEND) == 0;
        at = line_end + 1;
    }
    return count;
}

enum corps_err search_matcher_count(struct search_matcher *matcher, const char *path, const char *pattern,
                                    int64_t *lines) {
    if (matcher->bytes == (locale_t)0) {
        matcher->bytes = newlocale(LC_ALL_MASK, "C", (locale_t)0);
        if (matcher->bytes == (locale_t)0) {
            return corps_error_system("cannot make the C locale");
        }
    }
    /* An interpreter in this process may have chosen another locale for all of it. */
    locale_t before = uselocale(matcher->bytes);
    size_t bytes = 0;
    enum corps_err err = compile(matcher, pattern);
    if (err == CORPS_OK) {
        err = load(matcher, path, &bytes);
    }
    if (err == CORPS_OK) {
        *lines = count_lines(matcher, bytes);
    }
    uselocale(before);
    return err;
}

void search_matcher_finish(struct search_matcher *matcher) {
    if (matcher->ready) {
        regfree(&matcher->compiled);
    }
    if (matcher->bytes != (locale_t)0) {
        freelocale(matcher->bytes);
    }
    free(matcher->text);
}
