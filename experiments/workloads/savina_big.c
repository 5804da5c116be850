/* Savina's big: each of 120 Workers pings 20,000 others that it draws, one at a time; a pong must come from the Worker
 * that was pinged. */
#include "workloads/savina.h"

enum { PINGS = 20000 };

struct talker {
    struct savina savina;
    unsigned random;
    unsigned pinged;      /* who owes a pong */
    uint64_t left;        /* pings to send */
    int64_t pings, pongs; /* that came */
};

static void ping_another(struct talker *talker) {
    unsigned others = (unsigned)savina_workers(&talker->savina) - 1;
    unsigned drawn = 1 + savina_random(&talker->random) % others;
    talker->pinged = drawn < talker->savina.index ? drawn : drawn + 1;
    savina_send_ints(&talker->savina, talker->pinged, "ping", (const int64_t[]){talker->savina.index}, 1);
}

static enum corps_err begin_talking(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    struct talker *talker = self;
    (void)context;
    (void)args;
    (void)result;
    talker->random = talker->savina.index;
    talker->left = savina_scaled(&talker->savina, PINGS);
    ping_another(talker);
    return CORPS_OK;
}

static enum corps_err hear_ping(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    struct talker *talker = self;
    int64_t from = savina_int(args, 0);
    (void)context;
    (void)result;
    if (from < 1 || (size_t)from >= talker->savina.count) {
        savina_wrong(&talker->savina, "a ping came from nobody");
        return CORPS_OK;
    }
    talker->pings++;
    savina_send_ints(&talker->savina, (unsigned)from, "pong", (const int64_t[]){talker->savina.index}, 1);
    return CORPS_OK;
}

static enum corps_err hear_pong(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    struct talker *talker = self;
    (void)context;
    (void)result;
    if (savina_int(args, 0) != talker->pinged) {
        savina_wrong(&talker->savina, "Worker %u pinged %u, and %lld answered", talker->savina.index, talker->pinged,
                     (long long)savina_int(args, 0));
        return CORPS_OK;
    }
    talker->pongs++;
    if (--talker->left > 0) {
        ping_another(talker);
    } else {
        savina_send(&talker->savina, 0, "done", NULL);
    }
    return CORPS_OK;
}

static enum corps_err tell_pings(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    const struct talker *talker = self;
    (void)context;
    (void)args;
    *result = corps_int(talker->pings);
    return CORPS_OK;
}

static enum corps_err tell_pongs(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    const struct talker *talker = self;
    (void)context;
    (void)args;
    *result = corps_int(talker->pongs);
    return CORPS_OK;
}

static const struct corps_class talker_class = {
    .name = "SavinaTalker",
    .bytes = sizeof(struct talker),
    .methods = (const struct corps_method[]){{"ping", hear_ping},
                                             {"pong", hear_pong},
                                             {"begin", begin_talking},
                                             {"pings", tell_pings},
                                             {"pongs", tell_pongs},
                                             SAVINA_WORKER_METHODS},
    .cleanup = savina_leave,
};

/* ---- the referee ---- */

struct sink {
    struct savina savina;
    size_t done; /* Workers that have all their pongs */
};

static enum corps_err hear_done(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    struct sink *sink = self;
    struct savina *savina = &sink->savina;
    uint64_t each = savina_scaled(savina, PINGS), all = each * savina_workers(savina), pings, pongs;
    (void)args;
    (void)result;
    if (++sink->done < savina_workers(savina) || savina->run == NULL) {
        return CORPS_OK;
    }
    savina_stop(savina);
    if (!savina_sum(savina, "pongs", each, &pongs) || !savina_sum(savina, "pings", 0, &pings)) {
        return CORPS_OK;
    }
    if (pings != all) {
        savina_wrong(savina, "%llu pings were sent and %llu came", (unsigned long long)all, (unsigned long long)pings);
    } else {
        savina_end(savina, context, pongs, "a message is a ping with its pong");
    }
    return CORPS_OK;
}

static enum corps_err run_big(struct corps_context *context, void *self, const struct corps_value *args,
                              struct corps_value *result) {
    struct savina *savina = self;
    (void)result;
    enum corps_err err = savina_begin(savina, context, args, false);
    for (unsigned i = 1; i < savina->count && err == CORPS_OK && savina->run != NULL; i++) {
        savina_send(savina, i, "begin", NULL);
    }
    return err == CORPS_OK ? CORPS_ERR_PENDING : err;
}

static const struct corps_class sink_class = {
    .name = "SavinaSink",
    .bytes = sizeof(struct sink),
    .methods = (const struct corps_method[]){{"done", hear_done}, {"run", run_big}, SAVINA_REFEREE_METHODS},
    .cleanup = savina_leave,
};

static const char *big_impossible(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    return cell->concs < 2 ? "each pings another; choose concs=2 or more" : savina_impossible(cell, why);
}

static enum corps_err perform_big(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    return savina_perform(corps, cell, sink_class.name, talker_class.name, box);
}

const struct lab_workload lab_workload_savina_big = {
    .name = "savina-big",
    .summary = "Savina: `concs` Workers ping each other, 20,000 times each",
    .traits = LAB_WORKLOAD_C_ALONE,
    .concs = 120,
    .scale = 100,
    .classes = {&sink_class, &talker_class, NULL},
    .impossible = big_impossible,
    .run = perform_big,
};
