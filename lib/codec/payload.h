/* Payloads: what was encoded, on its way into a frame, and out of one. */
#ifndef CORPS_PAYLOAD_H
#define CORPS_PAYLOAD_H

#include "codec/wire.h"

#include <corps.h>
#include <corps/serializer.h>
#include <corps/transport.h>

enum { CORPS__SMALL_FRAME_BYTES = 256 }; /* of a frame that is copied rather than kept */

/* What the segments of one message may have, all together: a frame less its header and the zeros between segments. */
#define CORPS__PAYLOAD_BYTES_MAX                                                                                       \
    (CORPS_FRAME_BYTES_MAX - CORPS__PREFIX_BYTES_MAX - CORPS__ALIGNMENT * CORPS__PAYLOAD_SEGMENTS_MAX)

/* corps_encoding_init and corps_encoding_finish, for who uses the encoding once: without a call, where nothing was
 * allocated for it. */
static inline void corps__encoding_begin(struct corps_encoding *encoding) {
    encoding->stream = encoding->small;
    encoding->stream_bytes = 0;
    encoding->stream_capacity = sizeof encoding->small;
    encoding->buffers = encoding->few;
    encoding->buffer_count = 0;
    encoding->buffer_capacity = sizeof encoding->few / sizeof encoding->few[0];
    encoding->keep = NULL;
    encoding->drop_keep = NULL;
    encoding->defines = false;
    encoding->definitions = NULL;
    encoding->definition_count = 0;
    encoding->definition_capacity = 0;
}
static inline void corps__encoding_end(struct corps_encoding *encoding) {
    if (encoding->keep != NULL || encoding->stream != encoding->small || encoding->buffers != encoding->few ||
        encoding->definitions != NULL) {
        corps_encoding_finish(encoding);
    }
}

/* May what was encoded travel in one message? Asked before anything is sent. `what` begins the text: "the result".
 * Errors: TOO_LARGE, with the limit (`bytes_max`, or the count of large buffers). */
enum corps_err corps__encoding_check_all(const struct corps_encoding *encoding, const char *what,
                                         size_t bytes_max) CORPS_CHECKED;
static inline CORPS_CHECKED enum corps_err corps__encoding_check(const struct corps_encoding *encoding,
                                                                 const char *what, size_t bytes_max) {
    return encoding->buffer_count == 0 && encoding->stream_bytes <= bytes_max
               ? CORPS_OK
               : corps__encoding_check_all(encoding, what, bytes_max);
}

enum corps_decode_to corps__decode_to(enum corps_keep keep);

/* A received frame in one piece, copied: its last part may lie elsewhere (corps_frame_tail). NULL when out of memory.
 */
struct corps_block *corps__frame_copy(const uint8_t *frame, size_t bytes, const struct corps_block *block);

/* Decodes a payload, whose serializer was found to be accepted (trust.h), into a new box. `block` may be NULL: then
 * everything is copied. No segments: nil. Errors: of the serializer, PROTOCOL. */
enum corps_err corps__segments_decode(const struct iovec *segments, size_t count, uint8_t serializer,
                                      struct corps_block *block, enum corps_keep keep_objects,
                                      struct corps_box **box) CORPS_CHECKED;

/* What the core itself says, from a frame: msgpack, whatever its header says. Everything is copied. Errors: of msgpack,
 * PROTOCOL. */
enum corps_err corps__control_decode(const uint8_t *frame, size_t bytes, const struct corps__header *header,
                                     struct corps_box **box) CORPS_CHECKED;

/* … that of a frame, whose serializer was found to be accepted (trust.h). */
enum corps_err corps__payload_decode(const uint8_t *frame, size_t bytes, const struct corps__header *header,
                                     struct corps_block *block, enum corps_keep keep_objects,
                                     struct corps_box **box) CORPS_CHECKED;

#endif
