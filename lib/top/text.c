#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool make_room(struct top_text *text, size_t more) {
    if (text->room - text->used > more) {
        return true;
    }
    size_t room = 2 * text->room + more + 4096;
    char *grown = text->failed ? NULL : realloc(text->bytes, room);
    if (grown == NULL) {
        text->failed = true;
        return false;
    }
    text->bytes = grown;
    text->room = room;
    return true;
}

void top_add(struct top_text *text, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int bytes = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (bytes > 0 && make_room(text, (size_t)bytes)) {
        va_start(args, format);
        vsnprintf(text->bytes + text->used, text->room - text->used, format, args);
        va_end(args);
        text->used += (size_t)bytes;
    }
}

void top_add_bytes(struct top_text *text, const char *bytes, size_t count) {
    if (count > 0 && make_room(text, count)) {
        memcpy(text->bytes + text->used, bytes, count);
        text->used += count;
    }
}

static bool is_continuation(char byte) {
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* Characters below a blank, DEL, U+0080 to U+009F, which are commands too (ECMA-48), and bytes that begin none. */
static bool is_command(const char *bytes, size_t left) {
    unsigned char first = (unsigned char)bytes[0];
    return first < 0x20 || first == 0x7f || (first >= 0x80 && first < 0xc2) || first > 0xf4 ||
           (first == 0xc2 && left > 1 && (unsigned char)bytes[1] < 0xa0);
}

void top_add_plain(struct top_text *text, const char *bytes, size_t count, unsigned width, bool pad) {
    unsigned column = 0;
    for (size_t i = 0; i < count && column < width; column++) {
        size_t end = i + 1;
        while (end < count && is_continuation(bytes[end])) {
            end++;
        }
        bool harmless = !is_command(bytes + i, count - i);
        top_add_bytes(text, harmless ? bytes + i : "?", harmless ? end - i : 1);
        i = end;
    }
    for (; pad && column < width; column++) {
        top_add_bytes(text, " ", 1);
    }
}

void top_text_free(struct top_text *text) {
    free(text->bytes);
    *text = (struct top_text){.bytes = NULL};
}

bool top_put(const struct top_text *text) {
    if (text->failed) {
        (void)corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for so large an answer");
        return false;
    }
    for (size_t done = 0; done < text->used;) {
        ssize_t bytes = write(STDOUT_FILENO, text->bytes + done, text->used - done);
        if (bytes < 0 && errno != EINTR) {
            (void)corps_error_system("cannot write to standard output");
            return false;
        }
        done += bytes > 0 ? (size_t)bytes : 0;
    }
    return true;
}
