#include "codec/wire.h"
#include "golden.h"
#include "link/hello.h"
#include "value/name.h"

#include <corps.h>
#include <corps/serializer.h>

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

extern const struct corps_serializer corps_serializer_msgpack;

enum { CASES_MAX = 128, LONG_BYTES = 65536, BUFFERS = 260 };

/* Made once, in this order. */
static struct value_case {
    char name[CASE_NAME_BYTES];
    struct corps_value value;
} cases[CASES_MAX];
static size_t case_count;

static char text[LONG_BYTES];
static struct corps_entry nils[LONG_BYTES]; /* all nil: as entries of a map and as items of an array */

static void __attribute__((format(printf, 2, 3))) add(struct corps_value value, const char *format, ...) {
    if (case_count == CASES_MAX) {
        die("there is no room for more cases");
    }
    struct value_case *made = &cases[case_count++];
    va_list args;
    va_start(args, format);
    vsnprintf(made->name, sizeof made->name, format, args);
    va_end(args);
    made->value = value;
}

static double number_of(uint64_t bits) {
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static uint64_t bits_of(double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

/* Both sides of every place where the form of an integer changes, and numbers whose bytes are all different. */
static void add_integers(void) {
    static const int64_t integers[] = {0,
                                       1,
                                       127,
                                       128,
                                       255,
                                       256,
                                       0x0102,
                                       65535,
                                       65536,
                                       0x01020304,
                                       UINT32_MAX,
                                       INT64_C(4294967296),
                                       0x0102030405060708,
                                       INT64_MAX,
                                       -1,
                                       -32,
                                       -33,
                                       -128,
                                       -129,
                                       -0x0102,
                                       -32768,
                                       -32769,
                                       -0x01020304,
                                       INT32_MIN,
                                       (int64_t)INT32_MIN - 1,
                                       -0x0102030405060708,
                                       INT64_MIN};
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
        add(corps_int(integers[i]), "int:%lld", (long long)integers[i]);
    }
}

static void add_floats(void) {
    static const struct {
        const char *name;
        uint64_t bits;
    } floats[] = {{"zero", 0},
                  {"minus-zero", 0x8000000000000000},
                  {"one-and-a-half", 0x3ff8000000000000},
                  {"distinct-bytes", 0x3f02030405060708},
                  {"smallest", 1},
                  {"largest", 0x7fefffffffffffff},
                  {"infinity", 0x7ff0000000000000},
                  {"minus-infinity", 0xfff0000000000000},
                  {"nan", 0x7ff8000000000000},
                  {"nan-with-bits", 0xfff8010203040506}};
    for (size_t i = 0; i < sizeof floats / sizeof floats[0]; i++) {
        add(corps_float(number_of(floats[i].bits)), "float:%s", floats[i].name);
    }
}

/* Both sides of every place where the form of a length changes. */
static void add_lengths(void) {
    static const size_t bytes[] = {0, 1, 31, 32, 255, 256, 258, 65535, 65536};
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) {
        add(corps_str_bytes(text, bytes[i]), "str:%zu", bytes[i]);
    }
    static const size_t bins[] = {0, 1, 255, 256, 258, CORPS_OUT_OF_BAND_BYTES - 1, CORPS_OUT_OF_BAND_BYTES, 65536};
    for (size_t i = 0; i < sizeof bins / sizeof bins[0]; i++) {
        add(corps_bin(text, bins[i]), "bin:%zu", bins[i]);
    }
    static const size_t counts[] = {0, 1, 15, 16, 258, 65535, 65536};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        add(corps_array(&nils[0].key, counts[i]), "array:%zu", counts[i]);
        add(corps_map(nils, counts[i]), "map:%zu", counts[i]);
    }
}

