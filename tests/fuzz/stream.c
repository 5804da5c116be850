/* What unix, tcp and pipe read: lengths and frames, in pieces of any size. Frames come as they went, and one that is
 * larger than allowed ends the link. The first two bytes of the input say how long the pieces are. */
#include "stream.h"
#include "fuzz.h"

#include <fcntl.h>
#include <unistd.h>

enum { FRAME_BYTES_MAX = 1 << 17 };

struct ends {
    struct corps__stream stream;
    struct corps__stream_link *link;
    int feed_fd;
    const uint8_t *at; /* the frame that must come next */
    size_t left;       /* of what was fed */
    bool closed;
};

static void on_event(struct ends *ends, struct corps_event *event) {
    uint64_t length = 0;
    for (unsigned i = 0; ends->left >= CORPS__STREAM_LENGTH_BYTES && i < CORPS__STREAM_LENGTH_BYTES; i++) {
        length |= (uint64_t)ends->at[i] << 8 * i;
    }
    if (event->kind == CORPS_EVENT_MESSAGE) {
        must(!ends->closed && ends->left >= CORPS__STREAM_LENGTH_BYTES + length && event->bytes == length);
        must(memcmp(event->data, ends->at + CORPS__STREAM_LENGTH_BYTES, event->bytes) == 0);
        ends->at += CORPS__STREAM_LENGTH_BYTES + length;
        ends->left -= CORPS__STREAM_LENGTH_BYTES + length;
    } else if (event->kind == CORPS_EVENT_CLOSED) {
        must(!ends->closed && (event->reason == CORPS_ERR_TOO_LARGE) == (length > FRAME_BYTES_MAX));
        ends->closed = true;
    }
}

static void poll_all(struct ends *ends) {
    struct corps_event event = {0};
    for (unsigned empty = 0; empty < 3;) {
        if (corps__stream_poll(&ends->stream.links.base, &event) != CORPS_OK) {
            empty++;
            continue;
        }
        on_event(ends, &event);
        corps__stream_release(&ends->stream.links.base, &event);
        corps_block_unref(event.block);
        event = (struct corps_event){0};
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct script script = {.at = data, .left = bytes};
    size_t step = 1 + (size_t)script_number(&script, 2) % 8192;
    struct corps_endpoint_options options = {.frame_bytes_max = FRAME_BYTES_MAX};
    struct ends ends = {.at = script.at, .left = script.left};
    int fds[2];
    must(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0 && corps__stream_open(&ends.stream, &options) == CORPS_OK);
    ends.feed_fd = fds[1];
    ends.link = corps__stream_link_create(&ends.stream);
    must(ends.link != NULL && corps__stream_link_start(ends.link, fds[0], fds[0], false, true) == CORPS_OK);
    for (const uint8_t *at = script.at; script.left > 0 && !ends.closed;) {
        ssize_t done = write(ends.feed_fd, at, step < script.left ? step : script.left);
        must(done > 0);
        at += done;
        script.left -= (size_t)done;
        poll_all(&ends);
    }
    close(ends.feed_fd);
    poll_all(&ends);
    must(ends.closed);
    corps__stream_disconnect(&ends.link->base.base);
    corps__stream_close(&ends.stream);
    return 0;
}
