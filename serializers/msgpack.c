#include "msgpack_decode.h"
#include "value/refuse.h"

#include <corps.h>
#include <corps/serializer.h>

#include <endian.h>
#include <msgpack.h>
#include <stdlib.h>

#include "msgpack_order.h"

/* MessagePack by msgpack-c. Bytes of CORPS_OUT_OF_BAND_BYTES or more travel as segments of their own, in the order in
 * which the stream names them. */
enum { BUFFERS_MAX = 900 }; /* more large buffers than a message has segments for go into the stream */

/* ---- encoding ---- */

struct encoder {
    struct corps_encoding *encoding;
    msgpack_packer packer;
    struct corps_box *converted; /* memory of objects that were turned into values */
    enum corps_err err;          /* why the last write failed */
};

/* Most writes are of a byte or two, and find room. */
static int write_bytes(void *arg, const char *data, size_t bytes) {
    struct encoder *encoder = arg;
    struct corps_encoding *encoding = encoder->encoding;
    if (bytes <= 2 && bytes > 0 && encoding->stream_capacity - encoding->stream_bytes >= 2) {
        encoding->stream[encoding->stream_bytes] = (uint8_t)data[0];
        encoding->stream[encoding->stream_bytes + bytes - 1] = (uint8_t)data[bytes - 1];
        encoding->stream_bytes += bytes;
        return 0;
    }
    encoder->err = corps_encoding_append(encoding, data, bytes);
    return encoder->err == CORPS_OK ? 0 : -1;
}

static enum corps_err pack(struct encoder *encoder, const struct corps_value *value, unsigned depth);

static enum corps_err packed(const struct encoder *encoder, int failed) {
    return failed == 0 ? CORPS_OK : encoder->err;
}

static enum corps_err pack_bin(struct encoder *encoder, const struct corps_value *value) {
    msgpack_packer *packer = &encoder->packer;
    if (value->count < CORPS_OUT_OF_BAND_BYTES || encoder->encoding->buffer_count >= BUFFERS_MAX) {
        if (value->count > UINT32_MAX) {
            return corps_error_set(CORPS_ERR_TOO_LARGE, "msgpack carries bytes up to 4 GiB; send them in parts");
        }
        int failed = msgpack_pack_bin(packer, value->count);
        return packed(encoder, failed != 0 ? failed : msgpack_pack_bin_body(packer, value->bin, value->count));
    }
    uint32_t segment = htole32((uint32_t)encoder->encoding->buffer_count + 1);
    int failed = msgpack_pack_ext(packer, sizeof segment, CORPS__MSGPACK_BUFFER);
    failed = failed != 0 ? failed : msgpack_pack_ext_body(packer, &segment, sizeof segment);
    return failed == 0 ? corps_encoding_buffer(encoder->encoding, value->bin, value->count) : packed(encoder, failed);
}

static enum corps_err pack_str(struct encoder *encoder, const struct corps_value *value) {
    if (value->count > UINT32_MAX) {
        return corps_error_set(CORPS_ERR_TOO_LARGE, "msgpack carries text up to 4 GiB; send it as bytes");
    }
    int failed = msgpack_pack_str(&encoder->packer, value->count);
    return packed(encoder, failed != 0 ? failed : msgpack_pack_str_body(&encoder->packer, value->str, value->count));
}

static enum corps_err pack_items(struct encoder *encoder, const struct corps_value *value, unsigned depth) {
    if (depth >= CORPS_VALUE_DEPTH_MAX || value->count > UINT32_MAX) {
        return corps_error_set(CORPS_ERR_TOO_LARGE, "a value is nested deeper than %u levels, or has over 2^32 items",
                               CORPS_VALUE_DEPTH_MAX);
    }
    bool map = value->kind == CORPS_MAP;
    size_t count = map ? value->count * 2 : value->count;
    int failed = map ? msgpack_pack_map(&encoder->packer, value->count) : msgpack_pack_array(&encoder->packer, count);
    enum corps_err err = packed(encoder, failed);
    for (size_t i = 0; err == CORPS_OK && i < count; i++) {
        err = pack(encoder, &value->items[i], depth + 1);
        if (err == CORPS_ERR_REFUSED) {
            return corps__refused_at(value, i);
        }
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
    int failed = msgpack_pack_ext(&encoder->packer, count, CORPS__MSGPACK_NAME);
    return packed(encoder, failed != 0 ? failed : msgpack_pack_ext_body(&encoder->packer, bytes, count));
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
        return packed(encoder, msgpack_pack_nil(packer));
    case CORPS_BOOL:
        return packed(encoder, value->boolean ? msgpack_pack_true(packer) : msgpack_pack_false(packer));
    case CORPS_INT:
        return packed(encoder, msgpack_pack_int64(packer, value->integer));
    case CORPS_FLOAT:
        return packed(encoder, msgpack_pack_double(packer, value->number));
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
    .decode = corps__msgpack_decode,
};
