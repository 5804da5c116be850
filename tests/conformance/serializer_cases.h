/* What the parts of the serializers' conformance test share.
 *
 *   serializer.c         the program: serializer NAME [CASE]      serializer_wire.c     encoded values, sample
 * documents serializer_values.c  what goes in comes out                   serializer_damage.c   what was damaged on the
 * way serializer_python.c  objects of Python
 *
 * Encoded segments lie in memory of exactly their size, each by itself, so that a sanitizer sees every byte too far.
 */
#ifndef SERIALIZER_CASES_H
#define SERIALIZER_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <corps.h>
#include <corps/serializer.h>

/* Sanitizers reserve so much address space that limits on it make no sense. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

extern const struct corps_serializer *serializer; /* the one that is tested */

static inline bool has(uint32_t capability) {
    return (serializer->capabilities & capability) != 0;
}

#define CHECK_OK(expression)                                                                                           \
    do {                                                                                                               \
        enum corps_err check_err = (expression);                                                                       \
        if (check_err != CORPS_OK) {                                                                                   \
            fail_msg("%s: %s (%s)", #expression, corps_error_name(check_err), corps_error_detail());                   \
        }                                                                                                              \
    } while (0)

/* ---- encoded values (serializer_wire.c) ---- */

enum { WIRE_SEGMENTS_MAX = 1024 };

struct wire {
    struct iovec segments[WIRE_SEGMENTS_MAX];
    size_t count;
};

/* Encodes with `with`; the encoding is over when it returns. */
void wire_of(const struct corps_serializer *with, const struct corps_value *value, struct wire *wire);
void wire_finish(struct wire *wire);

/* One block that holds the segments one behind the other, and segments that point into it. */
struct corps_block *wire_block(const struct wire *wire, struct iovec segments[WIRE_SEGMENTS_MAX]);

/* Decodes with `with`, without a block (everything is copied, and the wire may go). */
enum corps_err wire_decode(const struct corps_serializer *with, const struct wire *wire, enum corps_decode_to to,
                           struct corps_box **box);

/* Encodes and decodes, once with a block and once without, and compares. Fails the test otherwise. */
void round_trip(const struct corps_value *value);

/* A tree of every kind, about 500 bytes and one large buffer; plain bytes for a serializer that takes nothing else. */
struct corps_value document(struct corps_box *box);
struct corps_name *sample_name(void);

/* Arrays in arrays, `depth` of them, with `core` inside the innermost. */
struct corps_value nested(struct corps_box *box, unsigned depth, struct corps_value core);

/* splitmix64 (Steele, Lea, Flood 2014). */
uint64_t next_random(uint64_t *state);

/* ---- cases ---- */
void test_kinds(void **state);
void test_edges(void **state);
void test_numbers(void **state);
void test_text(void **state);
void test_sizes(void **state);
void test_many(void **state);
void test_many_buffers(void **state);
void test_depth(void **state);
void test_boxes(void **state);
void test_out_of_band(void **state);
void test_encoding_again(void **state);
void test_refused(void **state);
void test_threads(void **state);

void test_truncated(void **state);
void test_trailing(void **state);
void test_segments(void **state);
void test_announced(void **state);
void test_flipped(void **state);
void test_mutated(void **state);
void test_mutated_code(void **state);

/* What the function make of this Python source gives. */
enum corps_err corps_python_made(const char *source, struct corps_value *value, struct corps_box *box) CORPS_CHECKED;

void test_python_objects(void **state);
void test_python_plain(void **state);
void test_python_arrays(void **state);
void test_python_functions(void **state);
void test_python_refused(void **state);
void test_python_shared(void **state);
void test_python_keep_objects(void **state);
void test_python_leaks(void **state);
void test_python_pairs(void **state);
void test_python_to_msgpack(void **state);
void test_python_missing(void **state);

#endif
