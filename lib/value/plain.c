#include "value/plain.h"

enum { DEPTH_MAX = 4 };

/* Where copies go. */
struct room {
    uint8_t *at, *end;
};

static void *take_space(struct room *room, size_t bytes) {
    size_t left = (size_t)(room->end - room->at);
    size_t whole = (bytes + 7) / 8 * 8;
    if (bytes > left || whole > left) {
        return NULL;
    }
    uint8_t *memory = room->at;
    room->at += whole;
    return memory;
}

static enum corps_err copy_plain(const struct corps_value *value, struct corps_value *out, struct room *room,
                                 unsigned depth) {
    value = corps_value_open(value);
    *out = *value;
    if (value->kind <= CORPS_FLOAT) {
        return CORPS_OK;
    }
    if (value->kind > CORPS_MAP || depth >= DEPTH_MAX) {
        return CORPS_ERR_REFUSED;
    }
    if (value->count > (size_t)(room->end - room->at)) { /* so that nothing below overflows */
        return CORPS_ERR_FULL;
    }
    if (value->kind == CORPS_STR || value->kind == CORPS_BIN) {
        uint8_t *bytes = take_space(room, value->count);
        if (bytes != NULL && value->count > 0) {
            memcpy(bytes, value->bin, value->count);
        }
        out->bin = bytes;
        return bytes != NULL ? CORPS_OK : CORPS_ERR_FULL;
    }
    size_t count = value->kind == CORPS_MAP ? value->count * 2 : value->count;
    struct corps_value *items = take_space(room, count * sizeof *items);
    out->items = items;
    enum corps_err err = items != NULL ? CORPS_OK : CORPS_ERR_FULL;
    for (size_t i = 0; err == CORPS_OK && i < count; i++) {
        err = copy_plain(&value->items[i], &items[i], room, depth + 1);
    }
    return err;
}

/* What most calls carry: one text, or bytes. False: another way must be tried. */
static bool copy_bytes(const struct corps_value *value, struct corps_value *root, size_t capacity, size_t *bytes) {
    size_t whole = sizeof *root + (value->count + 7) / 8 * 8;
    if ((value->kind != CORPS_BIN && value->kind != CORPS_STR) || value->count > capacity || whole > capacity) {
        return false;
    }
    *root = *value;
    root->bin = (const uint8_t *)(root + 1);
    if (value->count > 0) {
        memcpy(root + 1, value->bin, value->count);
    }
    *bytes = whole;
    return true;
}

enum corps_err corps__plain_copy(const struct corps_value *value, void *memory, size_t capacity, size_t *bytes) {
    value = corps_value_open(value);
    if (value->kind > CORPS_MAP) {
        *bytes = 0;
        return CORPS_ERR_REFUSED;
    }
    if (copy_bytes(value, memory, capacity / 8 * 8, bytes)) {
        return CORPS_OK;
    }
    struct room room = {.at = memory, .end = (uint8_t *)memory + capacity / 8 * 8};
    struct corps_value *root = take_space(&room, sizeof *root);
    enum corps_err err = root != NULL ? copy_plain(value, root, &room, 0) : CORPS_ERR_FULL;
    *bytes = (size_t)(room.at - (uint8_t *)memory);
    return err;
}
