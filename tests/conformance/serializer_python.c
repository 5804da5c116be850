#include "serializer_cases.h"

#include "codec/registry.h"

#include <sys/wait.h>
#include <unistd.h>

/* Objects of Python, which the module's own functions make. */
typedef enum corps_err (*run_fn)(const char *source, const char *factory, struct corps_value *value,
                                 struct corps_box *box);

enum corps_err corps_python_made(const char *source, struct corps_value *value, struct corps_box *box) {
    void *symbol = corps_module_symbol("corps_python", "corps_python_run");
    run_fn function;
    assert_non_null(symbol);
    memcpy(&function, &symbol, sizeof function); /* ISO C has no cast from an object's to a function's pointer */
    return function(source, "make", value, box);
}

static enum corps_err run(const char *source, struct corps_value *value, struct corps_box *box) {
    return corps_python_made(source, value, box);
}

static void only_python(void) {
    if (!has(CORPS_SERIALIZER_OBJECTS)) {
        print_message("# skipped: %s takes no objects of Python\n", serializer->name);
        skip();
    }
}

static bool is(const char *name) {
    return strcmp(serializer->name, name) == 0;
}

/* ---- what goes in comes out ---- */

static void python_round_trip(const char *source) {
    struct corps_box *box = corps_box_create();
    struct corps_value value;
    CHECK_OK(run(source, &value, box));
    assert_int_equal(value.kind, CORPS_OBJECT);
    static struct wire wire;
    wire_of(serializer, &value, &wire);
    struct corps_box *decoded;
    CHECK_OK(wire_decode(serializer, &wire, CORPS_DECODE_OBJECTS, &decoded));
    wire_finish(&wire);
    const struct corps_value *root = corps_box_root(decoded);
    if (root->kind != CORPS_OBJECT || !corps_value_equal(&value, root)) {
        fail_msg("it came back as another %s: %s", corps_kind_name(root->kind), source);
    }
    corps_box_unref(decoded);
    corps_box_unref(box);
}

void test_python_objects(void **state) {
    (void)state;
    only_python();
    static const char *const sources[] = {
        "import fractions\nmake = lambda: fractions.Fraction(1, 3)\n",
        "import collections\nmake = lambda: collections.OrderedDict(a=1, b=[2, 3])\n",
        "import datetime\nmake = lambda: {datetime.date(2020, 2, 29): {1, 2, 3}}\n",
        "import types\nmake = lambda: types.SimpleNamespace(x=1, y=[types.SimpleNamespace(z=2)])\n",
        "import ast, inspect, textwrap\nmake = lambda: ast.parse(inspect.getsource(textwrap))\n",
        "make = lambda: {'big': 1 << 100, 'complex': 1j, 'set': frozenset('abc')}\n",
        "make = lambda: bytearray(b'x' * 10000) and {'array': bytearray(b'x' * 10000)}\n",
    };
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        python_round_trip(sources[i]);
    }
    if (!is("pickle")) { /* classes that no module has */
        python_round_trip("class Point:\n"
                          "    def __init__(self, x): self.x = x\n"
                          "    def __eq__(self, other): return self.x == other.x\n"
                          "point = Point(3)\n"
                          "make = lambda: {'p': 1, 'q': [1.5, None]}\n");
    }
}

void test_python_arrays(void **state) {
    (void)state;
    only_python();
    struct corps_box *box = corps_box_create();
    struct corps_value value;
    if (run("import numpy\nmake = lambda: numpy.arange(10000.)\n", &value, box) != CORPS_OK) {
        print_message("# skipped: there is no numpy (%s)\n", corps_error_detail());
        corps_box_unref(box);
        skip();
    }
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    CHECK_OK(serializer->encode(&value, &encoding));
    assert_int_equal(encoding.buffer_count, 1);
    if (!is("dill")) { /* which copies arrays into the pickle, by a way of its own */
        assert_int_equal(encoding.buffers[0].iov_len, 80000);
    }
    corps_encoding_finish(&encoding);
    corps_box_unref(box);
    python_round_trip("import numpy\nmake = lambda: numpy.arange(10000.)\n");
    python_round_trip("import numpy\nmake = lambda: numpy.arange(10.)\n");
    python_round_trip(
        "import numpy\nmake = lambda: {'t': numpy.arange(9000).reshape(90, 100).T, 's': numpy.arange(9000)[::2]}\n");
}

