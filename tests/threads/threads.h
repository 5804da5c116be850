/* What tests of primitives under several threads share. Each is a program that ends with 0, or with 1 and a line that
 * says what was wrong; ThreadSanitizer finds what the checks cannot see. */
#ifndef THREADS_H
#define THREADS_H

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* How long something may take that must come: on a busy machine too. */
#define THREADS_LONG_NS INT64_C(30000000000)

/* Ends the program where `condition` is false. */
#define check(condition, ...)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                                            \
            fprintf(stderr, __VA_ARGS__);                                                                              \
            fputc('\n', stderr);                                                                                       \
            _Exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

/* Runs `run` on so many threads, the nth with `first` + n × `bytes` (NULL: nothing), until all have ended. */
static inline void on_threads(unsigned count, void *(*run)(void *arg), void *first, size_t bytes) {
    pthread_t threads[16];
    check(count <= 16, "no more than 16 threads");
    for (unsigned i = 0; i < count; i++) {
        void *arg = first != NULL ? (char *)first + i * bytes : NULL;
        check(pthread_create(&threads[i], NULL, run, arg) == 0, "no thread can be started");
    }
    for (unsigned i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
}

/* The next number of a sequence whose state, not 0, is the caller's: xorshift64, Marsaglia 2003. */
static inline uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

#endif
