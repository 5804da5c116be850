#include "process/args.h"

#include "codec/payload.h"
#include "link/trust.h"

#include <string.h>

enum corps_err corps__init_args_encode_by(const struct corps_serializer *serializer, const struct corps_value *args,
                                          size_t bytes_max, struct corps_box *box, struct corps_value *value) {
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    enum corps_err err = serializer->encode(args, &encoding);
    if (err == CORPS_OK) { /* before it is copied */
        err = corps__encoding_check(&encoding, "the arguments of init", bytes_max);
    }
    size_t count = 2 + encoding.buffer_count;
    struct corps_value *items = err == CORPS_OK ? corps_box_alloc(box, count * sizeof *items) : NULL;
    for (size_t i = 0; items != NULL && i < count; i++) {
        struct corps_value item = i == 0 ? corps_int(serializer->wire_id)
                                  : i == 1
                                      ? corps_bin(encoding.stream, encoding.stream_bytes)
                                      : corps_bin(encoding.buffers[i - 2].iov_base, encoding.buffers[i - 2].iov_len);
        err = err == CORPS_OK ? corps_box_copy(box, &item, &items[i]) : err;
    }
    corps_encoding_finish(&encoding);
    if (err == CORPS_OK) {
        *value = corps_array(items, items != NULL ? count : 0);
    }
    return err;
}

enum corps_err corps__init_args_encode(const struct corps__settings *settings, const struct corps_value *args,
                                       size_t bytes_max, struct corps_box *box, struct corps_value *value) {
    *value = corps_nil();
    if (args == NULL || corps_value_open(args)->kind == CORPS_NIL) {
        return CORPS_OK;
    }
    const struct corps_serializer *serializer = settings->serializer;
    enum corps_err err = CORPS_OK;
    if ((serializer->capabilities & CORPS_SERIALIZER_BYTES_ONLY) != 0 && corps_value_open(args)->kind != CORPS_BIN) {
        err = corps_serializer_find("msgpack", &serializer);
    }
    return err == CORPS_OK ? corps__init_args_encode_by(serializer, args, bytes_max, box, value) : err;
}

#define BY_REFERENCE "by reference"

enum corps_err corps__init_args_lend(const struct corps_value *args, struct corps_box *box, struct corps_value *value) {
    struct corps_value *items = corps_box_alloc(box, 2 * sizeof *items);
    if (items == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the arguments of init");
    }
    items[0] = corps_str(BY_REFERENCE);
    *value = corps_array(items, 2);
    return corps_box_copy(box, args, &items[1]);
}

bool corps__init_args_are_lent(const struct corps_value *array, size_t first) {
    const struct corps_value *item = corps_value_item(array, first);
    return item != NULL && item->kind == CORPS_STR && item->count == strlen(BY_REFERENCE);
}

enum corps_err corps__init_args_decode(const struct corps_value *array, size_t first, struct corps_box **box) {
    *box = NULL;
    const struct corps_value *wire_id = corps_value_item(array, first);
    if (corps__init_args_are_lent(array, first)) {
        return corps_box_of(corps_value_item(array, first + 1), box);
    }
    if (wire_id == NULL || wire_id->kind != CORPS_INT) {
        return CORPS_OK;
    }
    if (wire_id->integer < 0 || wire_id->integer > UINT8_MAX) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "the arguments of init name no serializer");
    }
    enum corps_err err = corps__accepts(corps__own(), (uint8_t)wire_id->integer);
    if (err != CORPS_OK) {
        return err;
    }
    struct iovec segments[CORPS__PAYLOAD_SEGMENTS_MAX];
    size_t count = 0;
    for (size_t i = first + 1; i < array->count && count < CORPS__PAYLOAD_SEGMENTS_MAX; i++) {
        const struct corps_value *item = corps_value_item(array, i);
        if (item->kind != CORPS_BIN) {
            return corps_error_set(CORPS_ERR_PROTOCOL, "the arguments of init are no bytes");
        }
        segments[count++] = (struct iovec){.iov_base = (void *)(uintptr_t)item->bin, .iov_len = item->count};
    }
    const struct corps_serializer *serializer;
    err = corps_serializer_by_wire_id((uint8_t)wire_id->integer, &serializer);
    struct corps_box *made = err == CORPS_OK ? corps_box_create() : NULL;
    if (made == NULL) {
        return err != CORPS_OK ? err : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the arguments of init");
    }
    err = serializer->decode(segments, count, NULL, corps__decode_to(corps__own()->settings.keep_objects), made);
    if (err != CORPS_OK) {
        corps_box_unref(made);
        return err;
    }
    *box = made;
    return CORPS_OK;
}
