#include "value/failure.h"

#include "base/sized.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_INFO_BYTES 160u /* of struct corps_error_info in 0.1 */

static char *put_text(char **at, const void *data, size_t bytes) {
    char *text = *at;
    if (bytes > 0) {
        memcpy(text, data, bytes);
    }
    text[bytes] = '\0';
    *at += bytes + 1;
    return text;
}

/* A text that need not end with NUL. */
struct part {
    const void *data;
    size_t bytes;
};
enum { TYPE, TEXT, TRACEBACK, DETAIL, PARTS };

static struct corps__failure *create_failure(enum corps_err code, const struct part parts[PARTS]) {
    size_t bytes = PARTS;
    for (int i = 0; i < PARTS; i++) {
        bytes += parts[i].bytes;
    }
    struct corps__failure *made = malloc(sizeof *made + bytes);
    if (made != NULL) {
        char *at = made->texts;
        made->info = (struct corps_error_info){.code = code};
        made->info.type = put_text(&at, parts[TYPE].data, parts[TYPE].bytes);
        made->info.text = put_text(&at, parts[TEXT].data, parts[TEXT].bytes);
        made->info.traceback = put_text(&at, parts[TRACEBACK].data, parts[TRACEBACK].bytes);
        made->info.detail = put_text(&at, parts[DETAIL].data, parts[DETAIL].bytes);
        made->info.detail_bytes = parts[DETAIL].bytes;
    }
    return made;
}

static struct part part_of(const char *text) {
    return text != NULL ? (struct part){text, strlen(text)} : (struct part){0};
}

struct corps_error_info corps__error_info_take(const struct corps_error_info *given) {
    static const struct corps__sized kind = CORPS__SIZED(corps_error_info, ERROR_INFO_BYTES);
    struct corps_error_info own;
    const struct corps_error_info *taken = corps__sized_take(&kind, given, &own);
    if (taken == NULL) {
        return (struct corps_error_info){.type = "INVALID", .text = corps_error_detail()};
    }
    own = *taken;
    own.size = 0;
    return own;
}

struct corps__failure *corps__failure_create(const struct corps_error_info *info) {
    const struct part parts[PARTS] = {
        part_of(info->type), part_of(info->text), part_of(info->traceback), {info->detail, info->detail_bytes}};
    struct corps__failure *made = create_failure(info->code, parts);
    if (made != NULL) {
        memcpy(made->info.origin, info->origin, sizeof made->info.origin);
        made->info.detail_trusted = info->detail_trusted;
    }
    return made;
}

void corps__failure_items(const struct corps_error_info *info, struct corps_value items[CORPS__FAILURE_ITEMS]) {
    items[0] = corps_int((int64_t)info->code);
    items[1] = corps_str(info->type != NULL ? info->type : "");
    items[2] = corps_str(info->text != NULL ? info->text : "");
    items[3] = corps_str(info->traceback != NULL ? info->traceback : "");
    items[4] = corps_str(info->origin);
    items[5] = corps_bin(info->detail, info->detail_bytes);
}

static struct part part_at(const struct corps_value *array, size_t index, enum corps_kind kind) {
    const struct corps_value *item = corps_value_item(array, index);
    return item != NULL && item->kind == kind ? (struct part){item->bin, item->count} : (struct part){0};
}

struct corps__failure *corps__failure_of_items(const struct corps_value *array, size_t first, bool trusted) {
    const struct corps_value *code = corps_value_item(array, first);
    bool known = code != NULL && code->kind == CORPS_INT && code->integer > 0 && code->integer < CORPS_ERR_COUNT;
    const struct part parts[PARTS] = {part_at(array, first + 1, CORPS_STR), part_at(array, first + 2, CORPS_STR),
                                      part_at(array, first + 3, CORPS_STR), part_at(array, first + 5, CORPS_BIN)};
    struct corps__failure *made = create_failure(known ? (enum corps_err)code->integer : CORPS_ERR_REMOTE, parts);
    struct part origin = part_at(array, first + 4, CORPS_STR);
    if (made != NULL) {
        made->info.detail_trusted = trusted;
    }
    if (made != NULL && origin.bytes > 0) {
        snprintf(made->info.origin, sizeof made->info.origin, "%.*s", (int)origin.bytes, (const char *)origin.data);
    }
    return made;
}

/* ---- of creating ---- */

static _Thread_local struct corps__failure *of_create;

void corps__create_failure_set(struct corps__failure *failure) {
    free(of_create);
    of_create = failure;
}

const struct corps_error_info *corps_create_failure(void) {
    static const struct corps_error_info none = {.type = "", .text = "", .traceback = "", .detail = ""};
    return of_create != NULL ? &of_create->info : &none;
}

enum corps_err corps_boot_fail(const struct corps_error_info *info) {
    struct corps_error_info own = corps__error_info_take(info);
    own.code = CORPS_ERR_REMOTE;
    corps__create_failure_set(corps__failure_create(&own));
    return corps_error_set(CORPS_ERR_REMOTE, "%s: %s", own.type != NULL ? own.type : "",
                           own.text != NULL ? own.text : "");
}
