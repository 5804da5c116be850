#include "cell/cell.h"

#include "cell/peers.h"
#include "payload/payloads.h"

#include <corps/serializer.h>
#include <corps/transport.h>

#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* The keys of a cell: one table says how each is set, printed, checked and explained. */

enum kind { TEXT, COUNT, SEED };

struct field {
    struct lab_cell_field public;
    enum kind kind;
    size_t offset;
    size_t bytes;      /* TEXT: of the array */
    unsigned min, max; /* COUNT */
    bool (*check)(const char *value, char error[LAB_ERROR_BYTES]);
};

/* ---- checks ---- */

/* Appends to a list in `error`, cut where it is full. */
static void append(char error[LAB_ERROR_BYTES], const char *text) {
    size_t used = strlen(error);
    snprintf(error + used, LAB_ERROR_BYTES - used, "%s%s", used > 0 && error[used - 1] != ' ' ? " " : "", text);
}

static bool check_workload(const char *value, char error[LAB_ERROR_BYTES]) {
    if (lab_workload_find(value) != NULL) {
        return true;
    }
    snprintf(error, LAB_ERROR_BYTES, "there is no workload '%.40s'; choose one of: ", value);
    for (unsigned i = 0; lab_workload_at(i) != NULL; i++) {
        append(error, lab_workload_at(i)->name);
    }
    return false;
}

static bool check_transport(const char *value, char error[LAB_ERROR_BYTES]) {
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
    snprintf(error, LAB_ERROR_BYTES, "there is no transport '%.40s'; choose one of: ", value);
    for (unsigned i = 0; corps_transport_at(i) != NULL; i++) {
        append(error, corps_transport_at(i)->name);
    }
    for (unsigned i = 0; lab_raw_at(i, &summary) != NULL; i++) {
        append(error, lab_raw_at(i, &summary));
    }
    append(error, "or a peer (corps-lab list peers)");
    return false;
}

static bool check_serializer(const char *value, char error[LAB_ERROR_BYTES]) {
    for (unsigned i = 0; corps_serializer_name_at(i) != NULL; i++) {
        if (strcmp(corps_serializer_name_at(i), value) == 0) {
            return true;
        }
    }
    snprintf(error, LAB_ERROR_BYTES, "there is no serializer '%.40s'; choose one of: ", value);
    for (unsigned i = 0; corps_serializer_name_at(i) != NULL; i++) {
        append(error, corps_serializer_name_at(i));
    }
    return false;
}

static bool check_word(const char *key, const char *value, const char *const *words, char error[LAB_ERROR_BYTES]) {
    for (const char *const *word = words; *word != NULL; word++) {
        if (strcmp(*word, value) == 0) {
            return true;
        }
    }
    snprintf(error, LAB_ERROR_BYTES, "%s cannot be '%.40s'; choose one of: ", key, value);
    for (const char *const *word = words; *word != NULL; word++) {
        append(error, **word != '\0' ? *word : "(nothing)");
    }
    return false;
}

static bool check_wake(const char *value, char error[LAB_ERROR_BYTES]) {
    return check_word("wake", value, (const char *const[]){"block", "spin", "adaptive", NULL}, error);
}

static bool check_placement(const char *value, char error[LAB_ERROR_BYTES]) {
    return check_word("placement", value, (const char *const[]){"same", "cross", "unpinned", NULL}, error);
}

static bool check_lang(const char *value, char error[LAB_ERROR_BYTES]) {
    return check_word("lang", value, (const char *const[]){"c", "python", "c-python", "python-c", NULL}, error);
}

static bool check_arm(const char *value, char error[LAB_ERROR_BYTES]) {
    return check_word("arm", value, (const char *const[]){"", "aa", "b", NULL}, error);
}

static bool check_path(const char *value, char error[LAB_ERROR_BYTES]) {
    struct stat st;
    if (value[0] == '\0' || (stat(value, &st) == 0 && S_ISDIR(st.st_mode))) {
        return true;
    }
    snprintf(error, LAB_ERROR_BYTES, "path '%.150s' is no directory; name one to search in", value);
    return false;
}

static bool check_pattern(const char *value, char error[LAB_ERROR_BYTES]) {
    regex_t regex;
    int failed = regcomp(&regex, value, REG_EXTENDED | REG_NOSUB);
    if (failed == 0) {
        regfree(&regex);
        return true;
    }
    char reason[100];
    regerror(failed, NULL, reason, sizeof reason);
    snprintf(error, LAB_ERROR_BYTES, "pattern '%.100s' is no extended regular expression: %s", value, reason);
    return false;
}

/* ---- the table ---- */

#define AT(member) .offset = offsetof(struct lab_cell, member)
#define TEXT_AT(member) .kind = TEXT, AT(member), .bytes = sizeof((struct lab_cell *)0)->member

