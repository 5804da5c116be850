#include "cell/cell.h"
#include "workloads/common.h"
#include "workloads/where.h"

#include <corps/transport.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = LAB_CELL_KEY_COUNT + 8 };

struct writer {
    struct corps_entry *entries;
    size_t count;
};

static void put(struct writer *writer, const char *key, struct corps_value value) {
    writer->entries[writer->count++] = (struct corps_entry){corps_str(key), value};
}

static struct corps_value pids_of(struct corps *corps, struct corps_box *box) {
    unsigned count = corps_env_count(corps);
    struct corps_value *items = corps_box_alloc(box, (count + 1) * sizeof *items);
    if (items == NULL) {
        return corps_nil();
    }
    for (unsigned env = 0; env < count; env++) {
        items[env] = corps_int(lab_where_pid(corps, env));
    }
    return corps_array(items, count);
}

static struct corps_value names_of(struct corps_name *const *names, size_t count, struct corps_box *box) {
    struct corps_value *items = corps_box_alloc(box, (count + 1) * sizeof *items);
    if (items == NULL) {
        return corps_nil();
    }
    for (size_t i = 0; i < count; i++) {
        items[i] = corps_value_of_name(names[i]);
    }
    return corps_array(items, count);
}

static unsigned slowdown_of(const struct lab_cell *cell) {
    const char *wanted = getenv("CORPS_LAB_SLOWDOWN");
    size_t bytes = strlen(cell->transport);
    if (wanted == NULL || strncmp(wanted, cell->transport, bytes) != 0 || wanted[bytes] != ':') {
        return 0;
    }
    return (unsigned)strtoul(wanted + bytes + 1, NULL, 10);
}

enum corps_err lab_params_write(const struct lab_cell *cell, struct corps *corps, struct corps_name *const *names,
                                size_t name_count, unsigned index, struct corps_box *box) {
    struct writer writer = {corps_box_alloc(box, FIELDS_MAX * sizeof *writer.entries), 0};
    struct corps_value pids = pids_of(corps, box);
    struct corps_value listed = names_of(names, name_count, box);
    if (writer.entries == NULL || pids.kind == CORPS_NIL || listed.kind == CORPS_NIL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the driver's parameters");
    }
#define PUT_TEXT(name) corps_bin(cell->name, strlen(cell->name)) /* a path may be any bytes */
#define PUT_COUNT(name) corps_int(cell->name)
#define PUT_SEED(name) corps_int((int64_t)cell->name)
#define PUT(type, name, ...) put(&writer, #name, PUT_##type(name));
    LAB_CELL_KEYS(PUT)
    put(&writer, "spin", corps_bool(strcmp(cell->wake, "spin") == 0));
    put(&writer, "by_reference", corps_bool(lab_cell_is_intra(cell)));
    put(&writer, "discards", corps_bool(lab_cell_has(cell, CORPS_TRANSPORT_DISCARDS)));
    put(&writer, "slowdown", corps_int(slowdown_of(cell)));
    put(&writer, "index", corps_int(index));
    put(&writer, "pids", pids);
    put(&writer, "names", listed);
    corps_box_set_root(box, corps_map(writer.entries, writer.count));
    return CORPS_OK;
}

struct reader {
    const struct corps_value *map;
    const char *missing; /* the first key that is not there as it should be */
};

static const struct corps_value *find(struct reader *reader, const char *key, enum corps_kind kind) {
    const struct corps_value *value = corps_value_get(reader->map, key);
    if (value == NULL || value->kind != kind) {
        reader->missing = reader->missing != NULL ? reader->missing : key;
        return NULL;
    }
    return value;
}

/* STR and BIN share their layout, and Python sends some as the one and some as the other. */
static void get_text(struct reader *reader, const char *key, char *out, size_t out_bytes) {
    const struct corps_value *value = corps_value_get(reader->map, key);
    if (value != NULL && (value->kind == CORPS_STR || value->kind == CORPS_BIN) && value->count < out_bytes) {
        memcpy(out, value->bin, value->count);
        out[value->count] = '\0';
    } else {
        reader->missing = reader->missing != NULL ? reader->missing : key;
    }
}

static uint64_t get_int(struct reader *reader, const char *key) {
    const struct corps_value *value = find(reader, key, CORPS_INT);
    return value != NULL ? (uint64_t)value->integer : 0;
}

static bool get_bool(struct reader *reader, const char *key) {
    const struct corps_value *value = find(reader, key, CORPS_BOOL);
    return value != NULL && value->boolean;
}

static void get_pids(struct reader *reader, struct lab_params *params) {
    const struct corps_value *pids = find(reader, "pids", CORPS_ARRAY);
    params->pid_count = pids != NULL && pids->count <= LAB_PIDS_MAX ? pids->count : 0;
    for (size_t i = 0; i < params->pid_count; i++) {
        const struct corps_value *pid = corps_value_item(pids, i);
        params->pids[i] = pid->kind == CORPS_INT ? (pid_t)pid->integer : 0;
    }
}

enum corps_err lab_params_read(const struct corps_value *map, struct lab_params *params) {
    /* A call from Python puts its arguments into an array. */
    const struct corps_value *first = corps_value_item(map, 0);
    struct reader reader = {.map = first != NULL && first->kind == CORPS_MAP ? first : map};
    memset(params, 0, sizeof *params);
#define GET_TEXT(name) get_text(&reader, #name, params->cell.name, sizeof params->cell.name);
#define GET_COUNT(name) params->cell.name = (unsigned)get_int(&reader, #name);
#define GET_SEED(name) params->cell.name = get_int(&reader, #name);
#define GET(type, name, ...) GET_##type(name)
    LAB_CELL_KEYS(GET)
    params->spin = get_bool(&reader, "spin");
    params->by_reference = get_bool(&reader, "by_reference");
    params->discards = get_bool(&reader, "discards");
    const struct corps_value *slowdown = corps_value_get(reader.map, "slowdown"); /* Python programs do not send it */
    params->slowdown = slowdown != NULL && slowdown->kind == CORPS_INT ? (unsigned)slowdown->integer : 0;
    params->index = (unsigned)get_int(&reader, "index");
    get_pids(&reader, params);
    params->names = find(&reader, "names", CORPS_ARRAY);
    return reader.missing == NULL ? CORPS_OK
                                  : corps_error_set(CORPS_ERR_INVALID,
                                                    "the driver's parameter %s is missing or of the "
                                                    "wrong kind",
                                                    reader.missing);
}

const struct corps_name *lab_params_name(const struct lab_params *params, size_t i) {
    const struct corps_value *name = corps_value_item(params->names, i);
    return name != NULL && name->kind == CORPS_NAME ? name->name : NULL;
}
