#include "adder.h"

#include "gate.h"

#include <corps/serializer.h>
#include <pthread.h>
#include <string.h>

/* ---- Adder ---- */

struct adder {
    int64_t first;
    int64_t sum;
    struct corps_name *made; /* a pool */
};

/* [number, path]: a file of that name makes it fail. */
static enum corps_err adder_init(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)result;
    struct adder *adder = self;
    const struct corps_value *path = corps_value_item(args, 1);
    char text[64] = "";
    if (path != NULL) {
        snprintf(text, sizeof text, "%.*s", (int)path->count, path->str);
    }
    if (text[0] != '\0' && access(text, F_OK) == 0) {
        return corps_fail(context, "Refusal", "there is %s", text);
    }
    adder->first = corps_value_item(args, 0) != NULL ? corps_value_item(args, 0)->integer : 0;
    return CORPS_OK;
}

/* Who has run it: 2^32 times its Env, and its number there. */
static enum corps_err adder_add(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    ((struct adder *)self)->sum += args->integer;
    uint64_t corps;
    unsigned env, conc;
    corps_name_address(corps_context_name(context), &corps, &env, &conc);
    *result = corps_int((int64_t)env << 32 | conc);
    return CORPS_OK;
}

static enum corps_err adder_crash(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)self;
    (void)args;
    (void)result;
    return corps_context_crash(context, "it was told to");
}

/* Takes a millisecond. */
static enum corps_err adder_work(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    struct corps_value ms = corps_int(1);
    (void)!method_sleep(context, self, &ms, result);
    return adder_add(context, self, args, result);
}

/* Puts its answer off until there is a file of this name. */
struct held {
    struct corps_request *request;
    char path[64];
};

static void *answer_later(void *arg) {
    struct held *held = arg;
    while (access(held->path, F_OK) != 0) {
        poll(NULL, 0, 1);
    }
    struct corps_value answer = corps_int(42);
    (void)!corps_request_reply(held->request, &answer);
    free(held);
    return NULL;
}

static enum corps_err adder_hold(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)self;
    (void)result;
    struct held *held = calloc(1, sizeof *held);
    pthread_t thread;
    assert_non_null(held);
    snprintf(held->path, sizeof held->path, "%.*s", (int)args->count, args->str);
    held->request = corps_request_hold(context);
    assert_int_equal(pthread_create(&thread, NULL, answer_later, held), 0);
    pthread_detach(thread);
    return CORPS_ERR_PENDING;
}

/* Makes a pool of its own, in whichever Env it is. */
static enum corps_err adder_make(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)args;
    struct adder *adder = self;
    const struct corps_pool_options options = {.min_count = 2, .location = CORPS_AUTO};
    enum corps_err err = corps_create_pool(corps_context_corps(context), "Adder", NULL, &options, &adder->made);
    *result = err == CORPS_OK ? corps_value_of_name(adder->made) : corps_nil();
    return err;
}

static void adder_cleanup(struct corps_context *context, void *self) {
    (void)context;
    corps_name_unref(((struct adder *)self)->made);
}

static const struct corps_method methods[] = {
    {"add", adder_add},   {"work", adder_work}, {"crash", adder_crash},        {"hold", adder_hold},
    {"make", adder_make}, {"pid", method_pid},  {"wait_for", method_wait_for}, {NULL, NULL}};
const struct corps_class adder_class = {
    .name = "Adder", .bytes = sizeof(struct adder), .init = adder_init, .methods = methods, .cleanup = adder_cleanup};

/* ---- Maker ---- */
static enum corps_err maker_init(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    return adder_make(context, self, args, result);
}

static enum corps_err maker_made(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    (void)args;
    *result = corps_value_of_name(((struct adder *)self)->made);
    return CORPS_OK;
}

static const struct corps_method maker_methods[] = {{"made", maker_made}, {NULL, NULL}};
const struct corps_class maker_class = {.name = "Maker",
                                        .bytes = sizeof(struct adder),
                                        .init = maker_init,
                                        .methods = maker_methods,
                                        .cleanup = adder_cleanup};

/* ---- looking at a pool ---- */

struct corps_name *own_conc(const struct corps_name *pool) {
    uint8_t data[CORPS_NAME_BYTES_MAX];
    size_t bytes;
    struct corps_name *name;
    assert_ok(corps_name_encode(pool, data, &bytes));
    memcpy(data + bytes - strlen(corps_name_class(pool)), "Pool", 4);
    assert_ok(corps_name_decode(data, bytes, &name));
    return name;
}

int64_t stat_of(const struct corps_name *pool, const char *key) {
    struct corps_name *own = own_conc(pool);
    const struct corps_value *map;
    struct corps_future *future = ask(own, "corps:pool", corps_nil(), &map);
    const struct corps_value *value = corps_value_get(map, key);
    assert_non_null(value);
    int64_t number = value->integer;
    corps_future_destroy(future);
    corps_name_unref(own);
    return number;
}

void await_stat(const struct corps_name *pool, const char *key, int64_t least, int64_t most) {
    for (int64_t value = stat_of(pool, key); value < least || value > most; value = stat_of(pool, key)) {
        poll(NULL, 0, 5);
    }
}

struct corps_name *make_pool(struct corps *corps, struct corps_pool_options options) {
    struct corps_name *pool;
    struct corps_value number = corps_int(7);
    struct corps_value args = corps_array(&number, 1);
    assert_ok(corps_create_pool(corps, "Adder", &args, &options, &pool));
    assert_string_equal(corps_name_class(pool), "pool of Adder");
    return pool;
}

enum { AHEAD = 64 };

unsigned call_many(const struct corps_name *pool, const char *method, unsigned calls) {
    struct corps_future *futures[AHEAD] = {NULL};
    int64_t seen[256];
    unsigned seen_count = 0;
    const struct corps_value one = corps_int(1);
    for (unsigned i = 0; i < calls + AHEAD; i++) {
        struct corps_future **future = &futures[i % AHEAD];
        if (*future != NULL) {
            const struct corps_value *who;
            assert_ok(corps_future_wait(*future, LONG_NS, &who));
            unsigned at = 0;
            while (at < seen_count && seen[at] != who->integer) {
                at++;
            }
            if (at == seen_count && seen_count < 256) {
                seen[seen_count++] = who->integer;
            }
            corps_future_destroy(*future);
            *future = NULL;
        }
        if (i < calls) {
            assert_ok(corps_call(pool, method, &one, NULL, future));
        }
    }
    return seen_count;
}
