/* Values and boxes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <corps.h>
#include <corps/serializer.h>

#include <math.h>
#include <pthread.h>

/* ---- an object that counts ---- */

struct counted {
    struct corps_object base;
    _Atomic int retained;
    _Atomic int released;
    int content;
};

static void retain(struct corps_object *object) {
    ((struct counted *)object)->retained++;
}

static void release(struct corps_object *object) {
    ((struct counted *)object)->released++;
}

static enum corps_err to_value(struct corps_object *object, struct corps_box *box, struct corps_value *value) {
    (void)box;
    *value = corps_int(((struct counted *)object)->content);
    return CORPS_OK;
}

static bool same_content(struct corps_object *a, struct corps_object *b) {
    return ((struct counted *)a)->content == ((struct counted *)b)->content;
}

static const struct corps_object_ops ops = {
    .kind = "counted", .retain = retain, .release = release, .to_value = to_value, .equal = same_content};
static const struct corps_object_ops other_ops = {
    .kind = "other", .retain = retain, .release = release, .to_value = to_value, .equal = same_content};

static struct corps_name *name_of(uint8_t conc) {
    uint8_t bytes[] = "\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0Worker";
    struct corps_name *name;
    bytes[12] = conc;
    assert_int_equal(corps_name_decode(bytes, sizeof bytes - 1, &name), CORPS_OK);
    return name;
}

/* ---- making and reading ---- */

static void kinds_have_names(void **state) {
    (void)state;
    static const char *const names[] = {"nil",   "bool", "int",  "float",  "str", "bin",
                                        "array", "map",  "name", "object", "box"};
    for (unsigned kind = 0; kind < 11; kind++) {
        assert_string_equal(corps_kind_name((enum corps_kind)kind), names[kind]);
    }
    assert_string_equal(corps_kind_name((enum corps_kind)11), "?");
    assert_string_equal(corps_kind_name((enum corps_kind) - 1), "?");
}

static void plain_values_hold_what_they_were_made_of(void **state) {
    (void)state;
    static const char text[] = "text";
    assert_int_equal(corps_nil().kind, CORPS_NIL);
    assert_true(corps_bool(true).boolean);
    assert_true(corps_int(INT64_MIN).integer == INT64_MIN);
    assert_true(corps_float(0.1).number == 0.1);
    assert_int_equal(corps_str(text).count, 4);
    assert_ptr_equal(corps_str(text).str, text); /* borrowed, not copied */
    assert_int_equal(corps_str_bytes("a\0b", 3).count, 3);
    assert_int_equal(corps_bin(text, 2).count, 2);
    assert_int_equal(corps_array(NULL, 0).kind, CORPS_ARRAY);
    assert_int_equal(corps_map(NULL, 0).kind, CORPS_MAP);
}

static void items_are_found_and_opened(void **state) {
    (void)state;
    struct corps_value seven = corps_int(7);
    struct corps_box *box;
    assert_int_equal(corps_box_of(&seven, &box), CORPS_OK);
    struct corps_value items[] = {corps_str("zero"), corps_value_of_box(box)};
    struct corps_value array = corps_array(items, 2);
    struct corps_box *outer;
    assert_int_equal(corps_box_of(&array, &outer), CORPS_OK);
    struct corps_value boxed = corps_value_of_box(outer);
    assert_ptr_equal(corps_value_item(&array, 0), &items[0]);
    assert_int_equal(corps_value_item(&array, 1)->integer, 7);
    assert_int_equal(corps_value_item(&boxed, 1)->integer, 7);
    assert_null(corps_value_item(&array, 2));
    assert_null(corps_value_item(&array, SIZE_MAX));
    assert_null(corps_value_item(&seven, 0));
    assert_null(corps_value_item(NULL, 0));
    corps_box_unref(outer);
    corps_box_unref(box);
}

