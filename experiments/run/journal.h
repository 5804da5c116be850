/* A results file: JSON lines, each appended whole and flushed to the disk before the next trial begins, so that what
 * was measured stays whatever happens. A file that is being written is locked, so that two runs do not mix.
 *
 * Lifecycle: create or resume → append … → close.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include "lab.h"

enum { LAB_JOURNAL_ERROR_BYTES = 640 };

struct lab_journal {
    int fd;
    bool regular; /* a file that can be cut back; not so /dev/full or a pipe */
    char path[512];
};

/* A new file, which must not exist yet. Folders above it are not made. */
bool lab_journal_create(struct lab_journal *journal, const char *path, char error[LAB_JOURNAL_ERROR_BYTES]);

/* Opens a file to go on with it. A last line that was cut short is removed, which `*was_cut` tells; one that is not as
 * it was written (line_check.h) is an error. Calls `each` for every line with its number from 1 on; false from it, with
 * a text in `error`, ends the reading and fails. A file that is refused is not changed. */
bool lab_journal_resume(struct lab_journal *journal, const char *path,
                        bool (*each)(json_t *line, size_t number, void *arg, char error[LAB_JOURNAL_ERROR_BYTES]),
                        void *arg, bool *was_cut, char error[LAB_JOURNAL_ERROR_BYTES]);

/* Appends one line. After an error (no space, a fault of the disk) what was there before is still whole. */
bool lab_journal_append(struct lab_journal *journal, const json_t *line, char error[LAB_JOURNAL_ERROR_BYTES]);

void lab_journal_close(struct lab_journal *journal);

#endif
