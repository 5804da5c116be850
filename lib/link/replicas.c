#include "link/replicas.h"

#include <corps/serializer.h>

#include <stdlib.h>
#include <string.h>

/* ---- reading an answer ---- */

static enum corps_err malformed(const char *class_name, const char *what) {
    return corps_error_set(CORPS_ERR_PROTOCOL, "the pool of %s answered corps:members with %s", class_name, what);
}

static int64_t int_of(const struct corps_value *value, int64_t least, int64_t most) {
    const struct corps_value *open = corps_value_open(value);
    return open->kind == CORPS_INT && open->integer >= least && open->integer <= most ? open->integer : -1;
}

static int spreading_of(const struct corps_value *value) {
    const struct corps_value *open = corps_value_open(value);
    return open->kind == CORPS_BOOL ? (open->boolean ? CORPS__STICKY : CORPS__SPREAD)
                                    : (int)int_of(open, CORPS__SPREAD, CORPS__NEAREST);
}

static struct corps_name *known_name(const struct corps__replicas *before, uint32_t env, uint32_t conc, size_t hint) {
    size_t count = before != NULL ? before->count : 0;
    for (size_t i = 0; i < count; i++) { /* members come last and go anywhere: most are where they were */
        struct corps_name *name = before->members[(hint + count - i) % count].name;
        if (name->env == env && name->conc == conc) {
            return corps_name_ref(name);
        }
    }
    return NULL;
}

static enum corps_err read_member(const struct corps_value *item, uint64_t corps_id, const char *class_name,
                                  struct corps__replicas *table, const struct corps__replicas *before) {
    const struct corps_value *open = corps_value_open(item);
    bool is_pair = open->kind == CORPS_ARRAY && open->count == 2;
    int64_t env = is_pair ? int_of(corps_value_item(open, 0), 0, UINT32_MAX - 1) : -1;
    int64_t conc = is_pair ? int_of(corps_value_item(open, 1), 0, UINT32_MAX - 1) : -1;
    if (env < 0 || conc < 0) {
        return malformed(class_name, "a member that is no pair of an Env and a Conc");
    }
    struct corps_name *name = known_name(before, (uint32_t)env, (uint32_t)conc, table->count);
    if (name == NULL) {
        enum corps_err err =
            corps__name_create(corps_id, (uint32_t)env, (uint32_t)conc, class_name, strlen(class_name), &name);
        if (err != CORPS_OK) {
            return err;
        }
        corps__name_not_pool(name); /* members are Workers, whatever their class is called */
    }
    table->members[table->count++].name = name;
    return CORPS_OK;
}

static enum corps_err read_members(const struct corps_value *list, uint64_t corps_id, const char *class_name,
                                   const struct corps__replicas *before, struct corps__replicas **out) {
    struct corps__replicas *table = calloc(1, sizeof *table + list->count * sizeof table->members[0]);
    if (table == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the table of %zu members of a pool", list->count);
    }
    table->refs = 1;
    enum corps_err err = CORPS_OK;
    for (size_t i = 0; i < list->count && err == CORPS_OK; i++) {
        err = read_member(corps_value_item(list, i), corps_id, class_name, table, before);
    }
    if (err != CORPS_OK) {
        corps__replicas_unref(table);
        return err;
    }
    *out = table;
    return CORPS_OK;
}

static void forgive(struct corps__replicas *table) {
    for (size_t i = 0; i < table->count; i++) {
        atomic_store_explicit(&table->members[i].avoided, false, memory_order_relaxed);
    }
}

enum corps_err corps__replicas_read(const struct corps_value *answer, uint64_t corps_id, const char *class_name,
                                    struct corps__replicas *before, struct corps__replicas **table, int64_t *valid_ns) {
    const struct corps_value *open = corps_value_open(answer);
    if (open->kind != CORPS_ARRAY || open->count != 4) {
        return malformed(class_name, "something else than four items");
    }
    int64_t version = int_of(corps_value_item(open, 0), 1, INT64_MAX);
    int64_t valid = int_of(corps_value_item(open, 1), 1, INT64_MAX);
    int spreading = spreading_of(corps_value_item(open, 2));
    const struct corps_value *list = corps_value_open(corps_value_item(open, 3));
    if (version < 0 || valid < 0 || spreading < 0) {
        return malformed(class_name, "a version, a time or a way of spreading that cannot be");
    }
    bool is_same = list->kind == CORPS_NIL && before != NULL && before->version == (uint64_t)version;
    if (!is_same && (list->kind != CORPS_ARRAY || list->count > CORPS__MEMBERS_MAX)) {
        return malformed(class_name, "no list of members");
    }
    if (is_same) {
        forgive(before);
        *table = corps__replicas_ref(before);
    } else {
        enum corps_err err = read_members(list, corps_id, class_name, before, table);
        if (err != CORPS_OK) {
            return err;
        }
        (*table)->version = (uint64_t)version;
        (*table)->spreading = (enum corps__spreading)spreading;
    }
    *valid_ns = valid;
    return CORPS_OK;
}

