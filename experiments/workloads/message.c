#include "workloads/common.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

static enum corps_err measure_message(struct lab_message *message, const struct lab_params *params) {
    enum corps_err err = CORPS_OK;
    message->size_bytes = message->payload.byte_count;
    if (message->payload.bytes == NULL) {
        err = lab_encoded_bytes(message->serializer, &message->payload.value, &message->size_bytes);
    }
    if (err == CORPS_OK && !params->by_reference) {
        err = lab_encoded_bytes(message->serializer, lab_message_with(message, 0), &message->wire_bytes);
    }
    return err;
}

enum corps_err lab_message_open(struct lab_message *message, const struct lab_params *params) {
    memset(message, 0, sizeof *message);
    enum corps_err err = corps_serializer_find(params->cell.serializer, &message->serializer);
    if (err != CORPS_OK) {
        return err;
    }
    err = lab_payload_build(params->cell.payload, params->cell.seed, message->serializer, &message->payload);
    if (err != CORPS_OK) {
        return err;
    }
    bool bytes_only = (message->serializer->capabilities & CORPS_SERIALIZER_BYTES_ONLY) != 0;
    message->bare = bytes_only;
    message->numbered = !message->bare || message->payload.byte_count >= sizeof(uint64_t);
    if (bytes_only && message->payload.bytes == NULL) {
        err = corps_error_set(CORPS_ERR_REFUSED, "serializer %s carries bytes alone; choose payload bytes:N",
                              message->serializer->name);
    } else {
        err = measure_message(message, params);
    }
    if (err != CORPS_OK) {
        lab_message_close(message);
    }
    return err;
}

void lab_message_close(struct lab_message *message) {
    lab_payload_finish(&message->payload);
}

const struct corps_value *lab_message_with(struct lab_message *message, uint64_t number) {
    if (!message->bare) {
        message->items[0] = corps_int((int64_t)number);
        message->items[1] = message->payload.value;
        message->value = corps_array(message->items, 2);
        return &message->value;
    }
    if (message->numbered) {
        uint64_t little = htole64(number);
        memcpy(message->payload.bytes, &little, sizeof little);
    }
    message->value = corps_bin(message->payload.bytes, message->payload.byte_count);
    return &message->value;
}

const struct corps_value *lab_message_lent(struct lab_message *message, const struct corps_name *to, uint64_t number,
                                           struct corps_block **block) {
    size_t bytes = message->payload.byte_count;
    *block = corps_loan(to, bytes);
    if (*block == NULL) {
        return NULL;
    }
    (void)lab_message_with(message, number);
    if (bytes > 0) {
        memcpy((*block)->data, message->payload.bytes, bytes);
    }
    *(message->bare ? &message->value : &message->items[1]) = corps_bin((*block)->data, bytes);
    return &message->value;
}

const struct corps_value *lab_plain(const struct corps_value *value, struct corps_box **box) {
    struct corps_value plain;
    *box = NULL;
    value = corps_value_open(value);
    if (value->kind != CORPS_OBJECT) {
        return value;
    }
    *box = corps_box_create();
    if (*box == NULL || value->object->ops->to_value(value->object, *box, &plain) != CORPS_OK) {
        return NULL;
    }
    corps_box_set_root(*box, plain);
    return corps_value_open(corps_box_root(*box));
}

/* An object may come back as the plain value that it stood for, for example a Python str. */
static bool same_content(const struct corps_value *ours, const struct corps_value *got) {
    struct corps_box *box = NULL;
    if (got->kind != CORPS_OBJECT) {
        ours = lab_plain(ours, &box);
    }
    bool same = ours != NULL && corps_value_equal(corps_value_open(ours), got);
    corps_box_unref(box);
    return same;
}

static bool wrong(char error[LAB_TEXT_BYTES], uint64_t number, const char *what) {
    snprintf(error, LAB_TEXT_BYTES, "message %llu: %s", (unsigned long long)number, what);
    return false;
}

static bool wrong_number(char error[LAB_TEXT_BYTES], uint64_t number, uint64_t got) {
    snprintf(error, LAB_TEXT_BYTES, "message %llu came where %llu was due: lost, doubled or reordered",
             (unsigned long long)got, (unsigned long long)number);
    return false;
}

static bool check_bare(const struct lab_message *message, uint64_t number, const struct corps_value *got, bool whole,
                       char error[LAB_TEXT_BYTES]) {
    if (got->kind != CORPS_BIN || got->count != message->payload.byte_count) {
        return wrong(error, number, "kind or length differs from what was sent: corrupted");
    }
    size_t head = message->numbered ? sizeof(uint64_t) : 0;
    uint64_t little = htole64(number);
    if (message->numbered && memcmp(got->bin, &little, sizeof little) != 0) {
        memcpy(&little, got->bin, sizeof little);
        return wrong_number(error, number, le64toh(little));
    }
    if (whole && got->count > head &&
        memcmp(got->bin + head, message->payload.bytes + head, message->payload.byte_count - head) != 0) {
        return wrong(error, number, "the content differs from what was sent: corrupted");
    }
    return true;
}

static bool check_pair(const struct lab_message *message, uint64_t number, const struct corps_value *got, bool whole,
                       char error[LAB_TEXT_BYTES]) {
    const struct corps_value *got_number = got != NULL ? corps_value_item(got, 0) : NULL;
    const struct corps_value *content = got != NULL ? corps_value_item(got, 1) : NULL;
    if (content == NULL || got->count != 2 || got_number->kind != CORPS_INT) {
        return wrong(error, number, "it is no array of number and payload: corrupted");
    }
    if (got_number->integer != (int64_t)number) {
        return wrong_number(error, number, (uint64_t)got_number->integer);
    }
    return !whole || same_content(&message->payload.value, content) ||
           wrong(error, number, "the content differs from what was sent: corrupted");
}

bool lab_message_check(const struct lab_message *message, uint64_t number, const struct corps_value *got, bool whole,
                       char error[LAB_TEXT_BYTES]) {
    struct corps_box *box = NULL;
    if (message->bare) {
        return check_bare(message, number, corps_value_open(got), whole, error);
    }
    bool good = check_pair(message, number, lab_plain(got, &box), whole, error); /* within one Env a Python Conc's
                                                                                   answer comes as its object */
    corps_box_unref(box);
    return good;
}
