/* The segments of an encoding as bytes: how many there are (4 bytes, little-endian, as all here), and each of them
 * behind its own 4-byte length. Threads: any. */
#ifndef CORPS_SEGMENTS_H
#define CORPS_SEGMENTS_H

#include <corps/serializer.h>

#include <stdbool.h>
#include <stdint.h>

/* 4 bytes as a number, and back. */
uint32_t corps__get32(const uint8_t *at);
void corps__put32(uint8_t *at, uint32_t number);

/* How many bytes those of `encoding` are, and writes them. */
size_t corps__segments_bytes(const struct corps_encoding *encoding);
void corps__segments_write(const struct corps_encoding *encoding, uint8_t *out);

/* Finds `count` of them in what begins with their number, which was read by corps__get32; they lie in `data`. Nothing
 * is believed that was not checked. Gives where they end, 0 where they are longer than `bytes`. */
size_t corps__segments_find(const uint8_t *data, size_t bytes, struct iovec *segments, uint32_t count);

#endif
