/* A record that is kept in a file: its bytes, with all that tells a torn or foreign file from a whole one.
 *
 * Eight bytes that name the format, the length of the whole (8 bytes), the number of segments (4), each segment behind
 * its length (4): the record as msgpack gives it, its large buffers apart. At the end 32 bytes of BLAKE2b over all that
 * comes before. Numbers are little-endian. Pure: no file is touched here. Any thread.
 */
#ifndef CORPS_CODEC_KEPT_H
#define CORPS_CODEC_KEPT_H

#include <corps/value.h>

/* Gives what malloc gave. Errors: of msgpack, TOO_LARGE (over `bytes_max` in all), NO_MEMORY. */
enum corps_err corps__kept_encode(const struct corps_value *record, size_t bytes_max, uint8_t **data,
                                  size_t *bytes) CORPS_CHECKED;

/* Gives a reference; `data` may go afterwards. Errors: CORRUPT, which says what is wrong with it; NO_MEMORY. */
enum corps_err corps__kept_decode(const uint8_t *data, size_t bytes, struct corps_box **box) CORPS_CHECKED;

#endif
