/* What the cases of conformance-ledger share: the ledger under test, a directory or a cluster for each case, and books
 * that say at once what is wrong. */
#ifndef CORPS_TESTS_LEDGER_H
#define CORPS_TESTS_LEDGER_H

#include "hosts/ledgers.h"

#include "etcd_server.h"

#define HOST 3u
#define ID UINT64_C(0x0003000000000abc) /* a Corps whose first host this is */
#define OTHER_ID UINT64_C(0x0003000000000abd)
#define NOW INT64_C(5000000000)
#define BOOT UINT64_C(0xfedcba9876543210)
#define ABOUT "tag\tgreen\nhosts\tauto"

/* Of a ledger with an engine each case has a cluster of its own, of the others a directory. */
struct under_test {
    const struct corps_ledger *ledger;
    struct etcd_server server; /* of ledgers with an engine: one for all cases; pid 0: none */
    char directory[64], cluster[CORPS_LEDGER_CLUSTER_BYTES];
};
extern struct under_test test;

struct corps_ledger_options options_of(uint32_t host);

/* Another host, where it may have this Corps. */
uint32_t other_host(void);

void renew(struct corps_ledger_book *book);
struct corps_ledger_book *open_book_of(uint32_t host);
struct corps_ledger_book *open_book(void); /* HOST's */
enum corps_err claim(struct corps_ledger_book *book, uint64_t epoch, struct corps_ledger_claim *out);
struct corps_ledger_owner owner(struct corps_ledger_book *book); /* of ID */

/* What list tells. */
struct told {
    unsigned hosts, corps;
    struct corps_ledger_host host;  /* HOST's */
    struct corps_ledger_corps last; /* ID's */
    char name[CORPS_LEDGER_NAME_BYTES], about[CORPS_LEDGER_ABOUT_BYTES], address[CORPS_LEDGER_ADDRESS_BYTES];
    uint64_t corps_id;
};
struct told list(struct corps_ledger_book *book);

/* ---- ledger_others.c: with other processes, and damage ---- */
void killed_owner(void **state);
void contention(void **state);
void looked_at(void **state);
void damaged(void **state);
void open_to_others(void **state);

#endif
