#include "msgpack_scan.h"

#include <corps.h>
#include <corps/serializer.h>

#include <endian.h>
#include <msgpack.h>
#include <stdlib.h>

/* MessagePack by msgpack-c. Names are ext type 1; bytes of CORPS_OUT_OF_BAND_BYTES or more travel as segments of their
 * own, and the stream holds ext type 2 with the segment's number (4 bytes, little-endian). */
enum { EXT_NAME = 1, EXT_BUFFER = 2 };

/* ---- encoding ---- */

struct encoder {
    struct corps_encoding *encoding;
    msgpack_packer packer;
    struct corps_box *converted; /* memory of objects that were turned into values */
};

static int write_bytes(void *arg, const char *data, size_t bytes) {
    struct encoder *encoder = arg;
    return corps_encoding_append(encoder->encoding, data, bytes) == CORPS_OK ? 0 : -1;
}

static enum corps_err pack(struct encoder *encoder, const struct corps_value *value, unsigned depth);

static enum corps_err packed(int failed) {
    return failed == 0 ? CORPS_OK : CORPS_ERR_NO_MEMORY; /* the detail is of write_bytes */
}

static enum corps_err pack_bin(struct encoder *encoder, const struct corps_value *value) {
    msgpack_packer *packer = &encoder->packer;
    if (value->count < CORPS_OUT_OF_BAND_BYTES) {
        int failed = msgpack_pack_bin(packer, value->count);
        return packed(failed != 0 ? failed : msgpack_pack_bin_body(packer, value->bin, value->count));
    }
    uint32_t segment = htole32((uint32_t)encoder->encoding->buffer_count + 1);
    int failed = msgpack_pack_ext(packer, sizeof segment, EXT_BUFFER);
    failed = failed != 0 ? failed : msgpack_pack_ext_body(packer, &segment, sizeof segment);
    return failed == 0 ? corps_encoding_buffer(encoder->encoding, value->bin, value->count) : CORPS_ERR_NO_MEMORY;
}

static enum corps_err pack_str(struct encoder *encoder, const struct corps_value *value) {
    if (value->count > UINT32_MAX) {
        return corps_error_set(CORPS_ERR_TOO_LARGE, "msgpack carries text up to 4 GiB; send it as bytes");
    }
    int failed = msgpack_pack_str(&encoder->packer, value->count);
    return packed(failed != 0 ? failed : msgpack_pack_str_body(&encoder->packer, value->str, value->count));
}

static enum corps_err pack_items(struct encoder *encoder, const struct corps_value *value, unsigned depth) {
    if (depth >= CORPS_VALUE_DEPTH_MAX || value->count > UINT32_MAX) {
        return corps_error_set(CORPS_ERR_TOO_LARGE, "a value is nested deeper than %u levels, or has over 2^32 items",
                               CORPS_VALUE_DEPTH_MAX);
    }
    bool map = value->kind == CORPS_MAP;
    size_t count = map ? value->count * 2 : value->count;
    int failed = map ? msgpack_pack_map(&encoder->packer, value->count) : msgpack_pack_array(&encoder->packer, count);
    enum corps_err err = packed(failed);
    for (size_t i = 0; err == CORPS_OK && i < count; i++) {
        err = pack(encoder, &value->items[i], depth + 1);
    }
    return err;
}

static enum corps_err pack_name(struct encoder *encoder, const struct corps_name *name) {
    uint8_t bytes[CORPS_NAME_BYTES_MAX];
    size_t count;
    enum corps_err err = corps_name_encode(name, bytes, &count);
    if (err != CORPS_OK) {
        return err;
    }
    int failed = msgpack_pack_ext(&encoder->packer, count, EXT_NAME);
    return packed(failed != 0 ? failed : msgpack_pack_ext_body(&encoder->packer, bytes, count));
}

static enum corps_err pack_object(struct encoder *encoder, struct corps_object *object, unsigned depth) {
    if (encoder->converted == NULL) {
        encoder->converted = corps_box_create();
    }
    struct corps_value value;
    enum corps_err err = encoder->converted != NULL ? object->ops->to_value(object, encoder->converted, &value)
                                                    : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for an object");
    return err == CORPS_OK ? pack(encoder, &value, depth) : err;
}

