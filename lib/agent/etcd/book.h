/* A book of the ledger etcd, and what its files share. See etcd.h. */
#ifndef CORPS_AGENT_ETCD_BOOK_H
#define CORPS_AGENT_ETCD_BOOK_H

#include "agent/etcd/client.h"
#include "agent/etcd/json.h"
#include "agent/etcd/watch.h"

/* The TTL that is asked for. Whoever holds the lease counts it from when he asked, and so takes it for over before etcd
 * does, which begins to count later and looks for what has run out twice a second. */
enum { AGENT_ETCD_TTL_S = 5 };

#define AGENT_ETCD_NOT_KNOWN (-1)

/* A Corps that hangs from the lease. */
struct agent_etcd_held {
    struct agent_etcd_held *next;
    uint64_t corps_id, epoch;
    int64_t from_ns; /* NOT_KNOWN: its claim was never answered */
    char name[CORPS_LEDGER_NAME_BYTES];
};

struct agent_etcd_listing;

struct agent_etcd_book {
    struct corps_ledger_book base; /* first */
    struct agent_etcd_client client;
    struct agent_etcd_watch *watch;
    uint32_t host, slots;
    uint64_t boot;
    bool is_drained;
    char address[CORPS_LEDGER_ADDRESS_BYTES];
    int64_t lease; /* 0: none */
    int64_t ttl_s; /* as etcd has granted it */
    bool is_said;  /* the host's key is as it should be */
    bool is_lost;  /* the lease is; the next renewal says so */
    struct agent_etcd_held *held;
    struct agent_etcd_held *lost;       /* what hung from leases that were lost, until another host has it */
    struct agent_etcd_listing *listing; /* the last one; NULL: none */
};

static inline struct agent_etcd_book *agent_etcd_book_of(struct corps_ledger_book *base) {
    return (struct agent_etcd_book *)base;
}

/* What it holds of a Corps; NULL: nothing. */
struct agent_etcd_held *agent_etcd_held(const struct agent_etcd_book *book, uint64_t corps_id);
void agent_etcd_let_go(struct agent_etcd_book *book, uint64_t corps_id);
/* All of it is lost with its lease. What is known of a Corps that was; NULL: nothing. */
void agent_etcd_lose_all(struct agent_etcd_book *book);
struct agent_etcd_held *agent_etcd_lost(const struct agent_etcd_book *book, uint64_t corps_id);
void agent_etcd_forget_lost(struct agent_etcd_book *book, uint64_t corps_id);

/* A transaction's answer. Where etcd does not know the lease any more the book notes that it is lost: CLOSED. */
enum corps_err agent_etcd_commit(struct agent_etcd_book *book, struct agent_etcd_txn *txn,
                                 json_t **answer) CORPS_CHECKED;

/* What stands under `key` is nothing that Corps has written. Returns CORRUPT. */
enum corps_err agent_etcd_damaged(const struct agent_etcd_key *key) CORPS_CHECKED;

/* ---- operations of the table (corps/ledger.h) ---- */

/* lease.c */
enum corps_err agent_etcd_renew(struct corps_ledger_book *book, int64_t now_ns, int64_t *until_ns);
enum corps_err agent_etcd_drain(struct corps_ledger_book *book, bool is_drained);
/* Gives the lease back, if there is one: nothing that hung from it runs any more. */
void agent_etcd_revoke(struct agent_etcd_book *book);

/* claims.c */
enum corps_err agent_etcd_claim(struct corps_ledger_book *book, const struct corps_ledger_request *request,
                                int64_t now_ns, struct corps_ledger_claim *claim);
enum corps_err agent_etcd_note(struct corps_ledger_book *book, uint64_t corps_id, const char *about);
enum corps_err agent_etcd_give(struct corps_ledger_book *book, uint64_t corps_id);
enum corps_err agent_etcd_end(struct corps_ledger_book *book, uint64_t corps_id);

/* list.c */
void agent_etcd_listing_free(struct agent_etcd_listing *listing); /* accepts NULL */
enum corps_err agent_etcd_list(struct corps_ledger_book *book, const struct corps_ledger_each *each, void *arg);

/* look.c */
enum corps_err agent_etcd_find(struct corps_ledger_book *book, uint64_t corps_id, struct corps_ledger_owner *owner);
enum corps_err agent_etcd_read(struct corps_ledger_book *book, uint64_t corps_id, uint8_t **record, size_t *bytes);

#endif
