#include "run/journal.h"

#include "run/line_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail(struct lab_journal *journal, const char *what, char error[LAB_JOURNAL_ERROR_BYTES]) {
    snprintf(error, LAB_JOURNAL_ERROR_BYTES, "%s: %s: %s", journal->path, what, strerror(errno));
    return false;
}

static bool set_path(struct lab_journal *journal, const char *path, char error[LAB_JOURNAL_ERROR_BYTES]) {
    *journal = (struct lab_journal){.fd = -1};
    if ((size_t)snprintf(journal->path, sizeof journal->path, "%s", path) >= sizeof journal->path) {
        snprintf(error, LAB_JOURNAL_ERROR_BYTES, "%.100s…: the name is too long", path);
        return false;
    }
    return true;
}

/* Takes the lock and looks at what was opened. */
static bool begin(struct lab_journal *journal, char error[LAB_JOURNAL_ERROR_BYTES]) {
    struct stat st;
    if (fstat(journal->fd, &st) != 0) {
        return fail(journal, "cannot look at it", error);
    }
    journal->regular = S_ISREG(st.st_mode);
    if (journal->regular && flock(journal->fd, LOCK_EX | LOCK_NB) != 0) {
        snprintf(error, LAB_JOURNAL_ERROR_BYTES, "%s: another run is writing it; wait for that, or choose another file",
                 journal->path);
        return false;
    }
    return true;
}

bool lab_journal_create(struct lab_journal *journal, const char *path, char error[LAB_JOURNAL_ERROR_BYTES]) {
    struct stat st;
    if (!set_path(journal, path, error)) {
        return false;
    }
    bool special = stat(path, &st) == 0 && !S_ISREG(st.st_mode);
    journal->fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | (special ? 0 : O_CREAT | O_EXCL), 0666);
    if (journal->fd < 0 && errno == EEXIST) {
        snprintf(error, LAB_JOURNAL_ERROR_BYTES, "%s exists; choose another file with --out, or go on with --resume",
                 path);
        return false;
    }
    return journal->fd >= 0 ? begin(journal, error) : fail(journal, "cannot create it", error);
}

/* How many bytes are whole lines. */
static bool find_whole(const struct lab_journal *journal, const char *text, size_t bytes, size_t *whole,
                       char error[LAB_JOURNAL_ERROR_BYTES]) {
    const char *newline = bytes > 0 ? memrchr(text, '\n', bytes) : NULL;
    *whole = newline != NULL ? (size_t)(newline - text) + 1 : 0;
    if (*whole == 0) {
        snprintf(error, LAB_JOURNAL_ERROR_BYTES, "%s has no whole line: nothing to go on with; start a new run",
                 journal->path);
    }
    return *whole > 0;
}

static bool read_text(struct lab_journal *journal, char **text, size_t *bytes, char error[LAB_JOURNAL_ERROR_BYTES]) {
    struct stat st;
    if (fstat(journal->fd, &st) != 0) {
        return fail(journal, "cannot look at it", error);
    }
    *bytes = (size_t)st.st_size;
    *text = malloc(*bytes + 1);
    size_t used = 0;
    while (*text != NULL && used < *bytes) {
        ssize_t got = pread(journal->fd, *text + used, *bytes - used, (off_t)used);
        if (got <= 0) {
            return fail(journal, "cannot read it", error);
        }
        used += (size_t)got;
    }
    return *text != NULL || fail(journal, "cannot read it", error);
}

/* Who takes the lines of a file, and whether the first one has a checksum: then all must. */
struct reading {
    const char *path;
    bool (*each)(json_t *line, size_t number, void *arg, char error[LAB_JOURNAL_ERROR_BYTES]);
    void *arg;
    bool checked;
};

static bool take_line(struct reading *reading, const char *text, size_t bytes, size_t number,
                      char error[LAB_JOURNAL_ERROR_BYTES]) {
    enum lab_line_check check = lab_line_verify(text, bytes);
    reading->checked = number == 1 ? check == LAB_LINE_RIGHT : reading->checked;
    if (check == LAB_LINE_WRONG || (reading->checked && check == LAB_LINE_UNVERIFIED)) {
        snprintf(error, LAB_JOURNAL_ERROR_BYTES, "%s:%zu: the line is not as it was written; %s", reading->path, number,
                 number == 1 ? "start a new run" : "remove it, and its trial runs again");
        return false;
    }
    json_t *line = json_loadb(text, bytes, 0, NULL);
    bool ok = json_is_object(line);
    if (ok) {
        ok = reading->each(line, number, reading->arg, error);
    } else {
        snprintf(error, LAB_JOURNAL_ERROR_BYTES, "%s:%zu: this is not a line of results; remove it, or start a new run",
                 reading->path, number);
    }
    json_decref(line);
    return ok;
}

bool lab_journal_resume(struct lab_journal *journal, const char *path,
                        bool (*each)(json_t *line, size_t number, void *arg, char error[LAB_JOURNAL_ERROR_BYTES]),
                        void *arg, bool *was_cut, char error[LAB_JOURNAL_ERROR_BYTES]) {
    char *text = NULL;
    size_t bytes = 0;
    size_t whole = 0;
    if (!set_path(journal, path, error)) {
        return false;
    }
    journal->fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
    if (journal->fd < 0) {
        return fail(journal, "cannot open it", error);
    }
    bool ok = begin(journal, error) && read_text(journal, &text, &bytes, error) &&
              find_whole(journal, text, bytes, &whole, error);
    struct reading reading = {.path = path, .each = each, .arg = arg};
    size_t number = 1;
    for (size_t at = 0; ok && at < whole; number++) {
        size_t length = (size_t)((char *)memchr(text + at, '\n', whole - at) - (text + at));
        ok = take_line(&reading, text + at, length, number, error);
        at += length + 1;
    }
    free(text);
    /* Last: a file that is refused stays as it is. */
    *was_cut = ok && whole != bytes;
    return ok &&
           (!*was_cut || ftruncate(journal->fd, (off_t)whole) == 0 || fail(journal, "cannot cut its last line", error));
}

bool lab_journal_append(struct lab_journal *journal, const json_t *line, char error[LAB_JOURNAL_ERROR_BYTES]) {
    char *text = lab_line_checked(line);
    if (text == NULL) {
        snprintf(error, LAB_JOURNAL_ERROR_BYTES, "%s: out of memory for a line", journal->path);
        return false;
    }
    off_t before = journal->regular ? lseek(journal->fd, 0, SEEK_END) : 0;
    size_t bytes = strlen(text);
    size_t used = 0;
    bool ok = true;
    while (ok && used < bytes) { /* one write, unless the kernel takes a part */
        ssize_t wrote = write(journal->fd, text + used, bytes - used);
        ok = wrote >= 0 || errno == EINTR;
        used += wrote > 0 ? (size_t)wrote : 0;
    }
    free(text);
    /* A pipe or a device has nothing to flush. */
    ok = ok && (fdatasync(journal->fd) == 0 || errno == EINVAL || errno == EROFS);
    if (!ok) {
        fail(journal, "cannot write", error);
        if (journal->regular && used > 0) {
            (void)!ftruncate(journal->fd, before); /* if not: a cut last line, which every reader knows */
        }
    }
    return ok;
}

void lab_journal_close(struct lab_journal *journal) {
    if (journal->fd >= 0) {
        close(journal->fd);
    }
    journal->fd = -1;
}
