/** @file
 * The serializer contract: for those who write a serializer. (Users of the library include corps.h alone.)
 *
 * A serializer turns a value into segments of bytes and back, and knows nothing else. Segment 0 is the stream;
 * further segments are large buffers that travel out of band, so that they are not copied into the stream. An
 * *encoding* collects the segments; whoever made it sends them and finishes it. Decoding fills a box.
 *
 * Threads: `start` is called once per process, by one thread; encode and decode from any thread, at the same time.
 * Python's serializers take the interpreter lock themselves.
 *
 * Bytes that are decoded come from a peer: everything is checked before it is believed. Damaged input gives
 * CORRUPT with the place where it was noticed, never a crash; memory use stays in proportion to the input.
 */
#ifndef CORPS_SERIALIZER_H
#define CORPS_SERIALIZER_H

#include <corps/block.h>
#include <corps/error.h>
#include <corps/value.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Capabilities. */
enum {
    CORPS_SERIALIZER_BYTES_ONLY = 1u << 0,  /**< takes nothing but BIN */
    CORPS_SERIALIZER_OBJECTS = 1u << 1,     /**< takes and gives Python objects of any type */
    CORPS_SERIALIZER_OUT_OF_BAND = 1u << 2, /**< large buffers are segments of their own */
    CORPS_SERIALIZER_UNTRUSTED = 1u << 3,   /**< decoding cannot run code: accepted from every peer. Without it a
                                               message is accepted only where its Corps was made with this one */
};

/** Buffers of at least this many bytes go out of band. Below it a copy costs less than a segment does. */
#define CORPS_OUT_OF_BAND_BYTES 4096u

/** What encode fills. Zero it, or call corps_encoding_init; finish it once after use, also after an error. */
struct corps_encoding {
    uint8_t *stream; /**< segment 0, grown by corps_encoding_reserve */
    size_t stream_bytes;
    size_t stream_capacity;
    struct iovec *buffers; /**< segments 1…, borrowed memory, kept alive by `keep` or by the value */
    size_t buffer_count;
    size_t buffer_capacity;
    void *keep; /**< the serializer's: for example the Python objects that own the buffers */
    void (*drop_keep)(void *keep);
    uint8_t small[256];    /**< first memory of the stream: small messages allocate nothing, … */
    struct iovec few[2];   /**< … nor do one or two buffers */
    bool defines;          /**< whoever sends this can send definitions first: corps_encoding_define may be used */
    uint32_t *definitions; /**< numbers of those that must be sent first */
    size_t definition_count;
    size_t definition_capacity;
};

CORPS_API void corps_encoding_init(struct corps_encoding *encoding);
CORPS_API void corps_encoding_finish(struct corps_encoding *encoding);

/** Makes the encoding empty again but keeps its memory. */
CORPS_API void corps_encoding_clear(struct corps_encoding *encoding);

/** Room for `bytes` more at stream + stream_bytes. Errors: NO_MEMORY, TOO_LARGE (longer than a frame may be). */
CORPS_API enum corps_err corps_encoding_reserve(struct corps_encoding *encoding, size_t bytes) CORPS_CHECKED;
CORPS_API enum corps_err corps_encoding_append(struct corps_encoding *encoding, const void *data,
                                               size_t bytes) CORPS_CHECKED;
/** Adds an out-of-band segment; the memory is borrowed until corps_encoding_finish or clear. */
CORPS_API enum corps_err corps_encoding_buffer(struct corps_encoding *encoding, const void *data,
                                               size_t bytes) CORPS_CHECKED;

/** Definitions: what many messages need (code, classes), named by its content, sent once over each link.
 *
 * Notes that the message being encoded needs the definition `data`, whose name is `key`: a hash of it, so that nobody
 * else means something else by it. The message then holds the key alone. False: the message must hold it itself
 * (`defines` is not set, or the process has named as many as it may). Copies `data` when it is new. */
