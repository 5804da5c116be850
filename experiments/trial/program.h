/* Runs a program that performs a trial and prints what it measured as one JSON object.
 *
 * Threads: one.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <jansson.h>
#include <sched.h>
#include <stdbool.h>

enum { LAB_PROGRAM_WORDS = 300 };

struct lab_program {
    char *const *argv;     /* argv[0] is looked for in PATH unless it has a slash */
    const cpu_set_t *cpus; /* where it and its children may run; NULL: as this process */
    unsigned patience_s;   /* it is killed after that; 0: it is waited for without end */
    bool alone;            /* also what it leaves behind is killed, and what it says on standard error is kept */
};

struct lab_program_end {
    int status; /* wait status; -1 when it could not be started */
    bool timed_out;
    bool left_processes;           /* `alone`: they were killed */
    char words[LAB_PROGRAM_WORDS]; /* `alone`: its last line on standard error, or "" */
};

/* Blocks until the program has ended. NULL when it printed no object; otherwise a new reference. With `alone` this
 * process becomes the inheritor of orphans, and must have no other children. */
json_t *lab_program_run(const struct lab_program *program, struct lab_program_end *end);

#endif
