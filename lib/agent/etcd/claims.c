#include "agent/etcd/book.h"
#include "agent/etcd/state.h"

#include "hosts/ledger_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct agent_etcd_key key_of(const struct agent_etcd_book *book, const char *kind, uint64_t corps_id) {
    return agent_etcd_key_of(book->client.cluster, kind, corps_id);
}

static enum corps_err no_lease(void) {
    return corps_error_set(CORPS_ERR_CLOSED, "this host has no lease now: it is to be renewed first");
}

static enum corps_err not_held(uint64_t corps_id) {
    return corps_error_set(CORPS_ERR_CLOSED, "this host does not hold the Corps %016" PRIx64, corps_id);
}

/* ---- claiming ---- */

struct claiming {
    struct agent_etcd_book *book;
    const struct corps_ledger_request *request;
    const char *name; /* NULL: none */
    int64_t now_ns;
    struct corps_ledger_claim *claim;
};

static void put_first(struct agent_etcd_txn *txn, const struct claiming *it) {
    const struct agent_etcd_book *book = it->book;
    const struct corps_ledger_request *request = it->request;
    char about[CORPS_LEDGER_NAME_BYTES + CORPS_LEDGER_ABOUT_BYTES];
    char id[AGENT_ETCD_VALUE_BYTES];
    snprintf(about, sizeof about, "%s\n%s", it->name != NULL ? it->name : "",
             request->about != NULL ? request->about : "");
    agent_etcd_put_text(txn, key_of(book, "now/about", request->corps_id), about, 0);
    agent_etcd_put(txn, key_of(book, "record", request->corps_id), request->record, request->record_bytes, 0);
    if (it->name != NULL) {
        const struct agent_etcd_key name = agent_etcd_key_name(book->client.cluster, it->name);
        agent_etcd_id_text(request->corps_id, id);
        agent_etcd_if_absent(txn, name);
        agent_etcd_put_text(txn, name, id, 0);
    }
}

/* Nobody holds it, or this book does; and its last epoch is the one before. */
static void build(struct agent_etcd_txn *txn, const struct claiming *it, bool is_own) {
    const struct agent_etcd_book *book = it->book;
    uint64_t id = it->request->corps_id, epoch = it->request->epoch;
    const struct agent_etcd_key owner = key_of(book, "now/owner", id), last = key_of(book, "now/epoch", id);
    const struct agent_etcd_epoch now = {.epoch = epoch, .host = book->host, .boot = book->boot};
    char text[AGENT_ETCD_VALUE_BYTES];
    agent_etcd_txn_init(txn);
    if (is_own) {
        agent_etcd_if_leased(txn, owner, book->lease);
    } else {
        agent_etcd_if_absent(txn, owner);
    }
    if (epoch == 1) {
        agent_etcd_if_absent(txn, last);
    } else {
        agent_etcd_epoch_bound(epoch - 1, text);
        agent_etcd_if_value(txn, last, "GREATER", text);
        agent_etcd_epoch_bound(epoch, text);
        agent_etcd_if_value(txn, last, "LESS", text);
    }
    agent_etcd_state_ask(txn, AGENT_ETCD_THEN, book, id, it->name); /* as it was before */
    agent_etcd_owner_text(book->host, book->boot, text);
    agent_etcd_put_text(txn, owner, text, book->lease);
    agent_etcd_epoch_text(&now, text);
    agent_etcd_put_text(txn, last, text, 0);
    if (epoch == 1) {
        put_first(txn, it);
    }
    agent_etcd_state_ask(txn, AGENT_ETCD_ELSE, book, id, it->name);
}

/* `waits`: others may still act by what this very process granted in the life before. */
static enum corps_err hold(const struct claiming *it, struct agent_etcd_held *held, const char *name, bool waits) {
    struct agent_etcd_book *book = it->book;
    struct agent_etcd_held *kept = agent_etcd_held(book, it->request->corps_id);
    if (kept == NULL) {
        kept = held;
        kept->next = book->held;
        book->held = kept;
    } else {
        free(held);
    }
    agent_etcd_forget_lost(book, it->request->corps_id);
    kept->corps_id = it->request->corps_id;
    kept->epoch = it->request->epoch;
    kept->from_ns = it->now_ns + (waits ? book->base.ledger->wait_ns : 0);
    memmove(kept->name, name, strlen(name) + 1);
    *it->claim =
        (struct corps_ledger_claim){.corps_id = kept->corps_id, .epoch = kept->epoch, .from_ns = kept->from_ns};
    return CORPS_OK;
}

