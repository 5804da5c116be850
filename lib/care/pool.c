#include "care/pool.h"

#include "actor/class.h"
#include "actor/tell.h"
#include "base/clock.h"
#include "care/callers.h"
#include "care/seats.h"
#include "codec/record.h"
#include "link/peer.h"
#include "process/life.h"
#include "process/manager.h"
#include "value/failure.h"
#include "value/name.h"

#include <stdlib.h>
#include <string.h>

/* Tells the pool's Conc that another step has begun. Lives until the loop has let go of it. */
struct ticker {
    uv_timer_t timer; /* first */
    struct corps__conc *conc;
    const struct corps__symbol *tick;
    _Atomic bool is_told; /* the last word has not been heard yet */
};

struct pool {
    struct corps__seats seats;
    struct corps__callers callers;
    struct ticker *ticker;
    struct waiting {
        struct corps_request *request;
        struct waiting *next;
    } * waiting; /* for the first members */
    bool is_ready;
};

/* ---- the timer: with the lead ---- */

static void tell_tick(struct ticker *ticker) {
    if (!atomic_exchange(&ticker->is_told, true) && !corps__conc_tell(ticker->conc, ticker->tick)) {
        atomic_store(&ticker->is_told, false);
    }
}

/* A Corps that ends does the rest itself. */
static void on_timer(uv_timer_t *timer) {
    if (corps__life.stage <= CORPS__SERVING) {
        tell_tick((struct ticker *)timer);
    }
}

static enum corps_err begin_ticks(void *arg) {
    struct ticker *ticker = arg;
    uint64_t ms = CORPS__SCALE_STEP_NS / 1000000;
    uv_timer_init(corps__loop(), &ticker->timer);
    corps__timer_start(&ticker->timer, on_timer, ms, ms);
    return CORPS_OK;
}

static void free_ticker(uv_handle_t *handle) {
    free(handle);
}

static enum corps_err end_ticks(void *arg) {
    uv_close(arg, free_ticker);
    corps__loop_changed();
    return CORPS_OK;
}

/* ---- what it does at each word ---- */

static void answer_waiting(struct pool *pool) {
    struct corps__failure *failure = pool->seats.failure;
    bool ready = corps__scale_count(&pool->seats.scale, CORPS__MEMBER_ACTIVE) >= pool->seats.scale.options.min;
    pool->is_ready = pool->is_ready || ready;
    while (pool->waiting != NULL && (pool->is_ready || failure != NULL || pool->seats.scale.closing)) {
        struct waiting *waiting = pool->waiting;
        pool->waiting = waiting->next;
        if (pool->is_ready) {
            (void)!corps_request_reply(waiting->request, NULL);
        } else if (failure != NULL) {
            (void)!corps_request_fail_with(waiting->request, &failure->info);
        } else {
            (void)!corps_request_fail(waiting->request, "EXITED", "the pool has ended");
        }
        free(waiting);
    }
}

/* Does what is to be done now. */
static void go_on(struct pool *pool) {
    if (corps__seats_act(&pool->seats)) {
        (void)!corps__conc_end(pool->seats.pool);
    }
    answer_waiting(pool);
}

static uint32_t callers_of(struct pool *pool) {
    return corps__callers_count(&pool->callers, corps__now_ns());
}

static enum corps_err pool_tick(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)context;
    (void)args;
    (void)result;
    struct pool *pool = self;
    atomic_store(&pool->ticker->is_told, false);
    corps__scale_woke(&pool->seats.scale, corps__now_ns());
    corps__seats_look(&pool->seats);
    corps__seats_step(&pool->seats, callers_of(pool));
    go_on(pool);
    return CORPS_OK;
}

static enum corps_err pool_look(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)context;
    (void)args;
    (void)result;
    struct pool *pool = self;
    corps__seats_look(&pool->seats);
    corps__seats_settle(&pool->seats, callers_of(pool));
    go_on(pool);
    return CORPS_OK;
}

static enum corps_err pool_end(struct corps_context *context, void *self, const struct corps_value *args,
                               struct corps_value *result) {
    (void)context;
    (void)args;
    (void)result;
    struct pool *pool = self;
    corps__scale_close(&pool->seats.scale);
    pool->seats.version++;
    go_on(pool);
    return CORPS_OK;
}

/* ---- what others ask for ---- */

/* Of the process that asks; a Worker of this Env asks for all of it. */
static uint64_t caller_of(const struct corps_context *context) {
    return context->message->from != NULL ? context->message->from->number : 0;
}

static enum corps__pool_how how_of(const struct pool *pool) {
    bool nearest = corps__seats_option(&pool->seats, CORPS__POOL_LOCATION) == CORPS_LOCATION_PER_ENV;
    bool sticky = corps__seats_option(&pool->seats, CORPS__POOL_IS_STICKY) != 0;
    return nearest ? CORPS__POOL_NEAREST : sticky ? CORPS__POOL_STICKY : CORPS__POOL_SPREAD;
}

static enum corps_err list_members(struct corps_context *context, const struct pool *pool, struct corps_value *list) {
    const struct corps__seats *seats = &pool->seats;
    size_t count = corps__scale_count(&seats->scale, CORPS__MEMBER_ACTIVE);
    struct corps_value *rows = corps_context_alloc(context, (count > 0 ? count : 1) * 3 * sizeof *rows);
    if (rows == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to list the members of a pool");
    }
    struct corps_value *items = rows + count;
    size_t at = 0;
    for (uint32_t i = 0; i < seats->scale.places; i++) {
        if (seats->members[i].state == CORPS__MEMBER_ACTIVE) {
            items[2 * at] = corps_int(seats->seats[i].env);
            items[2 * at + 1] = corps_int(seats->seats[i].conc);
            rows[at] = corps_array(&items[2 * at], 2);
            at++;
        }
    }
    *list = corps_array(rows, at);
    return CORPS_OK;
}

