/* The serializer alone: encodes a message and decodes it again in one Conc, and takes the time of each. Nothing is
 * sent; between the two the segments are copied to where a transport would have put them, which is not timed.
 * Definitions (corps/serializer.h) are kept apart, as over a link. Every so many messages are compared with what was
 * encoded. */
#include "workloads/common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct codec {
    struct lab_driver driver;
    struct corps_encoding encoding;
    struct lab_histogram *encode, *decode;
    struct iovec *segments; /* as they arrived */
    size_t segment_capacity;
    uint64_t first_encode_ns, first_decode_ns;
};

/* The encoding's segments in one block, as a transport delivers them: one reference. NULL when out of memory. */
static struct corps_block *arrive(struct codec *codec) {
    const struct corps_encoding *encoding = &codec->encoding;
    size_t count = 1 + encoding->buffer_count;
    size_t bytes = encoding->stream_bytes;
    for (size_t i = 0; i < encoding->buffer_count; i++) {
        bytes += encoding->buffers[i].iov_len;
    }
    if (count > codec->segment_capacity) {
        struct iovec *grown = realloc(codec->segments, count * sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        codec->segments = grown;
        codec->segment_capacity = count;
    }
    struct corps_block *block = corps_block_create(bytes > 0 ? bytes : 1);
    size_t at = 0;
    for (size_t i = 0; block != NULL && i < count; i++) {
        struct iovec from =
            i == 0 ? (struct iovec){encoding->stream, encoding->stream_bytes} : encoding->buffers[i - 1];
        codec->segments[i] = (struct iovec){.iov_base = (uint8_t *)block->data + at, .iov_len = from.iov_len};
        memcpy(codec->segments[i].iov_base, from.iov_base, from.iov_len);
        at += from.iov_len;
    }
    return block;
}

static enum corps_err check_codec(struct codec *codec, const struct corps_box *box) {
    char error[LAB_TEXT_BYTES];
    bool whole = codec->driver.next % LAB_FULL_CHECK_EVERY == 0;
    return lab_message_check(&codec->driver.message, codec->driver.next, corps_box_root(box), whole, error)
               ? CORPS_OK
               : corps_fail(codec->driver.context, "Mismatch", "%s", error);
}

/* One message there and back; its two times. */
static enum corps_err one(struct codec *codec, uint64_t *encode_ns, uint64_t *decode_ns) {
    struct lab_driver *driver = &codec->driver;
    const struct corps_value *message = lab_message_with(&driver->message, driver->next);
    corps_encoding_clear(&codec->encoding);
    uint64_t begin = lab_now_ns();
    enum corps_err err = driver->message.serializer->encode(message, &codec->encoding);
    *encode_ns = lab_now_ns() - begin;
    if (err != CORPS_OK) {
        return lab_fail(driver->context, err);
    }
    struct corps_block *block = arrive(codec);
    struct corps_box *box = block != NULL ? corps_box_create() : NULL;
    if (box == NULL) {
        corps_block_unref(block);
        return corps_fail(driver->context, "NO_MEMORY", "no memory for a message that arrives");
    }
    begin = lab_now_ns();
    err = driver->message.serializer->decode(codec->segments, 1 + codec->encoding.buffer_count, block,
                                             CORPS_DECODE_OBJECTS, box);
    *decode_ns = lab_now_ns() - begin;
    err = err == CORPS_OK ? check_codec(codec, box) : lab_fail(driver->context, err);
    corps_box_unref(box);
    corps_block_unref(block);
    driver->next++;
    return err;
}

static enum corps_err measure_codec(struct codec *codec) {
    struct lab_driver *driver = &codec->driver;
    uint64_t encode_ns, decode_ns;
    enum corps_err err = one(codec, &codec->first_encode_ns, &codec->first_decode_ns);
    lab_driver_warm_begin(driver);
    while (err == CORPS_OK && !lab_driver_warm_enough(driver)) {
        err = one(codec, &encode_ns, &decode_ns);
    }
    lab_driver_begin(driver);
    while (err == CORPS_OK && (driver->messages == 0 || !lab_driver_enough(driver))) {
        err = one(codec, &encode_ns, &decode_ns);
        lab_histogram_record(driver->histogram, encode_ns + decode_ns);
        lab_histogram_record(codec->encode, encode_ns);
        lab_histogram_record(codec->decode, decode_ns);
        driver->total_ns += encode_ns + decode_ns;
        driver->messages++;
    }
    lab_driver_end(driver);
    return err;
}

static struct corps_value ns_of(uint64_t ns) {
    return corps_float((double)ns);
}

static enum corps_err drive_codec(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    static const char *const notes[] = {"latency is encoding plus decoding in one process; seconds is the sum of both",
                                        NULL};
    struct codec codec;
    memset(&codec, 0, sizeof codec);
    (void)self;
    enum corps_err err = lab_driver_open(&codec.driver, context, args, true);
    if (err != CORPS_OK) {
        return err;
    }
    corps_encoding_init(&codec.encoding);
    codec.encoding.defines = true;
    codec.encode = lab_histogram_create();
    codec.decode = lab_histogram_create();
    err = codec.encode != NULL && codec.decode != NULL ? measure_codec(&codec)
                                                       : corps_fail(context, "NO_MEMORY", "no memory for histograms");
    if (err == CORPS_OK) {
        const struct corps_entry extra[] = {
            {corps_str("encode_ns"), ns_of(lab_histogram_quantile(codec.encode, 0.5))},
            {corps_str("decode_ns"), ns_of(lab_histogram_quantile(codec.decode, 0.5))},
            {corps_str("first_encode_ns"), ns_of(codec.first_encode_ns)},
            {corps_str("first_decode_ns"), ns_of(codec.first_decode_ns)},
        };
        err = lab_driver_result(&codec.driver, notes, extra, sizeof extra / sizeof extra[0], result);
    }
    lab_histogram_destroy(codec.encode);
    lab_histogram_destroy(codec.decode);
    corps_encoding_finish(&codec.encoding);
    free(codec.segments);
    lab_driver_close(&codec.driver);
    return err;
}

static const struct corps_class codec_driver = {
    .name = "LabCodecDriver",
    .methods = (const struct corps_method[]){{"run", drive_codec}, {NULL, NULL}},
};

static enum corps_err run_codec(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    return lab_drive(corps, cell, codec_driver.name, NULL, 0, box);
}

const struct lab_workload lab_workload_codec = {
    .name = "codec",
    .summary = "encodes and decodes in one Conc: the serializer alone",
    .traits = LAB_WORKLOAD_C_ALONE,
    .classes = {&codec_driver, NULL},
    .run = run_codec,
};
