/* Records: arrays whose first item, a word, says what the others are. Control channels and files carry them. */
#ifndef CORPS_RECORD_H
#define CORPS_RECORD_H

#include <corps/value.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Does it begin with this word? */
bool corps__record_is(const struct corps_value *record, const char *word);

/* Text item `index`, copied and cut to fit; "" when there is none. */
void corps__record_text(const struct corps_value *record, size_t index, char *out, size_t out_bytes);

/* Integer item `index`, or `otherwise`. */
int64_t corps__record_int(const struct corps_value *record, size_t index, int64_t otherwise);

/* The whole text of a value, with its NUL. False: it is none, has a NUL inside, or is too long. */
bool corps__text_take(const struct corps_value *value, char *out, size_t bytes);

#endif