static enum corps_err pool_members(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    struct pool *pool = self;
    if (pool->seats.scale.closing) {
        return corps_fail(context, "EXITED", "the pool has ended");
    }
    int64_t known = corps__record_int(args, 0, 0);
    int64_t under_way = corps__record_int(args, 1, 0);
    corps__callers_say(&pool->callers, caller_of(context), under_way > 0 ? (uint64_t)under_way : 0, corps__now_ns());
    struct corps_value *items = corps_context_alloc(context, 4 * sizeof *items);
    if (items == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to list the members of a pool");
    }
    items[0] = corps_int((int64_t)pool->seats.version);
    items[1] = corps_int(CORPS__POOL_VALID_NS);
    items[2] = corps_int(how_of(pool));
    items[3] = corps_nil();
    enum corps_err err = known != (int64_t)pool->seats.version ? list_members(context, pool, &items[3]) : CORPS_OK;
    *result = corps_array(items, 4);
    return err;
}

static enum corps_err pool_ready(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)args;
    (void)result;
    struct pool *pool = self;
    struct waiting *waiting = malloc(sizeof *waiting);
    struct corps_request *request = waiting != NULL ? corps_request_hold(context) : NULL;
    if (request == NULL) {
        free(waiting);
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to wait for the members of a pool");
    }
    *waiting = (struct waiting){.request = request, .next = pool->waiting};
    pool->waiting = waiting;
    answer_waiting(pool);
    return CORPS_ERR_PENDING;
}

static enum corps_err pool_stats(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)args;
    const struct pool *pool = self;
    const struct corps__scale *scale = &pool->seats.scale;
    uint32_t draining = corps__scale_count(scale, CORPS__MEMBER_LEAVING) +
                        corps__scale_count(scale, CORPS__MEMBER_DRAINING) +
                        corps__scale_count(scale, CORPS__MEMBER_ENDING);
    const struct corps_entry entries[] = {
        {corps_str("conc"), corps_int(pool->seats.pool->id)},
        {corps_str("class"), corps_str(corps__conc_class(pool->seats.pool))},
        {corps_str("members"), corps_int(corps__scale_count(scale, CORPS__MEMBER_ACTIVE))},
        {corps_str("draining"), corps_int(draining)},
        {corps_str("min"), corps_int(scale->options.min)},
        {corps_str("max"), corps_int(scale->options.max)},
        {corps_str("target_ns"), corps_int(scale->options.target_ns)},
        {corps_str("wait_ns"), corps_int(corps__scale_wait_ns(scale))},
        {corps_str("grown"), corps_int((int64_t)scale->grown)},
        {corps_str("shrunk"), corps_int((int64_t)scale->shrunk)},
        {corps_str("moved"), corps_int((int64_t)pool->seats.moved)},
    };
    struct corps_entry *given = corps_context_alloc(context, sizeof entries);
    if (given == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to tell of a pool");
    }
    memcpy(given, entries, sizeof entries);
    *result = corps_map(given, sizeof entries / sizeof entries[0]);
    return CORPS_OK;
}

/* ---- life ---- */

static enum corps_err pool_init(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)result;
    struct pool *pool = self;
    if (corps__own_env() != 0 || args->kind != CORPS_ARRAY || args->count != CORPS__POOL_ARGS) {
        return corps_error_set(CORPS_ERR_INVALID, "a pool is made by corps_create_pool");
    }
    struct ticker *ticker = calloc(1, sizeof *ticker);
    struct corps_box *box = NULL;
    enum corps_err err =
        ticker != NULL ? corps_box_of(args, &box) : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a pool");
    err = err == CORPS_OK ? corps__seats_init(&pool->seats, context->conc, box) : err;
    corps_box_unref(box);
    if (err == CORPS_OK) {
        ticker->conc = context->conc;
        err = corps__symbol_of("corps:tick", strlen("corps:tick"), &ticker->tick);
    }
    err = err == CORPS_OK ? corps__with_lead(begin_ticks, ticker) : err;
    if (err != CORPS_OK) {
        free(ticker);
        corps__seats_finish(&pool->seats);
        return err;
    }
    pool->ticker = ticker;
    tell_tick(ticker); /* the first members need not wait for it */
    return CORPS_OK;
}

static void pool_cleanup(struct corps_context *context, void *self) {
    (void)context;
    struct pool *pool = self;
    pool->seats.scale.closing = true;
    answer_waiting(pool);
    (void)!corps__with_lead(end_ticks, pool->ticker);
    corps__seats_finish(&pool->seats);
    free(pool->callers.rows);
}

static const struct corps_method methods[] = {
    {"corps:members", pool_members},
    {"corps:tick", pool_tick},
    {CORPS__POOL_LOOK, pool_look},
    {"corps:ready", pool_ready},
    {"corps:pool", pool_stats},
    {CORPS__POOL_END, pool_end},
    {NULL, NULL},
};
static const struct corps_class pool_class = {.name = CORPS__POOL_PREFIX,
                                              .bytes = sizeof(struct pool),
                                              .init = pool_init,
                                              .methods = methods,
                                              .cleanup = pool_cleanup};

void corps__pool_begin(void) {
    corps__class_builtin_set(&pool_class);
}