static const struct field fields[] = {
    {{"workload", "echo", "what is done; see: corps-lab list workloads", true, false},
     TEXT_AT(workload),
     .check = check_workload},
    {{"transport", "shm", "what carries messages between Envs; see: corps-lab list transports", true, false},
     TEXT_AT(transport),
     .check = check_transport},
    {{"serializer", "msgpack; lang python: auto; raw, peer: none",
      "what turns values into bytes; see: corps-lab list serializers", true, false},
     TEXT_AT(serializer),
     .check = check_serializer},
    {{"payload", "bytes:64", "what is sent; see: corps-lab list payloads", true, false},
     TEXT_AT(payload),
     .check = lab_payload_check},
    {{"wake", "adaptive; raw: block", "how a waiting thread waits: block, spin, adaptive", true, false},
     TEXT_AT(wake),
     .check = check_wake},
    {{"placement", "unpinned", "where Envs run: same processor, cross processors, unpinned", true, false},
     TEXT_AT(placement),
     .check = check_placement},
    {{"lang", "c", "who calls whom: c, python, c-python (C calls Python), python-c (Python calls C)", true, false},
     TEXT_AT(lang),
     .check = check_lang},
    {{"window", "1; pipeline: 16", "requests in flight", true, false}, COUNT, AT(window), .min = 1, .max = 65536},
    {{"envs", "2; queue: 1", "processes of the Corps", true, false}, COUNT, AT(envs), .min = 1, .max = 1024},
    {{"concs", "1; fanout, ring: 8; spawn: 1000000", "Concs that share the work, or are made", true, false},
     COUNT,
     AT(concs),
     .min = 1,
     .max = 10000000},
    {{"gap_us", "0", "idle microseconds before each send", true, false}, COUNT, AT(gap_us), .max = 10000000},
    {{"loan", "0", "1: payloads are written into memory that the transport lends", true, true},
     COUNT,
     AT(loan),
     .max = 1},
    {{"load", "0; openloop: 50", "openloop: percent of the measured capacity that is offered", true, true},
     COUNT,
     AT(load),
     .max = 200},
    {{"batch", "0", "oneway: sends between two flushes; 0: the core decides", true, true},
     COUNT,
     AT(batch),
     .max = 1000000},
    {{"stages", "0", "1: echo stamps where the time of each call goes", true, true}, COUNT, AT(stages), .max = 1},
    {{"arm", "", "aa marks the duplicate of a cell, which shows what chance alone does; b what another program does",
      true, false},
     TEXT_AT(arm),
     .check = check_arm},
    {{"path", "Python's standard library", "search: the directory", true, false}, TEXT_AT(path), .check = check_path},
    {{"pattern", "import", "search: the extended regular expression", true, false},
     TEXT_AT(pattern),
     .check = check_pattern},
    {{"seed", "1", "of the payload's content", true, false}, SEED, AT(seed)},
    {{"warmup_count", "50", "messages before timing", false, false}, COUNT, AT(warmup_count), .max = 10000000},
    {{"min_count", "600", "at least so many timed messages", false, false},
     COUNT,
     AT(min_count),
     .min = 1,
     .max = 100000000},
    {{"min_ms", "40", "and at least so long, in milliseconds", false, false}, COUNT, AT(min_ms), .max = 600000},
    {{"max_ms", "250", "but no longer, whatever min_count says", false, false},
     COUNT,
     AT(max_ms),
     .min = 1,
     .max = 600000},
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

static bool set_text(struct lab_cell *cell, const struct field *field, const char *value, char error[LAB_ERROR_BYTES]) {
    if (strlen(value) >= field->bytes) {
        snprintf(error, LAB_ERROR_BYTES, "%s is longer than %zu bytes", field->public.name, field->bytes - 1);
        return false;
    }
    if (!field->check(value, error)) {
        return false;
    }
    strcpy((char *)cell + field->offset, value); /* the length was checked */
    return true;
}

bool lab_cell_set(struct lab_cell *cell, const char *key, const char *value, char error[LAB_ERROR_BYTES]) {
    const struct field *field = find(key);
    if (field == NULL) {
        snprintf(error, LAB_ERROR_BYTES, "there is no key '%.40s'; choose one of: ", key);
        for (size_t i = 0; i < FIELD_COUNT; i++) {
            append(error, fields[i].public.name);
        }
        return false;
    }
    if (field->kind == TEXT) {
        return set_text(cell, field, value, error);
    }
    uint64_t number;
    uint64_t max = field->kind == SEED ? INT64_MAX : field->max; /* JSON's integers are signed */
    if (!lab_parse_count(value, max, &number) || number < field->min) {
        snprintf(error, LAB_ERROR_BYTES, "%s must be a whole number from %u to %" PRIu64 ", not '%.40s'", key,
                 field->min, max, value);
        return false;
    }
    if (field->kind == SEED) {
        cell->seed = number;
    } else {
        *(unsigned *)(void *)((char *)cell + field->offset) = (unsigned)number;
    }
    return true;
}

bool lab_cell_set_pair(struct lab_cell *cell, const char *pair, char error[LAB_ERROR_BYTES]) {
    char key[64];
    size_t key_bytes = strcspn(pair, "=");
    if (pair[key_bytes] != '=' || key_bytes == 0 || key_bytes >= sizeof key) {
        snprintf(error, LAB_ERROR_BYTES, "'%.100s' is not key=value; for example transport=shm", pair);
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
    if (field->kind == TEXT) {
        snprintf(out, LAB_CELL_VALUE_BYTES, "%s", at);
    } else if (field->kind == SEED) {
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
        size_t bytes = fields[i].kind == SEED ? sizeof(uint64_t) : sizeof(unsigned);
        bool same = fields[i].kind == TEXT ? strcmp(at_a, at_b) == 0 : memcmp(at_a, at_b, bytes) == 0;
        if (fields[i].public.axis && !same) {
            return false;
        }
    }
    return true;
}
