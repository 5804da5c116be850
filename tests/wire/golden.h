/* The bytes that Corps writes, kept in golden.txt, which was made on a little-endian machine (x86-64).
 *
 * A *case* is something to be written: a frame, a batch, a value in msgpack, a frame in a stream. Its name and the
 * segments that the library made of it are a line of golden.txt. Checking writes every case again, compares it with its
 * line byte by byte, and reads the line's bytes back. The same program runs on machines of other byte orders.
 *
 * A line changes only when the format does, and then CORPS__WIRE_VERSION too. New lines, from the folder of the
 * sources: build/tests/wire-golden write >tests/wire/golden.txt
 *
 * Not here is what never leaves a host, and may be in its own byte order: rings of shm, messages of mqueue, the hello
 * of a rendezvous.
 */
#ifndef CORPS_GOLDEN_H
#define CORPS_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/uio.h>

enum { CASE_NAME_BYTES = 64 };

/* Segments of a case, in memory of their own. Zero it before use. */
struct segments {
    struct iovec *parts;
    size_t count;
};

/* Adds a segment, a copy of `bytes` bytes. */
void segments_add(struct segments *segments, const void *data, size_t bytes);
void segments_free(struct segments *segments);
bool segments_equal(const struct segments *a, const struct segments *b);

/* Cases of one sort. `index` is below `count()`. */
struct family {
    size_t (*count)(void);
    const char *(*name)(size_t index); /* unique in all families, no white space; lent for ever */
    void (*write)(size_t index, struct segments *out);
    /* Are these the case's bytes, as the library reads them? Prints what is not as it was. */
    bool (*read)(size_t index, const struct segments *in);
};
extern const struct family golden_frames, golden_batches, golden_values, golden_foreign, golden_streams;

/* A line of golden.txt: the name, then each segment in hexadecimal; (xx*N) stands for N bytes xx, - for no bytes. */
void line_write(FILE *file, const char *name, const struct segments *segments);

/* Takes a line apart: `line` is changed, `*name` points into it. False when it is no such line. */
bool line_read(char *line, const char **name, struct segments *segments);

/* Ends the program: something that must work did not. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints a difference to standard error; false. */
bool differs(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
