#include "plan/reader.h"

#include "cell/near.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 16, ANCHORS_MAX = 1000 };

static bool fail_at(struct lab_reader *reader, const yaml_mark_t *mark, const char *text) {
    if (mark != NULL) {
        snprintf(reader->error, LAB_MATRIX_ERROR_BYTES, "%.100s:%zu:%zu: %s", reader->path, mark->line + 1,
                 mark->column + 1, text);
    } else {
        snprintf(reader->error, LAB_MATRIX_ERROR_BYTES, "%.100s: %s", reader->path, text);
    }
    for (char *c = reader->error; *c != '\0'; c++) { /* one line, whatever the file holds */
        *c = (unsigned char)*c < ' ' || *c == 127 ? ' ' : *c;
    }
    return false;
}

bool lab_reader_fail(struct lab_reader *reader, const yaml_node_t *at, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fail_at(reader, at != NULL ? &at->start_mark : NULL, text);
}

bool lab_reader_no_key(struct lab_reader *reader, const yaml_node_t *key, const char *words) {
    struct lab_near near;
    char text[LAB_NEAR_TEXT_BYTES];
    lab_near_begin(&near, lab_node_text(key));
    lab_near_try_words(&near, words);
    return lab_reader_fail(reader, key, "there is no key '%.40s' here%s; choose one of: %s", lab_node_text(key),
                           lab_near_text(&near, text), words);
}

/* ---- the document ---- */

/* Where the byte is that libyaml cannot read, for which it gives no line. */
static yaml_mark_t mark_of(const unsigned char *text, size_t offset) {
    yaml_mark_t mark = {0};
    for (size_t i = 0; i < offset; i++) {
        mark.line += text[i] == '\n';
        mark.column = text[i] == '\n' ? 0 : mark.column + 1;
    }
    return mark;
}

static bool refuse(struct lab_reader *reader, const yaml_parser_t *parser) {
    yaml_mark_t mark = parser->problem_mark;
    if (parser->error == YAML_READER_ERROR) {
        mark = mark_of(parser->input.string.start, parser->problem_offset);
    }
    return fail_at(reader, &mark, parser->problem != NULL ? parser->problem : "this is not YAML");
}

/* How deep the event leads: +1 into a list or map, -1 out of it. */
static int step_of(const yaml_event_t *event) {
    bool in = event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT;
    bool out = event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT;
    return in - out;
}

static bool has_anchor(const yaml_event_t *event) {
    return event->type == YAML_ALIAS_EVENT || (event->type == YAML_SCALAR_EVENT && event->data.scalar.anchor != NULL) ||
           (event->type == YAML_SEQUENCE_START_EVENT && event->data.sequence_start.anchor != NULL) ||
           (event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.anchor != NULL);
}

/* A look over the whole file before the document is made of it: libyaml takes time as the square of the depth and of
 * the number of anchors. */
static bool check_bounds(struct lab_reader *reader, yaml_parser_t *parser) {
    int depth = 0, anchors = 0, documents = 0;
    for (yaml_event_type_t type = YAML_NO_EVENT; type != YAML_STREAM_END_EVENT;) {
        yaml_event_t event;
        if (yaml_parser_parse(parser, &event) == 0) {
            return refuse(reader, parser);
        }
        type = event.type;
        depth += step_of(&event);
        anchors += has_anchor(&event);
        documents += type == YAML_DOCUMENT_START_EVENT;
        yaml_mark_t at = event.start_mark;
        yaml_event_delete(&event);
        if (depth > DEPTH_MAX || anchors > ANCHORS_MAX || documents > 1) {
            return fail_at(reader, &at,
                           documents > 1       ? "a matrix is one document; remove the second"
                           : depth > DEPTH_MAX ? "nested deeper than a matrix may be"
                                               : "more anchors and aliases than a matrix may have");
        }
    }
    return documents == 1 || lab_reader_fail(reader, NULL, "the file is empty");
}

static bool make_document(struct lab_reader *reader, yaml_parser_t *parser) {
    return yaml_parser_load(parser, &reader->document) != 0 || refuse(reader, parser);
}

/* Gives the text to a parser, and that to a function. */
static bool with_parser(struct lab_reader *reader, const unsigned char *text, size_t bytes,
                        bool (*use)(struct lab_reader *reader, yaml_parser_t *parser)) {
    yaml_parser_t parser;
    if (yaml_parser_initialize(&parser) == 0) {
        return lab_reader_fail(reader, NULL, "out of memory");
    }
    yaml_parser_set_input_string(&parser, text, bytes);
    bool ok = use(reader, &parser);
    yaml_parser_delete(&parser);
    return ok;
}