static void keys_are_found_and_opened(void **state) {
    (void)state;
    struct corps_value key = corps_str("boxed");
    struct corps_box *box;
    assert_int_equal(corps_box_of(&key, &box), CORPS_OK);
    struct corps_entry entries[] = {
        {corps_int(1), corps_int(10)},
        {corps_str("one"), corps_int(11)},
        {corps_str_bytes("one\0more", 8), corps_int(12)},
        {corps_value_of_box(box), corps_value_of_box(box)},
        {corps_str("one"), corps_int(13)}, /* the first of two counts */
    };
    struct corps_value map = corps_map(entries, 5);
    assert_int_equal(corps_value_get(&map, "one")->integer, 11);
    assert_ptr_equal(corps_value_get(&map, "boxed"), corps_box_root(box));
    assert_null(corps_value_get(&map, "on"));
    assert_null(corps_value_get(&map, "ones"));
    assert_null(corps_value_get(&map, ""));
    assert_null(corps_value_get(&key, "one"));
    assert_null(corps_value_get(NULL, "one"));
    corps_box_unref(box);
}

/* ---- equality and hash ---- */

static void differ(struct corps_value a, struct corps_value b) {
    assert_false(corps_value_equal(&a, &b));
    assert_false(corps_value_equal(&b, &a));
    assert_true(corps_value_hash(&a) != corps_value_hash(&b));
}

static void agree(struct corps_value a, struct corps_value b) {
    assert_true(corps_value_equal(&a, &b));
    assert_true(corps_value_equal(&b, &a));
    assert_true(corps_value_hash(&a) == corps_value_hash(&b));
    assert_true(corps_value_hash(&a) != 0);
}

static void equality_is_deep_and_knows_kinds(void **state) {
    (void)state;
    agree(corps_nil(), corps_nil());
    differ(corps_nil(), corps_bool(false));
    differ(corps_bool(true), corps_int(1));
    differ(corps_int(1), corps_float(1));
    differ(corps_str("a"), corps_bin("a", 1));
    differ(corps_str("a"), corps_str("ab"));
    differ(corps_str("ab"), corps_str("aa"));
    differ(corps_array(NULL, 0), corps_map(NULL, 0));
    differ(corps_array(NULL, 0), corps_nil());
    agree(corps_str(""), corps_str_bytes(NULL, 0));
    struct corps_value a[] = {corps_int(1), corps_str("x")};
    struct corps_value b[] = {corps_int(1), corps_str("x")};
    struct corps_value c[] = {corps_str("x"), corps_int(1)};
    agree(corps_array(a, 2), corps_array(b, 2));
    differ(corps_array(a, 2), corps_array(a, 1));
    differ(corps_array(a, 2), corps_array(c, 2));
    struct corps_entry map[] = {{a[0], a[1]}, {c[0], c[1]}};
    struct corps_entry swapped[] = {{c[0], c[1]}, {a[0], a[1]}};
    agree(corps_map(map, 2), corps_map(map, 2));
    differ(corps_map(map, 2), corps_map(swapped, 2)); /* entries are in order */
    differ(corps_map(map, 1), corps_array(a, 2));
}

static void equality_of_numbers(void **state) {
    (void)state;
    agree(corps_float((double)NAN), corps_float(-(double)NAN));
    agree(corps_float(0.0), corps_float(-0.0));
    differ(corps_float(0.0), corps_float(5e-324));
    differ(corps_float(INFINITY), corps_float(-INFINITY));
    differ(corps_float((double)NAN), corps_float(0));
    differ(corps_int(INT64_MAX), corps_int(INT64_MIN));
}

