#include "agent/etcd/book.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What came before this is seen now; what comes later is told. */
static void begin(struct agent_etcd_book *book) {
    agent_etcd_watch_seen(book->watch);
}

/* ---- one Corps ---- */

static enum corps_err take_owner(const struct agent_etcd_book *book, const json_t *answer, uint64_t corps_id,
                                 struct corps_ledger_owner *owner) {
    const struct agent_etcd_key keys[] = {agent_etcd_key_of(book->client.cluster, "now/owner", corps_id),
                                          agent_etcd_key_of(book->client.cluster, "now/epoch", corps_id)};
    struct agent_etcd_kv holder, last;
    struct agent_etcd_epoch epoch = {0};
    bool good_holder = agent_etcd_txn_kv(answer, 0, &holder), good_last = agent_etcd_txn_kv(answer, 1, &last);
    enum corps_err err = CORPS_OK;
    if (!good_holder) {
        err = agent_etcd_damaged(&keys[0]);
    } else if (!good_last || (last.is_there && !agent_etcd_epoch_of(last.value, &epoch))) {
        err = agent_etcd_damaged(&keys[1]);
    } else if (!last.is_there) {
        err = corps_error_set(CORPS_ERR_UNKNOWN, "nobody owns this Corps, or it has ended");
    } else {
        *owner = (struct corps_ledger_owner){.epoch = epoch.epoch,
                                             .host = epoch.host,
                                             .is_held = holder.is_there,
                                             .is_given = epoch.is_given && !holder.is_there};
    }
    agent_etcd_kv_free(&holder);
    agent_etcd_kv_free(&last);
    return err;
}

enum corps_err agent_etcd_find(struct corps_ledger_book *base, uint64_t corps_id, struct corps_ledger_owner *owner) {
    struct agent_etcd_book *book = agent_etcd_book_of(base);
    struct agent_etcd_txn txn;
    json_t *answer;
    begin(book);
    agent_etcd_txn_init(&txn);
    agent_etcd_get(&txn, AGENT_ETCD_THEN, agent_etcd_key_of(book->client.cluster, "now/owner", corps_id));
    agent_etcd_get(&txn, AGENT_ETCD_THEN, agent_etcd_key_of(book->client.cluster, "now/epoch", corps_id));
    enum corps_err err = agent_etcd_commit(book, &txn, &answer);
    if (err == CORPS_OK) {
        err = take_owner(book, answer, corps_id, owner);
        json_decref(answer);
    }
    return err;
}

enum corps_err agent_etcd_read(struct corps_ledger_book *base, uint64_t corps_id, uint8_t **record, size_t *bytes) {
    struct agent_etcd_book *book = agent_etcd_book_of(base);
    const struct agent_etcd_key key = agent_etcd_key_of(book->client.cluster, "record", corps_id);
    json_t *answer;
    enum corps_err err =
        agent_etcd_ask(&book->client, "/v3/kv/range", json_pack("{s:o}", "key", agent_etcd_text(key.text)),
                       agent_etcd_patience(), &answer);
    if (err != CORPS_OK) {
        return err;
    }
    struct agent_etcd_kv kv;
    if (!agent_etcd_range_kv(answer, &kv)) {
        err = agent_etcd_damaged(&key);
    } else if (!kv.is_there) {
        err = corps_error_set(CORPS_ERR_UNKNOWN, "nobody owns this Corps, or it has ended");
    } else {
        *record = (uint8_t *)kv.value;
        *bytes = kv.bytes;
        kv.value = NULL;
    }
    agent_etcd_kv_free(&kv);
    json_decref(answer);
    return err;
}
