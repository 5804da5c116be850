#include "payload/payloads.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The user's document: JSON, or else msgpack. */

static struct corps_value no_memory(bool *failed) {
    *failed = true;
    return corps_nil();
}

static struct corps_value text_of(struct corps_box *box, const char *text, size_t bytes, bool *failed) {
    char *copy = corps_box_alloc(box, bytes + 1);
    if (copy == NULL) {
        return no_memory(failed);
    }
    memcpy(copy, text, bytes);
    return corps_str_bytes(copy, bytes);
}

/* jansson bounds the nesting of what it parses (2048), values are checked against their own limit when they travel. */
static struct corps_value value_of(struct corps_box *box, json_t *json, bool *failed) {
    switch (json_typeof(json)) {
    case JSON_TRUE:
        return corps_bool(true);
    case JSON_FALSE:
        return corps_bool(false);
    case JSON_INTEGER:
        return corps_int(json_integer_value(json));
    case JSON_REAL:
        return corps_float(json_real_value(json));
    case JSON_STRING:
        return text_of(box, json_string_value(json), json_string_length(json), failed);
    case JSON_ARRAY: {
        size_t count = json_array_size(json);
        struct corps_value *items = corps_box_alloc(box, (count + 1) * sizeof *items);
        if (items == NULL) {
            return no_memory(failed);
        }
        for (size_t i = 0; i < count; i++) {
            items[i] = value_of(box, json_array_get(json, i), failed);
        }
        return corps_array(items, count);
    }
    case JSON_OBJECT: {
        struct corps_entry *entries = corps_box_alloc(box, (json_object_size(json) + 1) * sizeof *entries);
        if (entries == NULL) {
            return no_memory(failed);
        }
        size_t count = 0;
        const char *key;
        json_t *item;
        json_object_foreach(json, key, item) {
            entries[count].key = text_of(box, key, strlen(key), failed);
            entries[count++].value = value_of(box, item, failed);
        }
        return corps_map(entries, count);
    }
    case JSON_NULL:
        break;
    }
    return corps_nil();
}

enum corps_err lab_value_of_json(struct json_t *json, struct corps_box *box) {
    bool failed = false;
    corps_box_set_root(box, value_of(box, json, &failed));
    return failed ? corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the document") : CORPS_OK;
}

/* Reads the whole file; gives malloc'd memory. */
static enum corps_err read_whole(const char *path, uint8_t **data, size_t *bytes) {
    struct stat status;
    FILE *file = fopen(path, "rbe");
    if (file == NULL || fstat(fileno(file), &status) != 0) {
        enum corps_err err = corps_error_system("cannot read %s", path);
        if (file != NULL) {
            fclose(file);
        }
        return err;
    }
    enum corps_err err = CORPS_OK;
    uint8_t *memory = NULL;
    size_t got = 0;
    if (!S_ISREG(status.st_mode)) {
        err = corps_error_set(CORPS_ERR_INVALID, "%s is no regular file", path);
    } else if ((uint64_t)status.st_size > LAB_BYTES_MAX) {
        err = corps_error_set(CORPS_ERR_TOO_LARGE, "%s is larger than 1 GiB", path);
    } else if ((memory = malloc((size_t)status.st_size + 1)) == NULL) {
        err = corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %s", path);
    } else if ((got = fread(memory, 1, (size_t)status.st_size, file)) != (size_t)status.st_size) {
        err = corps_error_system("cannot read %s to its end", path);
    }
    fclose(file);
    if (err != CORPS_OK) {
        free(memory);
        return err;
    }
    *data = memory;
    *bytes = got;
    return CORPS_OK;
}

static enum corps_err read_msgpack(uint8_t *data, size_t bytes, struct lab_payload *payload) {
    const struct corps_serializer *msgpack;
    enum corps_err err = corps_serializer_find("msgpack", &msgpack);
    if (err != CORPS_OK) {
        return err;
    }
    struct iovec segment = {.iov_base = data, .iov_len = bytes};
    return msgpack->decode(&segment, 1, NULL, CORPS_DECODE_VALUES, payload->box);
}

enum corps_err lab_make_file(const char *argument, uint64_t seed, struct lab_payload *payload) {
    (void)seed;
    uint8_t *data = NULL;
    size_t bytes = 0;
    enum corps_err err = read_whole(argument, &data, &bytes);
    if (err != CORPS_OK) {
        return err;
    }
    payload->box = corps_box_create();
    if (payload->box == NULL) {
        free(data);
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %s", argument);
    }
    json_error_t json_error;
    json_t *json = json_loadb((const char *)data, bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, &json_error);
    if (json != NULL) {
        err = lab_value_of_json(json, payload->box);
    } else if (read_msgpack(data, bytes, payload) != CORPS_OK) {
        err = corps_error_set(CORPS_ERR_CORRUPT, "%s is neither JSON (line %d, column %d: %s) nor msgpack", argument,
                              json_error.line, json_error.column, json_error.text);
    }
    json_decref(json);
    free(data);
    payload->value = corps_value_of_box(payload->box);
    return err;
}
