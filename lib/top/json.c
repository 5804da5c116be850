#include "export.h"

#include <inttypes.h>
#include <math.h>

static void add_string(struct top_text *text, const char *bytes, size_t count) {
    top_add_bytes(text, "\"", 1);
    for (size_t i = 0; i < count; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (byte < 0x20 || byte == '"' || byte == '\\' || byte == 0x7f) {
            top_add(text, "\\u%04x", byte);
        } else {
            top_add_bytes(text, bytes + i, 1); /* texts of Corps are UTF-8 */
        }
    }
    top_add_bytes(text, "\"", 1);
}

static void add_value(struct top_text *text, const struct corps_value *value);

static void add_items(struct top_text *text, const struct corps_value *array) {
    top_add_bytes(text, "[", 1);
    for (size_t i = 0; i < array->count; i++) {
        top_add_bytes(text, ",", i > 0);
        add_value(text, corps_value_item(array, i));
    }
    top_add_bytes(text, "]", 1);
}

static void add_entries(struct top_text *text, const struct corps_value *map) {
    top_add_bytes(text, "{", 1);
    bool any = false;
    for (size_t i = 0; i < map->count; i++) {
        const struct corps_value *key = corps_value_open(&map->entries[i].key);
        if (key->kind == CORPS_STR) {
            top_add_bytes(text, ",", any);
            add_string(text, key->str, key->count);
            top_add_bytes(text, ":", 1);
            add_value(text, corps_value_open(&map->entries[i].value));
            any = true;
        }
    }
    top_add_bytes(text, "}", 1);
}

/* What JSON has no word for is null. */
static void add_value(struct top_text *text, const struct corps_value *value) {
    switch (value->kind) {
    case CORPS_BOOL:
        top_add(text, "%s", value->boolean ? "true" : "false");
        break;
    case CORPS_INT:
        top_add(text, "%" PRId64, value->integer);
        break;
    case CORPS_FLOAT:
        top_add(text, isfinite(value->number) ? "%.17g" : "null", value->number);
        break;
    case CORPS_STR:
        add_string(text, value->str, value->count);
        break;
    case CORPS_ARRAY:
        add_items(text, value);
        break;
    case CORPS_MAP:
        add_entries(text, value);
        break;
    default:
        top_add(text, "null");
    }
}

void top_json(const struct top_reading *reading, struct top_text *text) {
    top_add(text, "{\"id\":\"%016" PRIx64 "\",\"tag\":", reading->corps_id);
    add_string(text, reading->tag, strlen(reading->tag));
    top_add(text, ",\"envs\":[");
    for (unsigned i = 0; i < reading->env_count; i++) {
        const struct top_env *env = &reading->envs[i];
        top_add_bytes(text, ",", i > 0);
        if (env->box != NULL) {
            add_value(text, corps_box_root(env->box));
        } else {
            top_add(text, "{\"env\":%u,\"error\":", i);
            add_string(text, env->why, strlen(env->why));
            top_add(text, "}");
        }
    }
    top_add(text, "]}\n");
}