void test_python_functions(void **state) {
    (void)state;
    only_python();
    if (!is("pickle")) {
        python_round_trip("make = lambda: (lambda x: x + 1)\n");
        python_round_trip("def make():\n"
                          "    class Point:\n"
                          "        def __init__(self, x): self.x = x\n"
                          "    return {'function': make, 'n': 3}\n");
        return;
    }
    struct corps_box *box = corps_box_create();
    struct corps_value value;
    struct corps_encoding encoding;
    CHECK_OK(run("make = lambda: {'a': [1, {'f': lambda x: x}]}\n", &value, box));
    struct corps_value items[] = {corps_int(1), value};
    struct corps_value array = corps_array(items, 2);
    corps_encoding_init(&encoding);
    assert_int_equal(serializer->encode(&array, &encoding), CORPS_ERR_REFUSED);
    assert_non_null(strstr(corps_error_detail(), "[1][\"a\"][1][\"f\"]"));
    corps_encoding_finish(&encoding);
    corps_box_unref(box);
}

/* ---- pickles of plain values ---- */

/* Values by seed: what the serializer writes without a pickler, some of which is more than it takes. */
static const char plain_source[] =
    "import pickle, random, struct\n"
    "EDGES = [0, 1, -1, 255, 256, -256, 65535, 65536, 2 ** 31 - 1, 2 ** 31, -2 ** 31, -2 ** 31 - 1, 2 ** 39, -2 ** "
    "39,\n"
    "         2 ** 47 - 1, -2 ** 47, 2 ** 63 - 1, -2 ** 63, 2 ** 63, 1 << 90, 0.0, -0.0, 1.5, float('inf'), True, "
    "False,\n"
    "         None, '', 'a', 'text', 'x' * 255, 'x' * 256, 'caf\\u00e9', '\\u20ac\\U0001f600', 'a\\0b', '\\ud800', "
    "b'', b'a',\n"
    "         b'\\0\\xff' * 127, bytes(255), bytes(256), bytes(5000), (), [], {}, 1j, {1}]\n"
    "def build(draw, depth, seen):\n"
    "    kind = draw.randrange(12)\n"
    "    if kind < 6 or depth == 10:\n"
    "        return draw.choice(EDGES)\n"
    "    if kind == 6 and seen:\n"
    "        return draw.choice(seen)\n"
    "    if kind == 7:\n"
    "        return draw.randrange(-1 << 70, 1 << 70) >> draw.randrange(70)\n"
    "    if kind == 8:\n"
    "        return ''.join(draw.choices('abc\\u00e4\\u4e2d', k=draw.randrange(9)))\n"
    "    count = draw.choice([0, 1, 2, 3, 4, 7])\n"
    "    if kind == 9:\n"
    "        made = {f'key {i}': build(draw, depth + 1, seen) for i in range(count)}\n"
    "    else:\n"
    "        made = [build(draw, depth + 1, seen) for _ in range(count)]\n"
    "        made = tuple(made) if kind == 10 else made\n"
    "    if type(made) is list and draw.randrange(8) == 0:\n"
    "        made.append(made if draw.randrange(2) else (made,))\n"
    "    seen.append(made)\n"
    "    return made\n"
    "def value(seed):\n"
    "    return EDGES[seed] if seed < len(EDGES) else build(random.Random(seed), 0, [])\n";

/* The value of a seed, or its pickle. */
static void plain_value(unsigned seed, bool pickled, struct corps_value *value, struct corps_box *box) {
    static char source[sizeof plain_source + 64];
    snprintf(source, sizeof source,
             pickled ? "%smake = lambda: pickle.dumps(value(%u), 5)\n" : "%smake = lambda: value(%u)\n", plain_source,
             seed);
    CHECK_OK(run(source, value, box));
}

/* Byte for byte what pickle writes; and what comes of it is pickled alike. */
void test_python_plain(void **state) {
    (void)state;
    only_python();
    if (!is("pickle") && !is("auto")) {
        skip(); /* they do not write what pickle writes */
    }
    static struct wire wire;
    for (unsigned seed = 0; seed < 400; seed++) {
        struct corps_box *box = corps_box_create();
        struct corps_value value, expected;
        plain_value(seed, false, &value, box);
        plain_value(seed, true, &expected, box);
        CHECK_OK(expected.object->ops->to_value(expected.object, box, &expected));
        wire_of(serializer, &value, &wire);
        const struct iovec *last = &wire.segments[wire.count - 1]; /* a large pickle has a segment of its own */
        size_t head = wire.count == 1 ? 16 : 0;
        assert_int_equal(last->iov_len - head, expected.count);
        assert_memory_equal((const char *)last->iov_base + head, expected.bin, expected.count);
        struct corps_box *decoded;
        CHECK_OK(wire_decode(serializer, &wire, CORPS_DECODE_WHOLE, &decoded));
        wire_finish(&wire);
        wire_of(serializer, corps_box_root(decoded), &wire);
        last = &wire.segments[wire.count - 1];
        assert_int_equal(last->iov_len - head, expected.count);
        wire_finish(&wire);
        corps_box_unref(decoded);
        corps_box_unref(box);
    }
}

