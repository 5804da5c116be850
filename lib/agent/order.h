/* What an owned Corps is begun with, in each of its lives and on every host: its boot record, as a ledger keeps it.
 *
 * It is a record (codec/framed.h) of the program to start, the boot record of its Env 0's first life, and its options;
 * and outside of agents it is sealed (crypto_secretbox, a nonce before it) under a key that is derived from the cluster
 * key and the number of the Corps: who has the ledger alone neither reads nor changes it, nor puts one in another's
 * place.
 *
 * Threads: any. */
#ifndef CORPS_AGENT_ORDER_H
#define CORPS_AGENT_ORDER_H

#include "about.h"

#include "codec/policy.h"

#include <corps/ledger.h>
#include <corps/value.h>

struct agent_order {
    uint64_t corps_id;
    struct corps_box *box;            /* what the following are in */
    const struct corps_value *launch; /* what to start: launch.h */
    const uint8_t *boot;              /* the boot record, without its length */
    size_t boot_bytes;
    char name[CORPS_LEDGER_NAME_BYTES]; /* singleton; "": none */
    struct agent_about about;
    struct corps__policy policy; /* of its lives: the Corps' own, whose start may take its boot_timeout_ns */
};

/* Of what a program asks for: ["own", corps, launch, boot record with its length, name, cut_off]. Keeps a copy. Errors:
 * INVALID, PROTOCOL (what is wrong), TOO_LARGE (a ledger would not keep it), NO_MEMORY. */
enum corps_err agent_order_take(const struct corps_value *record, struct agent_order **order) CORPS_CHECKED;

/* As a ledger keeps it; what malloc gave. Errors: TOO_LARGE, NO_MEMORY. */
enum corps_err agent_order_seal(const struct agent_order *order, const uint8_t *cluster_key, uint8_t **sealed,
                                size_t *bytes) CORPS_CHECKED;

/* Back. Errors: DENIED (it was sealed under another key, or changed), and those of `take`. */
enum corps_err agent_order_open(uint64_t corps_id, const uint8_t *cluster_key, const uint8_t *sealed, size_t bytes,
                                struct agent_order **order) CORPS_CHECKED;

/* Accepts NULL. */
void agent_order_free(struct agent_order *order);

#endif