/* It was not done now. Was it done before, and the answer lost? Else: why not? AGAIN without a detail: this book holds
 * the life before and did not know. */
static enum corps_err refused(const struct claiming *it, const struct agent_etcd_state *state, bool *is_done,
                              bool *is_own) {
    const struct agent_etcd_book *book = it->book;
    uint64_t epoch = it->request->epoch, id = it->request->corps_id;
    bool is_ours = state->is_held && state->owner_lease == book->lease;
    *is_done = is_ours && state->last.epoch == epoch;
    *is_own = is_ours && state->last.epoch == epoch - 1;
    if (*is_done || *is_own) {
        return CORPS_OK;
    }
    if (state->is_held && !is_ours) {
        return corps_error_set(CORPS_ERR_AGAIN, "host %" PRIu32 " holds the Corps %016" PRIx64, state->owner, id);
    }
    if (state->last.epoch != epoch - 1) {
        return corps_error_set(CORPS_ERR_MOVED,
                               "the last life of this Corps is %" PRIu64 ", so %" PRIu64 " is not the next one",
                               state->last.epoch, epoch);
    }
    if (state->has_name) {
        return corps_error_set(CORPS_ERR_LIMIT, "the singleton '%s' is there already: Corps %016" PRIx64, it->name,
                               state->name_id);
    }
    return not_held(id); /* what it held is gone from under it */
}

static enum corps_err claim_once(const struct claiming *it, bool is_own, struct agent_etcd_state *state,
                                 bool *is_done) {
    struct agent_etcd_txn txn;
    json_t *answer;
    build(&txn, it, is_own);
    enum corps_err err = agent_etcd_commit(it->book, &txn, &answer);
    if (err == CORPS_OK) {
        *is_done = json_is_true(json_object_get(answer, "succeeded"));
        err = agent_etcd_state_of(it->book, answer, it->request->corps_id, it->name, state);
        json_decref(answer);
    }
    return err;
}

static enum corps_err claim_now(const struct claiming *it, struct agent_etcd_held *held) {
    struct agent_etcd_book *book = it->book;
    struct agent_etcd_state state;
    const struct agent_etcd_held *before = agent_etcd_held(book, it->request->corps_id);
    bool is_own = before != NULL, was_own = false, is_done = false, was_done = false;
    enum corps_err err = claim_once(it, is_own, &state, &is_done);
    if (err == CORPS_OK && !is_done) {
        err = refused(it, &state, &was_done, &was_own);
        if (err == CORPS_OK && !was_done && !is_own) { /* it has got the life before without knowing */
            err = claim_once(it, true, &state, &is_done);
            err = err == CORPS_OK && !is_done ? refused(it, &state, &was_done, &was_own) : err;
        }
    }
    if (err == CORPS_OK && !is_done && !was_done) {
        err = corps_error_set(CORPS_ERR_AGAIN, "this Corps is being claimed; look again");
    }
    if (err == CORPS_ERR_CLOSED && is_own) {
        agent_etcd_let_go(book, it->request->corps_id);
    }
    if (err != CORPS_OK) {
        free(held);
        return err;
    }
    bool is_later = it->request->epoch > 1;
    bool waits =
        was_done ? is_later /* what was before is not known any more */
                 : is_later && !state.last.is_given && state.last.host == book->host && state.last.boot == book->boot;
    return hold(it, held, is_later || was_done ? state.name : it->name != NULL ? it->name : "", waits);
}