/* ---- what is refused ---- */

static void refused_at(const char *source, const char *path, const char *reason) {
    struct corps_box *box = corps_box_create();
    struct corps_value value;
    CHECK_OK(run(source, &value, box));
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    assert_int_equal(serializer->encode(&value, &encoding), CORPS_ERR_REFUSED);
    if (strstr(corps_error_detail(), path) == NULL || strstr(corps_error_detail(), reason) == NULL) {
        fail_msg("'%s' does not name the path %s and the reason %s", corps_error_detail(), path, reason);
    }
    corps_encoding_finish(&encoding);
    corps_box_unref(box);
}

void test_python_refused(void **state) {
    (void)state;
    only_python();
    /* A generator: none of the three takes it. */
    refused_at("make = lambda: (i for i in 'abc')\n", "generator", "generator");
    refused_at("make = lambda: [1, ['x', (i for i in 'abc')]]\n", "[1][1]: ", "generator");
    refused_at("import types\nmake = lambda: [0, types.SimpleNamespace(x=1, y={'k': iter(i for i in 'a')})]\n",
               "[1].y[\"k\"]: ", "generator");
    /* An object that raises what it likes when it is pickled. */
    refused_at("class Odd:\n"
               "    def __reduce__(self): raise ValueError('not\\nme')\n"
               "make = lambda: {'odd': Odd()}\n",
               "[\"odd\"]: ", "not me");
    struct corps_box *box = corps_box_create();
    struct corps_value value;
    CHECK_OK(run("def make():\n"
                 "    deep = []\n"
                 "    for i in range(100000): deep = [deep]\n"
                 "    return deep\n",
                 &value, box));
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    assert_int_equal(serializer->encode(&value, &encoding), CORPS_ERR_TOO_LARGE);
    corps_encoding_finish(&encoding);
    corps_box_unref(box);
    assert_int_not_equal(run("def make(): raise ValueError('why')\n", &value, NULL), CORPS_OK);
    assert_non_null(strstr(corps_error_detail(), "ValueError: why"));
}

/* ---- values or objects ---- */

static void decoded(const char *source, enum corps_decode_to to, struct corps_box **box) {
    struct corps_box *made = corps_box_create();
    struct corps_value value;
    static struct wire wire;
    CHECK_OK(run(source, &value, made));
    wire_of(serializer, &value, &wire);
    CHECK_OK(wire_decode(serializer, &wire, to, box));
    wire_finish(&wire);
    corps_box_unref(made);
}

/* Plain trees become values; what is shared or contains itself stays an object, so that it is neither torn apart nor
 * multiplied. */
void test_python_shared(void **state) {
    (void)state;
    only_python();
    struct corps_box *box;
    decoded("make = lambda: [1, 'x', (2.5, None), {'k': b'v', 'l': []}, bytes(5000)]\n", CORPS_DECODE_VALUES, &box);
    const struct corps_value *root = corps_box_root(box);
    assert_int_equal(root->kind, CORPS_ARRAY);
    assert_int_equal(corps_value_item(root, 2)->kind, CORPS_ARRAY);
    assert_int_equal(corps_value_item(root, 3)->kind, CORPS_MAP);
    assert_int_equal(corps_value_get(corps_value_item(root, 3), "k")->kind, CORPS_BIN);
    assert_int_equal(corps_value_item(root, 4)->count, 5000);
    corps_box_unref(box);

    decoded("def make():\n"
            "    x = ['x']\n"
            "    for i in range(80): x = [x, x]\n" /* 2^80 leaves, were it torn apart */
            "    return [1, x]\n",
            CORPS_DECODE_VALUES, &box);
    root = corps_box_root(box);
    assert_int_equal(root->kind, CORPS_ARRAY);
    assert_int_equal(corps_value_item(corps_value_item(root, 1), 0)->kind, CORPS_OBJECT);
    corps_box_unref(box);

    decoded("def make():\n"
            "    x = [1]\n"
            "    x.append(x)\n"
            "    return x\n",
            CORPS_DECODE_VALUES, &box);
    assert_int_equal(corps_box_root(box)->kind, CORPS_OBJECT);
    corps_box_unref(box);

    decoded("make = lambda: [1 << 80, {3}, 'a\\ud800b', 1j]\n", CORPS_DECODE_VALUES, &box);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(corps_value_item(corps_box_root(box), i)->kind, CORPS_OBJECT);
    }
    corps_box_unref(box);
}

