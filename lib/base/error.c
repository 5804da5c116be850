#include <corps/error.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char detail[512];

static const struct {
    const char *name;
    const char *text;
} errors[CORPS_ERR_COUNT] = {
#define ERROR_ROW(code, text) [CORPS_ERR_##code] = {#code, text},
    CORPS_ERRORS(ERROR_ROW)
#undef ERROR_ROW
};

const char *corps_error_name(enum corps_err code) {
    return (unsigned)code < CORPS_ERR_COUNT ? errors[code].name : "?";
}

const char *corps_error_text(enum corps_err code) {
    return (unsigned)code < CORPS_ERR_COUNT ? errors[code].text : "?";
}

const char *corps_error_detail(void) {
    return detail;
}

enum corps_err corps_error_set(enum corps_err code, const char *format, ...) {
    /* Formatted aside first: an argument may be the old detail itself. */
    char text[sizeof detail];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(detail, text, sizeof detail);
    return code;
}

enum corps_err corps_error_system(const char *format, ...) {
    int error = errno;
    char text[sizeof detail];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    char reason[128];
    return corps_error_set(CORPS_ERR_SYSTEM, "%s: %s", text, strerror_r(error, reason, sizeof reason));
}