/* What HELLO says, as lib/link/hello.c writes it. */
static void add_hello(void) {
    static struct corps_value versions[2];
    static struct corps_entry entries[8];
    static const uint8_t identity[16] = {0, 1, 0x7f, 0x80, 0xff, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    versions[0] = versions[1] = corps_int(CORPS__WIRE_VERSION);
    entries[0] = (struct corps_entry){corps_str("versions"), corps_array(versions, 2)};
    entries[1] = (struct corps_entry){corps_str("features"), corps_int(CORPS__FEATURE_CANCEL)};
    entries[2] = (struct corps_entry){corps_str("corps"), corps_int(-0x0102030405060708)};
    entries[3] = (struct corps_entry){corps_str("env"), corps_int(UINT32_MAX)};
    entries[4] = (struct corps_entry){corps_str("incarnation"), corps_int(0x0102)};
    entries[5] = (struct corps_entry){corps_str("wanted"), corps_int(0x0102030405)};
    entries[6] = (struct corps_entry){corps_str("pid"), corps_int(0x010203)};
    entries[7] = (struct corps_entry){corps_str("identity"), corps_bin(identity, sizeof identity)};
    add(corps_map(entries, 8), "map:hello");
}

static void add_nested(void) {
    static struct corps_value numbers[3], row[4], rows[2], buffers[BUFFERS];
    static struct corps_entry fields[4];
    numbers[0] = corps_int(0x0102);
    numbers[1] = corps_float(number_of(0x3f02030405060708));
    numbers[2] = corps_int(-0x01020304);
    fields[0] = (struct corps_entry){corps_str("numbers"), corps_array(numbers, 3)};
    fields[1] = (struct corps_entry){corps_int(0x01020304), corps_bool(true)};
    fields[2] = (struct corps_entry){corps_nil(), corps_str("caf\xc3\xa9")};
    fields[3] = (struct corps_entry){corps_array(numbers, 2), corps_map(fields, 2)};
    row[0] = corps_map(fields, 4);
    row[1] = corps_bin("\x00\xff\x80\x7f", 4);
    row[2] = corps_array(numbers, 0);
    row[3] = corps_bin(text, 5000);
    rows[0] = corps_array(row, 4);
    rows[1] = corps_array(row, 3);
    add(rows[0], "nested:row");
    add(corps_array(rows, 2), "nested:rows");
    for (size_t i = 0; i < BUFFERS; i++) { /* more than a byte can count */
        buffers[i] = corps_bin(text, CORPS_OUT_OF_BAND_BYTES);
    }
    add(corps_array(buffers, BUFFERS), "nested:%d-buffers", (int)BUFFERS);
}

static void add_name(uint64_t corps_id, uint32_t env, uint32_t conc, const char *class_name, const char *name) {
    struct corps_name *made;
    if (corps__name_create(corps_id, env, conc, class_name, strlen(class_name), &made) != CORPS_OK) {
        die("%s", corps_error_detail());
    }
    add(corps_value_of_name(made), "name:%s", name);
}

static void make_cases(void) {
    static char long_class[256];
    if (case_count > 0) {
        return;
    }
    memset(text, 't', sizeof text);
    memset(long_class, 'C', sizeof long_class - 1);
    add(corps_nil(), "nil");
    add(corps_bool(false), "bool:false");
    add(corps_bool(true), "bool:true");
    add_integers();
    add_floats();
    add_lengths();
    add_hello();
    add_nested();
    add_name(0x0102030405060708, 0x11121314, 0x21222324, "Adder", "distinct-bytes");
    add_name(UINT64_MAX, UINT32_MAX, UINT32_MAX, long_class, "largest"); /* 271 bytes */
}

static size_t values_count(void) {
    make_cases();
    return case_count;
}

static const char *value_name(size_t index) {
    return cases[index].name;
}

static void value_write(size_t index, struct segments *out) {
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    if (corps_serializer_msgpack.encode(&cases[index].value, &encoding) != CORPS_OK) {
        die("%s: %s", cases[index].name, corps_error_detail());
    }
    segments_add(out, encoding.stream, encoding.stream_bytes);
    for (size_t i = 0; i < encoding.buffer_count; i++) {
        segments_add(out, encoding.buffers[i].iov_base, encoding.buffers[i].iov_len);
    }
    corps_encoding_finish(&encoding);
}

/* Equal, and what equality does not look at: the bits of a float, a Name's class. */
static bool same_value(const struct corps_value *a, const struct corps_value *b) {
    bool same = corps_value_equal(a, b);
    same = same && (a->kind != CORPS_FLOAT || bits_of(a->number) == bits_of(b->number));
    return same && (a->kind != CORPS_NAME || strcmp(corps_name_class(a->name), corps_name_class(b->name)) == 0);
}

static bool reads_as(const char *name, const struct segments *in, const struct corps_value *value) {
    struct corps_box *box = corps_box_create();
    if (box == NULL) {
        die("no memory for a box");
    }
    enum corps_err err = corps_serializer_msgpack.decode(in->parts, in->count, NULL, CORPS_DECODE_VALUES, box);
    bool same = err == CORPS_OK ? same_value(corps_box_root(box), value) || differs(name, "is read as another value")
                                : differs(name, "%s", corps_error_detail());
    corps_box_unref(box);
    return same;
}

static bool value_read(size_t index, const struct segments *in) {
    return reads_as(cases[index].name, in, &cases[index].value);
}

const struct family golden_values = {values_count, value_name, value_write, value_read};

/* ---- what other writers of MessagePack may send: forms that ours never writes, but reads ---- */

static const struct corps_value two[] = {{.kind = CORPS_INT, .integer = 258}, {.kind = CORPS_BOOL, .boolean = true}};

#define BYTES(literal) literal, sizeof(literal) - 1
#define INTEGER(number)                                                                                                \
    { .kind = CORPS_INT, .integer = (number) }
#define FLOAT(what)                                                                                                    \
    { .kind = CORPS_FLOAT, .number = (what) }
#define HI(what)                                                                                                       \
    { .kind = (what), .count = 2, .str = "hi" }
static const struct {
    const char *name;
    const char *bytes;
    size_t count;
    struct corps_value value;
} foreign[] = {
    {"foreign:float32", BYTES("\xca\x3f\xc0\x00\x00"), FLOAT(1.5)},
    {"foreign:float32-distinct-bytes", BYTES("\xca\x41\x42\x43\x44"), FLOAT(0x1.848688p+3)},
    {"foreign:float32-infinity", BYTES("\xca\xff\x80\x00\x00"), FLOAT((double)-INFINITY)},
    {"foreign:uint8", BYTES("\xcc\x07"), INTEGER(7)},
    {"foreign:uint16", BYTES("\xcd\x00\x07"), INTEGER(7)},
    {"foreign:uint32", BYTES("\xce\x00\x00\x01\x02"), INTEGER(258)},
    {"foreign:uint64", BYTES("\xcf\x00\x00\x00\x00\x00\x00\x01\x02"), INTEGER(258)},
    {"foreign:int8", BYTES("\xd0\x07"), INTEGER(7)},
    {"foreign:int16", BYTES("\xd1\xff\xfe"), INTEGER(-2)},
    {"foreign:int32", BYTES("\xd2\xff\xff\xff\xfe"), INTEGER(-2)},
    {"foreign:int64", BYTES("\xd3\x01\x02\x03\x04\x05\x06\x07\x08"), INTEGER(0x0102030405060708)},
    {"foreign:str8", BYTES("\xd9\x02hi"), HI(CORPS_STR)},
    {"foreign:str16", BYTES("\xda\x00\x02hi"), HI(CORPS_STR)},
    {"foreign:str32", BYTES("\xdb\x00\x00\x00\x02hi"), HI(CORPS_STR)},
    {"foreign:bin16", BYTES("\xc5\x00\x02hi"), HI(CORPS_BIN)},
    {"foreign:bin32", BYTES("\xc6\x00\x00\x00\x02hi"), HI(CORPS_BIN)},
    {"foreign:array16", BYTES("\xdc\x00\x02\xcd\x01\x02\xc3"), {.kind = CORPS_ARRAY, .count = 2, .items = two}},
    {"foreign:array32", BYTES("\xdd\x00\x00\x00\x02\xcd\x01\x02\xc3"), {.kind = CORPS_ARRAY, .count = 2, .items = two}},
    {"foreign:map16", BYTES("\xde\x00\x01\xcd\x01\x02\xc3"), {.kind = CORPS_MAP, .count = 1, .items = two}},
    {"foreign:map32", BYTES("\xdf\x00\x00\x00\x01\xcd\x01\x02\xc3"), {.kind = CORPS_MAP, .count = 1, .items = two}},
};

static size_t foreign_count(void) {
    return sizeof foreign / sizeof foreign[0];
}

static const char *foreign_name(size_t index) {
    return foreign[index].name;
}

static void foreign_write(size_t index, struct segments *out) {
    segments_add(out, foreign[index].bytes, foreign[index].count);
}

static bool foreign_read(size_t index, const struct segments *in) {
    return reads_as(foreign[index].name, in, &foreign[index].value);
}

const struct family golden_foreign = {foreign_count, foreign_name, foreign_write, foreign_read};
