/* The folder of one Corps in a keep_directory: a file for each Conc whose state is kept there. See keep.h. */
#ifndef CORPS_CARE_FOLDER_H
#define CORPS_CARE_FOLDER_H

#include "codec/config.h"

enum { CORPS__FOLDER_BYTES_MAX = 1 << 30 }; /* of one file, and more than a state can have */

struct corps__folder {
    int fd;        /* −1: none */
    int life_fd;   /* of a Corps that goes on on other hosts: the file that says in which life it is; −1: none */
    uint64_t life; /* … and that of this process */
    uint64_t corps_id;
    char path[CORPS__KEEP_DIRECTORY_BYTES + 32];
};

/* `is_owner` (Env 0): makes and locks it, and removes those of Corps without living processes. `life`: 0, or which life
 * this is (the first is 1) of a Corps that may go on on another host that has the directory too. The folder of such a
 * one is nobody's to remove but its own, also while no process of it lives; a later life takes it from an earlier one,
 * which keeps nothing there any more. Errors: DENIED, SYSTEM, CLOSED (a later life has it). */
enum corps_err corps__folder_open(struct corps__folder *folder, const char *directory, uint64_t corps_id, bool is_owner,
                                  uint64_t life) CORPS_CHECKED;

/* Errors: TOO_LARGE, SYSTEM, NO_MEMORY; CLOSED (a later life of the Corps has begun). One thread at a time for one
 * Conc.
 */
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
