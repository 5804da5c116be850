/* The folder of a Corps in a keep_directory, where the Corps goes on on other hosts: whose it is, and what is swept. */
#include "care/folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { CORPS_ID = 0x1234, OTHER_ID = 0x5678 };

static char directory[64];

static int make_directory(void **state) {
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/corps-folder-XXXXXX");
    return mkdtemp(directory) != NULL ? 0 : -1;
}

static void keep(const struct corps__folder *folder, int64_t number) {
    const struct corps_value item = corps_int(number);
    const struct corps_value state = corps_array(&item, 1);
    assert_int_equal(corps__folder_keep(folder, 0, 1, "Front", &state), CORPS_OK);
}

/* −1: nothing. */
static int64_t found(const struct corps__folder *folder) {
    struct corps_box *box = corps__folder_find(folder, 0, 1, "Front");
    int64_t number = box != NULL ? corps_value_item(corps_box_root(box), 0)->integer : -1;
    corps_box_unref(box);
    return number;
}

static void open_folder(struct corps__folder *folder, uint64_t corps_id, bool is_owner, uint64_t life) {
    *folder = (struct corps__folder){.fd = -1, .life_fd = -1};
    assert_int_equal(corps__folder_open(folder, directory, corps_id, is_owner, life), CORPS_OK);
}

/* What a former life kept is there; what it keeps from then on is not, though it still runs and holds the folder. */
static void test_lives(void **state) {
    (void)state;
    struct corps__folder first, second, env;
    open_folder(&first, CORPS_ID, true, 1);
    open_folder(&env, CORPS_ID, false, 1);
    keep(&first, 1);
    keep(&env, 2);
    open_folder(&second, CORPS_ID, true, 2);
    assert_int_equal(found(&second), 2);
    const struct corps_value late = corps_array(NULL, 0);
    assert_int_equal(corps__folder_keep(&first, 0, 1, "Front", &late), CORPS_ERR_CLOSED);
    assert_int_equal(corps__folder_keep(&env, 0, 1, "Front", &late), CORPS_ERR_CLOSED);
    keep(&second, 3);
    assert_int_equal(found(&second), 3);
    struct corps__folder stale = {.fd = -1, .life_fd = -1};
    assert_int_equal(corps__folder_open(&stale, directory, CORPS_ID, true, 1), CORPS_ERR_CLOSED);
    assert_int_equal(found(&second), 3);
    corps__folder_remove(&second);
    assert_int_equal(rmdir(directory), 0);
}

/* Another Corps removes what nobody locks, but not what goes on elsewhere. */
static void test_swept(void **state) {
    (void)state;
    struct corps__folder owned, plain, other;
    open_folder(&owned, CORPS_ID, true, 1);
    keep(&owned, 1);
    close(owned.fd); /* its host is lost */
    close(owned.life_fd);
    open_folder(&plain, OTHER_ID + 1, true, 0);
    keep(&plain, 2);
    close(plain.fd);
    open_folder(&other, OTHER_ID, true, 0);
    assert_int_equal(access(plain.path, F_OK), -1);
    assert_int_equal(access(owned.path, F_OK), 0);
    open_folder(&owned, CORPS_ID, true, 2);
    assert_int_equal(found(&owned), 1);
    corps__folder_remove(&owned);
    corps__folder_remove(&other);
    assert_int_equal(rmdir(directory), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_lives, make_directory),
        cmocka_unit_test_setup(test_swept, make_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