static void equality_of_names_objects_and_boxes(void **state) {
    (void)state;
    struct corps_name *first = name_of(1);
    struct corps_name *again = name_of(1);
    struct corps_name *second = name_of(2);
    struct corps_value names[] = {corps_value_of_name(first), corps_value_of_name(again), corps_value_of_name(second)};
    agree(names[0], names[1]);
    assert_false(corps_value_equal(&names[0], &names[2]));

    struct counted objects[] = {{{&ops}, 0, 0, 5}, {{&ops}, 0, 0, 5}, {{&ops}, 0, 0, 6}, {{&other_ops}, 0, 0, 5}};
    struct corps_value five = corps_value_of_object(&objects[0].base);
    agree(five, corps_value_of_object(&objects[1].base));
    for (int i = 2; i < 4; i++) {
        struct corps_value other = corps_value_of_object(&objects[i].base);
        assert_false(corps_value_equal(&five, &other));
    }
    struct corps_box *box;
    struct corps_box *outer;
    assert_int_equal(corps_box_of(&names[0], &box), CORPS_OK);
    struct corps_value boxed = corps_value_of_box(box);
    assert_int_equal(corps_box_of(&boxed, &outer), CORPS_OK);
    agree(boxed, names[1]);
    agree(corps_value_of_box(outer), names[1]);
    corps_box_unref(outer);
    corps_box_unref(box);
    corps_name_unref(first);
    corps_name_unref(again);
    corps_name_unref(second);
}

/* Source of the constants: the published test vectors of FNV-1a, 64 bit, for "" and "foobar", reached over this layout:
 * kind (1 byte), count (8 bytes, in the machine's order), content. */
static void the_hash_is_fnv(void **state) {
    (void)state;
    uint64_t hash = 14695981039346656037u;
    const uint8_t bytes[] = {CORPS_STR, 6, 0, 0, 0, 0, 0, 0, 0, 'f', 'o', 'o', 'b', 'a', 'r'};
    for (size_t i = 0; i < sizeof bytes; i++) {
        hash = (hash ^ bytes[i]) * 1099511628211u;
    }
    struct corps_value value = corps_str("foobar");
    assert_true(corps_value_hash(&value) == hash);
}

/* ---- boxes ---- */

static void a_box_begins_with_nil(void **state) {
    (void)state;
    struct corps_box *box = corps_box_create();
    assert_non_null(box);
    assert_int_equal(corps_box_root(box)->kind, CORPS_NIL);
    corps_box_set_root(box, corps_int(3));
    assert_ptr_equal(corps_box_ref(box), box);
    corps_box_unref(box);
    assert_int_equal(corps_box_root(box)->integer, 3); /* one reference is left */
    corps_box_unref(box);
    corps_box_unref(NULL);
}

static void memory_is_aligned_and_apart(void **state) {
    (void)state;
    enum { PIECES = 3000 };
    static uint8_t *pieces[PIECES];
    struct corps_box *box = corps_box_create();
    for (size_t i = 0; i < PIECES; i++) {
        size_t bytes = (i * 37) % 700;
        pieces[i] = corps_box_alloc(box, bytes);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)(i & 0xff), bytes);
    }
    for (size_t i = 0; i < PIECES; i++) {
        for (size_t at = 0; at < (i * 37) % 700; at++) {
            assert_int_equal(pieces[i][at], i & 0xff);
        }
    }
    corps_box_unref(box);
}

static void memory_may_be_large_but_not_endless(void **state) {
    (void)state;
    struct corps_box *box = corps_box_create();
    for (int i = 0; i < 3; i++) {
        uint8_t *large = corps_box_alloc(box, (size_t)16 << 20);
        uint8_t *small = corps_box_alloc(box, 1);
        assert_true(large != NULL && small != NULL);
        large[0] = large[((size_t)16 << 20) - 1] = 1;
        *small = 2;
        assert_int_equal(large[0], 1);
    }
    assert_null(corps_box_alloc(box, SIZE_MAX));
    assert_null(corps_box_alloc(box, SIZE_MAX - 15));
    assert_null(corps_box_alloc(box, SIZE_MAX / 2));
    assert_null(corps_box_alloc(box, (size_t)1 << 48));
    assert_non_null(corps_box_alloc(box, 100)); /* it goes on after that */
    corps_box_unref(box);
}

static _Atomic int freed;

