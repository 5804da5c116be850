/* The head of what the Python serializers write; see python.h. */
#ifndef CORPS_PYTHON_WIRE_H
#define CORPS_PYTHON_WIRE_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Little-endian. */
struct corps__python_head {
    uint32_t pickle_bytes;
    uint32_t buffers;  /* their count, and CORPS__PYTHON_OWN_SEGMENT */
    uint64_t checksum; /* of the pickle */
};

#define CORPS__PYTHON_OWN_SEGMENT 0x80000000u /* the pickle is segment 1, not the rest of segment 0 */

/* Against damage, not against malice: a damaged pickle is refused before Python reads it, since code objects of damaged
 * bytes crash the interpreter. Every word is taken in by a bijection (a rotation, an exclusive or, a product with an
 * odd number), so that no change of one word goes unnoticed; the hash is Firefox's FxHash (mozilla::HashGeneric, of 64
 * bits: the constant is that of rustc-hash), one product for eight bytes. Buffers are data and are not covered. */
static inline uint64_t corps__python_take_in(uint64_t hash, uint64_t word) {
    return ((hash << 5 | hash >> 59) ^ le64toh(word)) * UINT64_C(0x517cc1b727220a95);
}

static inline uint64_t corps__python_checksum(const void *data, size_t bytes) {
    const uint8_t *at = data;
    uint64_t hash = bytes, word = 0;
    for (; bytes >= sizeof word; at += sizeof word, bytes -= sizeof word) {
        memcpy(&word, at, sizeof word); /* of a number that the compiler knows: no call */
        hash = corps__python_take_in(hash, word);
    }
    if (bytes > 0) {
        word = 0;
        memcpy(&word, at, bytes);
        hash = corps__python_take_in(hash, word);
    }
    return hash;
}

#endif
