/* Byte streams whose peers find each other at a rendezvous: pipe and unix. Their links' sessions are closed by
 * `destroy`. */
#ifndef CORPS_STREAM_RENDEZVOUS_H
#define CORPS_STREAM_RENDEZVOUS_H

#include "links_rendezvous.h"
#include "stream.h"

/* Opens a stream endpoint and its rendezvous, whose owner it is. After an error nothing is left open. Errors: SYSTEM,
 * INVALID, NO_MEMORY. */
enum corps_err corps__stream_rendezvous_open(struct corps__stream *stream, const struct corps_endpoint_options *options,
                                             const struct corps__rendezvous_ops *ops,
                                             char address[CORPS_ADDRESS_BYTES]) CORPS_CHECKED;

/* `forget` of the table, for links that have no other descriptors; and `close`. */
void corps__stream_rendezvous_forget(struct corps_endpoint *base);
void corps__stream_rendezvous_close(struct corps_endpoint *base);

#define CORPS__STREAM_RENDEZVOUS_OPERATIONS CORPS__STREAM_OPERATIONS, .close = corps__stream_rendezvous_close

#endif
