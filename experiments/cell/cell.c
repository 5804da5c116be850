#include "cell/cell.h"

#include "cell/near.h"
#include "cell/peers.h"
#include "payload/payloads.h"

#include <corps/serializer.h>
#include <corps/transport.h>

#include <inttypes.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* The keys of a cell: one table says how each is set, printed, checked and explained. */

enum type { TEXT, COUNT, SEED };

struct field {
    struct lab_cell_field public;
    enum type type;
    size_t offset;
    size_t bytes; /* TEXT: of the array */
    bool (*check)(const char *key, const char *value, char error[LAB_ERROR_BYTES]);
};

/* ---- checks ---- */

/* Appends to a list in `error`, cut where it is full. */
static void append(char error[LAB_ERROR_BYTES], const char *text) {
    size_t used = strlen(error);
    snprintf(error + used, LAB_ERROR_BYTES - used, "%s%s", used > 0 && error[used - 1] != ' ' ? " " : "", text);
}

/* What would have been right: the list, and the nearest of it. */
struct choices {
    struct lab_near near;
    char list[LAB_ERROR_BYTES];
};

static void begin_choices(struct choices *choices, const char *wrong) {
    lab_near_begin(&choices->near, wrong);
    choices->list[0] = '\0';
}

static void add_choice(struct choices *choices, const char *right) {
    lab_near_try(&choices->near, right);
    append(choices->list, right);
}

/* The whole error: what is wrong, the nearest choice, all of them. Always false. */
static bool end_choices(const struct choices *choices, char error[LAB_ERROR_BYTES], const char *format, ...)
    CORPS_PRINTF(3, 4);

static bool end_choices(const struct choices *choices, char error[LAB_ERROR_BYTES], const char *format, ...) {
    char wrong[128];
    char near[LAB_NEAR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(wrong, sizeof wrong, format, args);
    va_end(args);
    snprintf(error, LAB_ERROR_BYTES, "%s%s; choose one of: ", wrong, lab_near_text(&choices->near, near));
    append(error, choices->list);
    return false;
}

static bool check_workload(const char *key, const char *value, char error[LAB_ERROR_BYTES]) {
    struct choices choices;
    (void)key;
    if (lab_workload_find(value) != NULL) {
        return true;
    }
    begin_choices(&choices, value);
    for (unsigned i = 0; lab_workload_at(i) != NULL; i++) {
        add_choice(&choices, lab_workload_at(i)->name);
    }
    return end_choices(&choices, error, "there is no workload '%.40s'", value);
}

static bool check_transport(const char *key, const char *value, char error[LAB_ERROR_BYTES]) {
    (void)key;
    struct choices choices;
    const char *summary;
    for (unsigned i = 0; corps_transport_at(i) != NULL; i++) {
        if (strcmp(corps_transport_at(i)->name, value) == 0) {
            return true;
        }
    }
    for (unsigned i = 0; lab_raw_at(i, &summary) != NULL; i++) {
        if (strcmp(lab_raw_at(i, &summary), value) == 0) {
            return true;
        }
    }
    if (lab_peer_find(value) != NULL) {
        return true;
    }
    begin_choices(&choices, value);
    for (unsigned i = 0; corps_transport_at(i) != NULL; i++) {
        add_choice(&choices, corps_transport_at(i)->name);
    }
    for (unsigned i = 0; lab_raw_at(i, &summary) != NULL; i++) {
        add_choice(&choices, lab_raw_at(i, &summary));
    }
    for (unsigned i = 0; lab_peer_at(i) != NULL; i++) {
        lab_near_try(&choices.near, lab_peer_at(i)->name); /* there are many: the list below names their command */
    }
    append(choices.list, "or a peer (corps-lab list peers)");
    return end_choices(&choices, error, "there is no transport '%.40s'", value);
}

static bool check_serializer(const char *key, const char *value, char error[LAB_ERROR_BYTES]) {
    struct choices choices;
    (void)key;
    for (unsigned i = 0; corps_serializer_name_at(i) != NULL; i++) {
        if (strcmp(corps_serializer_name_at(i), value) == 0) {
            return true;
        }
    }
    begin_choices(&choices, value);
    for (unsigned i = 0; corps_serializer_name_at(i) != NULL; i++) {
        add_choice(&choices, corps_serializer_name_at(i));
    }
    return end_choices(&choices, error, "there is no serializer '%.40s'", value);
}

static bool check_payload(const char *key, const char *value, char error[LAB_ERROR_BYTES]) {
    (void)key;
    if (lab_payload_check(value, error)) {
        return true;
    }
    struct lab_near near;
    char name[LAB_NEAR_WORD_BYTES];
    char text[LAB_NEAR_TEXT_BYTES];
    const char *summary;
    const char *form;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(value, ":"), value);
    lab_near_begin(&near, name);
    for (unsigned i = 0; (form = lab_payload_form_at(i, &summary)) != NULL; i++) {
        char right[LAB_NEAR_WORD_BYTES];
        snprintf(right, sizeof right, "%.*s", (int)strcspn(form, ":"), form);
        lab_near_try(&near, right);
    }
    if (strcmp(near.best, name) != 0) { /* otherwise it is what follows that is wrong, and was said */
        append(error, lab_near_text(&near, text) + (near.best[0] != '\0'));
    }
    return false;
}