static enum corps_err pack(struct encoder *encoder, const struct corps_value *value, unsigned depth) {
    msgpack_packer *packer = &encoder->packer;
    switch (value->kind) {
    case CORPS_NIL:
        return packed(msgpack_pack_nil(packer));
    case CORPS_BOOL:
        return packed(value->boolean ? msgpack_pack_true(packer) : msgpack_pack_false(packer));
    case CORPS_INT:
        return packed(msgpack_pack_int64(packer, value->integer));
    case CORPS_FLOAT:
        return packed(msgpack_pack_double(packer, value->number));
    case CORPS_STR:
        return pack_str(encoder, value);
    case CORPS_BIN:
        return pack_bin(encoder, value);
    case CORPS_ARRAY:
    case CORPS_MAP:
        return pack_items(encoder, value, depth);
    case CORPS_NAME:
        return pack_name(encoder, value->name);
    case CORPS_OBJECT:
        return pack_object(encoder, value->object, depth);
    case CORPS_BOX:
        return pack(encoder, corps_value_open(value), depth);
    }
    return corps_error_set(CORPS_ERR_REFUSED, "msgpack does not carry a value of kind %d", (int)value->kind);
}

static void drop_box(void *box) {
    corps_box_unref(box);
}

static enum corps_err encode(const struct corps_value *value, struct corps_encoding *encoding) {
    struct encoder encoder = {.encoding = encoding};
    msgpack_packer_init(&encoder.packer, &encoder, write_bytes);
    enum corps_err err = pack(&encoder, value, 0);
    /* Out-of-band bytes may lie in converted objects: they live as long as the encoding. */
    encoding->keep = encoder.converted;
    encoding->drop_keep = drop_box;
    return err;
}

/* ---- decoding ---- */

struct decoder {
    const struct iovec *segments;
    size_t segment_count;
    bool borrow; /* text and bytes may point into the segments */
    struct corps_box *box;
};

static enum corps_err convert(struct decoder *decoder, const msgpack_object *object, struct corps_value *out);

static enum corps_err bytes_of(struct decoder *decoder, enum corps_kind kind, const void *data, size_t bytes,
                               struct corps_value *out) {
    *out = (struct corps_value){.kind = kind, .count = bytes, .bin = data};
    if (decoder->borrow) {
        return CORPS_OK;
    }
    uint8_t *memory = corps_box_alloc(decoder->box, bytes);
    if (memory == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %zu bytes", bytes);
    }
    if (bytes > 0) {
        memcpy(memory, data, bytes);
    }
    out->bin = memory;
    return CORPS_OK;
}

static enum corps_err convert_ext(struct decoder *decoder, const msgpack_object_ext *ext, struct corps_value *out) {
    if (ext->type == EXT_BUFFER && ext->size == 4) {
        uint32_t segment;
        memcpy(&segment, ext->ptr, sizeof segment);
        segment = le32toh(segment);
        if (segment == 0 || segment >= decoder->segment_count) {
            return corps_error_set(CORPS_ERR_CORRUPT, "msgpack: bytes lie in segment %u, but there are %zu", segment,
                                   decoder->segment_count);
        }
        return bytes_of(decoder, CORPS_BIN, decoder->segments[segment].iov_base, decoder->segments[segment].iov_len,
                        out);
    }
    if (ext->type == EXT_NAME) {
        struct corps_name *name;
        enum corps_err err = corps_name_decode((const uint8_t *)ext->ptr, ext->size, &name);
        *out = corps_value_of_name(err == CORPS_OK ? name : NULL);
        return err == CORPS_OK ? corps_box_keep_name(decoder->box, name) : err;
    }
    return corps_error_set(CORPS_ERR_CORRUPT, "msgpack: an extension of type %d and %u bytes is not known here",
                           ext->type, ext->size);
}

