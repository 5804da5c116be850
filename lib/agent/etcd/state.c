#include "agent/etcd/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct agent_etcd_key key_of(const struct agent_etcd_book *book, const char *kind, uint64_t corps_id) {
    return agent_etcd_key_of(book->client.cluster, kind, corps_id);
}

void agent_etcd_state_ask(struct agent_etcd_txn *txn, enum agent_etcd_part part, const struct agent_etcd_book *book,
                          uint64_t corps_id, const char *name) {
    agent_etcd_get(txn, part, key_of(book, "now/owner", corps_id));
    agent_etcd_get(txn, part, key_of(book, "now/epoch", corps_id));
    agent_etcd_get(txn, part, key_of(book, "now/about", corps_id));
    if (name != NULL) {
        agent_etcd_get(txn, part, agent_etcd_key_name(book->client.cluster, name));
    }
}

/* The part of `about` before the line feed. */
static bool name_of(const char *about, char name[CORPS_LEDGER_NAME_BYTES]) {
    const char *feed = strchr(about, '\n');
    if (feed == NULL || feed - about >= CORPS_LEDGER_NAME_BYTES) {
        return false;
    }
    memcpy(name, about, (size_t)(feed - about));
    name[feed - about] = '\0';
    return true;
}

static bool take_kv(struct agent_etcd_state *state, unsigned i, const struct agent_etcd_kv *kv) {
    enum { OWNER, EPOCH, ABOUT, NAME };
    switch (i) {
    case OWNER:
        state->is_held = true;
        state->owner_lease = kv->lease;
        return agent_etcd_owner_of(kv->value, &state->owner, &state->owner_boot);
    case EPOCH:
        return agent_etcd_epoch_of(kv->value, &state->last);
    case ABOUT:
        return name_of(kv->value, state->name);
    default: /* NAME */
        state->has_name = true;
        return sscanf(kv->value, "%16" SCNx64, &state->name_id) == 1;
    }
}

enum corps_err agent_etcd_state_of(const struct agent_etcd_book *book, const json_t *answer, uint64_t corps_id,
                                   const char *name, struct agent_etcd_state *state) {
    const struct agent_etcd_key keys[] = {key_of(book, "now/owner", corps_id), key_of(book, "now/epoch", corps_id),
                                          key_of(book, "now/about", corps_id),
                                          agent_etcd_key_name(book->client.cluster, name != NULL ? name : "")};
    *state = (struct agent_etcd_state){0};
    for (unsigned i = 0; i < (name != NULL ? 4u : 3u); i++) {
        struct agent_etcd_kv kv;
        bool good = agent_etcd_txn_kv(answer, i, &kv) && (!kv.is_there || take_kv(state, i, &kv));
        agent_etcd_kv_free(&kv);
        if (!good) {
            return agent_etcd_damaged(&keys[i]);
        }
    }
    return CORPS_OK;
}