void test_python_keep_objects(void **state) {
    (void)state;
    only_python();
    struct corps_box *box;
    decoded("make = lambda: (7, 'x', [1], {'k': 1}, b'v', None, bytes(5000))\n", CORPS_DECODE_OBJECTS, &box);
    static const enum corps_kind kinds[] = {CORPS_INT, CORPS_STR, CORPS_OBJECT, CORPS_OBJECT,
                                            CORPS_BIN, CORPS_NIL, CORPS_BIN};
    assert_int_equal(corps_box_root(box)->count, 7);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(corps_value_item(corps_box_root(box), i)->kind, kinds[i]);
    }
    corps_box_unref(box);
    decoded("make = lambda: {'k': 1}\n", CORPS_DECODE_OBJECTS, &box);
    assert_int_equal(corps_box_root(box)->kind, CORPS_OBJECT);
    corps_box_unref(box);
}

/* ---- memory ---- */

/* How many pieces of memory the interpreter has given out. */
static int64_t blocks_in_use(void) {
    struct corps_box *box = corps_box_create();
    struct corps_value object;
    struct corps_value count;
    CHECK_OK(run("import gc, sys\n"
                 "def make():\n"
                 "    gc.collect()\n"
                 "    return sys.getallocatedblocks()\n",
                 &object, box));
    CHECK_OK(object.object->ops->to_value(object.object, box, &count));
    corps_box_unref(box);
    return count.integer;
}

static void encode_refused(const struct corps_value *bad) {
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    assert_int_equal(serializer->encode(bad, &encoding), CORPS_ERR_REFUSED);
    corps_encoding_finish(&encoding);
}

/* `bad` are values that are refused: one before Python sees it, one by the pickler. */
static void use_all_ways(const struct corps_value *value, const struct corps_value bad[2], const struct wire *wire) {
    static struct iovec segments[WIRE_SEGMENTS_MAX];
    round_trip(value);
    encode_refused(&bad[0]);
    encode_refused(&bad[1]);

    struct corps_block *block = wire_block(wire, segments);
    for (size_t bytes = segments[0].iov_len; bytes > 8; bytes /= 2) { /* the last one that is whole comes first */
        struct corps_box *part = corps_box_create();
        segments[0].iov_len = bytes;
        (void)serializer->decode(segments, wire->count, block, CORPS_DECODE_OBJECTS, part);
        corps_box_unref(part);
    }
    segments[0].iov_len = wire->segments[0].iov_len;
    ((uint8_t *)segments[0].iov_base)[segments[0].iov_len - 1] = 'z'; /* no opcode of pickle */
    struct corps_box *box = corps_box_create();
    assert_int_equal(serializer->decode(segments, wire->count, block, CORPS_DECODE_VALUES, box), CORPS_ERR_CORRUPT);
    corps_box_unref(box);
    assert_int_equal(block->refs, 1);
    corps_block_unref(block);
}

void test_python_leaks(void **state) {
    (void)state;
    only_python();
    enum { WARM = 400, ROUNDS = 1000, SLACK = 600 };
    static struct wire wire;
    struct corps_box *box = corps_box_create();
    struct corps_value value = document(box);
    struct corps_value text[] = {value, corps_str("\xff")};
    struct corps_value generator[] = {value, corps_nil()};
    CHECK_OK(run("make = lambda: {'g': (i for i in 'abc')}\n", &generator[1], box));
    struct corps_value bad[] = {corps_array(text, 2), corps_array(generator, 2)};
    wire_of(serializer, &value, &wire);
    for (int i = 0; i < WARM; i++) {
        use_all_ways(&value, bad, &wire);
    }
    (void)blocks_in_use(); /* empties the interpreter's lists of free objects, which then fill again */
    for (int i = 0; i < WARM; i++) {
        use_all_ways(&value, bad, &wire);
    }
    int64_t before = blocks_in_use();
    for (int i = 0; i < ROUNDS; i++) {
        use_all_ways(&value, bad, &wire);
    }
    int64_t after = blocks_in_use();
    if (after - before > SLACK) { /* caches fill up slowly, but a leak takes one piece a round at least */
        fail_msg("%lld pieces of memory more after %d rounds", (long long)(after - before), ROUNDS);
    }
    wire_finish(&wire);
    corps_box_unref(box);
}

