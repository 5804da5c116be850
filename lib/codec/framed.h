/* Records as bytes, for control channels and channels between hosts.
 *
 * A record is a value (msgpack) in segments: a 4-byte little-endian length of all that follows, how many segments there
 * are (4 bytes), and each of them behind its own 4-byte length. Large buffers are segments of their own.
 *
 * Threads: any.
 */
#ifndef CORPS_FRAMED_H
#define CORPS_FRAMED_H

#include <corps/serializer.h>

/* No record is longer. */
enum { CORPS__FRAMED_BYTES_MAX = 1 << 30 };

/* Encodes into `small` if that holds it, and then without memory; else gives what malloc gave. Length included.
 * Errors: TOO_LARGE, REFUSED, NO_MEMORY. */
enum corps_err corps__framed_encode(const struct corps_value *record, uint8_t *small, size_t small_bytes,
                                    uint8_t **frame, size_t *bytes) CORPS_CHECKED;

/* Decodes what stands behind the length. Everything is copied. Errors: PROTOCOL, CORRUPT, TOO_LARGE, NO_MEMORY. */
enum corps_err corps__framed_decode(const uint8_t *data, size_t bytes, struct corps_box **box) CORPS_CHECKED;

#endif
