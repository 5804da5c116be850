#include "msgpack_decode.h"

#include "msgpack_scan.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

struct decoder {
    const struct iovec *segments;
    size_t segment_count;
    size_t next_segment; /* out-of-band segments are used in order, each once */
    size_t items_left;   /* how many more items containers may announce: each takes at least a byte of the stream */
    bool borrow;         /* text and bytes may point into the segments */
    struct corps_box *box;
    enum corps_err err; /* set, with its detail, when a callback has failed */
};

/* What the parser holds on its stack: a value and, for a container, the memory that its items go to. */
struct part {
    struct corps_value value;
    struct corps_value *next;
};

static int fail(struct decoder *decoder, enum corps_err err) {
    decoder->err = err;
    return -1;
}

/* ---- callbacks of msgpack-c's parser ---- */

static inline struct part on_root(struct decoder *decoder) {
    (void)decoder;
    return (struct part){.value = corps_nil()};
}

static inline int on_nil(struct decoder *decoder, struct part *out) {
    (void)decoder;
    out->value = corps_nil();
    return 0;
}

static inline int on_true(struct decoder *decoder, struct part *out) {
    (void)decoder;
    out->value = corps_bool(true);
    return 0;
}

static inline int on_false(struct decoder *decoder, struct part *out) {
    (void)decoder;
    out->value = corps_bool(false);
    return 0;
}

static inline int on_int64(struct decoder *decoder, int64_t integer, struct part *out) {
    (void)decoder;
    out->value = corps_int(integer);
    return 0;
}

static inline int on_uint64(struct decoder *decoder, uint64_t integer, struct part *out) {
    if (integer > INT64_MAX) {
        return -1; /* the scan says where */
    }
    return on_int64(decoder, (int64_t)integer, out);
}

static inline int on_double(struct decoder *decoder, double number, struct part *out) {
    (void)decoder;
    out->value = corps_float(number);
    return 0;
}