enum corps_err agent_etcd_claim(struct corps_ledger_book *base, const struct corps_ledger_request *request,
                                int64_t now_ns, struct corps_ledger_claim *claim) {
    struct agent_etcd_book *book = agent_etcd_book_of(base);
    enum corps_err err = corps__ledger_check(base->ledger, request);
    if (err != CORPS_OK) {
        return err;
    }
    if (book->lease == 0 || book->is_lost) {
        return no_lease();
    }
    const struct agent_etcd_held *held = agent_etcd_held(book, request->corps_id);
    if (held != NULL && held->epoch == request->epoch && held->from_ns != AGENT_ETCD_NOT_KNOWN) { /* answered before */
        *claim =
            (struct corps_ledger_claim){.corps_id = held->corps_id, .epoch = held->epoch, .from_ns = held->from_ns};
        return CORPS_OK;
    }
    struct agent_etcd_held *room = calloc(1, sizeof *room);
    if (room == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to own a Corps");
    }
    bool is_named = request->epoch == 1 && request->name != NULL && request->name[0] != '\0';
    const struct claiming it = {
        .book = book, .request = request, .name = is_named ? request->name : NULL, .now_ns = now_ns, .claim = claim};
    return claim_now(&it, room);
}

/* ---- what is held ---- */

/* Only in this very epoch, which was claimed through this book. */
static void begin_own(struct agent_etcd_txn *txn, const struct agent_etcd_book *book,
                      const struct agent_etcd_held *held) {
    const struct agent_etcd_epoch now = {.epoch = held->epoch, .host = book->host, .boot = book->boot};
    char text[AGENT_ETCD_VALUE_BYTES];
    agent_etcd_epoch_text(&now, text);
    agent_etcd_txn_init(txn);
    agent_etcd_if_value(txn, key_of(book, "now/epoch", held->corps_id), "EQUAL", text);
    agent_etcd_state_ask(txn, AGENT_ETCD_ELSE, book, held->corps_id, NULL);
}

/* … and while the owner's key hangs from this lease. */
static void begin_held(struct agent_etcd_txn *txn, const struct agent_etcd_book *book,
                       const struct agent_etcd_held *held) {
    begin_own(txn, book, held);
    agent_etcd_if_leased(txn, key_of(book, "now/owner", held->corps_id), book->lease);
}

/* CLOSED: it was not done, since it is not held any more; `state`: what is there instead. */
static enum corps_err commit_held(struct agent_etcd_book *book, struct agent_etcd_txn *txn, uint64_t corps_id,
                                  struct agent_etcd_state *state) {
    json_t *answer;
    *state = (struct agent_etcd_state){.is_held = true};
    enum corps_err err = agent_etcd_commit(book, txn, &answer);
    if (err != CORPS_OK) {
        return err;
    }
    if (!json_is_true(json_object_get(answer, "succeeded"))) {
        err = agent_etcd_state_of(book, answer, corps_id, NULL, state);
        err = err == CORPS_OK ? not_held(corps_id) : err;
    }
    json_decref(answer);
    return err;
}

/* A claim that was done, and was not answered: the book holds it and does not know. */
static enum corps_err adopt(struct agent_etcd_book *book, uint64_t corps_id, struct agent_etcd_held **out) {
    struct agent_etcd_txn txn;
    struct agent_etcd_state state;
    json_t *answer;
    agent_etcd_txn_init(&txn);
    agent_etcd_state_ask(&txn, AGENT_ETCD_THEN, book, corps_id, NULL);
    enum corps_err err = agent_etcd_commit(book, &txn, &answer);
    if (err != CORPS_OK) {
        return err;
    }
    err = agent_etcd_state_of(book, answer, corps_id, NULL, &state);
    json_decref(answer);
    if (err != CORPS_OK || !state.is_held || state.owner_lease != book->lease) {
        return err != CORPS_OK ? err : not_held(corps_id);
    }
    struct agent_etcd_held *held = calloc(1, sizeof *held);
    if (held == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to own a Corps");
    }
    *held = (struct agent_etcd_held){
        .next = book->held, .corps_id = corps_id, .epoch = state.last.epoch, .from_ns = AGENT_ETCD_NOT_KNOWN};
    memcpy(held->name, state.name, sizeof held->name);
    *out = book->held = held;
    return CORPS_OK;
}

