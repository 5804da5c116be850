/* Content that says where it belongs: any two words, of any two pieces of different seeds, differ, so that a piece out
 * of place, or cut apart, cannot pass for the right one. */
#ifndef CORPS_TEST_CONTENT_H
#define CORPS_TEST_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { CONTENT_WORDS = 512 };

/* Sanitizers look at each access to the bytes in question once, in memcpy and memcmp, and not at what is only made to
 * be compared: that took two thirds of what a test took under them. */
__attribute__((no_sanitize("address"), no_sanitize("undefined"), no_sanitize("thread"))) static inline void
content_make(uint64_t words[CONTENT_WORDS], size_t count, uint64_t seed, size_t first) {
    for (size_t i = 0; i < count; i++) {
        uint64_t x = (seed + 1) * 0x9E3779B97F4A7C15u + (first + i) * 0xD1B54A32D192ED03u;
        words[i] = x ^ x >> 29;
    }
}

/* How many bytes of a piece of `bytes` are made at once, from `at` on. */
static inline size_t content_step(size_t bytes, size_t at) {
    return bytes - at < sizeof(uint64_t[CONTENT_WORDS]) ? bytes - at : sizeof(uint64_t[CONTENT_WORDS]);
}

static inline void fill(uint8_t *data, size_t bytes, uint64_t seed) {
    uint64_t words[CONTENT_WORDS];
    for (size_t at = 0, step; at < bytes; at += step) {
        step = content_step(bytes, at);
        content_make(words, (step + 7) / 8, seed, at / 8);
        memcpy(data + at, words, step);
    }
}

static inline bool is_filled(const uint8_t *data, size_t bytes, uint64_t seed) {
    uint64_t words[CONTENT_WORDS];
    bool same = true;
    for (size_t at = 0, step; at < bytes; at += step) {
        step = content_step(bytes, at);
        content_make(words, (step + 7) / 8, seed, at / 8);
        same = memcmp(data + at, words, step) == 0 && same;
    }
    return same;
}

#endif
