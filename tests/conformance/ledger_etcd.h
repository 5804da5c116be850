/* What the cases of ledger-etcd share: books of one cluster of Corps, and what they are expected to say. */
#ifndef CORPS_TESTS_LEDGER_ETCD_H
#define CORPS_TESTS_LEDGER_ETCD_H

#include "hosts/ledgers.h"

#include "etcd_server.h"

#define ID UINT64_C(0x0003000000000abc)
#define NOW INT64_C(5000000000)
#define CLUSTER "00112233445566aa"

extern const struct corps_ledger *ledger;
extern struct etcd_server server;             /* ended after each case */
extern const struct corps_ledger_each nobody; /* hears nothing */

struct corps_ledger_options options_at(const char *endpoints);
struct corps_ledger_book *open_with(const struct corps_ledger_options *options);
struct corps_ledger_book *open_at(const char *endpoints);

enum corps_err renew(struct corps_ledger_book *book);
void renew_in_the_end(struct corps_ledger_book *book); /* a server has just started: until it answers */
enum corps_err claim(struct corps_ledger_book *book, uint64_t epoch);
bool is_readable(struct corps_ledger_book *book); /* its watch, in the end */

/* The code, and these words within the one line of the detail. */
void expect(enum corps_err err, enum corps_err wanted, const char *words);
/* Of one renewal by a book with these options, or at these endpoints. */
void expect_with(const struct corps_ledger_options *options, enum corps_err wanted, const char *words);
void expect_at(const char *endpoints, enum corps_err wanted, const char *words);

/* Skips the case where there is none. */
void need_etcd(void);

/* To a real etcd, from outside; with a key in it, in base64 in the place of %s. */
void post(unsigned port, const char *path, const char *format, const char *key);

/* ---- ledger_etcd_trust.c ---- */
void passwords(void **state);
void certificates(void **state);
void remove_certificates(void);

#endif