const char *lab_cell_word_at(const char *key, unsigned index, const char **meaning) {
    static const struct {
        const char *key, *word, *meaning;
    } words[] = {
#define WORD(key, word, meaning) {key, word, meaning},
        LAB_CELL_WORDS(WORD)
#undef WORD
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].key, key) == 0 && index-- == 0) {
            *meaning = words[i].meaning;
            return words[i].word;
        }
    }
    return NULL;
}

static bool check_word(const char *key, const char *value, char error[LAB_ERROR_BYTES]) {
    struct choices choices;
    const char *word;
    const char *meaning;
    for (unsigned i = 0; (word = lab_cell_word_at(key, i, &meaning)) != NULL; i++) {
        if (strcmp(word, value) == 0) {
            return true;
        }
    }
    begin_choices(&choices, value);
    for (unsigned i = 0; (word = lab_cell_word_at(key, i, &meaning)) != NULL; i++) {
        add_choice(&choices, word[0] != '\0' ? word : "(nothing)");
    }
    return end_choices(&choices, error, "%s cannot be '%.40s'", key, value);
}

static bool check_path(const char *key, const char *value, char error[LAB_ERROR_BYTES]) {
    (void)key;
    struct stat st;
    if (value[0] == '\0' || (stat(value, &st) == 0 && S_ISDIR(st.st_mode))) {
        return true;
    }
    snprintf(error, LAB_ERROR_BYTES, "path '%.150s' is not a directory; name one to search in", value);
    return false;
}

static bool check_pattern(const char *key, const char *value, char error[LAB_ERROR_BYTES]) {
    (void)key;
    regex_t regex;
    int failed = regcomp(&regex, value, REG_EXTENDED | REG_NOSUB);
    if (failed == 0) {
        regfree(&regex);
        return true;
    }
    char reason[100];
    regerror(failed, NULL, reason, sizeof reason);
    snprintf(error, LAB_ERROR_BYTES, "pattern '%.100s' is not an extended regular expression: %s", value, reason);
    return false;
}

/* ---- the table ---- */

static const struct field fields[] = {
#define FIELD(key_type, key, key_bytes, key_min, key_max, initial, traits, checked, usual, about)                      \
    {.public = {.name = #key,                                                                                          \
                .fallback = usual,                                                                                     \
                .summary = about,                                                                                      \
                .axis = ((traits)&LAB_KEY_AXIS) != 0,                                                                  \
                .newer = ((traits)&LAB_KEY_NEWER) != 0,                                                                \
                .number = key_type != TEXT,                                                                            \
                .min = key_min,                                                                                        \
                .max = key_max},                                                                                       \
     .type = key_type,                                                                                                 \
     .offset = offsetof(struct lab_cell, key),                                                                         \
     .bytes = key_bytes,                                                                                               \
     .check = checked},
    LAB_CELL_KEYS(FIELD)
#undef FIELD
};

enum { FIELD_COUNT = sizeof fields / sizeof fields[0] };

const struct lab_cell_field *lab_cell_field_at(unsigned index) {
    return index < FIELD_COUNT ? &fields[index].public : NULL;
}

