/* Everything under `now`. It is read whole only when something has changed: with many hosts and Corps etcd would else
 * do little but write lists. */
#include "agent/etcd/book.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

struct agent_etcd_listing {
    int64_t
        revision; /* of all of etcd: each change of anything makes it greater, and renewing a lease changes nothing */
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

static struct rows *rows_of(struct agent_etcd_listing *listing, const char *cluster, const char *key, size_t bytes,
                            uint64_t *id) {
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

static enum corps_err gather_one(const char *cluster, const json_t *kv, struct agent_etcd_listing *listing) {
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

static enum corps_err gather(const struct agent_etcd_book *book, const json_t *answer,
                             struct agent_etcd_listing *listing) {
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

/* The singleton's name, a line feed, and what is said; without any it has no name, and nothing is said about it. */
static void take_about(const struct row *row, char name[CORPS_LEDGER_NAME_BYTES], struct corps_ledger_corps *corps) {
    const char *feed = row != NULL ? strchr(row->value, '\n') : NULL;
    if (feed != NULL && feed - row->value < CORPS_LEDGER_NAME_BYTES) {
        snprintf(name, CORPS_LEDGER_NAME_BYTES, "%.*s", (int)(feed - row->value), row->value);
        corps->name = name;
        corps->about = feed + 1;
    }
}

/* With `each` NULL only looks whether all is as it should be: then it is told afterwards, all of it. */
static enum corps_err tell_hosts(const struct agent_etcd_book *book, const struct agent_etcd_listing *listing,
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

static enum corps_err tell_corps(const struct agent_etcd_book *book, const struct agent_etcd_listing *listing,
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
            char name[CORPS_LEDGER_NAME_BYTES];
            take_about(about, name, &corps);
            each->corps(arg, &corps);
        }
    }
    return CORPS_OK;
}

static enum corps_err tell_all(const struct agent_etcd_book *book, const struct agent_etcd_listing *listing,
                               const struct corps_ledger_each *each, void *arg) {
    enum corps_err err = tell_hosts(book, listing, each, arg);
    return err == CORPS_OK ? tell_corps(book, listing, each, arg) : err;
}

void agent_etcd_listing_free(struct agent_etcd_listing *listing) {
    if (listing != NULL) {
        free_rows(&listing->abouts);
        free_rows(&listing->epochs);
        free_rows(&listing->hosts);
        free_rows(&listing->owners);
        free(listing);
    }
}

static bool revision_of(const json_t *answer, int64_t *revision) {
    return agent_etcd_number_of(json_object_get(answer, "header"), "revision", revision);
}

/* Reads everything, and keeps it. */
static enum corps_err read_all(struct agent_etcd_book *book, int64_t deadline_ns) {
    const struct agent_etcd_key from = agent_etcd_key_now(book->client.cluster), to = agent_etcd_key_after(&from);
    json_t *answer;
    json_t *request = json_pack("{s:o,s:o}", "key", agent_etcd_text(from.text), "range_end", agent_etcd_text(to.text));
    enum corps_err err = agent_etcd_ask(&book->client, "/v3/kv/range", request, deadline_ns, &answer);
    if (err != CORPS_OK) {
        return err;
    }
    struct agent_etcd_listing *listing = calloc(1, sizeof *listing);
    err = listing != NULL ? gather(book, answer, listing)
                          : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for what etcd lists");
    if (err == CORPS_OK && !revision_of(answer, &listing->revision)) {
        listing->revision = 0;
    }
    json_decref(answer);
    err = err == CORPS_OK ? tell_all(book, listing, NULL, NULL) : err;
    if (err != CORPS_OK) {
        agent_etcd_listing_free(listing);
        return err;
    }
    book->listing = listing;
    return CORPS_OK;
}

/* Forgets what was read if anything in etcd has changed since. Another small read that needs the majority. */
static enum corps_err forget_if_old(struct agent_etcd_book *book, int64_t deadline_ns) {
    const struct agent_etcd_key key = agent_etcd_key_host(book->client.cluster, book->host);
    int64_t revision;
    json_t *answer;
    json_t *request = json_pack("{s:o,s:b}", "key", agent_etcd_text(key.text), "count_only", 1);
    enum corps_err err = agent_etcd_ask(&book->client, "/v3/kv/range", request, deadline_ns, &answer);
    if (err != CORPS_OK) {
        return err;
    }
    if (!revision_of(answer, &revision) || revision == 0 || revision != book->listing->revision) {
        agent_etcd_listing_free(book->listing);
        book->listing = NULL;
    }
    json_decref(answer);
    return CORPS_OK;
}

static bool is_last(const struct agent_etcd_listing *listing, const struct agent_etcd_held *lost) {
    struct agent_etcd_epoch last;
    size_t at = 0;
    const struct row *row = next(&listing->epochs, &at, lost->corps_id);
    return row != NULL && agent_etcd_epoch_of(row->value, &last) && last.epoch == lost->epoch;
}

/* Of what was lost with its lease, that which has ended or has had another life since. */
static void forget_lost(struct agent_etcd_book *book) {
    for (struct agent_etcd_held *at = book->lost, *after; at != NULL; at = after) {
        after = at->next;
        if (!is_last(book->listing, at)) {
            agent_etcd_forget_lost(book, at->corps_id);
        }
    }
}

enum corps_err agent_etcd_list(struct corps_ledger_book *base, const struct corps_ledger_each *each, void *arg) {
    struct agent_etcd_book *book = agent_etcd_book_of(base);
    int64_t deadline_ns = agent_etcd_patience();
    agent_etcd_watch_seen(book->watch); /* what came before this is seen now; what comes later is told */
    enum corps_err err = book->listing != NULL ? forget_if_old(book, deadline_ns) : CORPS_OK;
    if (err == CORPS_OK && book->listing == NULL) {
        err = read_all(book, deadline_ns);
    }
    if (err != CORPS_OK) {
        return err;
    }
    forget_lost(book);
    return tell_all(book, book->listing, each, arg);
}
