#include "care/shelf.h"

#include <stdlib.h>
#include <string.h>

/* Of what has few levels. */
static size_t bytes_of(const struct corps_value *root) {
    size_t bytes = root->kind == CORPS_BIN ? root->count : 0;
    for (size_t i = 0; root->kind == CORPS_ARRAY && i < root->count; i++) {
        bytes += bytes_of(corps_value_item(root, i));
    }
    return bytes;
}

static bool make_place(struct corps__shelf *shelf, uint64_t number) {
    if (number < shelf->count) {
        return true;
    }
    size_t count = (size_t)number + 64;
    void *grown = realloc(shelf->places, count * sizeof *shelf->places);
    if (grown == NULL) {
        return false;
    }
    shelf->places = grown;
    memset(&shelf->places[shelf->count], 0, (count - shelf->count) * sizeof *shelf->places);
    shelf->count = count;
    return true;
}

enum corps_err corps__shelf_put(struct corps__shelf *shelf, uint64_t number, struct corps_box *state,
                                size_t bytes_max) {
    size_t bytes = bytes_of(corps_box_root(state));
    if (!make_place(shelf, number)) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a checkpoint");
    }
    size_t others = shelf->bytes - shelf->places[number].bytes;
    if (bytes > bytes_max - others) {
        return corps_error_set(CORPS_ERR_TOO_LARGE,
                               "the states of this Env's Workers would have more than %zu bytes together; keep them in "
                               "a directory (keep_directory)",
                               bytes_max);
    }
    struct corps_box *before = shelf->places[number].state;
    shelf->places[number].state = corps_box_ref(state);
    shelf->places[number].bytes = bytes;
    shelf->bytes = others + bytes;
    corps_box_unref(before);
    return CORPS_OK;
}

struct corps_box *corps__shelf_find(struct corps__shelf *shelf, uint64_t number) {
    if (number >= shelf->count) {
        return NULL;
    }
    shelf->places[number].found = true;
    return shelf->places[number].state;
}

void corps__shelf_drop(struct corps__shelf *shelf, uint64_t number) {
    if (number < shelf->count && shelf->places[number].state != NULL) {
        shelf->bytes -= shelf->places[number].bytes;
        corps_box_unref(shelf->places[number].state);
        memset(&shelf->places[number], 0, sizeof shelf->places[number]);
    }
}

void corps__shelf_drop_unfound(struct corps__shelf *shelf) {
    for (size_t i = 0; i < shelf->count; i++) {
        if (!shelf->places[i].found) {
            corps__shelf_drop(shelf, i);
        }
        shelf->places[i].found = false;
    }
}
