/* What stands in etcd about one Corps, as a transaction has read it: for claims and what is done under them.
 *
 * Threads: one at a time for one book. */
#ifndef CORPS_AGENT_ETCD_STATE_H
#define CORPS_AGENT_ETCD_STATE_H

#include "agent/etcd/book.h"

struct agent_etcd_state {
    bool is_held, has_name;
    int64_t owner_lease;
    uint32_t owner;
    uint64_t owner_boot, name_id;
    struct agent_etcd_epoch last; /* .epoch 0: there is none */
    char name[CORPS_LEDGER_NAME_BYTES];
};

/* Under THEN before anything that writes, or under ELSE, and nothing else there that reads. `name` (NULL: none): a
 * singleton's, whose Corps is to be read, too. */
void agent_etcd_state_ask(struct agent_etcd_txn *txn, enum agent_etcd_part part, const struct agent_etcd_book *book,
                          uint64_t corps_id, const char *name);

/* From the answer, with the same arguments. Errors: CORRUPT. */
enum corps_err agent_etcd_state_of(const struct agent_etcd_book *book, const json_t *answer, uint64_t corps_id,
                                   const char *name, struct agent_etcd_state *state) CORPS_CHECKED;

#endif
