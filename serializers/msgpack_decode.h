/* MessagePack bytes to values: msgpack-c's parser (its template, with callbacks of ours), which builds the values right
 * in the box. What the bytes announce is believed only as far as there are bytes for it. */
#ifndef CORPS_MSGPACK_DECODE_H
#define CORPS_MSGPACK_DECODE_H

#include <corps/serializer.h>

/* Extension types: a Name; bytes that travel as a segment of their own (4 bytes: the segment's number, little-endian).
 */
enum { CORPS__MSGPACK_NAME = 1, CORPS__MSGPACK_BUFFER = 2 };

/* As `decode` of the contract. */
enum corps_err corps__msgpack_decode(const struct iovec *segments, size_t segment_count, struct corps_block *block,
                                     enum corps_decode_to to, struct corps_box *box) CORPS_CHECKED;

#endif
