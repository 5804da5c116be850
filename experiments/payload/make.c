#include "payload/payloads.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

/* Contents from the seed. */

struct maker {
    struct corps_box *box;
    uint64_t state;
    bool failed; /* out of memory: looked at once, at the end */
};

/* splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014) */
static uint64_t next_random(struct maker *maker) {
    uint64_t z = (maker->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t below(struct maker *maker, uint64_t limit) {
    return next_random(maker) % limit;
}

static enum corps_err begin(struct maker *maker, uint64_t seed, struct lab_payload *payload) {
    payload->box = corps_box_create();
    *maker = (struct maker){.box = payload->box, .state = seed};
    return payload->box != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the payload");
}

static enum corps_err end(const struct maker *maker, struct corps_value root, struct lab_payload *payload) {
    if (maker->failed) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the payload; choose a smaller one");
    }
    corps_box_set_root(payload->box, root);
    payload->value = corps_value_of_box(payload->box);
    return CORPS_OK;
}

static void *allocate(struct maker *maker, size_t bytes) {
    void *memory = corps_box_alloc(maker->box, bytes > 0 ? bytes : 1);
    maker->failed = maker->failed || memory == NULL;
    return memory;
}

static void fill(struct maker *maker, uint8_t *out, size_t bytes) {
    while (bytes > 0) {
        uint64_t word = htole64(next_random(maker));
        size_t part = bytes < sizeof word ? bytes : sizeof word;
        memcpy(out, &word, part);
        out += part;
        bytes -= part;
    }
}

static struct corps_value make_bin(struct maker *maker, size_t bytes) {
    uint8_t *out = allocate(maker, bytes);
    if (out == NULL) {
        return corps_nil();
    }
    fill(maker, out, bytes);
    return corps_bin(out, bytes);
}

/* `words` syllables with spaces between: text that compresses and compares like text. */
static struct corps_value make_text(struct maker *maker, unsigned words) {
    static const char *const syllables[] = {"ber", "lo", "ka",  "min", "tor", "eš",  "na", "vi",
                                            "sul", "dé", "pra", "go",  "ry",  "xan", "ul", "öm"};
    char text[512];
    size_t used = 0;
    for (unsigned word = 0; word < words && used + 40 < sizeof text; word++) {
        /* One after the other: the order in which arguments of a call are evaluated is a compiler's own. */
        const char *third = syllables[below(maker, 16)];
        const char *second = syllables[below(maker, 16)];
        const char *first = syllables[below(maker, 16)];
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%s%s%s", word > 0 ? " " : "", first, second, third);
    }
    char *out = allocate(maker, used);
    if (out == NULL) {
        return corps_nil();
    }
    memcpy(out, text, used);
    return corps_str_bytes(out, used);
}

/* Every magnitude is equally likely, so that each of a serializer's forms of an integer occurs. */
static struct corps_value make_int(struct maker *maker) {
    unsigned bits = 1 + (unsigned)below(maker, 63);
    int64_t value = (int64_t)(next_random(maker) >> (64 - bits));
    return corps_int(below(maker, 4) == 0 ? -value : value);
}

static struct corps_value make_array(struct maker *maker, size_t count,
                                     struct corps_value (*make)(struct maker *maker)) {
    struct corps_value *items = allocate(maker, count * sizeof *items);
    for (size_t i = 0; i < count && !maker->failed; i++) {
        items[i] = make(maker);
    }
    return maker->failed ? corps_nil() : corps_array(items, count);
}

static struct corps_value make_tag(struct maker *maker) {
    return make_text(maker, 1);
}

static struct corps_value make_address(struct maker *maker) {
    struct corps_entry *entries = allocate(maker, 3 * sizeof *entries);
    if (entries == NULL) {
        return corps_nil();
    }
    entries[0] = (struct corps_entry){corps_str("street"), make_text(maker, 2)};
    entries[1] = (struct corps_entry){corps_str("city"), make_text(maker, 1)};
    entries[2] = (struct corps_entry){corps_str("code"), corps_int((int64_t)below(maker, 100000))};
    return corps_map(entries, 3);
}

static struct corps_value make_record(struct maker *maker) {
    struct corps_entry fields[] = {
        {corps_str("id"), corps_int((int64_t)(next_random(maker) >> 1))},
        {corps_str("name"), make_text(maker, 2)},
        {corps_str("age"), corps_int((int64_t)below(maker, 100))},
        {corps_str("balance"), corps_int((int64_t)below(maker, 2000000) - 1000000)},
        {corps_str("score"), corps_float((double)(next_random(maker) >> 11) / (double)(UINT64_C(1) << 53))},
        {corps_str("active"), corps_bool(below(maker, 2) == 0)},
        {corps_str("manager"), corps_nil()},
        {corps_str("tags"), make_array(maker, 4, make_tag)},
        {corps_str("address"), make_address(maker)},
        {corps_str("digest"), make_bin(maker, 32)},
        {corps_str("comment"), make_text(maker, 12)},
    };
    enum { FIELD_COUNT = sizeof fields / sizeof fields[0] };
    struct corps_entry *entries = allocate(maker, sizeof fields);
    if (entries == NULL) {
        return corps_nil();
    }
    memcpy(entries, fields, sizeof fields);
    return corps_map(entries, FIELD_COUNT);
}

/* An inner node is a map with two children, alternately in an array and under two keys; a leaf is a small mixed value.
 * A depth of six below the root gives about a hundred nodes. */
static struct corps_value make_node(struct maker *maker, unsigned depth) {
    if (depth == 0 || (depth < 4 && below(maker, 8) == 0)) {
        return below(maker, 2) == 0 ? make_int(maker) : make_text(maker, 1);
    }
    struct corps_entry *entries = allocate(maker, 3 * sizeof *entries);
    struct corps_value *children = allocate(maker, 2 * sizeof *children);
    if (maker->failed) {
        return corps_nil();
    }
    entries[0] = (struct corps_entry){corps_str("name"), make_text(maker, 1)};
    children[0] = make_node(maker, depth - 1);
    children[1] = make_node(maker, depth - 1);
    if (depth % 2 == 0) {
        entries[1] = (struct corps_entry){corps_str("left"), children[0]};
        entries[2] = (struct corps_entry){corps_str("right"), children[1]};
        return corps_map(entries, 3);
    }
    entries[1] = (struct corps_entry){corps_str("children"), corps_array(children, 2)};
    return corps_map(entries, 2);
}

/* ---- the forms ---- */

enum corps_err lab_make_bytes(const char *argument, uint64_t seed, struct lab_payload *payload) {
    struct maker maker;
    uint64_t count = 0;
    enum corps_err err = begin(&maker, seed, payload);
    if (err != CORPS_OK || !lab_parse_count(argument, LAB_BYTES_MAX, &count)) {
        return err;
    }
    payload->bytes = allocate(&maker, (size_t)count);
    payload->byte_count = (size_t)count;
    if (payload->bytes != NULL) {
        fill(&maker, payload->bytes, payload->byte_count);
    }
    return end(&maker, corps_bin(payload->bytes, payload->byte_count), payload);
}

enum corps_err lab_make_ints(const char *argument, uint64_t seed, struct lab_payload *payload) {
    struct maker maker;
    uint64_t count = 0;
    enum corps_err err = begin(&maker, seed, payload);
    if (err != CORPS_OK || !lab_parse_count(argument, LAB_INTS_MAX, &count)) {
        return err;
    }
    return end(&maker, make_array(&maker, (size_t)count, make_int), payload);
}

enum corps_err lab_make_record(const char *argument, uint64_t seed, struct lab_payload *payload) {
    struct maker maker;
    (void)argument;
    enum corps_err err = begin(&maker, seed, payload);
    return err != CORPS_OK ? err : end(&maker, make_record(&maker), payload);
}

enum corps_err lab_make_records(const char *argument, uint64_t seed, struct lab_payload *payload) {
    struct maker maker;
    uint64_t count = 0;
    enum corps_err err = begin(&maker, seed, payload);
    if (err != CORPS_OK || !lab_parse_count(argument, LAB_RECORDS_MAX, &count)) {
        return err;
    }
    return end(&maker, make_array(&maker, (size_t)count, make_record), payload);
}

enum corps_err lab_make_tree(const char *argument, uint64_t seed, struct lab_payload *payload) {
    struct maker maker;
    (void)argument;
    enum corps_err err = begin(&maker, seed, payload);
    return err != CORPS_OK ? err : end(&maker, make_node(&maker, 6), payload);
}
