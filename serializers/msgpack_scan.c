#include "msgpack_scan.h"

#include "msgpack_decode.h"

#include <stdbool.h>
#include <stdlib.h>

enum { DEPTH_MAX = 1024 };

/* One object's head: how many bytes of content follow, and how many objects. */
struct head {
    uint8_t type;
    size_t head_bytes;
    uint64_t content_bytes;
    uint64_t items;
    bool container;
};

static uint64_t big_endian(const uint8_t *at, unsigned bytes) {
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

/* Formats 0xc0 … 0xdf: bytes of the length field that follows the type byte, or the fixed number of content bytes. */
struct format {
    uint8_t length_bytes;
    uint8_t fixed_bytes;
    char kind; /* 'f' fixed, 'l' length of bytes, 'e' ext with length, 'a' array, 'm' map, 'x' never used */
};
static const struct format formats[32] = {
    {0, 0, 'f'},  {0, 0, 'x'}, {0, 0, 'f'}, {0, 0, 'f'}, {1, 0, 'l'}, {2, 0, 'l'}, {4, 0, 'l'}, {1, 0, 'e'},
    {2, 0, 'e'},  {4, 0, 'e'}, {0, 4, 'f'}, {0, 8, 'f'}, {0, 1, 'f'}, {0, 2, 'f'}, {0, 4, 'f'}, {0, 8, 'f'},
    {0, 1, 'f'},  {0, 2, 'f'}, {0, 4, 'f'}, {0, 8, 'f'}, {0, 2, 'f'}, {0, 3, 'f'}, {0, 5, 'f'}, {0, 9, 'f'},
    {0, 17, 'f'}, {1, 0, 'l'}, {2, 0, 'l'}, {4, 0, 'l'}, {2, 0, 'a'}, {4, 0, 'a'}, {2, 0, 'm'}, {4, 0, 'm'},
};

static enum corps_err read_head(const uint8_t *data, size_t bytes, size_t at, struct head *head) {
    uint8_t type = data[at];
    *head = (struct head){.type = type, .head_bytes = 1};
    if (type <= 0x7f || type >= 0xe0) { /* small integers */
        return CORPS_OK;
    }
    if (type <= 0x8f || (type >= 0x90 && type <= 0x9f)) { /* small maps and arrays */
        head->container = true;
        head->items = type <= 0x8f ? 2u * (type & 0x0fu) : type & 0x0fu;
        return CORPS_OK;
    }
    if (type <= 0xbf) { /* short text */
        head->content_bytes = type & 0x1fu;
        return CORPS_OK;
    }
    const struct format *format = &formats[type - 0xc0];
    if (format->kind == 'x') {
        return corps_error_set(CORPS_ERR_CORRUPT, "msgpack: byte %zu has the type 0x%02x, which does not exist", at,
                               type);
    }
    if (bytes - at - 1 < format->length_bytes) {
        return corps_error_set(CORPS_ERR_CORRUPT, "msgpack: the data ends within the length at byte %zu", at);
    }
    uint64_t length = big_endian(data + at + 1, format->length_bytes);
    head->head_bytes = 1u + format->length_bytes;
    head->container = format->kind == 'a' || format->kind == 'm';
    head->items = format->kind == 'a' ? length : format->kind == 'm' ? length * 2 : 0;
    head->content_bytes = format->kind == 'f'   ? format->fixed_bytes
                          : format->kind == 'l' ? length
                          : format->kind == 'e' ? length + 1
                                                : 0;
    return CORPS_OK;
}

/* Well-formed, but not for us: integers that need the 64th bit, and extensions of others. `content` is complete. */
static enum corps_err check_content(const struct head *head, const uint8_t *content, size_t at) {
    uint8_t type = head->type;
    if (type == 0xcf && content[0] >= 0x80) {
        return corps_error_set(CORPS_ERR_TOO_LARGE,
                               "msgpack: the integer %llu at byte %zu does not fit 64 bits with a sign",
                               (unsigned long long)big_endian(content, 8), at);
    }
    bool ext = (type >= 0xc7 && type <= 0xc9) || (type >= 0xd4 && type <= 0xd8);
    bool known = ext && ((content[0] == CORPS__MSGPACK_NAME && head->content_bytes > 1) ||
                         (content[0] == CORPS__MSGPACK_BUFFER && head->content_bytes == 5));
    if (ext && !known) {
        return corps_error_set(CORPS_ERR_CORRUPT,
                               "msgpack: no extension of type %d with %llu bytes is known (byte %zu)",
                               (int8_t)content[0], (unsigned long long)head->content_bytes - 1, at);
    }
    return CORPS_OK;
}

enum corps_err corps__msgpack_scan(const uint8_t *data, size_t bytes, unsigned depth_max) {
    uint64_t left[DEPTH_MAX + 1]; /* objects still to come, per level */
    unsigned depth = 0;
    size_t at = 0;
    left[0] = 1;
    depth_max = depth_max < DEPTH_MAX ? depth_max : DEPTH_MAX;
    while (left[depth] > 0 || depth > 0) {
        if (left[depth] == 0) {
            depth--;
            continue;
        }
        left[depth]--;
        if (at >= bytes) {
            return corps_error_set(CORPS_ERR_CORRUPT, "msgpack: the data ends at byte %zu, but more must follow",
                                   bytes);
        }
        struct head head;
        enum corps_err err = read_head(data, bytes, at, &head);
        if (err != CORPS_OK) {
            return err;
        }
        size_t follow = bytes - at - head.head_bytes;
        if (head.content_bytes > follow || head.items > follow) { /* every item takes a byte at least */
            return corps_error_set(CORPS_ERR_CORRUPT, "msgpack: byte %zu announces %llu %s, but only %zu bytes follow",
                                   at, (unsigned long long)(head.container ? head.items : head.content_bytes),
                                   head.container ? "items" : "bytes", follow);
        }
        err = check_content(&head, data + at + head.head_bytes, at);
        if (err != CORPS_OK) {
            return err;
        }
        if (head.container && depth == depth_max) {
            return corps_error_set(CORPS_ERR_TOO_LARGE, "msgpack: nested deeper than %u levels at byte %zu", depth_max,
                                   at);
        }
        at += head.head_bytes + (size_t)head.content_bytes;
        if (head.container) {
            left[++depth] = head.items;
        }
    }
    if (at != bytes) {
        return corps_error_set(CORPS_ERR_CORRUPT, "msgpack: %zu bytes follow the end of the data at byte %zu",
                               bytes - at, at);
    }
    return CORPS_OK;
}
