/* What a peer says in msgpack besides its arguments: its HELLO, and the failure of a call. */
#include "link/hello.h"
#include "fuzz.h"
#include "msgpack_decode.h"
#include "value/failure.h"

static struct corps_box *decode(const void *data, size_t bytes) {
    struct corps_box *box = corps_box_create();
    const struct iovec segment = {.iov_base = (void *)(uintptr_t)data, .iov_len = bytes};
    must(box != NULL);
    if (corps__msgpack_decode(&segment, 1, NULL, CORPS_DECODE_VALUES, box) == CORPS_OK) {
        return box;
    }
    corps_box_unref(box);
    return NULL;
}

/* Who was understood is understood again when this program says it. */
static void say_again(const struct corps__greeting *greeting) {
    struct corps_encoding encoding;
    struct corps__greeting again;
    corps_encoding_init(&encoding);
    must(corps__hello_encode(greeting, 1, &encoding) == CORPS_OK);
    struct corps_box *box = decode(encoding.stream, encoding.stream_bytes);
    must(box != NULL && corps__hello_read(corps_box_root(box), &again) == CORPS_OK);
    must(again.corps_id == greeting->corps_id && again.env == greeting->env);
    must(again.incarnation == greeting->incarnation && again.wanted == greeting->wanted);
    must(memcmp(again.identity, greeting->identity, sizeof again.identity) == 0);
    corps_box_unref(box);
    corps_encoding_finish(&encoding);
}

static void read_failure(const struct corps_value *items, size_t bytes) {
    struct corps__failure *failure = corps__failure_of_items(items, 0, false);
    must(failure != NULL && failure->info.code > CORPS_OK && failure->info.code < CORPS_ERR_COUNT);
    must(strlen(failure->info.type) + strlen(failure->info.text) + strlen(failure->info.traceback) <= bytes);
    must(memchr(failure->info.origin, 0, sizeof failure->info.origin) != NULL);
    must(((const char *)failure->info.detail)[failure->info.detail_bytes] == '\0');
    free(failure);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct corps_box *box = decode(data, bytes);
    if (box != NULL) {
        struct corps__greeting greeting;
        if (corps__hello_read(corps_box_root(box), &greeting) == CORPS_OK) {
            say_again(&greeting);
        } else {
            must(corps_error_detail()[0] != '\0');
        }
        read_failure(corps_box_root(box), bytes);
        corps_box_unref(box);
    }
    return 0;
}
