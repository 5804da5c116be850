#include "process/members.h"

#include "actor/broken.h"
#include "actor/probe.h"

static enum corps_err check(const struct corps_value *args) {
    bool fits = args->kind == CORPS_ARRAY && args->count <= CORPS__PROBED_MAX;
    for (size_t i = 0; fits && i < args->count; i++) {
        const struct corps_value *number = corps_value_item(args, i);
        fits = number->kind == CORPS_INT && number->integer > CORPS__MANAGER && number->integer < UINT32_MAX;
    }
    return fits ? CORPS_OK : corps_error_set(CORPS_ERR_PROTOCOL, "a pool names its members by their numbers");
}

enum corps_err corps__members_probe(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)self;
    enum corps_err err = check(args);
    size_t bytes = args->count * (1 + CORPS__SEEN_ITEMS) * sizeof(struct corps_value);
    struct corps_value *rows = err == CORPS_OK && bytes > 0 ? corps_context_alloc(context, bytes) : NULL;
    if (err != CORPS_OK || args->count == 0) {
        return err;
    }
    if (rows == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to say what %zu probes have found", args->count);
    }
    struct corps_value *items = rows + args->count;
    for (size_t i = 0; err == CORPS_OK && i < args->count; i++, items += CORPS__SEEN_ITEMS) {
        struct corps__probe_seen seen;
        int64_t number = corps_value_item(args, i)->integer;
        err = corps__probe((uint32_t)number, &seen);
        items[CORPS__SEEN_CONC] = corps_int(number);
        items[CORPS__SEEN_IS] = corps_int(seen.is);
        items[CORPS__SEEN_WAIT_NS] = corps_int(seen.wait_ns);
        items[CORPS__SEEN_AGE_NS] = corps_int(seen.age_ns);
        items[CORPS__SEEN_IDLE] = corps_bool(seen.idle);
        rows[i] = corps_array(items, CORPS__SEEN_ITEMS);
    }
    *result = corps_array(rows, args->count);
    return err;
}

enum corps_err corps__members_move(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    (void)context;
    (void)self;
    (void)result;
    enum corps_err err = check(args);
    for (size_t i = 0; err == CORPS_OK && i < args->count; i++) {
        struct corps__conc *conc = corps__conc_find((uint32_t)corps_value_item(args, i)->integer);
        if (conc != NULL) {
            corps__conc_move_away(conc, "the Worker has left its pool, which has others");
        }
    }
    return err;
}