static enum corps_err convert_items(struct decoder *decoder, const msgpack_object *object, struct corps_value *out) {
    bool map = object->type == MSGPACK_OBJECT_MAP;
    size_t count = map ? object->via.map.size : object->via.array.size;
    struct corps_value *items = corps_box_alloc(decoder->box, count * (map ? 2 : 1) * sizeof *items);
    if (items == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %zu items", count);
    }
    enum corps_err err = CORPS_OK;
    for (size_t i = 0; err == CORPS_OK && i < count; i++) {
        if (map) {
            err = convert(decoder, &object->via.map.ptr[i].key, &items[2 * i]);
            err = err == CORPS_OK ? convert(decoder, &object->via.map.ptr[i].val, &items[2 * i + 1]) : err;
        } else {
            err = convert(decoder, &object->via.array.ptr[i], &items[i]);
        }
    }
    *out = (struct corps_value){.kind = map ? CORPS_MAP : CORPS_ARRAY, .count = count, .items = items};
    return err;
}

static enum corps_err convert(struct decoder *decoder, const msgpack_object *object, struct corps_value *out) {
    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
        *out = corps_nil();
        return CORPS_OK;
    case MSGPACK_OBJECT_BOOLEAN:
        *out = corps_bool(object->via.boolean);
        return CORPS_OK;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        if (object->via.u64 > INT64_MAX) {
            return corps_error_set(CORPS_ERR_TOO_LARGE, "msgpack: the integer %llu does not fit 64 bits with a sign",
                                   (unsigned long long)object->via.u64);
        }
        *out = corps_int((int64_t)object->via.u64);
        return CORPS_OK;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        *out = corps_int(object->via.i64);
        return CORPS_OK;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        *out = corps_float(object->via.f64);
        return CORPS_OK;
    case MSGPACK_OBJECT_STR:
        return bytes_of(decoder, CORPS_STR, object->via.str.ptr, object->via.str.size, out);
    case MSGPACK_OBJECT_BIN:
        return bytes_of(decoder, CORPS_BIN, object->via.bin.ptr, object->via.bin.size, out);
    case MSGPACK_OBJECT_ARRAY:
    case MSGPACK_OBJECT_MAP:
        return convert_items(decoder, object, out);
    case MSGPACK_OBJECT_EXT:
        return convert_ext(decoder, &object->via.ext, out);
    }
    return corps_error_set(CORPS_ERR_CORRUPT, "msgpack: an object of type %d", (int)object->type);
}

static enum corps_err decode(const struct iovec *segments, size_t count, struct corps_block *block,
                             enum corps_decode_to to, struct corps_box *box) {
    (void)to;
    if (count == 0) {
        return corps_error_set(CORPS_ERR_CORRUPT, "msgpack: there is no stream");
    }
    enum corps_err err = corps__msgpack_scan(segments[0].iov_base, segments[0].iov_len, CORPS_VALUE_DEPTH_MAX);
    if (err != CORPS_OK) {
        return err;
    }
    struct decoder decoder = {segments, count, block != NULL, box};
    struct corps_value root;
    msgpack_zone zone;
    msgpack_object object;
    size_t at = 0;
    if (!msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE)) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to decode msgpack");
    }
    msgpack_unpack_return result = msgpack_unpack(segments[0].iov_base, segments[0].iov_len, &at, &zone, &object);
    if (result != MSGPACK_UNPACK_SUCCESS) {
        err = corps_error_set(CORPS_ERR_CORRUPT, "msgpack: msgpack-c cannot read this (result %d)", (int)result);
    } else {
        err = convert(&decoder, &object, &root);
    }
    msgpack_zone_destroy(&zone);
    if (err == CORPS_OK) {
        corps_box_set_root(box, root);
        err = block != NULL ? corps_box_keep_block(box, corps_block_ref(block)) : CORPS_OK;
    }
    return err;
}

static const char *version(void) {
    return "msgpack-c " MSGPACK_VERSION;
}

const struct corps_serializer corps_serializer_msgpack = {
    .name = "msgpack",
    .summary = "MessagePack by msgpack-c; C values, no code in the data",
    .wire_id = 1,
    .capabilities = CORPS_SERIALIZER_OUT_OF_BAND | CORPS_SERIALIZER_UNTRUSTED,
    .version = version,
    .encode = encode,
    .decode = decode,
};
