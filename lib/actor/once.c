#include "actor/once.h"

#include "codec/record.h"
#include "link/copy.h"

#include <stdlib.h>

/* What stands in the value of an answer, before its segments. */
enum { IDENTITY, IDENTITY_TOO, CALL, KEEP_UNTIL, KIND, FLAGS, SERIALIZER, CONC, FIXED };
enum { OVERHEAD_BYTES = 128 }; /* of an answer, beside its segments */

struct corps__once_answer {
    struct corps_box *box; /* its root is the value */
    int64_t keep_until_ns;
    size_t bytes;
};

static enum corps_err no_memory(void) {
    return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to keep the answer to a retry call");
}

static enum corps_err corrupt(void) {
    return corps_error_set(CORPS_ERR_CORRUPT, "an answer that is kept with the state cannot be one");
}

/* ---- adding ---- */

static bool make_room(struct corps__once *once) {
    if (once->count < once->room) {
        return true;
    }
    size_t room = once->room * 2 + 8;
    void *grown = realloc(once->answers, room * sizeof *once->answers);
    if (grown != NULL) {
        once->answers = grown;
        once->room = room;
    }
    return grown != NULL;
}

/* Takes the box. */
static enum corps_err add(struct corps__once *once, struct corps_box *box) {
    const struct corps_value *root = corps_box_root(box);
    size_t bytes = OVERHEAD_BYTES;
    for (size_t i = FIXED; i < root->count; i++) {
        bytes += corps_value_item(root, i)->count;
    }
    if (!make_room(once)) {
        corps_box_unref(box);
        return no_memory();
    }
    once->answers[once->count++] = (struct corps__once_answer){
        .box = box, .keep_until_ns = corps__record_int(root, KEEP_UNTIL, 0), .bytes = bytes};
    once->bytes += bytes;
    return CORPS_OK;
}

enum corps_err corps__once_add(struct corps__once *once, const struct corps__result_key *key, int64_t keep_until_ns,
                               const struct corps__outgoing *out) {
    if (out->definition_count > 0) {
        return corps_error_set(CORPS_ERR_INVALID, "the answer to a retry call needs what only this process has");
    }
    struct corps_value items[FIXED + CORPS__PAYLOAD_SEGMENTS_MAX] = {
        [IDENTITY] = corps_int((int64_t)key->identity[0]),
        [IDENTITY_TOO] = corps_int((int64_t)key->identity[1]),
        [CALL] = corps_int((int64_t)key->id),
        [KEEP_UNTIL] = corps_int(keep_until_ns),
        [KIND] = corps_int(out->header.kind),
        [FLAGS] = corps_int(out->header.flags),
        [SERIALIZER] = corps_int(out->header.serializer),
        [CONC] = corps_int(out->header.source_conc),
    };
    for (unsigned i = 0; i < out->header.segment_count; i++) {
        items[FIXED + i] = corps_bin(out->segments[i].iov_base, out->segments[i].iov_len);
    }
    struct corps_value value = corps_array(items, FIXED + out->header.segment_count);
    struct corps_box *box;
    enum corps_err err = corps_box_of(&value, &box);
    return err == CORPS_OK ? add(once, box) : err;
}

/* ---- dropping ---- */

void corps__once_expire(struct corps__once *once, int64_t now_ns) {
    size_t left = 0;
    for (size_t i = 0; i < once->count; i++) {
        if (once->answers[i].keep_until_ns > now_ns) {
            once->answers[left++] = once->answers[i];
        } else {
            once->bytes -= once->answers[i].bytes;
            corps_box_unref(once->answers[i].box);
        }
    }
    once->count = left;
}

void corps__once_clear(struct corps__once *once) {
    corps__once_expire(once, INT64_MAX);
    free(once->answers);
    *once = (struct corps__once){0};
}

void corps__once_free(struct corps__once *once) {
    if (once != NULL) {
        corps__once_clear(once);
    }
    free(once);
}

/* ---- records ---- */