/* All of the file, malloc'd. NULL after an error. */
static unsigned char *read_file(struct lab_reader *reader, size_t *bytes) {
    FILE *file = fopen(reader->path, "re");
    unsigned char *text = malloc(LAB_MATRIX_FILE_BYTES + 1);
    if (file == NULL || text == NULL) {
        lab_reader_fail(reader, NULL, "cannot open the matrix: %s", strerror(errno));
    } else {
        *bytes = fread(text, 1, LAB_MATRIX_FILE_BYTES + 1, file);
        if (ferror(file) != 0) {
            lab_reader_fail(reader, NULL, "cannot read the matrix: %s", strerror(errno));
        } else if (*bytes > LAB_MATRIX_FILE_BYTES) {
            lab_reader_fail(reader, NULL, "it is larger than %d bytes, the most that a matrix may have",
                            LAB_MATRIX_FILE_BYTES);
        } else {
            fclose(file);
            return text;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    free(text);
    return NULL;
}

yaml_node_t *lab_reader_open(struct lab_reader *reader) {
    size_t bytes = 0;
    unsigned char *text = read_file(reader, &bytes);
    if (text != NULL && strncmp((const char *)text, "{\"kind\":", 8) == 0) {
        free(text);
        lab_reader_fail(reader, NULL, "this is a results file, which corps-lab report reads; name a matrix");
        return NULL;
    }
    bool ok = text != NULL && with_parser(reader, text, bytes, check_bounds) &&
              with_parser(reader, text, bytes, make_document);
    free(text); /* the document has copies */
    return ok ? yaml_document_get_root_node(&reader->document) : NULL;
}

void lab_reader_close(struct lab_reader *reader) {
    yaml_document_delete(&reader->document);
}

/* ---- nodes ---- */

const char *lab_node_text(const yaml_node_t *node) {
    if (node == NULL || node->type != YAML_SCALAR_NODE) {
        return NULL;
    }
    const char *text = (const char *)node->data.scalar.value;
    bool left_empty = node->data.scalar.length == 0 && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return left_empty || strlen(text) != node->data.scalar.length ? NULL : text;
}

const char *lab_reader_text(struct lab_reader *reader, const yaml_node_t *key, const yaml_node_t *node) {
    const char *text = lab_node_text(node);
    if (text == NULL) {
        lab_reader_fail(reader, key, "%s needs one value", lab_node_text(key));
    }
    return text;
}

bool lab_node_is_list(const yaml_node_t *node) {
    return node->type == YAML_SEQUENCE_NODE;
}

size_t lab_node_count(const yaml_node_t *node) {
    return lab_node_is_list(node) ? (size_t)(node->data.sequence.items.top - node->data.sequence.items.start) : 1;
}

yaml_node_t *lab_reader_item(struct lab_reader *reader, yaml_node_t *node, size_t index) {
    return lab_node_is_list(node) ? yaml_document_get_node(&reader->document, node->data.sequence.items.start[index])
                                  : node;
}

/* Few keys are known anywhere, so that a map with many of them ends in an error soon. */
static bool is_new(struct lab_reader *reader, const yaml_node_t *map, const yaml_node_pair_t *at, const char *name) {
    for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < at; pair++) {
        const char *other = lab_node_text(yaml_document_get_node(&reader->document, pair->key));
        if (other != NULL && strcmp(other, name) == 0) {
            return false;
        }
    }
    return true;
}

bool lab_reader_each(struct lab_reader *reader, yaml_node_t *key, yaml_node_t *map,
                     bool (*each)(struct lab_reader *reader, yaml_node_t *key, yaml_node_t *value, void *arg),
                     void *arg) {
    if (map->type != YAML_MAPPING_NODE) {
        return lab_reader_fail(reader, key, "%s must hold lines of the form 'key: value'",
                               key != NULL ? lab_node_text(key) : "the matrix");
    }
    for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top; pair++) {
        yaml_node_t *name = yaml_document_get_node(&reader->document, pair->key);
        const char *text = lab_node_text(name);
        if (text == NULL) {
            return lab_reader_fail(reader, name, "a key must be one word");
        }
        if (!is_new(reader, map, pair, text)) {
            return lab_reader_fail(reader, name, "duplicate key '%.40s'", text);
        }
        if (!each(reader, name, yaml_document_get_node(&reader->document, pair->value), arg)) {
            return false;
        }
    }
    return true;
}
