/* On what a run was measured: machine, kernel, libraries, limits, build. Written once a run. */
#ifndef FINGERPRINT_H
#define FINGERPRINT_H

#include "lab.h"

/* Everything. Starts every serializer, and git. New reference. */
json_t *lab_fingerprint(void);

/* A short name of the machine: a hash of what stays the same from run to run (processors, kernel, mitigations, halt
 * polling, memory). */
void lab_machine_id(char out[17]);

/* ---- machine.c ---- */

/* The first line of a small file (/proc, /sys) without its newline; false and "" when it cannot be read. */
bool lab_read_first_line(const char *path, char *out, size_t bytes);

/* The value of the first line "key\t: value" in /proc/cpuinfo. */
bool lab_cpuinfo(const char *key, char *out, size_t bytes);

/* Is this a virtual machine, as the processor says? */
bool lab_is_virtual(void);

/* {"model", "count", "allowed", "threads_per_core", "cores", "sockets", "flags", …}. New references. */
json_t *lab_machine_json(void);
json_t *lab_kernel_json(void);
json_t *lab_limits_json(void);

#endif
