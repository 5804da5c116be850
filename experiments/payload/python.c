#include "payload/payloads.h"

#include "codec/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Python objects. The interpreter is in a module of its own, which is loaded here at the latest. */

/* As declared in serializers/python.h, which needs Python's headers. */
typedef enum corps_err (*eval_fn)(const char *module, const char *factory, struct corps_value *value,
                                  struct corps_box *box);
typedef enum corps_err (*run_fn)(const char *source, const char *factory, struct corps_value *value,
                                 struct corps_box *box);

static enum corps_err begin(struct lab_payload *payload) {
    payload->box = corps_box_create();
    return payload->box != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the payload");
}

static enum corps_err end(enum corps_err err, struct lab_payload *payload) {
    if (err == CORPS_OK) {
        corps_box_set_root(payload->box, payload->value);
    }
    return err;
}

/* What the source's function `factory` gives. */
static enum corps_err make(const char *source, struct lab_payload *payload) {
    void *symbol = corps_module_symbol("corps_python", "corps_python_run");
    run_fn run;
    if (symbol == NULL) {
        return CORPS_ERR_UNKNOWN;
    }
    memcpy(&run, &symbol, sizeof run); /* ISO C has no cast from an object's to a function's pointer */
    enum corps_err err = begin(payload);
    return err != CORPS_OK ? err : end(run(source, "factory", &payload->value, payload->box), payload);
}

enum corps_err lab_make_ast(const char *argument, uint64_t seed, struct lab_payload *payload) {
    (void)argument;
    (void)seed;
    return make("import ast, inspect, textwrap\n"
                "def factory():\n"
                "    return ast.parse(inspect.getsource(textwrap))\n",
                payload);
}

/* The sources of these three stand in python/lab_payloads.py too. */

enum corps_err lab_make_objects(const char *argument, uint64_t seed, struct lab_payload *payload) {
    char source[256];
    (void)seed;
    snprintf(source, sizeof source,
             "import argparse\n"
             "def factory():\n"
             "    return [argparse.Namespace(id=i, name='name %%d' %% i, value=i / 7) for i in range(%s)]\n",
             argument);
    return make(source, payload);
}

enum corps_err lab_make_instance(const char *argument, uint64_t seed, struct lab_payload *payload) {
    (void)argument;
    (void)seed;
    return make("def factory():\n"
                "    class Point:\n"
                "        def __init__(self, x, y):\n"
                "            self.x, self.y = x, y\n"
                "        def norm(self):\n"
                "            return self.x * self.x + self.y * self.y\n"
                "        def moved(self, dx, dy):\n"
                "            return Point(self.x + dx, self.y + dy)\n"
                "    return Point(3, 4)\n",
                payload);
}

enum corps_err lab_make_function(const char *argument, uint64_t seed, struct lab_payload *payload) {
    (void)argument;
    (void)seed;
    return make("def factory():\n"
                "    step = 3\n"
                "    def moved(x, times=1):\n"
                "        return x + step * times\n"
                "    return moved\n",
                payload);
}

enum corps_err lab_make_py(const char *argument, uint64_t seed, struct lab_payload *payload) {
    const char *colon = strchr(argument, ':');
    (void)seed;
    void *symbol = corps_module_symbol("corps_python", "corps_python_eval");
    eval_fn eval;
    if (symbol == NULL) {
        return CORPS_ERR_UNKNOWN;
    }
    memcpy(&eval, &symbol, sizeof eval);
    char *module = strndup(argument, (size_t)(colon - argument));
    enum corps_err err = module != NULL ? begin(payload) : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a name");
    if (err == CORPS_OK) {
        err = end(eval(module, colon + 1, &payload->value, payload->box), payload);
    }
    free(module);
    return err;
}

/* The serializer itself does it: an item of a list is left as an object when it decodes to objects. */
static enum corps_err decode_item(const struct corps_serializer *serializer, const struct corps_encoding *encoding,
                                  struct corps_box *box) {
    struct iovec *segments = malloc((1 + encoding->buffer_count) * sizeof *segments);
    if (segments == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the payload");
    }
    segments[0] = (struct iovec){.iov_base = encoding->stream, .iov_len = encoding->stream_bytes};
    for (size_t i = 0; i < encoding->buffer_count; i++) {
        segments[i + 1] = encoding->buffers[i];
    }
    enum corps_err err = serializer->decode(segments, 1 + encoding->buffer_count, NULL, CORPS_DECODE_OBJECTS, box);
    free(segments);
    return err;
}

enum corps_err lab_payload_to_python(const struct corps_serializer *serializer, struct lab_payload *payload) {
    struct corps_value list = corps_array(&payload->value, 1);
    struct corps_encoding encoding;
    struct corps_box *box = corps_box_create();
    if (box == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the payload");
    }
    corps_encoding_init(&encoding);
    enum corps_err err = serializer->encode(&list, &encoding);
    if (err == CORPS_OK) {
        err = decode_item(serializer, &encoding, box);
    }
    corps_encoding_finish(&encoding);
    const struct corps_value *item = err == CORPS_OK ? corps_value_item(corps_box_root(box), 0) : NULL;
    if (item == NULL) {
        corps_box_unref(box);
        return err != CORPS_OK ? err : corps_error_set(CORPS_ERR_CORRUPT, "the payload did not become a Python object");
    }
    corps_box_unref(payload->box);
    payload->box = box;
    payload->value = *item;
    return CORPS_OK;
}
