#include "python.h"

/* pickle, dill and cloudpickle: the same in all but who pickles. What they read can run code, so they are for peers
 * that have proved themselves. */

#define PICKLER(title, in, from)                                                                                       \
    static struct corps__pickler title = {.name = #title, .module = in, .loads_module = from};                         \
    static enum corps_err title##_start(void) {                                                                        \
        return corps__pickler_start(&title);                                                                           \
    }                                                                                                                  \
    static const char *title##_version(void) {                                                                         \
        return title.version;                                                                                          \
    }                                                                                                                  \
    static enum corps_err title##_encode(const struct corps_value *value, struct corps_encoding *encoding) {           \
        return corps__python_encode(&title, value, encoding);                                                          \
    }                                                                                                                  \
    static enum corps_err title##_decode(const struct iovec *segments, size_t count, struct corps_block *block,        \
                                         enum corps_decode_to to, struct corps_box *box) {                             \
        return corps__python_decode(&title, segments, count, block, to, box);                                          \
    }                                                                                                                  \
    static_assert(sizeof #title <= 32, "a serializer's name is short")

PICKLER(pickle, "pickle", "pickle");
PICKLER(dill, "dill", "dill");
PICKLER(cloudpickle, "cloudpickle", "pickle");

enum { CAPABILITIES = CORPS_SERIALIZER_OBJECTS | CORPS_SERIALIZER_OUT_OF_BAND };

const struct corps_serializer corps_serializer_pickle = {
    .name = "pickle",
    .summary = "Python's own pickle, protocol 5",
    .wire_id = 2,
    .capabilities = CAPABILITIES,
    .start = pickle_start,
    .version = pickle_version,
    .encode = pickle_encode,
    .decode = pickle_decode,
};

const struct corps_serializer corps_serializer_dill = {
    .name = "dill",
    .summary = "pickle that also takes functions, classes and modules of the main program",
    .wire_id = 3,
    .capabilities = CAPABILITIES,
    .start = dill_start,
    .version = dill_version,
    .encode = dill_encode,
    .decode = dill_decode,
};

const struct corps_serializer corps_serializer_cloudpickle = {
    .name = "cloudpickle",
    .summary = "pickle that also takes functions and classes by value",
    .wire_id = 4,
    .capabilities = CAPABILITIES,
    .start = cloudpickle_start,
    .version = cloudpickle_version,
    .encode = cloudpickle_encode,
    .decode = cloudpickle_decode,
};