static const struct field *find(const char *key) {
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (strcmp(fields[i].public.name, key) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

/* ---- setting and getting ---- */

void lab_cell_init(struct lab_cell *cell) {
    *cell = (struct lab_cell){
#define INITIAL(type, key, bytes, min, max, initial, ...) .key = initial,
        LAB_CELL_KEYS(INITIAL)
#undef INITIAL
    };
}

static bool set_text(struct lab_cell *cell, const struct field *field, const char *value, char error[LAB_ERROR_BYTES]) {
    if (strlen(value) >= field->bytes) {
        snprintf(error, LAB_ERROR_BYTES, "%s is longer than %zu bytes", field->public.name, field->bytes - 1);
        return false;
    }
    if (!field->check(field->public.name, value, error)) {
        return false;
    }
    strcpy((char *)cell + field->offset, value); /* the length was checked */
    return true;
}

bool lab_cell_set(struct lab_cell *cell, const char *key, const char *value, char error[LAB_ERROR_BYTES]) {
    const struct field *field = find(key);
    if (field == NULL) {
        struct choices choices;
        begin_choices(&choices, key);
        for (size_t i = 0; i < FIELD_COUNT; i++) {
            add_choice(&choices, fields[i].public.name);
        }
        return end_choices(&choices, error, "there is no key '%.40s'", key);
    }
    if (field->type == TEXT) {
        return set_text(cell, field, value, error);
    }
    uint64_t number;
    uint64_t max = field->type == SEED ? INT64_MAX : field->public.max; /* JSON's integers are signed */
    if (!lab_parse_count(value, max, &number) || number < field->public.min) {
        snprintf(error, LAB_ERROR_BYTES, "%s must be a whole number from %u to %" PRIu64 ", not '%.40s'", key,
                 field->public.min, max, value);
        return false;
    }
    if (field->type == SEED) {
        cell->seed = number;
    } else {
        *(unsigned *)(void *)((char *)cell + field->offset) = (unsigned)number;
    }
    return true;
}

/* The key of which a word is a value, where somebody wrote it alone; NULL of none. */
static const char *key_of_word(const char *word) {
    static const char *const keys[] = {"transport", "serializer", "workload", "payload", "wake", "placement", "lang"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct lab_cell scratch;
        char unused[LAB_ERROR_BYTES];
        lab_cell_init(&scratch);
        if (lab_cell_set(&scratch, keys[i], word, unused)) {
            return keys[i];
        }
    }
    return NULL;
}

bool lab_cell_set_pair(struct lab_cell *cell, const char *pair, char error[LAB_ERROR_BYTES]) {
    char key[64];
    size_t key_bytes = strcspn(pair, "=");
    if (pair[key_bytes] != '=' || key_bytes == 0 || key_bytes >= sizeof key) {
        const char *meant = pair[0] != '\0' ? key_of_word(pair) : NULL;
        if (meant != NULL) {
            snprintf(error, LAB_ERROR_BYTES, "'%.100s' is not key=value (did you mean '%s=%.100s'?)", pair, meant,
                     pair);
        } else {
            snprintf(error, LAB_ERROR_BYTES, "'%.100s' is not key=value; for example transport=shm", pair);
        }
        return false;
    }
    memcpy(key, pair, key_bytes);
    key[key_bytes] = '\0';
    return lab_cell_set(cell, key, pair + key_bytes + 1, error);
}

bool lab_cell_get(const struct lab_cell *cell, const char *key, char out[LAB_CELL_VALUE_BYTES]) {
    const struct field *field = find(key);
    if (field == NULL) {
        return false;
    }
    const char *at = (const char *)cell + field->offset;
    if (field->type == TEXT) {
        snprintf(out, LAB_CELL_VALUE_BYTES, "%s", at);
    } else if (field->type == SEED) {
        snprintf(out, LAB_CELL_VALUE_BYTES, "%" PRIu64, cell->seed);
    } else {
        snprintf(out, LAB_CELL_VALUE_BYTES, "%u", *(const unsigned *)(const void *)at);
    }
    return true;
}

bool lab_cell_same(const struct lab_cell *a, const struct lab_cell *b) {
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const char *at_a = (const char *)a + fields[i].offset;
        const char *at_b = (const char *)b + fields[i].offset;
        size_t bytes = fields[i].type == SEED ? sizeof(uint64_t) : sizeof(unsigned);
        bool same = fields[i].type == TEXT ? strcmp(at_a, at_b) == 0 : memcmp(at_a, at_b, bytes) == 0;
        if (fields[i].public.axis && !same) {
            return false;
        }
    }
    return true;
}
