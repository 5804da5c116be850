#include "workloads/stages.h"

#include <stdlib.h>
#include <string.h>

/* ---- the called side ---- */

struct tracer {
    struct corps_stamp *stamps;
};

static enum corps_err trace_begin(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    struct tracer *tracer = self;
    (void)args;
    (void)result;
    tracer->stamps = malloc(LAB_STAGE_STAMPS * sizeof *tracer->stamps);
    if (tracer->stamps == NULL) {
        return corps_fail(context, "NO_MEMORY", "no memory for stamps");
    }
    enum corps_err err = corps_trace_begin(tracer->stamps, LAB_STAGE_STAMPS);
    return err == CORPS_OK ? CORPS_OK : lab_fail(context, err);
}

static enum corps_err trace_end(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    const struct tracer *tracer = self;
    (void)context;
    (void)args;
    *result = corps_bin(tracer->stamps, corps_trace_end() * sizeof *tracer->stamps);
    return CORPS_OK;
}

static void trace_cleanup(struct corps_context *context, void *self) {
    struct tracer *tracer = self;
    (void)context;
    (void)corps_trace_end();
    free(tracer->stamps);
}

const struct corps_class lab_tracer_class = {
    .name = "LabTracer",
    .bytes = sizeof(struct tracer),
    .methods = (const struct corps_method[]){{"begin", trace_begin}, {"end", trace_end}, {NULL, NULL}},
    .cleanup = trace_cleanup,
};

/* ---- joining ---- */

static int by_call(const void *a, const void *b) {
    const struct corps_stamp *x = a, *y = b;
    if (x->id != y->id) {
        return x->id < y->id ? -1 : 1;
    }
    return x->stage < y->stage ? -1 : x->stage > y->stage;
}

static const struct {
    const char *name;
    enum corps_stage from, to;
} spans[LAB_STAGES] = {
    {"encode", CORPS_STAGE_CALLED, CORPS_STAGE_ENCODED},
    {"send", CORPS_STAGE_ENCODED, CORPS_STAGE_SENT},
    {"transit", CORPS_STAGE_SENT, CORPS_STAGE_RECEIVED},
    {"dispatch", CORPS_STAGE_RECEIVED, CORPS_STAGE_STARTED},
    {"decode", CORPS_STAGE_STARTED, CORPS_STAGE_DECODED},
    {"method", CORPS_STAGE_DECODED, CORPS_STAGE_RETURNED},
    {"reply_encode", CORPS_STAGE_RETURNED, CORPS_STAGE_REPLY_ENCODED},
    {"reply_send", CORPS_STAGE_REPLY_ENCODED, CORPS_STAGE_REPLY_SENT},
    {"reply_transit", CORPS_STAGE_REPLY_SENT, CORPS_STAGE_REPLY_RECEIVED},
    {"resume", CORPS_STAGE_REPLY_RECEIVED, CORPS_STAGE_REPLY_TAKEN},
    {"reply_decode", CORPS_STAGE_REPLY_TAKEN, CORPS_STAGE_REPLY_DECODED},
};

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* One call's stamps in order of stages, all there: adds its spans at `row`. */
static void add_call(const struct corps_stamp *stamps, uint64_t *table[LAB_STAGES], size_t row) {
    uint64_t ns[CORPS_STAGE_COUNT];
    for (unsigned stage = 0; stage < CORPS_STAGE_COUNT; stage++) {
        ns[stage] = stamps[stage].ns;
    }
    ns[CORPS_STAGE_SENT] = earlier(ns[CORPS_STAGE_SENT], ns[CORPS_STAGE_RECEIVED]);
    ns[CORPS_STAGE_REPLY_SENT] = earlier(ns[CORPS_STAGE_REPLY_SENT], ns[CORPS_STAGE_REPLY_RECEIVED]);
    for (unsigned i = 0; i < LAB_STAGES; i++) {
        table[i][row] = ns[spans[i].to] - ns[spans[i].from];
    }
}

