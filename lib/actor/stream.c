#include "actor/stream.h"

void corps__stream_end(struct corps__stream *stream) {
    struct corps__batch *batch = stream->batch;
    if (stream->room > 0) {
        corps__conc_leave_room(stream->to, stream->room);
        stream->room = 0;
    }
    stream->to = NULL;
    if (batch != NULL) {
        stream->batch = NULL;
        corps__batch_leave(batch);
    }
}

void corps__context_end_stream(void) {
    struct corps_context *context = corps__context();
    if (context != NULL) {
        corps__stream_end(&context->stream);
    }
}

void corps__dispatch_end_stream(void) {
    if (corps__actors->stream.to != NULL) {
        corps__stream_end(&corps__actors->stream);
    }
}
