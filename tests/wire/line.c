#include "golden.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { RUN_MIN = 16 }; /* shorter runs of a byte are written out */

void die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

bool differs(const char *name, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s: ", name);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return false;
}

/* ---- segments ---- */

/* Adds a segment of `bytes` bytes and gives its memory. */
static uint8_t *add_room(struct segments *segments, size_t bytes) {
    struct iovec *grown = realloc(segments->parts, (segments->count + 1) * sizeof *grown);
    uint8_t *memory = malloc(bytes + 1);
    if (grown == NULL || memory == NULL) {
        die("no memory for %zu bytes", bytes);
    }
    segments->parts = grown;
    segments->parts[segments->count++] = (struct iovec){.iov_base = memory, .iov_len = bytes};
    return memory;
}

void segments_add(struct segments *segments, const void *data, size_t bytes) {
    uint8_t *memory = add_room(segments, bytes);
    if (bytes > 0) {
        memcpy(memory, data, bytes);
    }
}

void segments_free(struct segments *segments) {
    for (size_t i = 0; i < segments->count; i++) {
        free(segments->parts[i].iov_base);
    }
    free(segments->parts);
    *segments = (struct segments){0};
}

bool segments_equal(const struct segments *a, const struct segments *b) {
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        same = a->parts[i].iov_len == b->parts[i].iov_len &&
               memcmp(a->parts[i].iov_base, b->parts[i].iov_base, a->parts[i].iov_len) == 0;
    }
    return same;
}

/* ---- text ---- */

static void write_bytes(FILE *file, const uint8_t *data, size_t bytes) {
    for (size_t at = 0, run; at < bytes; at += run) {
        for (run = 1; at + run < bytes && data[at + run] == data[at]; run++) {
        }
        if (run >= RUN_MIN) {
            fprintf(file, "(%02x*%zu)", data[at], run);
        } else {
            fprintf(file, "%02x", data[at]);
            run = 1;
        }
    }
}

void line_write(FILE *file, const char *name, const struct segments *segments) {
    fputs(name, file);
    for (size_t i = 0; i < segments->count; i++) {
        fputc(' ', file);
        if (segments->parts[i].iov_len == 0) {
            fputc('-', file);
        }
        write_bytes(file, segments->parts[i].iov_base, segments->parts[i].iov_len);
    }
    fputc('\n', file);
}

static int digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The next run of a byte in a segment's text; NULL when there is none. */
static const char *next_run(const char *text, uint8_t *byte, size_t *count) {
    bool counted = *text == '(';
    text += counted;
    int high = digit(text[0]);
    int low = high >= 0 ? digit(text[1]) : -1;
    if (low < 0) {
        return NULL;
    }
    *byte = (uint8_t)(high << 4 | low);
    *count = 1;
    text += 2;
    if (!counted) {
        return text;
    }
    char *end = NULL;
    *count = *text == '*' ? strtoul(text + 1, &end, 10) : 0;
    return end != NULL && *end == ')' ? end + 1 : NULL;
}

static bool read_bytes(const char *text, struct segments *segments) {
    size_t bytes = 0;
    uint8_t byte;
    size_t count;
    if (strcmp(text, "-") == 0) {
        segments_add(segments, "", 0);
        return true;
    }
    for (const char *at = text; *at != '\0'; bytes += count) {
        at = next_run(at, &byte, &count);
        if (at == NULL) {
            return false;
        }
    }
    uint8_t *out = add_room(segments, bytes);
    for (const char *at = text; *at != '\0'; out += count) {
        at = next_run(at, &byte, &count);
        memset(out, byte, count);
    }
    return true;
}

bool line_read(char *line, const char **name, struct segments *segments) {
    char *rest = line;
    *name = strtok_r(rest, " \n", &rest);
    bool well = *name != NULL;
    for (char *text; well && (text = strtok_r(rest, " \n", &rest)) != NULL;) {
        well = read_bytes(text, segments);
    }
    return well;
}
