/* Savina's chameneos: 100 Workers ask the mall for somebody to meet, 200,000 times; both change their colour. Names
 * travel in the messages. The first to come learns of the second, and tells it the colour that both take. */
#include "workloads/savina.h"

enum { MEETINGS = 200000, COLOURS = 3 };

/* ---- a chameneos ---- */

struct chameneos {
    struct savina savina;
    int64_t colour;
    int64_t meetings;
};

/* Its own colour where both are the same, otherwise the third. */
static int64_t complement(int64_t a, int64_t b) {
    return a == b ? a : COLOURS - a - b;
}

/* [own Name, colour] to the mall or to another. */
static struct corps_value introduction(const struct chameneos *it, struct corps_context *context,
                                       struct corps_value items[2]) {
    items[0] = corps_value_of_name(corps_context_name(context));
    items[1] = corps_int(it->colour);
    return corps_array(items, 2);
}

static void ask_mall(struct chameneos *it, struct corps_context *context) {
    struct corps_value items[2];
    struct corps_value value = introduction(it, context, items);
    savina_send(&it->savina, 0, "meet", &value);
}

static enum corps_err begin_meetings(struct corps_context *context, void *self, const struct corps_value *args,
                                     struct corps_value *result) {
    struct chameneos *it = self;
    (void)args;
    (void)result;
    it->colour = it->savina.index % COLOURS;
    ask_mall(it, context);
    return CORPS_OK;
}

static enum corps_err meet_other(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    struct chameneos *it = self;
    const struct corps_value *other = corps_value_item(args, 0);
    int64_t colour = savina_int(args, 1);
    (void)result;
    if (other == NULL || other->kind != CORPS_NAME || colour < 0 || colour >= COLOURS) {
        savina_wrong(&it->savina, "Worker %u was told to meet nobody", it->savina.index);
        return CORPS_OK;
    }
    it->colour = complement(it->colour, colour);
    it->meetings++;
    struct corps_value changed = corps_int(it->colour);
    if (corps_send(other->name, "change", &changed, NULL) != CORPS_OK) {
        savina_wrong(&it->savina, "a change could not be sent: %.150s", corps_error_detail());
    }
    ask_mall(it, context);
    return CORPS_OK;
}

static enum corps_err change_colour(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    struct chameneos *it = self;
    (void)result;
    it->colour = savina_int(args, 0);
    it->meetings++;
    ask_mall(it, context);
    return CORPS_OK;
}

static enum corps_err tell_meetings(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    const struct chameneos *it = self;
    (void)context;
    (void)args;
    *result = corps_int(it->meetings);
    return CORPS_OK;
}

static const struct corps_class chameneos_class = {
    .name = "SavinaChameneos",
    .bytes = sizeof(struct chameneos),
    .methods = (const struct corps_method[]){{"begin", begin_meetings},
                                             {"meet", meet_other},
                                             {"change", change_colour},
                                             {"meetings", tell_meetings},
                                             SAVINA_WORKER_METHODS},
    .cleanup = savina_leave,
};

/* ---- the mall ---- */

struct mall {
    struct savina savina;
    struct corps_name *waiting;
    uint64_t left;  /* meetings */
    size_t refused; /* who came when there were none left: in the end all */
};

/* All have come once more than they could meet, so that none is on its way. */
static void close_mall(struct mall *mall, struct corps_context *context) {
    uint64_t sum, meetings = savina_scaled(&mall->savina, MEETINGS);
    savina_stop(&mall->savina);
    if (!savina_sum(&mall->savina, "meetings", 0, &sum)) {
        return;
    }
    if (sum != 2 * meetings) {
        savina_wrong(&mall->savina, "%llu meetings sum to %llu", (unsigned long long)meetings, (unsigned long long)sum);
    } else {
        savina_end(&mall->savina, context, meetings, "a message is one meeting, for which four are sent");
    }
}

static enum corps_err pair_up(struct corps_context *context, void *self, const struct corps_value *args,
                              struct corps_value *result) {
    struct mall *mall = self;
    const struct corps_value *who = corps_value_item(args, 0);
    (void)result;
    if (mall->savina.run == NULL || who == NULL || who->kind != CORPS_NAME) {
        savina_wrong(&mall->savina, "somebody came to the mall without a Name");
    } else if (mall->left == 0) {
        if (++mall->refused == savina_workers(&mall->savina)) {
            close_mall(mall, context);
        }
    } else if (mall->waiting == NULL) {
        mall->waiting = corps_name_ref(who->name);
    } else {
        if (corps_send(mall->waiting, "meet", args, NULL) != CORPS_OK) {
            savina_wrong(&mall->savina, "a meeting could not be told: %.150s", corps_error_detail());
        }
        corps_name_unref(mall->waiting);
        mall->waiting = NULL;
        mall->left--;
    }
    return CORPS_OK;
}

static enum corps_err open_mall(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    struct mall *mall = self;
    (void)result;
    enum corps_err err = savina_begin(&mall->savina, context, args, false);
    if (err != CORPS_OK) {
        return err;
    }
    mall->left = savina_scaled(&mall->savina, MEETINGS);
    for (unsigned i = 1; i < mall->savina.count; i++) {
        savina_send(&mall->savina, i, "begin", NULL);
    }
    return CORPS_ERR_PENDING;
}

static void leave_mall(struct corps_context *context, void *self) {
    struct mall *mall = self;
    corps_name_unref(mall->waiting);
    savina_leave(context, self);
}

static const struct corps_class mall_class = {
    .name = "SavinaMall",
    .bytes = sizeof(struct mall),
    .methods = (const struct corps_method[]){{"meet", pair_up}, {"run", open_mall}, SAVINA_REFEREE_METHODS},
    .cleanup = leave_mall,
};

static const char *chameneos_impossible(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    return cell->concs < 2 ? "a meeting needs two; choose concs=2 or more" : savina_impossible(cell, why);
}

static enum corps_err run_chameneos(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    return savina_perform(corps, cell, mall_class.name, chameneos_class.name, box);
}

const struct lab_workload lab_workload_savina_chameneos = {
    .name = "savina-chameneos",
    .summary = "Savina: 200,000 meetings of `concs` Workers, arranged by one",
    .traits = LAB_WORKLOAD_C_ALONE,
    .concs = 100,
    .scale = 100,
    .classes = {&mall_class, &chameneos_class, NULL},
    .impossible = chameneos_impossible,
    .run = run_chameneos,
};
