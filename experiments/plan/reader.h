/* Reading a matrix's YAML: the file into a document by libyaml, and what its nodes hold. See matrix.h for who reads
 * what of it.
 *
 * Lifecycle: open → use → close (also after an error). Nodes and texts are lent by the document until close.
 */
#ifndef READER_H
#define READER_H

#include "lab.h"

#include <yaml.h>

enum {
    LAB_MATRIX_ERROR_BYTES = 640,
    LAB_MATRIX_FILE_BYTES = 1 << 20, /* far more than anybody writes */
};

struct lab_reader {
    const char *path;
    char *error;          /* LAB_MATRIX_ERROR_BYTES */
    struct lab_cell base; /* trial and defaults so far */
    unsigned include_depth;
    yaml_document_t document;
};

/* Reads the file at reader->path, which holds one document, and gives its root. NULL with "path:line:column: text" in
 * reader->error. */
yaml_node_t *lab_reader_open(struct lab_reader *reader);
void lab_reader_close(struct lab_reader *reader);

/* Writes "path:line:column: text" for a node (NULL: for the whole file) and returns false. */
bool lab_reader_fail(struct lab_reader *reader, const yaml_node_t *at, const char *format, ...) CORPS_PRINTF(3, 4);

/* The same for a key that is none of those which may stand here: `words`, one space between two. */
bool lab_reader_no_key(struct lab_reader *reader, const yaml_node_t *key, const char *words);

/* The text of a scalar; NULL for what is none, was left empty, or holds a NUL. */
const char *lab_node_text(const yaml_node_t *node);

/* … NULL after an error, which is put at `key`. */
const char *lab_reader_text(struct lab_reader *reader, const yaml_node_t *key, const yaml_node_t *node);

bool lab_node_is_list(const yaml_node_t *node);

/* The items of a list; what is no list counts as its only item. */
size_t lab_node_count(const yaml_node_t *node);
yaml_node_t *lab_reader_item(struct lab_reader *reader, yaml_node_t *node, size_t index);

/* Calls `each` for the pairs of a map, until it returns false. `key` is where an error is put if `map` is no map; a key
 * that stands there twice is an error. */
bool lab_reader_each(struct lab_reader *reader, yaml_node_t *key, yaml_node_t *map,
                     bool (*each)(struct lab_reader *reader, yaml_node_t *key, yaml_node_t *value, void *arg),
                     void *arg);

#endif
