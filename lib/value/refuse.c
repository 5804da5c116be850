#include "value/refuse.h"

#include <stdio.h>

enum { KEY_TEXT_BYTES = 64, PATH_TEXT_BYTES = 300 }; /* how much of a key, and of the whole, goes into a path */

enum corps_err corps__refused_at(const struct corps_value *container, size_t index) {
    char inner[512];
    if (snprintf(inner, sizeof inner, "%s", corps_error_detail()) > PATH_TEXT_BYTES) {
        return CORPS_ERR_REFUSED; /* the reason and the steps next to it matter most: keep those */
    }
    const char *colon = inner[0] == '[' || inner[0] == '.' ? "" : ": ";
    if (container->kind != CORPS_MAP) {
        return corps_error_set(CORPS_ERR_REFUSED, "[%zu]%s%s", index, colon, inner);
    }
    const struct corps_value *key = corps_value_open(&container->entries[index / 2].key);
    if (index % 2 == 1 && key->kind == CORPS_STR) {
        int bytes = key->count < KEY_TEXT_BYTES ? (int)key->count : KEY_TEXT_BYTES;
        return corps_error_set(CORPS_ERR_REFUSED, "[\"%.*s\"]%s%s", bytes, key->str, colon, inner);
    }
    return corps_error_set(CORPS_ERR_REFUSED, "[%s of entry %zu]%s%s", index % 2 == 0 ? "key" : "value", index / 2,
                           colon, inner);
}
