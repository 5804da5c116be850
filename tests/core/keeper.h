/* What tests of lifetimes share: a Worker that keeps requests, and counts of what the core keeps. Statically linked. */
#ifndef CORPS_TEST_KEEPER_H
#define CORPS_TEST_KEEPER_H

#include <corps.h>

#include <stdint.h>

enum { HELD_MAX = 64 };

/* Keeper, whose init fails when it is given text: echo; hold (answered by a later release); usage; create N Corps, one
 * after the other; call_out [a Name, encoded], which gives the error of a call by it. */
extern const struct corps_class *const keeper_classes[];

/* What a process uses. */
struct usage {
    int64_t peers, corps;
    int64_t bytes;          /* allocated */
    int64_t resident_bytes; /* of the process */
    int64_t descriptors;    /* open ones */
};
struct usage own_usage(void);

/* That of the Keeper's Env. */
enum corps_err usage_of(const struct corps_name *name, struct usage *usage) CORPS_CHECKED;

/* Closes the link to Env `env`, as if this process had ended; the next call connects again. */
enum corps_err drop_link(struct corps *corps, unsigned env) CORPS_CHECKED;

/* A Corps of `env_count` Envs that is created, called, and ended. */
enum corps_err round_of_a_corps(unsigned env_count) CORPS_CHECKED;

#endif
