/* Shared objects that come with Corps and are opened when they are first needed. They are looked for in the folder that
 * CORPS_PLUGIN_PATH names, beside the file that this code is in (libcorps, the Python module, a static program), in the
 * folder `corps` beside it, and where Corps was installed. Threads: any. */
#ifndef CORPS_MODULE_H
#define CORPS_MODULE_H

#include <stdbool.h>
#include <stddef.h>

/* Opens `file` ("corps_python.so"), its names for everybody (`global`) or not. NULL: `reason` says why, "not found"
 * when there is none. It is never closed. */
void *corps__module_open(const char *file, bool global, char *reason, size_t reason_bytes);

/* The address of a name in it; NULL: it has none. */
void *corps__module_symbol(void *handle, const char *name);

#endif
