/* The arguments of an init on their way to the Env where the Conc is made: [serializer, stream, buffer, …].
 *
 * They are encoded once with the Corps' own serializer (msgpack where that one carries bytes only) and travel inside a
 * request to the manager, or a boot record, both of which are msgpack. */
#ifndef CORPS_ARGS_H
#define CORPS_ARGS_H

#include "codec/config.h"

/* Into `box`; NIL when there are none. Errors: of the serializer, TOO_LARGE (over `bytes_max`), NO_MEMORY. */
enum corps_err corps__init_args_encode(const struct corps__settings *settings, const struct corps_value *args,
                                       size_t bytes_max, struct corps_box *box,
                                       struct corps_value *value) CORPS_CHECKED;

/* By this serializer, which the Corps accepts. */
enum corps_err corps__init_args_encode_by(const struct corps_serializer *serializer, const struct corps_value *args,
                                          size_t bytes_max, struct corps_box *box,
                                          struct corps_value *value) CORPS_CHECKED;

/* The same for an init in this very Env: by reference. */
enum corps_err corps__init_args_lend(const struct corps_value *args, struct corps_box *box,
                                     struct corps_value *value) CORPS_CHECKED;

/* Are those from item `first` on by reference? */
bool corps__init_args_are_lent(const struct corps_value *array, size_t first);

/* From items `first` … of `array`; a NULL box when there are none. Gives a reference. In an Env. Errors: of the
 * serializer, PROTOCOL, NO_MEMORY. */
enum corps_err corps__init_args_decode(const struct corps_value *array, size_t first,
                                       struct corps_box **box) CORPS_CHECKED;

#endif
