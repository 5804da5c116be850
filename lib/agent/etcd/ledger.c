/* The table of the ledger etcd, and what its files share. See etcd.h. */
#include "agent/etcd/book.h"
#include "agent/etcd/etcd.h"
#include "hosts/lease.h"
#include "hosts/ledgers.h"

#include <stdio.h>
#include <stdlib.h>

static struct agent_etcd_held *find(struct agent_etcd_held *at, uint64_t corps_id) {
    while (at != NULL && at->corps_id != corps_id) {
        at = at->next;
    }
    return at;
}

/* NULL: it is not there. */
static struct agent_etcd_held *take_off(struct agent_etcd_held **list, uint64_t corps_id) {
    while (*list != NULL && (*list)->corps_id != corps_id) {
        list = &(*list)->next;
    }
    struct agent_etcd_held *found = *list;
    if (found != NULL) {
        *list = found->next;
    }
    return found;
}

struct agent_etcd_held *agent_etcd_held(const struct agent_etcd_book *book, uint64_t corps_id) {
    return find(book->held, corps_id);
}

void agent_etcd_let_go(struct agent_etcd_book *book, uint64_t corps_id) {
    free(take_off(&book->held, corps_id));
}

struct agent_etcd_held *agent_etcd_lost(const struct agent_etcd_book *book, uint64_t corps_id) {
    return find(book->lost, corps_id);
}

void agent_etcd_forget_lost(struct agent_etcd_book *book, uint64_t corps_id) {
    free(take_off(&book->lost, corps_id));
}

void agent_etcd_lose_all(struct agent_etcd_book *book) {
    while (book->held != NULL) {
        struct agent_etcd_held *held = take_off(&book->held, book->held->corps_id);
        agent_etcd_forget_lost(book, held->corps_id);
        held->next = book->lost;
        book->lost = held;
    }
}

enum corps_err agent_etcd_commit(struct agent_etcd_book *book, struct agent_etcd_txn *txn, json_t **answer) {
    enum corps_err err =
        agent_etcd_ask(&book->client, "/v3/kv/txn", agent_etcd_txn_request(txn), agent_etcd_patience(), answer);
    if (err == CORPS_ERR_CLOSED) {
        book->is_lost = true;
    }
    return err;
}

enum corps_err agent_etcd_damaged(const struct agent_etcd_key *key) {
    return corps_error_set(CORPS_ERR_CORRUPT,
                           "what stands in etcd under %s was not written by Corps, or memory is short; if it is there, "
                           "remove it (etcdctl del) when nothing of that Corps runs any more",
                           key->text);
}

static int etcd_watch(struct corps_ledger_book *base) {
    return agent_etcd_watch_fd(agent_etcd_book_of(base)->watch);
}

static enum corps_err etcd_open(const struct corps_ledger_options *options, struct corps_ledger_book **out) {
    if (options->host == 0 || options->host > UINT16_MAX) {
        return corps_error_set(CORPS_ERR_INVALID, "a host's number is 1 to 65535, not %u; see the hosts file",
                               options->host);
    }
    struct agent_etcd_book *book = calloc(1, sizeof *book);
    if (book == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a ledger");
    }
    book->base.ledger = corps__ledger_find("etcd");
    book->host = options->host;
    book->slots = options->slots;
    book->boot = options->boot;
    snprintf(book->address, sizeof book->address, "%s", options->address != NULL ? options->address : "");
    enum corps_err err = agent_etcd_client_init(&book->client, options);
    err = err == CORPS_OK ? agent_etcd_watch_start(options, &book->watch) : err;
    if (err != CORPS_OK) {
        agent_etcd_client_finish(&book->client);
        free(book);
        return err;
    }
    *out = &book->base;
    return CORPS_OK;
}

static void etcd_close(struct corps_ledger_book *base) {
    struct agent_etcd_book *book = agent_etcd_book_of(base);
    if (book == NULL) {
        return;
    }
    agent_etcd_revoke(book);
    agent_etcd_watch_stop(book->watch);
    agent_etcd_lose_all(book);
    while (book->lost != NULL) {
        agent_etcd_forget_lost(book, book->lost->corps_id);
    }
    agent_etcd_listing_free(book->listing);
    agent_etcd_client_finish(&book->client);
    free(book);
}

static const struct corps_ledger etcd = {
    .name = "etcd",
    .summary = "etcd, 3.4 or later: survives every host, as long as most of etcd's servers run; not the loss of their "
               "data",
    .wait_ns = CORPS__SILENCE_NS, /* all grants are over then */
    .moves = true,
    .open = etcd_open,
    .renew = agent_etcd_renew,
    .drain = agent_etcd_drain,
    .claim = agent_etcd_claim,
    .note = agent_etcd_note,
    .find = agent_etcd_find,
    .list = agent_etcd_list,
    .read = agent_etcd_read,
    .watch = etcd_watch,
    .give = agent_etcd_give,
    .end = agent_etcd_end,
    .close = etcd_close,
};

void agent_etcd_add(void) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || corps__ledger_add(&etcd) != CORPS_OK) {
        fprintf(stderr,
                "corps-agent: the ledger etcd cannot be used: libcurl does not start, or it was added before\n");
    }
}
