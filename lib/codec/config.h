/* Options with every default decided: argument, else environment, else built in. */
#ifndef CORPS_CONFIG_H
#define CORPS_CONFIG_H

#include "wait/runtime.h"

/* Errors: INVALID, UNKNOWN, UNSUPPORTED, with the option's name and what is possible. Starts the serializer. */
enum corps_err corps__settings_decide(const struct corps_options *options, struct corps__settings *out) CORPS_CHECKED;

/* As one value for the boot record, in `box`, and back. */
enum corps_err corps__settings_encode(const struct corps__settings *settings, struct corps_box *box,
                                      struct corps_value *value) CORPS_CHECKED;
enum corps_err corps__settings_decode(const struct corps_value *value, struct corps__settings *out) CORPS_CHECKED;

#endif
