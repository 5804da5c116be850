/* The frame that crosses between Envs: a fixed 48-byte little-endian header, then the parts it announces.
 *
 *   offset bytes field
 *        0     2 magic 'C','R'
 *        2     1 version (CORPS__WIRE_VERSION)
 *        3     1 kind (enum corps__kind)
 *        4     1 flags
 *        5     1 serializer (wire id of the payload's serializer)
 *        6     2 segment_count
 *        8     8 id: the caller's number of the call; CREDIT: messages given back; CLOCK: when it was asked, by the
 * clock of who asks 16     4 source Env           20  4 source Worker 24     4 destination Worker; a CLOCK question: 1
 * if the other clock is known well enough for calls 28     4 method (its number on this link, or none) 32     8
 * deadline, CLOCK_MONOTONIC ns of its sender, 0 = none; CREDIT: bytes given back; a CLOCK answer: what the clock says,
 * 0 in a question 40     4 trace slot           44  4 name_bytes: length of the method's name, 0 after its first use 48
 * name, then 8 bytes a segment with its length (only when segment_count > 1), then the segments
 *
 * A segment of CORPS__ALIGNED_FROM bytes or more begins at the next multiple of CORPS__ALIGNMENT of the frame, with
 * zeros before it: so it lies aligned at its receiver, who keeps frames at such addresses. Whoever reads knows from the
 * lengths where that is; smaller segments follow at once.
 *
 * A BATCH has `id` entries right behind its header. An entry:
 *        0     4 bytes of its payload   4  4 destination Worker
 *        8     4 method                12  1 flags                13  1 serializer          14  2 zero
 *       16     8 deadline              24    the payload, one segment
 *
 * Byte-identical on every architecture (tests/wire). Nothing in a received frame is believed before it is checked.
 */
#ifndef CORPS_WIRE_H
#define CORPS_WIRE_H

#include "base/symbol.h"

#include <corps/block.h>
#include <corps/error.h>

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#define CORPS__WIRE_VERSION 4u
#define CORPS__HEADER_BYTES 48u
#define CORPS__ENTRY_BYTES 24u
#define CORPS__ENTRY_FLAGS_AT 12u
#define CORPS__ENTRY_BYTES_MAX 512u /* of an entry's payload; what is larger gains little by a batch */
#define CORPS__PAYLOAD_SEGMENTS_MAX                                                                                    \
    1000u /* + header part, and zeros before each: within CORPS_SEGMENTS_MAX of a transport */
#define CORPS__ALIGNMENT 64u
#define CORPS__ALIGNED_FROM 4096u /* as CORPS_OUT_OF_BAND_BYTES: what serializers set apart */
#define CORPS__PREFIX_BYTES_MAX (CORPS__HEADER_BYTES + CORPS__METHOD_BYTES_MAX + 8u * CORPS__PAYLOAD_SEGMENTS_MAX)

enum corps__kind {
    CORPS__HELLO = 1,   /* first on every link, from both sides: who I am (msgpack); see hello.h */
    CORPS__REQUEST = 2, /* call a method */
    CORPS__REPLY = 3,   /* the result of call `id` */
    CORPS__FAILURE = 4, /* call `id` failed: msgpack [code, type, text, traceback, origin, detail] */
    CORPS__CREDIT = 5,  /* room again in a Worker's mailbox after requests without reply */
    CORPS__PROBE = 6,   /* who waits for whom, msgpack; see deadlock.h */
    CORPS__BATCH = 7,   /* several requests without reply: `id` entries follow the header */
    CORPS__DEFINE = 8,  /* a definition that later messages name: its key, then itself; see definitions.h */
    CORPS__CANCEL = 9,  /* the caller gives call `id` to the destination up. Only to who knows it, see hello.h */
    CORPS__CLOCK = 10, /* between hosts: who is called asks what the caller's clock says, who calls answers; clocks.h */
};

enum {
    CORPS__NO_REPLY = 1u << 0,
    CORPS__NIL_PAYLOAD = 1u << 1, /* the payload is nil and no serializer was asked */
    CORPS__RETRY = 1u << 2,       /* REQUEST: may have come before; see actor/answers.h */
};

