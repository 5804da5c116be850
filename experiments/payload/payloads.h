/* What workloads send. A payload is named by a text "form" or "form:argument"; its content follows from that text
 * and a seed alone, so that every process builds the same.
 *
 *   payloads.c        forms, checks      make.c     contents from the seed
 *   file.c            the user's documents  python.c   Python objects
 *
 * Lifecycle: build → use → finish. For Python's serializers everything but bytes:N is turned into a Python object once,
 * while it is built: what is measured then is what a Python program pays.
 *
 * Threads: a payload belongs to one thread at a time.
 */
#ifndef PAYLOADS_H
#define PAYLOADS_H

#include <corps.h>
#include <corps/serializer.h>

enum {
    LAB_BYTES_MAX = 1 << 30,
    LAB_INTS_MAX = 1 << 24,
    LAB_RECORDS_MAX = 1 << 20,
    LAB_PAYLOAD_ERROR_BYTES = 256,
};

struct lab_payload {
    struct corps_box *box;    /* owns the content, which is also its root */
    struct corps_value value; /* the content: BOX for plain values, OBJECT for Python's */
    uint8_t *bytes;           /* bytes:N: the content, writable by its one owner; NULL for other forms */
    size_t byte_count;
};

/* Builds the content. `serializer` is the one that will carry it. Errors: INVALID (the text), SYSTEM and CORRUPT (a
 * file), UNSUPPORTED (a Python object for a serializer that carries none), UNKNOWN, REMOTE (Python raised), NO_MEMORY.
 */
enum corps_err lab_payload_build(const char *text, uint64_t seed, const struct corps_serializer *serializer,
                                 struct lab_payload *payload) CORPS_CHECKED;
void lab_payload_finish(struct lab_payload *payload);

/* How many bytes `serializer` makes of `value`, out-of-band buffers included. */
enum corps_err lab_encoded_bytes(const struct corps_serializer *serializer, const struct corps_value *value,
                                 uint64_t *bytes) CORPS_CHECKED;

/* ---- the forms' parts; each writes the content into `payload` (box, value, bytes), zeroed before ---- */

enum corps_err lab_make_bytes(const char *argument, uint64_t seed, struct lab_payload *payload) CORPS_CHECKED;
enum corps_err lab_make_ints(const char *argument, uint64_t seed, struct lab_payload *payload) CORPS_CHECKED;
enum corps_err lab_make_record(const char *argument, uint64_t seed, struct lab_payload *payload) CORPS_CHECKED;
enum corps_err lab_make_records(const char *argument, uint64_t seed, struct lab_payload *payload) CORPS_CHECKED;
enum corps_err lab_make_tree(const char *argument, uint64_t seed, struct lab_payload *payload) CORPS_CHECKED;
enum corps_err lab_make_file(const char *argument, uint64_t seed, struct lab_payload *payload) CORPS_CHECKED;
enum corps_err lab_make_ast(const char *argument, uint64_t seed, struct lab_payload *payload) CORPS_CHECKED;
enum corps_err lab_make_objects(const char *argument, uint64_t seed, struct lab_payload *payload) CORPS_CHECKED;
enum corps_err lab_make_instance(const char *argument, uint64_t seed, struct lab_payload *payload) CORPS_CHECKED;
enum corps_err lab_make_function(const char *argument, uint64_t seed, struct lab_payload *payload) CORPS_CHECKED;
enum corps_err lab_make_py(const char *argument, uint64_t seed, struct lab_payload *payload) CORPS_CHECKED;

/* Replaces plain values by a Python object of the same content. */
enum corps_err lab_payload_to_python(const struct corps_serializer *serializer,
                                     struct lab_payload *payload) CORPS_CHECKED;

/* A JSON document as a value, the root of `box`. */
struct json_t;
enum corps_err lab_value_of_json(struct json_t *json, struct corps_box *box) CORPS_CHECKED;

/* A whole number from `text` that is at most `max`. */
bool lab_parse_count(const char *text, uint64_t max, uint64_t *count);

#endif
