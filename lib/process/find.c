#include "process/find.h"

#include "actor/conc.h"
#include "actor/runtime.h"
#include "base/clock.h"
#include "codec/record.h"
#include "link/known.h"
#include "value/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- in one Env ---- */

static bool text_is(const struct corps_value *wanted, const char *text, size_t bytes) {
    return wanted->count == bytes && memcmp(wanted->str, text, bytes) == 0;
}

static bool class_fits(const struct corps_value *wanted, const char *class_name) {
    const char *module = strstr(class_name, " in ");
    return wanted->kind != CORPS_STR || text_is(wanted, class_name, strlen(class_name)) ||
           (module != NULL && text_is(wanted, class_name, (size_t)(module - class_name)));
}

static bool tag_fits(const struct corps_value *wanted, struct corps__conc *conc) {
    if (wanted->kind != CORPS_STR) {
        return true;
    }
    char *tag = corps__conc_tag(conc);
    bool fits = tag != NULL && text_is(wanted, tag, strlen(tag));
    free(tag);
    return fits;
}

static bool is_corps_own(const struct corps__conc *conc) {
    static const char own[] = "corps ";
    return conc->id == CORPS__MANAGER || strncmp(conc->class->name, own, sizeof own - 1) == 0;
}

static bool fits(struct corps__conc *conc, const struct corps_value *args) {
    const struct corps_value *number = corps_value_item(args, 2);
    return atomic_load(&conc->serves) && !is_corps_own(conc) &&
           (number->kind != CORPS_INT || number->integer == conc->id) &&
           class_fits(corps_value_item(args, 0), corps__conc_class(conc)) && tag_fits(corps_value_item(args, 1), conc);
}

enum corps_err corps__manager_find(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    (void)self;
    if (args->kind != CORPS_ARRAY || args->count != 3) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "corps:find takes [class, tag, number]");
    }
    uint32_t count = corps__conc_count(), room = 0, found = 0;
    for (uint32_t id = 0; id < count; id = corps__conc_number_next(id + 1)) {
        room++;
    }
    struct corps_value *rows = corps_context_alloc(context, ((size_t)room + 1) * sizeof *rows);
    for (uint32_t id = 0; rows != NULL && id < count && found < room; id = corps__conc_number_next(id + 1)) {
        struct corps__conc *conc = corps__conc_find(id);
        if (conc == NULL || !fits(conc, args)) {
            continue;
        }
        struct corps_value *items = corps_context_alloc(context, 2 * sizeof *items);
        if (items == NULL) {
            rows = NULL;
            break;
        }
        items[0] = corps_int(id);
        items[1] = corps_str(corps__conc_class(conc));
        rows[found++] = corps_array(items, 2);
    }
    if (rows == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to list Workers");
    }
    *result = corps_array(rows, found);
    return CORPS_OK;
}

/* ---- in a Corps ---- */

/* What is found: as many as fit are given, all are counted. */
struct found {
    struct corps_name **names;
    size_t room, count;
};

static void forget(struct found *found) {
    for (size_t i = 0; i < found->count && i < found->room; i++) {
        corps_name_unref(found->names[i]);
    }
    found->count = 0;
}

static enum corps_err take_rows(const struct corps *corps, unsigned env, const struct corps_value *rows,
                                struct found *found) {
    for (size_t i = 0; rows->kind == CORPS_ARRAY && i < rows->count; i++) {
        const struct corps_value *row = corps_value_item(rows, i);
        const struct corps_value *class_name = row->kind == CORPS_ARRAY ? corps_value_item(row, 1) : NULL;
        int64_t number = corps__record_int(row, 0, -1);
        if (class_name == NULL || class_name->kind != CORPS_STR || number < 0 || number >= UINT32_MAX) {
            return corps_error_set(CORPS_ERR_PROTOCOL, "Env %u answered with something else than its Workers", env);
        }
        if (found->count < found->room) {
            enum corps_err err = corps__name_create(corps->id, env, (uint32_t)number, class_name->str,
                                                    class_name->count, &found->names[found->count]);
            if (err != CORPS_OK) {
                return err;
            }
        }
        found->count++;
    }
    return CORPS_OK;
}

