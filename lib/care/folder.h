/* The folder of one Corps in a keep_directory: a file for each Conc whose state is kept there. See keep.h. */
#ifndef CORPS_CARE_FOLDER_H
#define CORPS_CARE_FOLDER_H

#include "codec/config.h"

enum { CORPS__FOLDER_BYTES_MAX = 1 << 30 }; /* of one file, and more than a state can have */

struct corps__folder {
    int fd; /* −1: none */
    uint64_t corps_id;
    char path[CORPS__KEEP_DIRECTORY_BYTES + 32];
};

/* `is_owner` (Env 0): makes and locks it, and removes those of Corps without living processes. Errors: DENIED, SYSTEM.
 */
enum corps_err corps__folder_open(struct corps__folder *folder, const char *directory, uint64_t corps_id,
                                  bool is_owner) CORPS_CHECKED;

/* Errors: TOO_LARGE, SYSTEM, NO_MEMORY. One thread at a time for one Conc. */
enum corps_err corps__folder_keep(const struct corps__folder *folder, unsigned env, uint32_t conc,
                                  const char *class_name, const struct corps_value *state) CORPS_CHECKED;

/* A box whose root is the state; one reference. NULL: there is none, or what is there is of no use, which is said on
 * standard error. */
struct corps_box *corps__folder_find(const struct corps__folder *folder, unsigned env, uint32_t conc,
                                     const char *class_name);
void corps__folder_drop(const struct corps__folder *folder, unsigned env, uint32_t conc);

/* The Corps has ended: removes the folder. Where there is none: nothing. */
void corps__folder_remove(struct corps__folder *folder);

#endif
