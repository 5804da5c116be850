/* Thread-local variables that every call looks at.
 *
 * A shared library asks a function of the loader for the address of each, since it may be loaded when threads are there
 * already: about 2 ns, several times a call. glibc keeps room (1.6 KiB for all libraries of a process) for a few that
 * are at a fixed distance from the thread's own register wherever they are loaded from; ours take 88 bytes of it, and
 * those of the Python package 18. Other C libraries refuse to load what asks for that. Source: Drepper, "ELF Handling
 * For Thread-Local Storage", 4.3.
 */
#ifndef CORPS_BASE_HOT_H
#define CORPS_BASE_HOT_H

#include <features.h>

#ifdef __GLIBC__
#define CORPS__HOT_THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define CORPS__HOT_THREAD_LOCAL _Thread_local
#endif

#endif
