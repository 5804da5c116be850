#include "published.h"

#include "base/dir.h"
#include "base/hooks.h"
#include "codec/record.h"
#include "link/known.h"
#include "link/rows.h"

#include <corps.h>
#include <corps/serializer.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* [version, corps, settings, secret, table, front class]: link/foreign.c */
enum { SECRET_AT = 3, TABLE_AT = 4, ITEMS_MAX = 16, PATH_BYTES = CORPS__DIR_BYTES + 16, FILE_BYTES_MAX = 1 << 20 };

static enum corps_err no_memory(void) {
    return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for what a Corps has published");
}

static enum corps_err read_file(const char *path, uint8_t **data, size_t *bytes) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return errno == ENOENT ? corps_error_set(CORPS_ERR_EXITED, "there is no %s", path)
                               : corps_error_system("cannot open %s", path);
    }
    uint8_t *read_here = malloc(FILE_BYTES_MAX);
    ssize_t done = read_here != NULL ? read(fd, read_here, FILE_BYTES_MAX) : -1;
    close(fd);
    if (done < 0) {
        enum corps_err err = read_here == NULL ? no_memory() : corps_error_system("cannot read %s", path);
        free(read_here);
        return err;
    }
    *data = read_here;
    *bytes = (size_t)done;
    return CORPS_OK;
}

/* Gives a reference. */
static enum corps_err read_value(const char *directory, struct corps_box **out) {
    char path[PATH_BYTES];
    uint8_t *data = NULL;
    size_t bytes = 0;
    const struct corps_serializer *msgpack = NULL;
    snprintf(path, sizeof path, "%s/%s", directory, CORPS__KNOWN_FILE);
    enum corps_err err = corps_serializer_find("msgpack", &msgpack);
    err = err == CORPS_OK ? read_file(path, &data, &bytes) : err;
    if (err != CORPS_OK) {
        return err;
    }
    struct corps_box *box = corps_box_create();
    struct iovec segment = {.iov_base = data, .iov_len = bytes};
    err = box != NULL ? msgpack->decode(&segment, 1, NULL, CORPS_DECODE_VALUES, box) : no_memory();
    free(data);
    const struct corps_value *root = err == CORPS_OK ? corps_box_root(box) : NULL;
    if (err == CORPS_OK && (!corps__record_is(root, CORPS_VERSION) || root->count <= TABLE_AT ||
                            root->count > ITEMS_MAX || root->items[SECRET_AT].kind != CORPS_BIN)) {
        err = corps_error_set(CORPS_ERR_PROTOCOL, "%s was written by another version; this one is %s", path,
                              CORPS_VERSION);
    }
    if (err != CORPS_OK) {
        corps_box_unref(box);
        return err;
    }
    *out = box;
    return CORPS_OK;
}

static enum corps_err encode(const struct corps_value *value, uint8_t **out, size_t *bytes) {
    const struct corps_serializer *msgpack = NULL;
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    enum corps_err err = corps_serializer_find("msgpack", &msgpack);
    err = err == CORPS_OK ? msgpack->encode(value, &encoding) : err;
    uint8_t *copy = err == CORPS_OK ? malloc(encoding.stream_bytes) : NULL;
    if (copy != NULL) { /* nothing in it is large enough for a buffer of its own */
        memcpy(copy, encoding.stream, encoding.stream_bytes);
        *out = copy;
        *bytes = encoding.stream_bytes;
    }
    corps_encoding_finish(&encoding);
    return err != CORPS_OK ? err : copy != NULL ? CORPS_OK : no_memory();
}

enum corps_err agent_published_read(const char *directory, uint8_t **data, size_t *bytes) {
    static const uint8_t none[CORPS_SECRET_BYTES];
    struct corps_box *box;
    enum corps_err err = read_value(directory, &box);
    if (err != CORPS_OK) {
        return err;
    }
    const struct corps_value *root = corps_box_root(box);
    struct corps_value items[ITEMS_MAX];
    memcpy(items, root->items, root->count * sizeof items[0]);
    items[SECRET_AT] = corps_bin(none, sizeof none);
    const struct corps_value told = corps_array(items, root->count);
    err = encode(&told, data, bytes);
    corps_box_unref(box);
    return err;
}

/* ---- what is written ---- */

static enum corps_err write_file(const char *directory, const uint8_t *data, size_t bytes) {
    char draft[PATH_BYTES], path[PATH_BYTES];
    snprintf(draft, sizeof draft, "%s/%s.new", directory, CORPS__KNOWN_FILE);
    snprintf(path, sizeof path, "%s/%s", directory, CORPS__KNOWN_FILE);
    (void)unlink(draft); /* of a writing that was cut short */
    int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return corps_error_system("cannot make %s", draft);
    }
    bool whole = write(fd, data, bytes) == (ssize_t)bytes;
    close(fd);
    return whole && rename(draft, path) == 0 ? CORPS_OK : corps_error_system("cannot write %s", path);
}

/* Of one that is not there for good its row stays as it is. */
static enum corps_err restarts(const struct corps_value *row, const char *text, struct corps_box *box,
                               struct corps_value *out) {
    row = corps_value_open(row);
    int64_t state = corps__record_int(row, 0, CORPS__ENV_LOST);
    if (row->kind != CORPS_ARRAY || row->count < CORPS__ROW_ITEMS || row->count > ITEMS_MAX) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "what a Corps has published of an Env is of another version");
    }
    struct corps_value items[ITEMS_MAX];
    memcpy(items, row->items, row->count * sizeof items[0]);
    if (state != CORPS__ENV_LOST && state != CORPS__ENV_TAKEN) {
        items[0] = corps_int(CORPS__ENV_RESTARTING);
        items[4] = corps_int(0); /* its process … */
        items[5] = corps_str(text);
        items[7] = corps_str(""); /* … and its address for other hosts */
    }
    const struct corps_value made = corps_array(items, row->count);
    return corps_box_copy(box, &made, out);
}

enum corps_err agent_published_restarts(const char *directory, const char *text) {
    struct corps_box *box;
    enum corps_err err = read_value(directory, &box);
    if (err != CORPS_OK) {
        return err;
    }
    const struct corps_value *root = corps_box_root(box);
    const struct corps_value *table = corps_value_open(&root->items[TABLE_AT]);
    size_t count = table->kind == CORPS_ARRAY ? table->count : 0;
    struct corps_value items[ITEMS_MAX];
    struct corps_value *rows = corps_box_alloc(box, (count + 1) * sizeof *rows);
    err = rows != NULL ? CORPS_OK : no_memory();
    for (size_t i = 0; err == CORPS_OK && i < count; i++) {
        err = restarts(&table->items[i], text, box, &rows[i]);
    }
    uint8_t *data = NULL;
    size_t bytes = 0;
    if (err == CORPS_OK) {
        memcpy(items, root->items, root->count * sizeof items[0]);
        items[TABLE_AT] = corps_array(rows, count);
        const struct corps_value changed = corps_array(items, root->count);
        err = encode(&changed, &data, &bytes);
    }
    err = err == CORPS_OK ? write_file(directory, data, bytes) : err;
    free(data);
    corps_box_unref(box);
    return err;
}

void agent_published_remove(const char *directory) {
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", directory, CORPS__KNOWN_FILE);
    (void)unlink(path);
}