static void free_counted(struct corps_block *block) {
    free(block);
    freed++;
}

static struct corps_block *counted_block(void) {
    struct corps_block *block = malloc(sizeof *block + 64);
    assert_non_null(block);
    corps_block_init(block, (uint8_t *)(block + 1), 64, free_counted);
    return block;
}

static void what_is_kept_is_released_once(void **state) {
    (void)state;
    struct counted object = {.base = {&ops}};
    struct corps_value value = corps_value_of_object(&object.base);
    struct corps_box *inner;
    assert_int_equal(corps_box_of(&value, &inner), CORPS_OK);
    assert_int_equal(object.retained, 1);
    freed = 0;
    struct corps_box *box = corps_box_create();
    for (int i = 0; i < 100; i++) { /* beyond the first piece of memory */
        assert_int_equal(corps_box_keep_block(box, counted_block()), CORPS_OK);
        object.base.ops->retain(&object.base);
        assert_int_equal(corps_box_keep_object(box, &object.base), CORPS_OK);
        assert_int_equal(corps_box_keep_name(box, name_of(1)), CORPS_OK);
    }
    assert_int_equal(corps_box_keep_box(box, inner), CORPS_OK); /* takes our only reference */
    corps_box_ref(box);
    corps_box_unref(box);
    assert_int_equal(freed, 0);
    assert_int_equal(object.released, 0);
    corps_box_unref(box);
    assert_int_equal(freed, 100);
    assert_int_equal(object.retained, 101);
    assert_int_equal(object.released, 101);
}

/* ---- copies ---- */

static void a_copy_shares_no_memory(void **state) {
    (void)state;
    char text[] = "text";
    uint8_t bytes[] = {1, 2, 3};
    struct corps_value items[] = {corps_str(text), corps_bin(bytes, 3), corps_int(5)};
    struct corps_entry entries[] = {{corps_str(text), corps_array(items, 3)}, {corps_int(1), corps_bin(NULL, 0)}};
    struct corps_value map = corps_map(entries, 2);
    struct corps_box *box;
    assert_int_equal(corps_box_of(&map, &box), CORPS_OK);
    assert_true(corps_value_equal(&map, corps_box_root(box)));
    uint64_t hash = corps_value_hash(&map);
    memset(text, 'z', 4);
    memset(bytes, 9, 3);
    items[2] = corps_nil();
    entries[1].key = corps_nil();
    assert_true(corps_value_hash(corps_box_root(box)) == hash);
    assert_false(corps_value_equal(&map, corps_box_root(box)));
    assert_int_equal(corps_value_item(corps_value_get(corps_box_root(box), "text"), 2)->integer, 5);
    corps_box_unref(box);
}

/* Boxes, objects and Names are not copied: the copy keeps a reference of each. */
static void a_copy_refers_to_boxes_objects_and_names(void **state) {
    (void)state;
    struct counted object = {.base = {&ops}};
    struct corps_name *name = name_of(1);
    struct corps_value text = corps_str("inner");
    struct corps_box *inner;
    assert_int_equal(corps_box_of(&text, &inner), CORPS_OK);
    struct corps_value items[] = {corps_value_of_object(&object.base), corps_value_of_name(name),
                                  corps_value_of_box(inner)};
    struct corps_value array = corps_array(items, 3);
    struct corps_box *box;
    assert_int_equal(corps_box_of(&array, &box), CORPS_OK);
    const struct corps_value *copy = corps_box_root(box)->items;
    assert_ptr_equal(copy[0].object, &object.base);
    assert_ptr_equal(copy[1].name, name);
    assert_ptr_equal(copy[2].box, inner);
    corps_name_unref(name);
    corps_box_unref(inner);
    assert_int_equal(corps_name_env(copy[1].name), 2); /* still there */
    assert_true(corps_value_equal(corps_value_item(corps_box_root(box), 2), &text));
    assert_int_equal(object.retained, 1);
    assert_int_equal(object.released, 0);
    corps_box_unref(box);
    assert_int_equal(object.released, 1);
}