static enum corps_err find_held(struct agent_etcd_book *book, uint64_t corps_id, struct agent_etcd_held **held) {
    *held = agent_etcd_held(book, corps_id);
    if (book->lease == 0 || book->is_lost) {
        return not_held(corps_id);
    }
    return *held != NULL ? CORPS_OK : adopt(book, corps_id, held);
}

enum corps_err agent_etcd_note(struct corps_ledger_book *base, uint64_t corps_id, const char *about) {
    struct agent_etcd_book *book = agent_etcd_book_of(base);
    struct agent_etcd_held *held;
    struct agent_etcd_txn txn;
    struct agent_etcd_state state;
    char text[CORPS_LEDGER_NAME_BYTES + CORPS_LEDGER_ABOUT_BYTES];
    enum corps_err err = corps__ledger_check_about(about);
    err = err == CORPS_OK ? find_held(book, corps_id, &held) : err;
    if (err != CORPS_OK) {
        return err;
    }
    snprintf(text, sizeof text, "%s\n%s", held->name, about != NULL ? about : "");
    begin_held(&txn, book, held);
    agent_etcd_put_text(&txn, key_of(book, "now/about", corps_id), text, 0);
    return commit_held(book, &txn, corps_id, &state);
}

/* It is not held any more, whoever says so. `was_done`: before, and its answer was lost. */
static enum corps_err let_go(struct agent_etcd_book *book, uint64_t corps_id, enum corps_err err, bool was_done) {
    if (err == CORPS_OK || err == CORPS_ERR_CLOSED) {
        agent_etcd_let_go(book, corps_id);
    }
    return was_done ? CORPS_OK : err;
}

enum corps_err agent_etcd_give(struct corps_ledger_book *base, uint64_t corps_id) {
    struct agent_etcd_book *book = agent_etcd_book_of(base);
    struct agent_etcd_held *held;
    struct agent_etcd_txn txn;
    struct agent_etcd_state state;
    enum corps_err err = find_held(book, corps_id, &held);
    if (err != CORPS_OK) {
        return err;
    }
    const struct agent_etcd_epoch given = {
        .epoch = held->epoch, .host = book->host, .boot = book->boot, .is_given = true};
    char text[AGENT_ETCD_VALUE_BYTES];
    agent_etcd_epoch_text(&given, text);
    begin_held(&txn, book, held);
    agent_etcd_delete(&txn, key_of(book, "now/owner", corps_id));
    agent_etcd_put_text(&txn, key_of(book, "now/epoch", corps_id), text, 0);
    err = commit_held(book, &txn, corps_id, &state);
    bool was_done = err == CORPS_ERR_CLOSED && !state.is_held && state.last.epoch == held->epoch && state.last.is_given;
    return let_go(book, corps_id, err, was_done);
}

static void delete_all(struct agent_etcd_txn *txn, const struct agent_etcd_book *book,
                       const struct agent_etcd_held *held) {
    static const char *const kinds[] = {"now/owner", "now/epoch", "now/about", "record"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        agent_etcd_delete(txn, key_of(book, kinds[i], held->corps_id));
    }
    if (held->name[0] != '\0') {
        agent_etcd_delete(txn, agent_etcd_key_name(book->client.cluster, held->name));
    }
}

/* Also of what was lost with its lease: whoever claims it writes another epoch. */
enum corps_err agent_etcd_end(struct corps_ledger_book *base, uint64_t corps_id) {
    struct agent_etcd_book *book = agent_etcd_book_of(base);
    struct agent_etcd_held *held = agent_etcd_held(book, corps_id);
    struct agent_etcd_txn txn;
    struct agent_etcd_state state;
    held = held != NULL ? held : agent_etcd_lost(book, corps_id);
    enum corps_err err = held != NULL ? CORPS_OK : find_held(book, corps_id, &held);
    if (err != CORPS_OK) {
        return err;
    }
    begin_own(&txn, book, held);
    delete_all(&txn, book, held);
    err = commit_held(book, &txn, corps_id, &state);
    if (err == CORPS_OK || err == CORPS_ERR_CLOSED) {
        agent_etcd_forget_lost(book, corps_id);
    }
    bool was_done = err == CORPS_ERR_CLOSED && !state.is_held && state.last.epoch == 0;
    return let_go(book, corps_id, err, was_done);
}
