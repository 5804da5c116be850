/* Savina's thread ring: a token with the number of hops that are left goes round 100 Workers, 100,000 hops in all. */
#include "workloads/savina.h"

enum { HOPS = 100000 };

static enum corps_err pass_token(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    struct savina *savina = self;
    int64_t left = savina_int(args, 0);
    (void)context;
    (void)result;
    if (left <= 0) {
        savina_send_ints(savina, 0, "arrived", (const int64_t[]){savina->index - 1, left}, 2);
    } else {
        unsigned next = savina->index + 1 < savina->count ? savina->index + 1 : 1;
        savina_send_ints(savina, next, "token", (const int64_t[]){left - 1}, 1);
    }
    return CORPS_OK;
}

static enum corps_err take_token(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    struct savina *savina = self;
    uint64_t hops = savina_scaled(savina, HOPS);
    int64_t due = (int64_t)(hops % savina_workers(savina));
    (void)result;
    if (savina_int(args, 0) != due || savina_int(args, 1) != 0) {
        savina_wrong(savina, "the token ended at Worker %lld with %lld hops left, and not at %lld",
                     (long long)savina_int(args, 0), (long long)savina_int(args, 1), (long long)due);
    } else {
        savina_end(savina, context, hops, "a message is one hop");
    }
    return CORPS_OK;
}

static enum corps_err run_token(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    struct savina *savina = self;
    (void)result;
    enum corps_err err = savina_begin(savina, context, args, false);
    if (err != CORPS_OK) {
        return err;
    }
    savina_send_ints(savina, 1, "token", (const int64_t[]){(int64_t)savina_scaled(savina, HOPS)}, 1);
    return CORPS_ERR_PENDING;
}

static const struct corps_class starter_class = {
    .name = "SavinaRingStarter",
    .bytes = sizeof(struct savina),
    .methods = (const struct corps_method[]){{"arrived", take_token}, {"run", run_token}, SAVINA_REFEREE_METHODS},
    .cleanup = savina_leave,
};

static const struct corps_class member_class = {
    .name = "SavinaRingMember",
    .bytes = sizeof(struct savina),
    .methods = (const struct corps_method[]){{"token", pass_token}, SAVINA_WORKER_METHODS},
    .cleanup = savina_leave,
};

static enum corps_err run_savina_ring(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    return savina_perform(corps, cell, starter_class.name, member_class.name, box);
}

const struct lab_workload lab_workload_savina_ring = {
    .name = "savina-ring",
    .summary = "Savina: 100,000 hops of a token round `concs` Workers",
    .traits = LAB_WORKLOAD_C_ALONE | LAB_WORKLOAD_UNANSWERED,
    .concs = 100,
    .scale = 100,
    .classes = {&starter_class, &member_class, NULL},
    .impossible = savina_impossible,
    .run = run_savina_ring,
};
