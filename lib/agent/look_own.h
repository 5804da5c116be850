/* What the files look*.c share: how one host is asked, and what is known in the end. One thread. */
#ifndef CORPS_AGENT_LOOK_OWN_H
#define CORPS_AGENT_LOOK_OWN_H

#include "look.h"

#include "hosts/greet.h"

#include <stdio.h>

/* One host that is asked. */
struct look {
    const struct corps__host *host;
    const struct corps__hosts *hosts;
    const char *word; /* "look", "drain", "undrain" */
    uint8_t key[CORPS__KEY_BYTES];
    struct corps__conn *conn;
    struct corps__handshake greeting;
    struct corps_box *answer; /* NULL: see trouble */
    char trouble[400];
};

/* Asks so many at once; returns when all have answered, or after two seconds. With `word`, hosts and keys set. What has
 * come in `answer` is the caller's to unref. */
void look_at_all(struct look *looks, unsigned count);

/* Sets up one look; key NULL: the agent of this host gives that of the host. Errors: of the desk. */
enum corps_err look_prepare(struct look *look, const struct corps__hosts *hosts, const struct corps__host *host,
                            const uint8_t *key, const char *word) CORPS_CHECKED;

/* The map in what a host has said; NULL: it has said nothing. */
const struct corps_value *look_said(const struct look *look);

/* In words, why there is no answer. */
const char *look_trouble(const struct look *look);

/* ---- what is printed ---- */

/* Everything that was found. `leases`: the map of the desk's answer (agent/leases.h); NULL: nobody was asked. */
struct look_all {
    const struct corps__hosts *hosts;
    const struct look *looks;
    unsigned count;
    const struct corps_value *leases;
};

/* Items of maps: a number, or `otherwise`; a text, "" if it is none. */
double look_number(const struct corps_value *map, const char *key, double otherwise);
void look_text(const struct corps_value *map, const char *key, char *out, size_t bytes);
bool look_flag(const struct corps_value *map, const char *key);
/* An array, or none. */
size_t look_rows(const struct corps_value *map, const char *key, const struct corps_value **rows);

/* Has the host the same file? Its hash in words, "?" if it said none. */
bool look_same_file(const struct look *look, char hash[CORPS__HASH_TEXT_BYTES]);

/* How long the lease of a host runs, in ms, as it says itself; −1: it says nothing of that. */
int64_t look_lease_ms(const struct look_all *all, uint32_t host);
/* Does the ledger list the host as living? */
bool look_is_listed(const struct look_all *all, uint32_t host);
/* Is there a ledger with leases? */
bool look_has_leases(const struct look_all *all);

/* True: all hosts answer and have the same file, and the ledger answers, if there is one. */
bool look_is_well(const struct look_all *all);

void look_print_table(const struct look_all *all);
void look_print_json(const struct look_all *all);

#endif
