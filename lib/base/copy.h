/* Copying few bytes of a length that is not known before: by moves, which cost less than a call of memcpy does; gcc
 * makes "rep movs" of a memcpy that it knows to be short, which costs 15 ns to begin. */
#ifndef CORPS_BASE_COPY_H
#define CORPS_BASE_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The two do not overlap. The last piece of each kind may copy once more what the one before has copied. */
static inline void corps__copy_few(uint8_t *to, const uint8_t *from, size_t bytes) {
    if (bytes >= 32) {
        for (size_t at = 0; at < bytes - 32; at += 32) {
            memcpy(to + at, from + at, 32);
        }
        memcpy(to + bytes - 32, from + bytes - 32, 32);
    } else if (bytes >= 16) {
        memcpy(to, from, 16);
        memcpy(to + bytes - 16, from + bytes - 16, 16);
    } else if (bytes >= 8) {
        memcpy(to, from, 8);
        memcpy(to + bytes - 8, from + bytes - 8, 8);
    } else if (bytes >= 4) {
        memcpy(to, from, 4);
        memcpy(to + bytes - 4, from + bytes - 4, 4);
    } else {
        for (size_t at = 0; at < bytes; at++) {
            to[at] = from[at];
        }
    }
}

/* Asks for a line that will be written to soon. Processors that do not know the instruction take it for none. */
static inline void corps__prefetch_own(const void *line) {
#ifdef __x86_64__
    __asm__ volatile("prefetchw %0" : : "m"(*(const char *)line));
#else
    __builtin_prefetch(line, 1);
#endif
}

#endif
