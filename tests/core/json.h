/* Is a text one JSON value, by the letter (RFC 8259)? For what tests have the library write. */
#ifndef CORPS_TEST_JSON_H
#define CORPS_TEST_JSON_H

#include <stdbool.h>
#include <string.h>

static inline const char *json_space(const char *at) {
    return at + strspn(at, " \t\r\n");
}

/* Behind a string, NULL: it is none. */
static inline const char *json_string(const char *at) {
    if (*at++ != '"') {
        return NULL;
    }
    for (; *at != '"'; at++) {
        if ((unsigned char)*at < 0x20) {
            return NULL;
        }
        if (*at == '\\') {
            at++;
            if (*at == 'u' && strspn(at + 1, "0123456789abcdefABCDEF") >= 4) {
                at += 4;
            } else if (*at == '\0' || strchr("\"\\/bfnrt", *at) == NULL) {
                return NULL;
            }
        }
    }
    return at + 1;
}

static inline const char *json_number(const char *at) {
    at += *at == '-' ? 1 : 0;
    size_t digits = strspn(at, "0123456789");
    if (digits == 0 || (digits > 1 && *at == '0')) {
        return NULL;
    }
    at += digits;
    if (*at == '.') {
        digits = strspn(at + 1, "0123456789");
        at = digits > 0 ? at + 1 + digits : NULL;
    }
    return at;
}

/* Behind a value, NULL: there is none. */
static inline const char *json_value(const char *at) {
    at = json_space(at);
    if (*at == '"') {
        return json_string(at);
    }
    if (*at != '{' && *at != '[') {
        static const char *const words[] = {"true", "false", "null"};
        for (unsigned i = 0; i < 3; i++) {
            if (strncmp(at, words[i], strlen(words[i])) == 0) {
                return at + strlen(words[i]);
            }
        }
        return json_number(at);
    }
    bool is_object = *at == '{';
    char end = is_object ? '}' : ']';
    at = json_space(at + 1);
    if (*at == end) {
        return at + 1;
    }
    for (;;) {
        if (is_object) {
            at = json_string(json_space(at));
            at = at != NULL ? json_space(at) : NULL;
            if (at == NULL || *at++ != ':') {
                return NULL;
            }
        }
        at = json_value(at);
        if (at == NULL) {
            return NULL;
        }
        at = json_space(at);
        if (*at == end) {
            return at + 1;
        }
        if (*at++ != ',') {
            return NULL;
        }
    }
}

static inline bool json_is_whole(const char *text) {
    const char *end = json_value(text);
    return end != NULL && *json_space(end) == '\0';
}

#endif
