/* A linear look over MessagePack bytes that the parser has refused, to say what is wrong and at which byte: the parser
 * does not tell. Source: the MessagePack specification's table of formats. */
#ifndef CORPS_MSGPACK_SCAN_H
#define CORPS_MSGPACK_SCAN_H

#include <corps/error.h>

#include <stddef.h>
#include <stdint.h>

/* Is this exactly one well-formed object that a value can hold, nested at most `depth_max` deep? Errors: CORRUPT,
 * TOO_LARGE; the detail names the byte. */
enum corps_err corps__msgpack_scan(const uint8_t *data, size_t bytes, unsigned depth_max) CORPS_CHECKED;

#endif
