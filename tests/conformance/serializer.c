/* Conformance of a serializer to corps/serializer.h: serializer NAME [CASE]. */
#include "serializer_cases.h"

#include <sys/resource.h>

const struct corps_serializer *serializer;

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(test_kinds),
    cmocka_unit_test(test_edges),
    cmocka_unit_test(test_numbers),
    cmocka_unit_test(test_text),
    cmocka_unit_test(test_sizes),
    cmocka_unit_test(test_many),
    cmocka_unit_test(test_many_buffers),
    cmocka_unit_test(test_depth),
    cmocka_unit_test(test_boxes),
    cmocka_unit_test(test_out_of_band),
    cmocka_unit_test(test_encoding_again),
    cmocka_unit_test(test_refused),
    cmocka_unit_test(test_truncated),
    cmocka_unit_test(test_trailing),
    cmocka_unit_test(test_segments),
    cmocka_unit_test(test_announced),
    cmocka_unit_test(test_flipped),
    cmocka_unit_test(test_mutated),
    cmocka_unit_test(test_mutated_code),
    cmocka_unit_test(test_threads),
    cmocka_unit_test(test_python_objects),
    cmocka_unit_test(test_python_plain),
    cmocka_unit_test(test_python_arrays),
    cmocka_unit_test(test_python_functions),
    cmocka_unit_test(test_python_refused),
    cmocka_unit_test(test_python_shared),
    cmocka_unit_test(test_python_keep_objects),
    cmocka_unit_test(test_python_leaks),
    cmocka_unit_test(test_python_pairs),
    cmocka_unit_test(test_python_to_msgpack),
    cmocka_unit_test(test_python_missing),
};

static bool is_case(const char *name) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (strcmp(cases[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 3 || (argc == 3 && !is_case(argv[2]))) {
        fprintf(stderr, "usage: serializer NAME [CASE]\n");
        return 2;
    }
    struct rlimit memory = {(rlim_t)8 << 30, (rlim_t)8 << 30};
    if (!SANITIZED &&
        setrlimit(RLIMIT_AS, &memory) != 0) { /* a value that multiplies must not take the machine along */
        perror("setrlimit");
        return 1;
    }
    if (corps_serializer_find(argv[1], &serializer) != CORPS_OK) {
        fprintf(stderr, "serializer %s: %s\n", argv[1], corps_error_detail());
        return 1;
    }
    printf("# %s: %s\n", serializer->name, serializer->version != NULL ? serializer->version() : "?");
    cmocka_set_test_filter(argc == 3 ? argv[2] : NULL);
    return cmocka_run_group_tests_name(serializer->name, cases, NULL, NULL);
}
