/* Time: the one clock of the core, and what a spinning thread tells its processor. */
#ifndef CORPS_CLOCK_H
#define CORPS_CLOCK_H

#include <stdint.h>

/* Monotonic time in ns. Any thread. */
int64_t corps__now_ns(void);

/* The same, which goes on while the machine sleeps: CLOCK_BOOTTIME, by which hosts grant each other time. Any thread.
 */
int64_t corps__boottime_ns(void);

/* now + timeout, saturating: CORPS_FOREVER stays, what is not positive is now. Any thread. */
int64_t corps__deadline_ns(int64_t timeout_ns);

/* The same where `now_ns` is known. */
static inline int64_t corps__deadline_from_ns(int64_t now_ns, int64_t timeout_ns) {
    return timeout_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + (timeout_ns > 0 ? timeout_ns : 0);
}

/* In a loop that waits for another processor. */
static inline void corps__relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
