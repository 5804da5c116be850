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

/* ---- all of them ---- */

/* Keys come in order: about, epoch, host, name, owner, each by id; so lists of each kind are merged. */
struct row {
    uint64_t id; /* of a host its number */
    char *value; /* malloc's */
    int64_t lease;
};

struct rows {
    struct row *at;
    size_t count, room;
};

struct listing {
    struct rows abouts, epochs, hosts, owners;
};

static bool add(struct rows *rows, struct row row) {
    if (rows->count == rows->room) {
        size_t room = 2 * rows->room + 16;
        struct row *more = reallocarray(rows->at, room, sizeof *more);
        if (more == NULL) {
            return false;
        }
        rows->at = more;
        rows->room = room;
    }
    rows->at[rows->count++] = row;
    return true;
}

static void free_rows(struct rows *rows) {
    for (size_t i = 0; i < rows->count; i++) {
        free(rows->at[i].value);
    }
    free(rows->at);
}

static struct rows *rows_of(struct listing *listing, const char *cluster, const char *key, size_t bytes, uint64_t *id) {
    uint32_t number;
    if (agent_etcd_key_is_host(cluster, key, bytes, &number)) {
        *id = number;
        return &listing->hosts;
    }
    return agent_etcd_key_is(cluster, "now/about", key, bytes, id)   ? &listing->abouts
           : agent_etcd_key_is(cluster, "now/epoch", key, bytes, id) ? &listing->epochs
           : agent_etcd_key_is(cluster, "now/owner", key, bytes, id) ? &listing->owners
                                                                     : NULL; /* a name, or what later versions add */
}

static enum corps_err gather_one(const char *cluster, const json_t *kv, struct listing *listing) {
    struct row row = {0};
    size_t key_bytes = 0, bytes = 0;
    char *key = agent_etcd_bytes_of(json_object_get(kv, "key"), &key_bytes);
    struct rows *rows = key != NULL ? rows_of(listing, cluster, key, key_bytes, &row.id) : NULL;
    bool good = key != NULL;
    if (rows != NULL) {
        row.value = agent_etcd_bytes_of(json_object_get(kv, "value"), &bytes);
        good = row.value != NULL && agent_etcd_number_of(kv, "lease", &row.lease) && add(rows, row);
        if (!good) {
            free(row.value);
        }
    }
    free(key);
    return good ? CORPS_OK
                : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for what etcd lists, or it is no JSON of etcd's");
}

static enum corps_err gather(const struct agent_etcd_book *book, const json_t *answer, struct listing *listing) {
    enum corps_err err = CORPS_OK;
    size_t i;
    json_t *kv;
    json_array_foreach(json_object_get(answer, "kvs"), i, kv) {
        err = err == CORPS_OK ? gather_one(book->client.cluster, kv, listing) : err;
    }
    return err;
}

/* The row of this id, if it is the next one. */
static const struct row *next(const struct rows *rows, size_t *at, uint64_t id) {
    while (*at < rows->count && rows->at[*at].id < id) {
        ++*at;
    }
    return *at < rows->count && rows->at[*at].id == id ? &rows->at[*at] : NULL;
}

/* `about` is cut in two at its line feed. */
static bool take_about(const struct row *row, struct corps_ledger_corps *corps) {
    char *feed = row != NULL ? strchr(row->value, '\n') : NULL;
    if (feed != NULL) {
        *feed = '\0';
        corps->name = row->value;
        corps->about = feed + 1;
    }
    return feed != NULL;
}

/* With `each` NULL only looks whether all is as it should be: then it is told afterwards, all of it. */
static enum corps_err tell_hosts(const struct agent_etcd_book *book, const struct listing *listing,
                                 const struct corps_ledger_each *each, void *arg) {
    for (size_t i = 0; i < listing->hosts.count; i++) {
        struct corps_ledger_host host = {.number = (uint32_t)listing->hosts.at[i].id};
        if (!agent_etcd_host_of(listing->hosts.at[i].value, &host)) {
            const struct agent_etcd_key key = agent_etcd_key_host(book->client.cluster, host.number);
            return agent_etcd_damaged(&key);
        }
        if (each != NULL) {
            each->host(arg, &host);
        }
    }
    return CORPS_OK;
}

static enum corps_err corps_of(const struct agent_etcd_book *book, const struct row *epoch, const struct row *owner,
                               struct corps_ledger_corps *corps) {
    struct agent_etcd_epoch last;
    struct agent_etcd_key key = agent_etcd_key_of(book->client.cluster, "now/epoch", epoch->id);
    uint64_t boot;
    if (!agent_etcd_epoch_of(epoch->value, &last)) {
        return agent_etcd_damaged(&key);
    }
    *corps = (struct corps_ledger_corps){.corps_id = epoch->id,
                                         .epoch = last.epoch,
                                         .last_host = last.host,
                                         .last_boot = last.boot,
                                         .is_mine = owner != NULL && owner->lease == book->lease && book->lease != 0,
                                         .is_given = last.is_given && owner == NULL,
                                         .name = "",
                                         .about = ""};
    if (owner != NULL && !agent_etcd_owner_of(owner->value, &corps->host, &boot)) {
        key = agent_etcd_key_of(book->client.cluster, "now/owner", epoch->id);
        return agent_etcd_damaged(&key);
    }
    return CORPS_OK;
}

static enum corps_err tell_corps(const struct agent_etcd_book *book, const struct listing *listing,
                                 const struct corps_ledger_each *each, void *arg) {
    size_t owner_at = 0, about_at = 0;
    for (size_t i = 0; i < listing->epochs.count; i++) {
        const struct row *epoch = &listing->epochs.at[i];
        struct corps_ledger_corps corps;
        enum corps_err err = corps_of(book, epoch, next(&listing->owners, &owner_at, epoch->id), &corps);
        if (err != CORPS_OK) {
            return err;
        }
        const struct row *about = next(&listing->abouts, &about_at, epoch->id);
        if (each != NULL) {
            (void)take_about(about, &corps); /* without one it has no name, and nothing is said about it */
            each->corps(arg, &corps);
        }
    }
    return CORPS_OK;
}

static enum corps_err tell_all(const struct agent_etcd_book *book, const struct listing *listing,
                               const struct corps_ledger_each *each, void *arg) {
    enum corps_err err = tell_hosts(book, listing, each, arg);
    return err == CORPS_OK ? tell_corps(book, listing, each, arg) : err;
}

enum corps_err agent_etcd_list(struct corps_ledger_book *base, const struct corps_ledger_each *each, void *arg) {
    struct agent_etcd_book *book = agent_etcd_book_of(base);
    const struct agent_etcd_key from = agent_etcd_key_now(book->client.cluster), to = agent_etcd_key_after(&from);
    struct listing listing = {0};
    json_t *answer;
    begin(book);
    json_t *request = json_pack("{s:o,s:o}", "key", agent_etcd_text(from.text), "range_end", agent_etcd_text(to.text));
    enum corps_err err = agent_etcd_ask(&book->client, "/v3/kv/range", request, agent_etcd_patience(), &answer);
    if (err != CORPS_OK) {
        return err;
    }
    err = gather(book, answer, &listing);
    json_decref(answer);
    err = err == CORPS_OK ? tell_all(book, &listing, NULL, NULL) : err;
    err = err == CORPS_OK ? tell_all(book, &listing, each, arg) : err;
    free_rows(&listing.abouts);
    free_rows(&listing.epochs);
    free_rows(&listing.hosts);
    free_rows(&listing.owners);
    return err;
}