enum corps_err corps__once_items(const struct corps__once *once, int64_t now_ns, struct corps_value **items) {
    *items = malloc((once->count + 1) * sizeof **items);
    if (*items == NULL) {
        return no_memory();
    }
    (*items)[0] = corps_int(now_ns);
    for (size_t i = 0; i < once->count; i++) {
        (*items)[i + 1] = corps_value_of_box(once->answers[i].box);
    }
    return CORPS_OK;
}

static bool is_answer(const struct corps_value *value) {
    bool is =
        value->kind == CORPS_ARRAY && value->count >= FIXED && value->count <= FIXED + CORPS__PAYLOAD_SEGMENTS_MAX;
    for (size_t i = 0; is && i < value->count; i++) {
        is = corps_value_item(value, i)->kind == (i < FIXED ? CORPS_INT : CORPS_BIN);
    }
    int64_t kind = corps__record_int(value, KIND, 0);
    return is && (kind == CORPS__REPLY || kind == CORPS__FAILURE);
}

/* As it stands, but for the time. */
static enum corps_err box_of_answer(const struct corps_value *value, int64_t shift_ns, struct corps_box **box) {
    if (!is_answer(value)) {
        return corrupt();
    }
    struct corps_value items[FIXED + CORPS__PAYLOAD_SEGMENTS_MAX];
    for (size_t i = 0; i < value->count; i++) {
        items[i] = *corps_value_item(value, i);
    }
    if (__builtin_add_overflow(items[KEEP_UNTIL].integer, shift_ns, &items[KEEP_UNTIL].integer)) {
        return corrupt();
    }
    const struct corps_value shifted = corps_array(items, value->count);
    return corps_box_of(&shifted, box);
}

enum corps_err corps__once_restore(struct corps__once *once, const struct corps_value *answers, bool other_clock,
                                   int64_t now_ns) {
    corps__once_clear(once);
    const struct corps_value *written = corps_value_item(answers, 0);
    if (written == NULL || written->kind != CORPS_INT) {
        return corrupt();
    }
    int64_t shift_ns = 0;
    if (other_clock && __builtin_sub_overflow(now_ns, written->integer, &shift_ns)) {
        return corrupt();
    }
    for (size_t i = 1; i < answers->count; i++) {
        struct corps_box *box;
        enum corps_err err = box_of_answer(corps_value_item(answers, i), shift_ns, &box);
        err = err == CORPS_OK ? add(once, box) : err;
        if (err != CORPS_OK) {
            return err;
        }
    }
    return CORPS_OK;
}

enum corps_err corps__once_result(const struct corps__once *once, size_t i, struct corps__result *result) {
    const struct corps_value *value = corps_box_root(once->answers[i].box);
    uint64_t numbers[FIXED];
    for (size_t n = 0; n < FIXED; n++) {
        numbers[n] = (uint64_t)corps__record_int(value, n, 0);
    }
    struct iovec segments[CORPS__PAYLOAD_SEGMENTS_MAX];
    for (size_t n = FIXED; n < value->count; n++) {
        const struct corps_value *segment = corps_value_item(value, n);
        segments[n - FIXED] = (struct iovec){(void *)(uintptr_t)segment->bin, segment->count};
    }
    const struct corps__outgoing out = {.header = {.kind = (uint8_t)numbers[KIND],
                                                   .flags = (uint8_t)numbers[FLAGS],
                                                   .serializer = (uint8_t)numbers[SERIALIZER],
                                                   .segment_count = (uint16_t)(value->count - FIXED),
                                                   .id = numbers[CALL],
                                                   .source_env = corps__own_env(),
                                                   .source_conc = (uint32_t)numbers[CONC]},
                                        .segments = segments};
    struct corps__copy *reply = corps__copy_create(&out);
    if (reply == NULL) {
        return no_memory();
    }
    *result = (struct corps__result){.key = {{numbers[IDENTITY], numbers[IDENTITY_TOO]}, numbers[CALL]},
                                     .keep_until_ns = once->answers[i].keep_until_ns,
                                     .reply = reply,
                                     .bytes = reply->bytes};
    return CORPS_OK;
}
