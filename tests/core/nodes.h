/* A pool of a test's own: its Conc answers corps:members with what the test has told it, and its members say who they
 * are. For programs that are statically linked, so that a member can be told to leave, and what is kept counted. */
#ifndef CORPS_TEST_NODES_H
#define CORPS_TEST_NODES_H

#include "actor/broken.h"
#include "actor/pool_view.h"
#include "gate.h"
#include "value/name.h"

#include <string.h>

enum { LIST_MAX = 16, ENVS = 3, MAILBOX = 4 };

#define SHORT_NS INT64_C(100000000)  /* a table's time where a test waits for its end … */
#define USUAL_NS INT64_C(1000000000) /* … and where not */

/* ---- the pool's Conc ---- */

struct table {
    int64_t version, valid_ns, spreading, asked;
    size_t count;
    struct corps_value pairs[LIST_MAX][2], list[LIST_MAX], items[4];
};

/* [spreading, valid_ns, [[env, conc], …]] */
static enum corps_err table_set(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)context;
    (void)result;
    struct table *table = self;
    table->version++;
    table->spreading = args->items[0].integer;
    table->valid_ns = args->items[1].integer;
    table->count = args->items[2].count;
    for (size_t i = 0; i < table->count; i++) {
        memcpy(table->pairs[i], args->items[2].items[i].items, sizeof table->pairs[i]);
        table->list[i] = corps_array(table->pairs[i], 2);
    }
    return CORPS_OK;
}

static enum corps_err table_members(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)context;
    struct table *table = self;
    table->asked++;
    table->items[0] = corps_int(table->version);
    table->items[1] = corps_int(table->valid_ns);
    table->items[2] = corps_int(table->spreading);
    table->items[3] = args->items[0].integer == table->version ? corps_nil() : corps_array(table->list, table->count);
    *result = corps_array(table->items, 4);
    return CORPS_OK;
}

static const struct corps_method table_methods[] = {
    {"set", table_set}, {"corps:members", table_members}, {"wait_for", method_wait_for}, {NULL, NULL}};
static const struct corps_class table_class = {
    .name = "Pool of Node", .bytes = sizeof(struct table), .methods = table_methods};

/* ---- its members ---- */

struct node {
    int64_t touched;
    char farewell[64]; /* a file that its cleanup makes */
};

/* Which one it is: 1000 times its Env, and its number there. */
static enum corps_err node_who(struct corps_context *context, void *self, const struct corps_value *args,
                               struct corps_value *result) {
    (void)self;
    (void)args;
    *result = corps_int(1000 * (int64_t)corps_context_env(context) + corps_context_name(context)->conc);
    return CORPS_OK;
}

static enum corps_err node_touch(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    (void)args;
    *result = corps_int(((struct node *)self)->touched++);
    return CORPS_OK;
}

static enum corps_err node_touched(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    (void)context;
    (void)args;
    *result = corps_int(((struct node *)self)->touched);
    return CORPS_OK;
}

/* Calls `who` by the Name that it gets, and gives the answer. */
static enum corps_err node_via(struct corps_context *context, void *self, const struct corps_value *args,
                               struct corps_value *result) {
    (void)self;
    const struct corps_value *answer = NULL;
    struct corps_future *future = NULL;
    enum corps_err err = corps_call(args->name, "who", NULL, NULL, &future);
    err = err == CORPS_OK ? corps_future_wait(future, LONG_NS, &answer) : err;
    if (err == CORPS_OK) {
        *result = corps_int(answer->integer);
    }
    corps_future_destroy(future);
    return err == CORPS_OK ? CORPS_OK : corps_fail(context, corps_error_name(err), "%s", corps_error_detail());
}

/* Is told to move away: at once for others; itself when it has done what is in its mailbox. */
static enum corps_err node_leave(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)result;
    snprintf(((struct node *)self)->farewell, 64, "%.*s", (int)args->count, args->str);
    corps__conc_move_away(corps__conc_find(corps_context_name(context)->conc), "it was drained");
    return CORPS_OK;
}

static void node_cleanup(struct corps_context *context, void *self) {
    (void)context;
    const struct node *node = self;
    int fd = node->farewell[0] != '\0' ? open(node->farewell, O_CREAT | O_WRONLY, 0600) : -1;
    if (fd >= 0) {
        close(fd);
    }
}

