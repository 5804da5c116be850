#include "codec/record.h"

#include <string.h>

void corps__record_text(const struct corps_value *record, size_t index, char *out, size_t out_bytes) {
    const struct corps_value *item = corps_value_item(record, index);
    size_t bytes = item != NULL && item->kind == CORPS_STR ? item->count : 0;
    bytes = bytes < out_bytes ? bytes : out_bytes - 1;
    if (bytes > 0) {
        memcpy(out, item->str, bytes);
    }
    out[bytes] = '\0';
}

int64_t corps__record_int(const struct corps_value *record, size_t index, int64_t otherwise) {
    const struct corps_value *item = corps_value_item(record, index);
    return item != NULL && item->kind == CORPS_INT ? item->integer : otherwise;
}

bool corps__record_is(const struct corps_value *record, const char *word) {
    const struct corps_value *item = corps_value_item(record, 0);
    return item != NULL && item->kind == CORPS_STR && item->count == strlen(word) &&
           memcmp(item->str, word, item->count) == 0;
}

bool corps__text_take(const struct corps_value *value, char *out, size_t bytes) {
    if (value == NULL || value->kind != CORPS_STR || value->count >= bytes ||
        memchr(value->str, '\0', value->count) != NULL) {
        return false;
    }
    memcpy(out, value->str, value->count);
    out[value->count] = '\0';
    return true;
}