#define CORPS_DEFINITION_KEY_BYTES 16u
CORPS_API bool corps_encoding_define(struct corps_encoding *encoding, const uint8_t key[CORPS_DEFINITION_KEY_BYTES],
                                     const void *data, size_t bytes);

/** For decode: a definition that came before, or that this process sent. Lent for ever. False: there is none. */
CORPS_API bool corps_definition_find(const uint8_t key[CORPS_DEFINITION_KEY_BYTES], const void **data, size_t *bytes);

/** What decode should make of containers and instances (Python serializers; others ignore it). */
enum corps_decode_to {
    CORPS_DECODE_VALUES,  /**< plain trees become values; anything else inside becomes an OBJECT */
    CORPS_DECODE_OBJECTS, /**< a top-level list or tuple becomes an ARRAY whose scalar items are values and whose
                             other items are OBJECTs; nothing else is converted */
    CORPS_DECODE_WHOLE,   /**< one OBJECT, whatever it is */
};

struct corps_serializer {
    const char *name;    /**< "msgpack"; as in configuration */
    const char *summary; /**< one line for `corps-lab list` */
    uint8_t wire_id;     /**< in the message header; never changes, never reused */
    uint32_t capabilities;

    /** Optional. Called once per process, before the first use; may load libraries and be slow. Errors: UNKNOWN (a
     * module is missing: says which and how to install it), SYSTEM. */
    enum corps_err (*start)(void);

    /** Optional. The version in use, for example "dill 0.4.1, Python 3.11.2"; lent for ever. Valid after start. */
    const char *(*version)(void);

    /** Mandatory. Writes `value` into the empty `encoding`. Borrows `value` until corps_encoding_finish or clear.
     * Errors: REFUSED (which part, as a path such as "[1].x", and why), TOO_LARGE (too deep), NO_MEMORY. */
    enum corps_err (*encode)(const struct corps_value *value, struct corps_encoding *encoding);

    /** Mandatory. Reads segments into the empty `box` and sets its root. `block` (may be NULL) holds the segments'
     * memory: what keeps pointing into it takes a reference (corps_box_keep_block, or an object's own); with a NULL
     * block everything is copied. Segments of CORPS_OUT_OF_BAND_BYTES or more lie aligned to 64 as a rule (not where a
     * foreign library chose the address). Trailing bytes are CORRUPT.
     * Errors: CORRUPT (what and at which byte), TOO_LARGE, NO_MEMORY, REMOTE (Python raised: type and text). */
    enum corps_err (*decode)(const struct iovec *segments, size_t segment_count, struct corps_block *block,
                             enum corps_decode_to to, struct corps_box *box);
};

/** The serializers that were built, by name, started. UNKNOWN sets a detail that lists them. Any thread. */
CORPS_API enum corps_err corps_serializer_find(const char *name,
                                               const struct corps_serializer **serializer) CORPS_CHECKED;

/** By wire number, started. Errors: UNKNOWN. */
CORPS_API enum corps_err corps_serializer_by_wire_id(uint8_t wire_id,
                                                     const struct corps_serializer **serializer) CORPS_CHECKED;

/** The i-th name that was built ("pickle" may still fail to start where Python is missing); NULL past the end. */
CORPS_API const char *corps_serializer_name_at(unsigned index);

/** Checks a table: names and mandatory operations. Run before a serializer is started. Errors: INVALID (which table).
 * Any thread. */
CORPS_API enum corps_err corps_serializer_check(const struct corps_serializer *serializer) CORPS_CHECKED;

/** Names inside values, for serializers: a Name as a short byte string and back. `encode` appends to `out` (at most
 * CORPS_NAME_BYTES_MAX bytes) and writes the length; `decode` gives a reference. */
#define CORPS_NAME_BYTES_MAX 512u
CORPS_API enum corps_err corps_name_encode(const struct corps_name *name, uint8_t out[CORPS_NAME_BYTES_MAX],
                                           size_t *bytes) CORPS_CHECKED;
CORPS_API enum corps_err corps_name_decode(const uint8_t *data, size_t bytes, struct corps_name **name) CORPS_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
