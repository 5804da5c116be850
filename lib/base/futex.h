/* Sleeping on a word of memory that processes share, and waking who sleeps there. Linux's futex(2), as it is: a sleep
 * may end for no reason, and who wakes says nothing of what became of the word. */
#ifndef CORPS_BASE_FUTEX_H
#define CORPS_BASE_FUTEX_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Sleeps while `*word` is `value`, at most `left`. 0, or −1 with errno: EAGAIN (it was not), EINTR, ETIMEDOUT. */
static inline int corps__futex_wait(_Atomic uint32_t *word, uint32_t value, const struct timespec *left) {
    return (int)syscall(SYS_futex, word, FUTEX_WAIT, value, left, NULL, 0);
}

/* Wakes one who sleeps there. The word itself is not looked at: memory that is there no more gives an error. How many
 * were woken, or −1 with errno. */
static inline int corps__futex_wake(_Atomic uint32_t *word) {
    return (int)syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

#endif
