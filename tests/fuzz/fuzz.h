/* What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput (clang's libFuzzer), for one reader of
 * bytes that come from outside. Crashes, overruns, undefined behaviour, hangs and too much memory are found by the
 * sanitizers and by libFuzzer; what must hold beyond that a target checks by `must`. `scripts/fuzz` builds and runs
 * them.
 *
 * Inputs are kept under corpus/TARGET: small, minimised by coverage, with those that once broke something.
 */
#ifndef CORPS_FUZZ_H
#define CORPS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerInitialize(int *argc, char ***argv); /* optional */

/* Ends the program, which libFuzzer counts as a finding. */
#define must(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #condition);                                 \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* An input that is read as a script, from its beginning on. */
struct script {
    const uint8_t *at;
    size_t left;
};

/* The next byte; 0 past the end. */
static inline uint8_t script_byte(struct script *script) {
    if (script->left == 0) {
        return 0;
    }
    script->left--;
    return *script->at++;
}

/* The next 2, 4 or 8 bytes, little-endian. */
static inline uint64_t script_number(struct script *script, unsigned bytes) {
    uint64_t number = 0;
    for (unsigned i = 0; i < bytes; i++) {
        number |= (uint64_t)script_byte(script) << 8 * i;
    }
    return number;
}

/* Up to `bytes` next bytes; fewer at the end. */
static inline size_t script_bytes(struct script *script, size_t bytes, const uint8_t **data) {
    size_t count = bytes < script->left ? bytes : script->left;
    *data = script->at;
    script->at += count;
    script->left -= count;
    return count;
}

#endif