struct corps__header {
    uint8_t kind;
    uint8_t flags;
    uint8_t serializer;
    uint16_t segment_count;
    uint64_t id;
    uint32_t source_env;
    uint32_t source_conc;
    uint32_t destination;
    uint32_t method;
    uint64_t deadline_ns;
    uint32_t trace;
    uint32_t name_bytes;
};

static inline void corps__wire_put64(uint8_t *at, uint64_t v) {
    v = htole64(v);
    memcpy(at, &v, sizeof v);
}

/* Writes a header (CORPS__HEADER_BYTES) with this method and length of its name. By eight bytes: a transport that
 * copies it at once in such pieces finds them in the processor's store buffer. */
static inline void corps__wire_head(const struct corps__header *h, uint32_t method, uint32_t name_bytes, uint8_t *out) {
    corps__wire_put64(out, (uint64_t)'C' | (uint64_t)'R' << 8 | (uint64_t)CORPS__WIRE_VERSION << 16 |
                               (uint64_t)h->kind << 24 | (uint64_t)h->flags << 32 | (uint64_t)h->serializer << 40 |
                               (uint64_t)h->segment_count << 48);
    corps__wire_put64(out + 8, h->id);
    corps__wire_put64(out + 16, (uint64_t)h->source_env | (uint64_t)h->source_conc << 32);
    corps__wire_put64(out + 24, (uint64_t)h->destination | (uint64_t)method << 32);
    corps__wire_put64(out + 32, h->deadline_ns);
    corps__wire_put64(out + 40, (uint64_t)h->trace | (uint64_t)name_bytes << 32);
}

/* Writes header, method name (may be NULL) and segment lengths to `out` (CORPS__PREFIX_BYTES_MAX bytes); returns their
 * number of bytes. */
size_t corps__wire_write(const struct corps__header *header, const char *name, const struct iovec *segments,
                         uint8_t *out);

/* How many zeros come before a segment of `bytes` bytes that would otherwise begin at byte `at` of its frame. */
static inline size_t corps__wire_padding(size_t at, size_t bytes) {
    return bytes >= CORPS__ALIGNED_FROM ? -at % CORPS__ALIGNMENT : 0;
}

/* The length of an entry's payload, of its head alone. */
static inline uint32_t corps__wire_entry_bytes(const uint8_t *head) {
    uint32_t bytes;
    memcpy(&bytes, head, sizeof bytes);
    return le32toh(bytes);
}

/* Writes the head of an entry (CORPS__ENTRY_BYTES): what of the header it has. */
void corps__wire_write_entry(const struct corps__header *header, uint32_t payload_bytes, uint8_t *out);

/* Checks and reads an entry in the `bytes` bytes from `at` on; its payload follows its head. Errors: PROTOCOL. */
enum corps_err corps__wire_read_entry(const uint8_t *at, size_t bytes, struct corps__header *header,
                                      uint32_t *payload_bytes) CORPS_CHECKED;

/* Checks and reads a frame's header; `*name` points into the frame. Errors: PROTOCOL, VERSION. */
enum corps_err corps__wire_read(const uint8_t *frame, size_t bytes, struct corps__header *header,
                                const char **name) CORPS_CHECKED;

/* What a request takes of its receiver's window: a header's bytes and those of its segments. Its sender counts so, and
 * its receiver by the frame (`bytes` in all, its first ones at `frame`, checked by corps__wire_read), whatever names,
 * lengths and zeros came with it. */
size_t corps__wire_charge(const uint8_t *frame, size_t bytes, const struct corps__header *header);

/* Fills `segments` (header.segment_count of them) with the places of a checked frame's payload. `tail` (NULL: none) is
 * where the frame goes on after `bytes`, from the beginning of a segment on; the first of several never lies there.
 * Errors: PROTOCOL. */
enum corps_err corps__wire_segments(const uint8_t *frame, size_t bytes, const struct corps_block *tail,
                                    const struct corps__header *header, struct iovec *segments) CORPS_CHECKED;

#endif
