#include "workloads/savina_flood.h"

enum { TO_ONE = 1000000, TO_EACH_OF_MANY = 10000 };

struct counter {
    struct savina savina;
    int64_t count;
};

static enum corps_err count_one(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    struct counter *counter = self;
    (void)context;
    (void)args;
    (void)result;
    counter->count++;
    return CORPS_OK;
}

static enum corps_err tell_count(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    const struct counter *counter = self;
    (void)context;
    (void)args;
    *result = corps_int(counter->count);
    return CORPS_OK;
}

static enum corps_err flood(struct savina *savina, struct corps_context *context, const struct corps_value *args,
                            uint64_t amount) {
    uint64_t sum;
    enum corps_err err = savina_begin(savina, context, args, false);
    if (err != CORPS_OK) {
        return err;
    }
    uint64_t each = savina_scaled(savina, amount);
    for (uint64_t i = 0; i < each && savina->run != NULL; i++) {
        for (unsigned to = 1; to < savina->count; to++) {
            savina_send(savina, to, "add", NULL);
        }
    }
    if (savina->run != NULL && savina_sum(savina, "count", each, &sum)) {
        savina_end(savina, context, sum, "a message is one that a Worker has counted");
    }
    return CORPS_ERR_PENDING;
}

static enum corps_err run_flood(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)result;
    return flood(self, context, args, TO_ONE);
}

static enum corps_err run_many_floods(struct corps_context *context, void *self, const struct corps_value *args,
                                      struct corps_value *result) {
    (void)result;
    return flood(self, context, args, TO_EACH_OF_MANY);
}

const struct corps_class savina_flood_class = {
    .name = "SavinaProducer",
    .bytes = sizeof(struct savina),
    .methods = (const struct corps_method[]){{"run", run_flood}, SAVINA_REFEREE_METHODS},
    .cleanup = savina_leave,
};

const struct corps_class savina_many_flood_class = {
    .name = "SavinaFork",
    .bytes = sizeof(struct savina),
    .methods = (const struct corps_method[]){{"run", run_many_floods}, SAVINA_REFEREE_METHODS},
    .cleanup = savina_leave,
};

const struct corps_class savina_counter_class = {
    .name = "SavinaCounter",
    .bytes = sizeof(struct counter),
    .methods = (const struct corps_method[]){{"add", count_one}, {"count", tell_count}, SAVINA_WORKER_METHODS},
    .cleanup = savina_leave,
};
