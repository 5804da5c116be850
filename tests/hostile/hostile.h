/* What the attacks share: a Corps of one Env as their victim, and an honest caller that must not notice them. */
#ifndef CORPS_TEST_HOSTILE_H
#define CORPS_TEST_HOSTILE_H

#include "raw.h"

#include "../core/helpers.h"

/* Of the victim: its Workers, small mailboxes so that their bounds are soon reached. */
enum { MAILBOX_COUNT = 256, MAILBOX_BYTES = 1 << 20, RING_BYTES = 1 << 16 };

#ifdef __SANITIZE_ADDRESS__
enum { SPARE_BYTES = 200 << 20 }; /* freed memory is kept back for a while, and there are zones around each piece */
#else
enum { SPARE_BYTES = 0 };
#endif

struct victim {
    struct corps *corps;
    struct corps_name *echo, *sleeper, *any;
    int64_t pid;
    size_t before_bytes; /* of memory, when all was well */
    unsigned honest_calls;
};

/* Conc numbers, as they were made. */
enum { TO_MANAGER, TO_ECHO, TO_SLEEPER, TO_ANY, TO_NOBODY = 1000000 };

extern struct victim victim;
extern uint64_t attack_count; /* how much of an attack there is to be; see main */
extern uint64_t attack_seed;

int set_up(void **state);
int set_up_small(void **state); /* an Env that may have few descriptors */
int tear_down(void **state);

/* One call of an honest peer: it succeeds, by the same Env, whatever goes on. */
void honest_call(void);

/* How much memory the Env has taken since it began; fails where that is more than `bound`. */
size_t check_growth(const char *attack, size_t bound);

/* Sends until the link ends, and checks that it does, with PROTOCOL as the reason on the other side. `make` writes the
 * n-th frame. Gives how many were taken. */
uint64_t flood(struct raw *raw, size_t (*make)(uint64_t n, uint8_t *out), uint64_t count, bool reads);

/* A frame of any kind, well formed or with something wrong with it, HOSTILE_FRAME_BYTES at most; an answer to request
 * `id` where that is not 0. */
enum { HOSTILE_FRAME_BYTES = 4096 };
size_t hostile_frame(uint64_t *random, uint64_t id, uint8_t *out);

/* Tests, by file. */
void test_mutated_frames(void **state);
void test_ignores_credit(void **state);
void test_nobody(void **state);
void test_many_names(void **state);
void test_definitions(void **state);
void test_out_of_turn(void **state);
void test_honest_is_never_cut(void **state);
void test_scribbles(void **state);
void test_mutated_answers(void **state);
void test_strangers(void **state);
void test_no_descriptors(void **state);

#endif