struct corps__replicas *corps__replicas_ref(struct corps__replicas *table) {
    atomic_fetch_add_explicit(&table->refs, 1, memory_order_relaxed);
    return table;
}

void corps__replicas_unref(struct corps__replicas *table) {
    if (table == NULL || atomic_fetch_sub(&table->refs, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < table->count; i++) {
        corps_name_unref(table->members[i].name);
    }
    free(table);
}

/* ---- choices ---- */

static bool is_avoided(const struct corps__replicas *table, size_t at) {
    return atomic_load_explicit(&table->members[at].avoided, memory_order_relaxed);
}

static uint64_t load_at(const struct corps__replicas *table, size_t at, corps__load_fn load, void *arg) {
    return load(table->members[at].name, arg);
}

/* The first from `from` on, in a circle, that is neither avoided nor `other`. */
static size_t next_from(const struct corps__replicas *table, size_t from, size_t other) {
    for (size_t i = 0; i < table->count; i++) {
        size_t at = (from + i) % table->count;
        if (at != other && !is_avoided(table, at)) {
            return at;
        }
    }
    return CORPS__NO_MEMBER;
}

size_t corps__replicas_least(const struct corps__replicas *table, uint64_t random, corps__load_fn load, void *arg) {
    size_t best = CORPS__NO_MEMBER;
    uint64_t best_load = CORPS__LOAD_NONE;
    for (size_t i = 0; i < table->count; i++) {
        size_t at = (random + i) % table->count;
        if (is_avoided(table, at)) {
            continue;
        }
        uint64_t its = load_at(table, at, load, arg);
        if (best == CORPS__NO_MEMBER || its < best_load) {
            best = at;
            best_load = its;
        }
    }
    return best;
}

size_t corps__replicas_spread(const struct corps__replicas *table, uint64_t random, corps__load_fn load, void *arg) {
    if (table->count == 0) {
        return CORPS__NO_MEMBER;
    }
    uint64_t more = corps__mix(random);
    size_t one = next_from(table, random % table->count, CORPS__NO_MEMBER);
    size_t other = one != CORPS__NO_MEMBER ? next_from(table, more % table->count, one) : CORPS__NO_MEMBER;
    if (other == CORPS__NO_MEMBER) {
        return one;
    }
    uint64_t load_of_one = load_at(table, one, load, arg), load_of_other = load_at(table, other, load, arg);
    if (load_of_one == CORPS__LOAD_NONE && load_of_other == CORPS__LOAD_NONE) {
        return corps__replicas_least(table, more, load, arg);
    }
    return load_of_other < load_of_one ? other : one;
}

size_t corps__replicas_sticky(const struct corps__replicas *table, uint64_t key) {
    size_t best = CORPS__NO_MEMBER;
    uint64_t best_score = 0;
    for (size_t at = 0; at < table->count; at++) {
        const struct corps_name *name = table->members[at].name;
        uint64_t score = corps__mix(key ^ corps__mix((uint64_t)name->env << 32 | name->conc));
        if (!is_avoided(table, at) && (best == CORPS__NO_MEMBER || score > best_score)) {
            best = at;
            best_score = score;
        }
    }
    return best;
}

size_t corps__replicas_nearest(const struct corps__replicas *table, uint32_t own_env, uint64_t random,
                               corps__load_fn load, void *arg) {
    for (size_t at = 0; at < table->count; at++) {
        if (table->members[at].name->env == own_env && !is_avoided(table, at) &&
            load_at(table, at, load, arg) != CORPS__LOAD_NONE) {
            return at;
        }
    }
    return corps__replicas_least(table, random, load, arg);
}

uint64_t corps__replicas_outstanding(const struct corps__replicas *table, corps__load_fn load, void *arg) {
    uint64_t sum = 0;
    for (size_t at = 0; at < table->count; at++) {
        uint64_t its = load_at(table, at, load, arg);
        sum += its != CORPS__LOAD_NONE ? its : 0;
    }
    return sum;
}
