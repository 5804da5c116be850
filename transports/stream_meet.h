/* Byte streams whose peers meet at a rendezvous: pipe and unix. Their links' meetings are closed by `destroy`. */
#ifndef CORPS_STREAM_MEET_H
#define CORPS_STREAM_MEET_H

#include "links_meet.h"
#include "stream.h"

/* Opens a stream endpoint and its rendezvous, whose owner it is. After an error nothing is left open. Errors: SYSTEM,
 * INVALID, NO_MEMORY. */
enum corps_err corps__stream_meet_open(struct corps__stream *stream, const struct corps_endpoint_options *options,
                                       const struct corps__rendezvous_ops *ops,
                                       char address[CORPS_ADDRESS_BYTES]) CORPS_CHECKED;

/* `close` of the table. */
void corps__stream_meet_close(struct corps_endpoint *base);

#define CORPS__STREAM_MEET_OPERATIONS CORPS__STREAM_OPERATIONS, .close = corps__stream_meet_close

#endif
