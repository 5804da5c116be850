/* How this program is started on another host: the map that an order carries (process/fleet.h), unless whoever embeds
 * Corps describes it. The program is named by its path and by the hash of its bytes: an agent starts no other. */
#ifndef CORPS_HOSTS_LAUNCH_H
#define CORPS_HOSTS_LAUNCH_H

#include "link/known.h"

/* Writes it, everything in `box`: by the function that was set (corps__launch_describe_set), else /proc/self/exe, or
 * corps-env with the module. Errors: SYSTEM (a file cannot be read), NO_MEMORY. */
enum corps_err corps__launch_value(const struct corps *corps, struct corps_box *box,
                                   struct corps_value *launch) CORPS_CHECKED;

/* The same without one of its keys. Errors: NO_MEMORY. */
enum corps_err corps__launch_without(struct corps_box *box, struct corps_value *launch, const char *key) CORPS_CHECKED;

/* BLAKE2b-256 of a file's bytes. Errors: SYSTEM. */
enum corps_err corps__file_hash(const char *path, uint8_t hash[32]) CORPS_CHECKED;

#endif