static int by_value(const void *a, const void *b) {
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* The stamps of both sides, sorted by call, become medians. */
static void fill_map(struct lab_stages *stages, struct corps_stamp *all, size_t count, uint64_t *cells) {
    uint64_t *table[LAB_STAGES];
    size_t calls = 0;
    for (unsigned i = 0; i < LAB_STAGES; i++) {
        table[i] = cells + (size_t)i * LAB_STAGED_CALLS;
    }
    qsort(all, count, sizeof *all, by_call);
    for (size_t at = 0, next; at < count; at = next) {
        for (next = at; next < count && all[next].id == all[at].id; next++) {
        }
        if (next - at == CORPS_STAGE_COUNT && calls < LAB_STAGED_CALLS) {
            add_call(all + at, table, calls++);
        }
    }
    for (unsigned i = 0; i < LAB_STAGES && calls > 0; i++) {
        qsort(table[i], calls, sizeof *table[i], by_value);
        stages->entries[i] =
            (struct corps_entry){corps_str(spans[i].name), corps_int((int64_t)table[i][(calls - 1) / 2])};
    }
    stages->map = corps_map(stages->entries, calls > 0 ? LAB_STAGES : 0);
}

/* ---- the driver's side ---- */

static enum corps_err ask(struct corps_context *context, const struct corps_name *tracer, const char *method,
                          struct corps_future **future, const struct corps_value **answer) {
    const struct corps_call_options options = {.serializer = "msgpack"};
    enum corps_err err = corps_call(tracer, method, NULL, &options, future);
    if (err != CORPS_OK) {
        *future = NULL;
        return lab_fail(context, err);
    }
    err = corps_future_wait(*future, LAB_PATIENCE_NS, answer);
    return err == CORPS_OK ? CORPS_OK : lab_fail_future(context, err, *future, "the tracer does not answer");
}

enum corps_err lab_stages_begin(struct lab_stages *stages, struct corps_context *context,
                                const struct corps_name *tracer) {
    const struct corps_value *nothing;
    struct corps_future *future;
    *stages = (struct lab_stages){.tracer = tracer, .map = corps_map(NULL, 0)};
    if (tracer == NULL) {
        return CORPS_OK;
    }
    stages->own = malloc(LAB_STAGE_STAMPS * sizeof *stages->own);
    if (stages->own == NULL) {
        return corps_fail(context, "NO_MEMORY", "no memory for stamps");
    }
    enum corps_err err = ask(context, tracer, "begin", &future, &nothing);
    corps_future_destroy(future);
    if (err == CORPS_OK) {
        err = corps_trace_begin(stages->own, LAB_STAGE_STAMPS);
        return err == CORPS_OK ? CORPS_OK : lab_fail(context, err);
    }
    return err;
}

enum corps_err lab_stages_end(struct lab_stages *stages, struct corps_context *context) {
    const struct corps_value *theirs;
    struct corps_future *future;
    if (stages->tracer == NULL) {
        return CORPS_OK;
    }
    size_t count = corps_trace_end();
    enum corps_err err = ask(context, stages->tracer, "end", &future, &theirs);
    size_t more = err == CORPS_OK && theirs->kind == CORPS_BIN ? theirs->count / sizeof *stages->own : 0;
    struct corps_stamp *all = malloc((count + more + 1) * sizeof *all);
    uint64_t *cells = malloc(sizeof *cells * LAB_STAGES * LAB_STAGED_CALLS);
    if (err == CORPS_OK && (all == NULL || cells == NULL)) {
        err = corps_fail(context, "NO_MEMORY", "no memory for stamps");
    } else if (err == CORPS_OK) {
        memcpy(all, stages->own, count * sizeof *all);
        if (more > 0) {
            memcpy(all + count, theirs->bin, more * sizeof *all);
        }
        fill_map(stages, all, count + more, cells);
    }
    free(all);
    free(cells);
    corps_future_destroy(future);
    return err;
}

void lab_stages_finish(struct lab_stages *stages) {
    if (stages->own != NULL) {
        (void)corps_trace_end();
        free(stages->own);
        stages->own = NULL;
    }
}