static enum corps_err ask(const struct corps *corps, unsigned env, const struct corps_value *args, int64_t timeout_ns,
                          struct corps_future **future) {
    static const char class_name[] = "corps manager";
    struct corps_name *manager = NULL;
    enum corps_err err =
        corps__name_create(corps->id, env, CORPS__MANAGER, class_name, sizeof class_name - 1, &manager);
    const struct corps_call_options options = {.serializer = "msgpack", .timeout_ns = timeout_ns};
    err = err == CORPS_OK ? corps_call(manager, "corps:find", args, &options, future) : err;
    corps_name_unref(manager);
    return err;
}

static enum corps_err find_in(const struct corps *corps, unsigned first, unsigned end, const struct corps_value *args,
                              int64_t timeout_ns, struct found *found) {
    struct corps_future **futures = calloc(end - first, sizeof(struct corps_future *));
    if (futures == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to look for Workers");
    }
    enum corps_err err = CORPS_OK;
    for (unsigned env = first; err == CORPS_OK && env < end; env++) {
        if (!atomic_load(&corps->envs[env].lost)) { /* nor do its Workers live */
            err = ask(corps, env, args, timeout_ns, &futures[env - first]);
            err = err == CORPS_ERR_WORKER_LOST && end - first > 1 ? CORPS_OK : err; /* it is, by now */
        }
    }
    for (unsigned env = first; err == CORPS_OK && env < end; env++) {
        const struct corps_value *rows;
        if (futures[env - first] == NULL) {
            continue;
        }
        err = corps_future_wait(futures[env - first], CORPS_FOREVER, &rows);
        if (err == CORPS_OK) {
            err = take_rows(corps, env, rows, found);
        } else if (err == CORPS_ERR_WORKER_LOST && end - first > 1) {
            err = CORPS_OK; /* it died meanwhile */
        }
    }
    for (unsigned i = 0; i < end - first; i++) {
        corps_future_destroy(futures[i]);
    }
    free(futures);
    return err;
}

static struct corps_value text_or_nil(const char *text) {
    return text != NULL ? corps_str(text) : corps_nil();
}

enum corps_err corps__find_front(struct corps *corps, int64_t timeout_ns, struct corps_name **front) {
    const struct corps_value items[3] = {corps_nil(), corps_nil(), corps_int(CORPS__FRONT_CONC)};
    const struct corps_value args = corps_array(items, 3);
    struct found one = {.names = front, .room = 1};
    *front = NULL;
    enum corps_err err = find_in(corps, 0, 1, &args, timeout_ns, &one);
    return err == CORPS_OK && one.count == 0 ? corps_error_set(CORPS_ERR_UNKNOWN, "the Corps has no front") : err;
}

enum corps_err corps_find(struct corps *corps, const char *class_name, const char *tag, int env, int64_t timeout_ns,
                          struct corps_name **names, size_t room, size_t *count) {
    unsigned envs = corps->settings.env_count;
    if (env < -1 || env >= (int)envs) {
        return corps_error_set(CORPS_ERR_INVALID,
                               "there is no Env %d; the Corps has %u, numbered from 0, and -1 is all", env, envs);
    }
    if (timeout_ns <= 0) {
        return corps_error_set(CORPS_ERR_INVALID, "it takes some time to look for Workers, not %lld ns",
                               (long long)timeout_ns);
    }
    (void)corps__corps_ref(corps); /* it may exit meanwhile */
    const struct corps_value items[3] = {text_or_nil(class_name), text_or_nil(tag), corps_nil()};
    const struct corps_value args = corps_array(items, 3);
    struct found found = {.names = names, .room = room};
    unsigned first = env < 0 ? 0 : (unsigned)env;
    enum corps_err err =
        find_in(corps, first, env < 0 ? envs : first + 1, &args, timeout_ns == CORPS_FOREVER ? 0 : timeout_ns, &found);
    corps__corps_unref(corps);
    if (err == CORPS_OK) {
        *count = found.count;
    } else {
        forget(&found);
    }
    return err;
}