static int bytes_of(struct decoder *decoder, enum corps_kind kind, const void *data, size_t bytes, struct part *out) {
    out->value = (struct corps_value){.kind = kind, .count = bytes, .bin = data};
    if (decoder->borrow || bytes == 0) {
        return 0;
    }
    uint8_t *memory = corps_box_alloc(decoder->box, bytes);
    if (memory == NULL) {
        return fail(decoder, corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %zu bytes", bytes));
    }
    memcpy(memory, data, bytes);
    out->value.bin = memory;
    return 0;
}

static int on_str(struct decoder *decoder, const char *base, const char *at, unsigned bytes, struct part *out) {
    (void)base;
    return bytes_of(decoder, CORPS_STR, at, bytes, out);
}

static int on_bin(struct decoder *decoder, const char *base, const char *at, unsigned bytes, struct part *out) {
    (void)base;
    return bytes_of(decoder, CORPS_BIN, at, bytes, out);
}

static int on_name(struct decoder *decoder, const char *data, size_t bytes, size_t offset, struct part *out) {
    struct corps_name *name;
    enum corps_err err = corps_name_decode((const uint8_t *)data, bytes, &name);
    if (err == CORPS_ERR_NO_MEMORY) {
        return fail(decoder, err);
    }
    if (err != CORPS_OK) {
        return fail(decoder,
                    corps_error_set(CORPS_ERR_CORRUPT, "msgpack: no Name at byte %zu (%zu bytes)", offset, bytes));
    }
    out->value = corps_value_of_name(name);
    err = corps_box_keep_name(decoder->box, name);
    return err == CORPS_OK ? 0 : fail(decoder, err);
}

static int on_buffer(struct decoder *decoder, const char *data, size_t offset, struct part *out) {
    uint32_t number;
    memcpy(&number, data, sizeof number);
    number = le32toh(number);
    if (number != decoder->next_segment || number >= decoder->segment_count) {
        return fail(decoder, corps_error_set(CORPS_ERR_CORRUPT,
                                             "msgpack: byte %zu names segment %u, but segment %zu of %zu is next",
                                             offset, number, decoder->next_segment, decoder->segment_count));
    }
    decoder->next_segment++;
    return bytes_of(decoder, CORPS_BIN, decoder->segments[number].iov_base, decoder->segments[number].iov_len, out);
}

/* `bytes` counts the type byte too; it is 0 when a length of 2^32 - 1 overflowed in the parser. */
static int on_ext(struct decoder *decoder, const char *base, const char *at, unsigned bytes, struct part *out) {
    size_t offset = (size_t)(at - base);
    if (bytes > 1 && *at == CORPS__MSGPACK_NAME) {
        return on_name(decoder, at + 1, bytes - 1, offset, out);
    }
    if (bytes == 5 && *at == CORPS__MSGPACK_BUFFER) {
        return on_buffer(decoder, at + 1, offset, out);
    }
    return -1;
}

static int begin(struct decoder *decoder, enum corps_kind kind, size_t count, size_t items, struct part *out) {
    if (items > decoder->items_left) {
        return -1;
    }
    decoder->items_left -= items;
    out->next = corps_box_alloc(decoder->box, items * sizeof *out->next);
    if (out->next == NULL) {
        return fail(decoder, corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %zu items", items));
    }
    out->value = (struct corps_value){.kind = kind, .count = count, .items = out->next};
    return 0;
}

static int on_array(struct decoder *decoder, unsigned count, struct part *out) {
    return begin(decoder, CORPS_ARRAY, count, count, out);
}

static inline int on_array_item(struct decoder *decoder, struct part *array, struct part item) {
    (void)decoder;
    *array->next++ = item.value;
    return 0;
}

static int on_map(struct decoder *decoder, unsigned count, struct part *out) {
    return begin(decoder, CORPS_MAP, count, (size_t)count * 2, out);
}

static inline int on_map_item(struct decoder *decoder, struct part *map, struct part key, struct part value) {
    (void)decoder;
    *map->next++ = key.value;
    *map->next++ = value.value;
    return 0;
}

/* ---- msgpack-c's parser ---- */

/* The library's own instance of it stops at 32 levels. */
#define MSGPACK_EMBED_STACK_SIZE CORPS_VALUE_DEPTH_MAX
#include <msgpack/unpack.h>
#include <msgpack/unpack_define.h>

#include "msgpack_order.h"

#define on_uint8 on_int64
#define on_uint16 on_int64
#define on_uint32 on_int64
#define on_int8 on_int64
#define on_int16 on_int64
#define on_int32 on_int64
#define on_float on_double

#define msgpack_unpack_struct(name) struct parser##name
#define msgpack_unpack_func(type, name) static inline type parser##name
#define msgpack_unpack_callback(name) on##name
#define msgpack_unpack_object struct part
#define msgpack_unpack_user struct decoder

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <msgpack/unpack_template.h>
#pragma GCC diagnostic pop

/* Why the parser stopped. It does not say itself; the scan finds the byte. */
static enum corps_err why_not(const struct decoder *decoder) {
    if (decoder->err != CORPS_OK) {
        return decoder->err;
    }
    enum corps_err err =
        corps__msgpack_scan(decoder->segments[0].iov_base, decoder->segments[0].iov_len, CORPS_VALUE_DEPTH_MAX);
    return err != CORPS_OK ? err : corps_error_set(CORPS_ERR_CORRUPT, "msgpack: msgpack-c cannot read this");
}

enum corps_err corps__msgpack_decode(const struct iovec *segments, size_t segment_count, struct corps_block *block,
                                     enum corps_decode_to to, struct corps_box *box) {
    (void)to;
    if (segment_count == 0 || segments[0].iov_len == 0) {
        return corps_error_set(CORPS_ERR_CORRUPT, "msgpack: there is no data");
    }
    struct parser_context parser;
    size_t at = 0;
    parser.user = (struct decoder){.segments = segments,
                                   .segment_count = segment_count,
                                   .next_segment = 1,
                                   .items_left = segments[0].iov_len,
                                   .borrow = block != NULL,
                                   .box = box};
    parser_init(&parser);
    int result = parser_execute(&parser, segments[0].iov_base, segments[0].iov_len, &at);
    if (result != 1 || at != segments[0].iov_len) {
        return why_not(&parser.user);
    }
    if (parser.user.next_segment != segment_count) {
        return corps_error_set(CORPS_ERR_CORRUPT, "msgpack: there are %zu segments, but the data names only %zu",
                               segment_count, parser.user.next_segment);
    }
    corps_box_set_root(box, parser_data(&parser).value);
    return block != NULL ? corps_box_keep_block(box, corps_block_ref(block)) : CORPS_OK;
}
