#include "agent/etcd/book.h"

#include "base/clock.h"

#include <inttypes.h>

#define S_NS INT64_C(1000000000)

static enum corps_err lost(struct agent_etcd_book *book) {
    int64_t lease = book->lease;
    agent_etcd_lose_all(book);
    book->lease = 0;
    book->is_lost = book->is_said = false;
    return corps_error_set(CORPS_ERR_CLOSED,
                           "the lease %" PRIx64 " of this host is lost: etcd was not asked in time, or has revoked it; "
                           "what hung from it ends, and may begin anew under another one",
                           (uint64_t)lease);
}

/* ---- the parts of a renewal ---- */

static enum corps_err grant(struct agent_etcd_book *book, int64_t deadline_ns) {
    json_t *answer;
    json_t *request = json_pack("{s:o,s:s}", "TTL", agent_etcd_number(AGENT_ETCD_TTL_S), "ID", "0");
    enum corps_err err = agent_etcd_ask(&book->client, "/v3/lease/grant", request, deadline_ns, &answer);
    if (err != CORPS_OK) {
        return err;
    }
    int64_t lease = 0, ttl_s = 0;
    if (agent_etcd_number_of(answer, "ID", &lease) && agent_etcd_number_of(answer, "TTL", &ttl_s) && lease != 0 &&
        ttl_s > 0) {
        book->lease = lease;
        book->ttl_s = ttl_s;
        book->is_said = false;
    } else {
        err = corps_error_set(CORPS_ERR_PROTOCOL, "etcd grants a lease without a number or a time: is it an etcd?");
    }
    json_decref(answer);
    return err;
}

/* CLOSED: answered without a time to live. */
static enum corps_err keep_alive(struct agent_etcd_book *book, int64_t deadline_ns) {
    json_t *answer;
    json_t *request = json_pack("{s:o}", "ID", agent_etcd_number(book->lease));
    enum corps_err err = agent_etcd_ask(&book->client, "/v3/lease/keepalive", request, deadline_ns, &answer);
    if (err != CORPS_OK) {
        return err;
    }
    const json_t *result = json_object_get(answer, "result");
    int64_t lease = 0, ttl_s = 0;
    if (!agent_etcd_number_of(result, "ID", &lease) || !agent_etcd_number_of(result, "TTL", &ttl_s) ||
        lease != book->lease) {
        err = corps_error_set(CORPS_ERR_PROTOCOL, "etcd answers for another lease than was asked for: is it an etcd?");
    } else if (ttl_s <= 0) {
        err = CORPS_ERR_CLOSED;
    } else {
        book->ttl_s = ttl_s;
    }
    json_decref(answer);
    return err;
}

/* Writes the host's key under the lease: only a majority that knows the lease does that. */
static enum corps_err say(struct agent_etcd_book *book, int64_t deadline_ns) {
    const struct corps_ledger_host host = {
        .slots = book->slots, .boot = book->boot, .is_drained = book->is_drained, .address = book->address};
    char text[AGENT_ETCD_VALUE_BYTES];
    agent_etcd_host_text(&host, text);
    json_t *answer;
    json_t *request =
        json_pack("{s:o,s:o,s:o}", "key", agent_etcd_text(agent_etcd_key_host(book->client.cluster, book->host).text),
                  "value", agent_etcd_text(text), "lease", agent_etcd_number(book->lease));
    enum corps_err err = agent_etcd_ask(&book->client, "/v3/kv/put", request, deadline_ns, &answer);
    if (err == CORPS_OK) {
        json_decref(answer);
        book->is_said = true;
    }
    return err;
}

/* Does the host's key still hang from this lease? A read that needs the majority, asked now. CLOSED: no. */
static enum corps_err check(struct agent_etcd_book *book, int64_t deadline_ns) {
    const struct agent_etcd_key key = agent_etcd_key_host(book->client.cluster, book->host);
    struct agent_etcd_kv kv;
    json_t *answer;
    json_t *request = json_pack("{s:o}", "key", agent_etcd_text(key.text));
    enum corps_err err = agent_etcd_ask(&book->client, "/v3/kv/range", request, deadline_ns, &answer);
    if (err != CORPS_OK) {
        return err;
    }
    if (!agent_etcd_range_kv(answer, &kv)) {
        err = agent_etcd_damaged(&key);
    } else if (!kv.is_there || kv.lease != book->lease) {
        err = CORPS_ERR_CLOSED;
    }
    agent_etcd_kv_free(&kv);
    json_decref(answer);
    return err;
}

/* ---- operations ---- */

enum corps_err agent_etcd_renew(struct corps_ledger_book *base, int64_t now_ns, int64_t *until_ns) {
    struct agent_etcd_book *book = agent_etcd_book_of(base);
    int64_t deadline_ns = agent_etcd_patience();
    if (book->is_lost) {
        return lost(book);
    }
    bool is_new = book->lease == 0;
    enum corps_err err = is_new ? grant(book, deadline_ns) : keep_alive(book, deadline_ns);
    if (err == CORPS_OK) {
        err = book->is_said ? check(book, deadline_ns) : say(book, deadline_ns);
    }
    if (err == CORPS_ERR_CLOSED) {
        return lost(book);
    }
    if (err == CORPS_OK) {
        int64_t ttl_s = book->ttl_s < AGENT_ETCD_TTL_S ? book->ttl_s : AGENT_ETCD_TTL_S;
        *until_ns = now_ns + ttl_s * S_NS;
    }
    return err;
}

enum corps_err agent_etcd_drain(struct corps_ledger_book *base, bool is_drained) {
    struct agent_etcd_book *book = agent_etcd_book_of(base);
    book->is_drained = is_drained;
    if (book->lease == 0 || book->is_lost) {
        return CORPS_OK; /* the next lease says it */
    }
    book->is_said = false;
    enum corps_err err = say(book, agent_etcd_patience());
    book->is_lost = err == CORPS_ERR_CLOSED;
    return err;
}

void agent_etcd_revoke(struct agent_etcd_book *book) {
    if (book->lease == 0 || book->is_lost) {
        return;
    }
    json_t *answer;
    json_t *request = json_pack("{s:o}", "ID", agent_etcd_number(book->lease));
    /* Where nobody answers it runs out by itself. */
    if (agent_etcd_ask(&book->client, "/v3/lease/revoke", request, agent_etcd_patience(), &answer) == CORPS_OK) {
        json_decref(answer);
    }
    book->lease = 0;
}