static void a_copy_has_a_depth(void **state) {
    (void)state;
    static struct corps_value levels[CORPS_VALUE_DEPTH_MAX + 2];
    levels[0] = corps_int(1);
    for (unsigned i = 1; i < CORPS_VALUE_DEPTH_MAX + 2; i++) {
        levels[i] = corps_array(&levels[i - 1], 1);
    }
    struct corps_box *box;
    assert_int_equal(corps_box_of(&levels[CORPS_VALUE_DEPTH_MAX], &box), CORPS_OK);
    assert_true(corps_value_equal(&levels[CORPS_VALUE_DEPTH_MAX], corps_box_root(box)));
    struct corps_value kept = corps_int(9);
    assert_int_equal(corps_box_copy(box, &levels[CORPS_VALUE_DEPTH_MAX + 1], &kept), CORPS_ERR_TOO_LARGE);
    assert_non_null(strstr(corps_error_detail(), "256"));
    corps_box_unref(box);
}

static void copies_may_be_large(void **state) {
    (void)state;
    enum { COUNT = 50000 };
    struct corps_value *items = calloc(COUNT, sizeof *items);
    assert_non_null(items);
    for (size_t i = 0; i < COUNT; i++) {
        items[i] = i % 2 == 0 ? corps_int((int64_t)i) : corps_str("some text");
    }
    struct corps_value array = corps_array(items, COUNT);
    struct corps_box *box;
    assert_int_equal(corps_box_of(&array, &box), CORPS_OK);
    assert_true(corps_value_equal(&array, corps_box_root(box)));
    free(items);
    corps_box_unref(box);
}

/* ---- threads ---- */

static void *use_and_drop(void *arg) {
    struct corps_box *box = arg;
    uintptr_t same = 1;
    uint64_t hash = corps_value_hash(corps_box_root(box));
    for (int i = 0; i < 2000; i++) {
        corps_box_ref(box);
        same &= corps_value_hash(corps_box_root(box)) == hash;
        corps_box_unref(box);
    }
    corps_box_unref(box);
    return (void *)same;
}

static void boxes_are_shared_by_threads(void **state) {
    (void)state;
    pthread_t threads[4];
    freed = 0;
    struct corps_box *box = corps_box_create();
    assert_int_equal(corps_box_keep_block(box, counted_block()), CORPS_OK);
    corps_box_set_root(box, corps_str("shared"));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use_and_drop, corps_box_ref(box)), 0);
    }
    corps_box_unref(box);
    for (int i = 0; i < 4; i++) {
        void *same;
        assert_int_equal(pthread_join(threads[i], &same), 0);
        assert_non_null(same);
    }
    assert_int_equal(freed, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_have_names),
        cmocka_unit_test(plain_values_hold_what_they_were_made_of),
        cmocka_unit_test(items_are_found_and_opened),
        cmocka_unit_test(keys_are_found_and_opened),
        cmocka_unit_test(equality_is_deep_and_knows_kinds),
        cmocka_unit_test(equality_of_numbers),
        cmocka_unit_test(equality_of_names_objects_and_boxes),
        cmocka_unit_test(the_hash_is_fnv),
        cmocka_unit_test(a_box_begins_with_nil),
        cmocka_unit_test(memory_is_aligned_and_apart),
        cmocka_unit_test(memory_may_be_large_but_not_endless),
        cmocka_unit_test(what_is_kept_is_released_once),
        cmocka_unit_test(a_copy_shares_no_memory),
        cmocka_unit_test(a_copy_refers_to_boxes_objects_and_names),
        cmocka_unit_test(a_copy_has_a_depth),
        cmocka_unit_test(copies_may_be_large),
        cmocka_unit_test(boxes_are_shared_by_threads),
    };
    return cmocka_run_group_tests_name("value", tests, NULL, NULL);
}
