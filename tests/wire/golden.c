/* golden write         every case on standard output, as golden.txt has them
 * golden check FILE    every case against its line in FILE; 0 when all agree
 * golden order         this machine's byte order */
#include "golden.h"

#include <stdlib.h>
#include <string.h>

static const struct family *const families[] = {&golden_frames, &golden_batches, &golden_values, &golden_foreign,
                                                &golden_streams};
enum { FAMILIES = sizeof families / sizeof families[0] };

static void write_all(void) {
    for (size_t f = 0; f < FAMILIES; f++) {
        for (size_t i = 0; i < families[f]->count(); i++) {
            struct segments segments = {0};
            families[f]->write(i, &segments);
            line_write(stdout, families[f]->name(i), &segments);
            segments_free(&segments);
        }
    }
}

/* Where a case of this name is; false when there is none. */
static bool find(const char *name, const struct family **family, size_t *index) {
    for (size_t f = 0; f < FAMILIES; f++) {
        for (size_t i = 0; i < families[f]->count(); i++) {
            if (strcmp(families[f]->name(i), name) == 0) {
                *family = families[f];
                *index = i;
                return true;
            }
        }
    }
    return false;
}

/* Says where the first difference is. */
static bool other_bytes(const char *name, const struct segments *golden, const struct segments *own) {
    if (golden->count != own->count) {
        return differs(name, "%zu segments, here %zu", golden->count, own->count);
    }
    for (size_t s = 0; s < own->count; s++) {
        const uint8_t *theirs = golden->parts[s].iov_base, *ours = own->parts[s].iov_base;
        size_t at = 0;
        while (at < golden->parts[s].iov_len && at < own->parts[s].iov_len && theirs[at] == ours[at]) {
            at++;
        }
        if (at < golden->parts[s].iov_len && at < own->parts[s].iov_len) {
            return differs(name, "byte %zu of segment %zu is %02x, here %02x", at, s, theirs[at], ours[at]);
        }
        if (golden->parts[s].iov_len != own->parts[s].iov_len) {
            return differs(name, "segment %zu has %zu bytes, here %zu", s, golden->parts[s].iov_len,
                           own->parts[s].iov_len);
        }
    }
    return true;
}

static bool check_line(char *line) {
    const char *name;
    struct segments golden = {0};
    const struct family *family = NULL;
    size_t index = 0;
    bool well = line_read(line, &name, &golden) || differs("a line of the file", "is not name and bytes");
    well = well && (find(name, &family, &index) || differs(name, "is no case of this program"));
    if (well) {
        struct segments own = {0};
        family->write(index, &own);
        bool same = other_bytes(name, &golden, &own); /* both are tried: each tells something */
        bool read = family->read(index, &golden);
        well = same && read;
        segments_free(&own);
    }
    segments_free(&golden);
    return well;
}

static int check(const char *path) {
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        die("cannot open %s", path);
    }
    char *line = NULL;
    size_t capacity = 0, lines = 0, wrong = 0, cases = 0;
    for (; getline(&line, &capacity, file) > 0; lines++) {
        wrong += !check_line(line);
    }
    free(line);
    fclose(file);
    for (size_t f = 0; f < FAMILIES; f++) {
        cases += families[f]->count();
    }
    if (lines != cases) {
        fprintf(stderr, "%s has %zu lines, but there are %zu cases\n", path, lines, cases);
    }
    printf("%zu cases, %zu wrong\n", lines, wrong);
    return wrong == 0 && lines == cases ? 0 : 1;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "write") == 0) {
        write_all();
        return fflush(stdout) == 0 ? 0 : 1;
    }
    if (argc == 3 && strcmp(argv[1], "check") == 0) {
        return check(argv[2]);
    }
    if (argc == 2 && strcmp(argv[1], "order") == 0) {
        const uint16_t one = 1;
        puts(*(const uint8_t *)&one == 1 ? "little-endian" : "big-endian");
        return 0;
    }
    fprintf(stderr, "usage: golden write | check FILE | order\n");
    return 2;
}