/* ---- between serializers ---- */

/* What cloudpickle and pickle write any of them loads; dill's needs dill's loader for what only dill takes, but plain
 * values load everywhere. */
void test_python_pairs(void **state) {
    (void)state;
    only_python();
    static const char *const names[] = {"pickle", "dill", "cloudpickle"};
    struct corps_box *box = corps_box_create();
    struct corps_value value = document(box);
    static struct wire wire;
    wire_of(serializer, &value, &wire);
    for (size_t i = 0; i < 3; i++) {
        const struct corps_serializer *other;
        struct corps_box *decoded_box;
        CHECK_OK(corps_serializer_find(names[i], &other));
        CHECK_OK(wire_decode(other, &wire, CORPS_DECODE_VALUES, &decoded_box));
        assert_true(corps_value_equal(&value, corps_box_root(decoded_box)));
        corps_box_unref(decoded_box);
    }
    wire_finish(&wire);
    corps_box_unref(box);
}

/* An object of Python that is made of plain values goes through msgpack as well; another is refused with its path. */
void test_python_to_msgpack(void **state) {
    (void)state;
    only_python();
    const struct corps_serializer *msgpack;
    CHECK_OK(corps_serializer_find("msgpack", &msgpack));
    struct corps_box *box = corps_box_create();
    struct corps_value value;
    static struct wire wire;
    CHECK_OK(run("make = lambda: {'a': [1, 2.5, 'x', None, True, bytes(5000)], 'b': ('t',)}\n", &value, box));
    struct corps_value items[] = {corps_int(1), value};
    struct corps_value array = corps_array(items, 2);
    wire_of(msgpack, &array, &wire);
    assert_int_equal(wire.count, 2);
    struct corps_box *decoded_box;
    CHECK_OK(wire_decode(msgpack, &wire, CORPS_DECODE_VALUES, &decoded_box));
    wire_finish(&wire);
    const struct corps_value *map = corps_value_item(corps_box_root(decoded_box), 1);
    assert_int_equal(map->kind, CORPS_MAP);
    assert_int_equal(corps_value_item(corps_value_get(map, "a"), 5)->count, 5000);
    corps_box_unref(decoded_box);

    CHECK_OK(run("import threading\nmake = lambda: {'a': [1, threading.Lock()]}\n", &items[1], box));
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    assert_int_equal(msgpack->encode(&array, &encoding), CORPS_ERR_REFUSED);
    if (strstr(corps_error_detail(), "[1][\"a\"][1]: ") == NULL) {
        fail_msg("'%s' does not name the path", corps_error_detail());
    }
    corps_encoding_finish(&encoding);
    CHECK_OK(run("def make():\n"
                 "    x = []\n"
                 "    x.append(x)\n"
                 "    return x\n",
                 &items[1], box));
    corps_encoding_init(&encoding);
    assert_int_equal(msgpack->encode(&array, &encoding), CORPS_ERR_TOO_LARGE);
    corps_encoding_finish(&encoding);
    corps_box_unref(box);
}

/* An interpreter that is not there: the error names it and says what to set. In a process of its own, since an
 * interpreter that was started stays. */
void test_python_missing(void **state) {
    (void)state;
    only_python();
    char path[64];
    char line[512] = "";
    snprintf(path, sizeof path, "/proc/%d/exe", (int)getpid());
    char command[256];
    char exe[128];
    ssize_t bytes = readlink(path, exe, sizeof exe - 1);
    assert_true(bytes > 0);
    exe[bytes] = '\0';
    snprintf(command, sizeof command, "CORPS_PYTHON=/nowhere/python '%.120s' %.20s test_kinds 2>&1", exe,
             serializer->name);
    FILE *output = popen(command, "re");
    assert_non_null(output);
    assert_non_null(fgets(line, sizeof line, output));
    int status = pclose(output);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    assert_non_null(strstr(line, "no Python interpreter '/nowhere/python'"));
    assert_non_null(strstr(line, "CORPS_PYTHON"));
}