static const struct corps_method node_methods[] = {
    {"who", node_who},     {"touch", node_touch}, {"touched", node_touched},     {"via", node_via},
    {"leave", node_leave}, {"pid", method_pid},   {"wait_for", method_wait_for}, {NULL, NULL}};
static const struct corps_class node_class = {
    .name = "Node", .bytes = sizeof(struct node), .methods = node_methods, .cleanup = node_cleanup};
static const struct corps_class *const classes[] = {&table_class, &node_class, NULL};

/* ---- what the tests share ---- */

struct pool {
    struct corps *corps;
    struct corps_name *name;  /* the pool's */
    struct corps_name *table; /* of its Conc, as a Worker */
    struct corps_name *nodes[LIST_MAX];
    size_t count;
};

/* The Name of the pool's Conc as that of a pool: no class of a program can be called so. */
static inline struct corps_name *as_pool(const struct corps_name *table) {
    uint8_t data[CORPS_NAME_BYTES_MAX];
    size_t bytes;
    struct corps_name *name;
    assert_ok(corps_name_encode(table, data, &bytes));
    memcpy(data + bytes - strlen(corps_name_class(table)), "pool", 4);
    assert_ok(corps_name_decode(data, bytes, &name));
    assert_string_equal(corps_name_class(name), "pool of Node");
    return name;
}

static inline void set_table(const struct pool *pool, int spreading, int64_t valid_ns, size_t from, size_t to) {
    struct corps_value pairs[LIST_MAX][2], list[LIST_MAX];
    for (size_t i = from; i < to; i++) {
        pairs[i][0] = corps_int(pool->nodes[i]->env);
        pairs[i][1] = corps_int(pool->nodes[i]->conc);
        list[i] = corps_array(pairs[i], 2);
    }
    const struct corps_value items[3] = {corps_int(spreading), corps_int(valid_ns),
                                         corps_array(list + from, to - from)};
    corps_future_destroy(ask(pool->table, "set", corps_array(items, 3), NULL));
}

/* A pool of `count` members, round robin over the Envs, all of which are in its table. */
static inline struct pool make_pool(size_t count, int spreading, int64_t valid_ns) {
    struct pool pool = {.corps = make_with((struct corps_options){.env_count = ENVS, .mailbox_count = MAILBOX}),
                        .count = count};
    pool.table = worker_in(pool.corps, "Pool of Node", 0);
    pool.name = as_pool(pool.table);
    for (size_t i = 0; i < count; i++) {
        pool.nodes[i] = worker_in(pool.corps, "Node", (unsigned)i % ENVS);
    }
    set_table(&pool, spreading, valid_ns, 0, count);
    return pool;
}

static inline void end_pool(struct pool *pool) {
    corps_name_unref(pool->name);
    corps_name_unref(pool->table);
    for (size_t i = 0; i < pool->count; i++) {
        corps_name_unref(pool->nodes[i]);
    }
    assert_int_equal(corps__pool_views_count(), 0);
    if (pool->corps != NULL) {
        assert_ok(corps_exit(pool->corps, LONG_NS));
    }
}

static inline int64_t id_of(const struct corps_name *node) {
    return 1000 * (int64_t)node->env + node->conc;
}

static inline size_t index_of(const struct pool *pool, int64_t id) {
    for (size_t i = 0; i < pool->count; i++) {
        if (id_of(pool->nodes[i]) == id) {
            return i;
        }
    }
    fail_msg("%lld is no member", (long long)id);
    return 0;
}

static inline int64_t touched(const struct pool *pool, size_t i) {
    return ask_int(pool->nodes[i], "touched", corps_nil());
}

/* So many calls of `who` one after the other: how many each member got. */
static inline void count_calls(const struct pool *pool, unsigned calls, unsigned counts[LIST_MAX]) {
    memset(counts, 0, LIST_MAX * sizeof counts[0]);
    for (unsigned i = 0; i < calls; i++) {
        counts[index_of(pool, ask_int(pool->name, "who", corps_nil()))]++;
    }
}

static inline void sleep_ns(int64_t ns) {
    const struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    nanosleep(&time, NULL);
}

#endif
