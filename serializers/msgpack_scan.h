/* A linear look over MessagePack bytes before they are decoded: msgpack-c reserves memory by the counts that it reads,
 * so counts, lengths and depth must be true before it sees them. Source: the MessagePack specification's table of
 * formats. */
#ifndef CORPS_MSGPACK_SCAN_H
#define CORPS_MSGPACK_SCAN_H

#include <corps/error.h>

#include <stddef.h>
#include <stdint.h>

/* Is this exactly one well-formed object, nested at most `depth_max` deep? Errors: CORRUPT, TOO_LARGE (with the byte).
 */
enum corps_err corps__msgpack_scan(const uint8_t *data, size_t bytes, unsigned depth_max) CORPS_CHECKED;

#endif
