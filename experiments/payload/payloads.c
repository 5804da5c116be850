#include "payload/payloads.h"

#include "lab.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One form. `check` gives false with one line; NULL means that the form takes no argument. */
struct form {
    const char *name;
    const char *form; /* as the user writes it */
    const char *summary;
    bool (*check)(const char *argument, char error[LAB_PAYLOAD_ERROR_BYTES]);
    enum corps_err (*make)(const char *argument, uint64_t seed, struct lab_payload *payload);
    bool python; /* makes a Python object */
};

bool lab_parse_count(const char *text, uint64_t max, uint64_t *count) {
    if (*text < '0' || *text > '9') {
        return false;
    }
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || value > max) {
        return false;
    }
    *count = value;
    return true;
}

static bool check_count(const char *argument, const char *form, uint64_t min, uint64_t max,
                        char error[LAB_PAYLOAD_ERROR_BYTES]) {
    uint64_t count;
    if (lab_parse_count(argument, max, &count) && count >= min) {
        return true;
    }
    snprintf(error, LAB_PAYLOAD_ERROR_BYTES, "payload %s:%.80s: the number must be whole and from %llu to %llu", form,
             argument, (unsigned long long)min, (unsigned long long)max);
    return false;
}

static bool check_bytes(const char *argument, char error[LAB_PAYLOAD_ERROR_BYTES]) {
    return check_count(argument, "bytes", 0, LAB_BYTES_MAX, error);
}

static bool check_ints(const char *argument, char error[LAB_PAYLOAD_ERROR_BYTES]) {
    return check_count(argument, "ints", 0, LAB_INTS_MAX, error);
}

static bool check_records(const char *argument, char error[LAB_PAYLOAD_ERROR_BYTES]) {
    return check_count(argument, "records", 0, LAB_RECORDS_MAX, error);
}

static bool check_objects(const char *argument, char error[LAB_PAYLOAD_ERROR_BYTES]) {
    return check_count(argument, "objects", 0, LAB_RECORDS_MAX, error);
}

static bool check_file(const char *argument, char error[LAB_PAYLOAD_ERROR_BYTES]) {
    if (access(argument, R_OK) == 0) {
        return true;
    }
    snprintf(error, LAB_PAYLOAD_ERROR_BYTES, "payload file:%.150s cannot be read: %s", argument, strerror(errno));
    return false;
}

static bool check_py(const char *argument, char error[LAB_PAYLOAD_ERROR_BYTES]) {
    const char *colon = strchr(argument, ':');
    if (colon != NULL && colon != argument && colon[1] != '\0' && strchr(colon + 1, ':') == NULL) {
        return true;
    }
    snprintf(error, LAB_PAYLOAD_ERROR_BYTES,
             "payload py:%.80s: write py:MODULE:FACTORY, where FACTORY() in MODULE gives the object", argument);
    return false;
}

static const struct form forms[] = {
    {"bytes", "bytes:N", "N random bytes, 0 to 1 GiB", check_bytes, lab_make_bytes, false},
    {"ints", "ints:N", "an array of N integers of every magnitude", check_ints, lab_make_ints, false},
    {"record", "record", "one map of eleven mixed fields", NULL, lab_make_record, false},
    {"records", "records:N", "an array of N such maps", check_records, lab_make_records, false},
    {"tree", "tree", "maps and arrays nested seven deep, about 100 nodes", NULL, lab_make_tree, false},
    {"ast", "ast", "the syntax tree of Python's module textwrap: a graph of class instances", NULL, lab_make_ast, true},
    {"objects", "objects:N", "a list of N instances of an importable Python class", check_objects, lab_make_objects,
     true},
    {"instance", "instance", "an instance of a Python class made at run time", NULL, lab_make_instance, true},
    {"function", "function", "a Python closure", NULL, lab_make_function, true},
    {"file", "file:PATH", "a JSON or msgpack document", check_file, lab_make_file, false},
    {"py", "py:MODULE:FACTORY", "the Python object that FACTORY() in MODULE gives", check_py, lab_make_py, true},
};

const char *lab_payload_form_at(unsigned index, const char **summary) {
    if (index >= sizeof forms / sizeof forms[0]) {
        return NULL;
    }
    *summary = forms[index].summary;
    return forms[index].form;
}

/* The form of `text` and where its argument begins ("" when there is none); NULL with a line in `error`. */
static const struct form *find_form(const char *text, const char **argument, char error[LAB_PAYLOAD_ERROR_BYTES]) {
    size_t name_bytes = strcspn(text, ":");
    *argument = text + name_bytes + (text[name_bytes] == ':');
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const struct form *form = &forms[i];
        if (strlen(form->name) != name_bytes || strncmp(form->name, text, name_bytes) != 0) {
            continue;
        }
        if ((form->check != NULL) != (text[name_bytes] == ':')) {
            snprintf(error, LAB_PAYLOAD_ERROR_BYTES, "payload %.100s: write %s", text, form->form);
            return NULL;
        }
        return form->check == NULL || form->check(*argument, error) ? form : NULL;
    }
    int used = snprintf(error, LAB_PAYLOAD_ERROR_BYTES, "there is no payload %.60s; choose one of", text);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        used += snprintf(error + used, LAB_PAYLOAD_ERROR_BYTES - (size_t)used, " %s", forms[i].form);
    }
    return NULL;
}

bool lab_payload_check(const char *payload, char error[LAB_ERROR_BYTES]) {
    const char *argument;
    return find_form(payload, &argument, error) != NULL;
}

enum corps_err lab_payload_build(const char *text, uint64_t seed, const struct corps_serializer *serializer,
                                 struct lab_payload *payload) {
    char error[LAB_PAYLOAD_ERROR_BYTES];
    const char *argument;
    const struct form *form = find_form(text, &argument, error);
    if (form == NULL) {
        return corps_error_set(CORPS_ERR_INVALID, "%s", error);
    }
    bool objects = (serializer->capabilities & CORPS_SERIALIZER_OBJECTS) != 0;
    if (form->python && !objects) {
        return corps_error_set(CORPS_ERR_UNSUPPORTED,
                               "payload %s is a Python object, which serializer %s does not carry; choose pickle, dill "
                               "or cloudpickle",
                               form->form, serializer->name);
    }
    memset(payload, 0, sizeof *payload);
    enum corps_err err = form->make(argument, seed, payload);
    if (err == CORPS_OK && objects && !form->python && payload->bytes == NULL) {
        err = lab_payload_to_python(serializer, payload);
    }
    if (err != CORPS_OK) {
        lab_payload_finish(payload);
    }
    return err;
}

void lab_payload_finish(struct lab_payload *payload) {
    corps_box_unref(payload->box);
    memset(payload, 0, sizeof *payload);
}

enum corps_err lab_encoded_bytes(const struct corps_serializer *serializer, const struct corps_value *value,
                                 uint64_t *bytes) {
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    enum corps_err err = serializer->encode(value, &encoding);
    if (err == CORPS_OK) {
        *bytes = encoding.stream_bytes;
        for (size_t i = 0; i < encoding.buffer_count; i++) {
            *bytes += encoding.buffers[i].iov_len;
        }
    }
    corps_encoding_finish(&encoding);
    return err;
}
