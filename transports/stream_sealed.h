/* Streams whose bytes are sealed (base/seal.h). The stream's own bytes, lengths and frames, go into records of at most
 * 16 KiB: whole records straight from the caller's segments, the rest put together. What comes is opened into the place
 * that the stream reads to: its buffer, or the block of a large frame.
 *
 * A send is taken (OK) when the kernel has every byte of it, as without a seal. A link that ends without a goodbye was
 * cut or its peer has died: CLOSED, as of a plain one, and what came of a frame is dropped. What is not what was sent
 * ends it with PROTOCOL.
 *
 * OpenSSL lets one thread at a time use a connection, in either direction: a lock orders who sends and who polls, for
 * one record at a time. */
#ifndef CORPS_STREAM_SEALED_H
#define CORPS_STREAM_SEALED_H

#include "base/seal.h"
#include "stream.h"

/* Before the link starts, with a seal that is open. Takes the seal, also on errors. Errors: NO_MEMORY. */
enum corps_err corps__stream_seal(struct corps__stream_link *link, struct corps__seal *seal) CORPS_CHECKED;

#endif
