#include "run/line_check.h"

#include "cell/cell.h"

#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { HASH_BYTES = crypto_generichash_BYTES_MIN, DIGITS = 2 * HASH_BYTES };
_Static_assert(HASH_BYTES == 16, "the checksum's length is part of the format");

/* ,"check":"…"} */
#define BEFORE ",\"check\":\""
#define AFTER "\"}"
enum {
    BEFORE_BYTES = sizeof BEFORE - 1,
    AFTER_BYTES = sizeof AFTER - 1,
    MEMBER_BYTES = BEFORE_BYTES + DIGITS + AFTER_BYTES
};

static void digits_of(const char *text, size_t bytes, char out[DIGITS + 1]) {
    uint8_t hash[HASH_BYTES];
    crypto_generichash(hash, sizeof hash, (const uint8_t *)text, bytes, NULL, 0);
    sodium_bin2hex(out, DIGITS + 1, hash, sizeof hash);
}

char *lab_line_checked(const json_t *line) {
    char *text = lab_line_text(line);
    char *grown = text != NULL ? realloc(text, strlen(text) + MEMBER_BYTES + 1) : NULL;
    if (grown == NULL) {
        free(text);
        return NULL;
    }
    char digits[DIGITS + 1];
    char *end = strrchr(grown, '}');
    digits_of(grown, (size_t)(end - grown), digits);
    strcpy(end, BEFORE);
    strcat(strcat(strcat(end, digits), AFTER), "\n");
    return grown;
}

enum lab_line_check lab_line_verify(const char *text, size_t bytes) {
    bytes -= bytes > 0 && text[bytes - 1] == '\r'; /* a line end of other systems changes nothing */
    if (bytes < MEMBER_BYTES || memcmp(text + bytes - MEMBER_BYTES, BEFORE, BEFORE_BYTES) != 0) {
        return LAB_LINE_UNVERIFIED;
    }
    size_t content = bytes - MEMBER_BYTES;
    char digits[DIGITS + 1];
    digits_of(text, content, digits);
    return memcmp(text + content + BEFORE_BYTES, digits, DIGITS) == 0 ? LAB_LINE_RIGHT : LAB_LINE_WRONG;
}
