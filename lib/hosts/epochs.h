/* Epochs on a disk: the last life of each Corps, and which process holds it, in one directory.
 *
 * `<id>.epoch` says the last epoch that was given and for which host, and whether that host has given it back; it is
 * written whole or not at all, and has reached the disk before anybody acts by it (base/whole.h). `<id>.about` and
 * `<id>.record` are there before it is. `<id>.lock` is locked by the process that holds the Corps (an open file
 * description's lock: fcntl(2), F_OFD_SETLK), so that the kernel lets go of it when that process ends, however it ends.
 * Whoever writes has the lock.
 *
 * Threads: one at a time for one struct corps__epochs. May wait for the disk.
 */
#ifndef CORPS_HOSTS_EPOCHS_H
#define CORPS_HOSTS_EPOCHS_H

#include <corps/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct corps__epochs_held;

struct corps__epochs {
    int directory, watch; /* descriptors; watch: inotify, −1 where there is none */
    struct corps__epochs_held *held;
};

struct corps__epoch {
    uint64_t number; /* the last that was given; 0: none */
    uint32_t host;
    bool is_given; /* back, in order: whoever claims the next one need not wait */
};

/* What is taken, and for whom. What a first life remembers is looked at for number 1 only. */
struct corps__epochs_claim {
    uint64_t corps_id, number;
    uint32_t host;
    int64_t now_ns, wait_ns;
    const char *about;
    const void *record;
    size_t record_bytes;
};

/* Opens the directory, and makes it if need be. Errors: DENIED, SYSTEM. */
enum corps_err corps__epochs_open(struct corps__epochs *epochs, const char *directory) CORPS_CHECKED;

/* Lets go of everything; the epochs stay. */
void corps__epochs_close(struct corps__epochs *epochs);

/* The last epoch given, and whether somebody holds it. Number 0 where there is no record. Errors: CORRUPT, DENIED,
 * SYSTEM, NO_MEMORY. */
enum corps_err corps__epochs_find(struct corps__epochs *epochs, uint64_t corps_id, struct corps__epoch *epoch,
                                  bool *is_held) CORPS_CHECKED;

/* Takes the Corps in this epoch, for this host: the next one of what nobody else holds. Asked again for what it has
 * taken, it answers as it did. `*from_ns`: now, or after a former life that was not given back `wait_ns` later. Errors:
 * INVALID, AGAIN, MOVED, as corps/ledger.h says, and those of find; then it holds what it held. */
enum corps_err corps__epochs_take(struct corps__epochs *epochs, const struct corps__epochs_claim *claim,
                                  int64_t *from_ns) CORPS_CHECKED;

/* Tells of every Corps that has an epoch, by id. Errors: those of find; then of none. */
enum corps_err corps__epochs_each(struct corps__epochs *epochs,
                                  void (*each)(void *arg, uint64_t corps_id, const struct corps__epoch *epoch,
                                               bool is_held),
                                  void *arg) CORPS_CHECKED;

/* What the first life was claimed with: "about" or "record". Gives what malloc gave, with a NUL behind it. Errors:
 * UNKNOWN, DENIED, SYSTEM, NO_MEMORY, TOO_LARGE. */
enum corps_err corps__epochs_read(const struct corps__epochs *epochs, uint64_t corps_id, const char *what,
                                  uint8_t **data, size_t *bytes) CORPS_CHECKED;

/* Which epoch of it does it hold? 0: none. */
uint64_t corps__epochs_held_number(const struct corps__epochs *epochs, uint64_t corps_id);

/* What "about" is from now on, of a Corps that it holds. Errors: CLOSED (it does not), SYSTEM; then it is as it was. */
enum corps_err corps__epochs_note(struct corps__epochs *epochs, uint64_t corps_id, const char *about) CORPS_CHECKED;

/* Gives back a Corps that it holds. Errors: CLOSED (it does not), SYSTEM; then it holds it still. */
enum corps_err corps__epochs_give(struct corps__epochs *epochs, uint64_t corps_id) CORPS_CHECKED;

/* Forgets a Corps that it holds. Errors: CLOSED (it does not). */
enum corps_err corps__epochs_end(struct corps__epochs *epochs, uint64_t corps_id) CORPS_CHECKED;

#endif
