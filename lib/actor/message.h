/* A request on its way through this process: from a call or a frame, through a mailbox, to the method.
 *
 * A small frame is copied into the message, and what is decoded from it is copied once more, into a box: that costs
 * less than counting references does. A larger one lies in a block, the transport's where it gave one, and decoded
 * values keep that block.
 */
#ifndef CORPS_MESSAGE_H
#define CORPS_MESSAGE_H

#include "wait/runtime.h"

enum corps__mail_kind {
    CORPS__MAIL_REQUEST,
    CORPS__MAIL_INIT,    /* run init; `box` holds its argument */
    CORPS__MAIL_CLEANUP, /* run cleanup, then the Conc has ended */
    CORPS__MAIL_BATCH,   /* several requests: a struct corps__batch */
    CORPS__MAIL_RESUME,  /* run what was put aside: see defer.h */
};

/* What a mailbox links: the beginning of a message or a batch. */
struct corps__mail {
    struct corps_node node;
    enum corps__mail_kind kind;
};

/* Several INITs or CLEANUPs that are answered together. */
struct corps__group {
    _Atomic unsigned left;
    _Atomic unsigned failed;                /* INIT: how many */
    struct corps__failure *_Atomic failure; /* the first one */
    void (*done)(struct corps__group *group, void *arg);
    void *arg;
    /* INIT: may be NULL; gives the argument on the thread that runs the init, since decoding may run anything. NULL:
     * nil. */
    enum corps_err (*argument)(struct corps_box **box);
};

/* Counts a failure, and keeps the first. */
void corps__group_fail(struct corps__group *group, const struct corps_error_info *info);

enum { CORPS__SMALL_FRAME_BYTES = 256 };

/* What the segments of one message may have, all together: a frame less its header and the zeros between segments. */
#define CORPS__PAYLOAD_BYTES_MAX                                                                                       \
    (CORPS_FRAME_BYTES_MAX - CORPS__PREFIX_BYTES_MAX - CORPS__ALIGNMENT * CORPS__PAYLOAD_SEGMENTS_MAX)

/* May what was encoded travel in one message? Asked before anything is sent. `what` begins the text: "the result".
 * Errors: TOO_LARGE, with the limit (`bytes_max`, or the count of large buffers). */
enum corps_err corps__encoding_check(const struct corps_encoding *encoding, const char *what,
                                     size_t bytes_max) CORPS_CHECKED;

struct corps__message {
    struct corps__mail mail;         /* first */
    bool lent;                       /* it lies on the stack of the thread that runs it: see corps__message_detach */
    struct corps_block *frame_block; /* of a large frame, one reference; NULL: the frame is in `small`. May hold the
                                        frame's last part alone, see corps_frame_tail */
    const uint8_t *frame;            /* NULL for local requests */
    size_t frame_bytes;
    struct corps__header header;
    const struct corps__symbol *method;
    bool owns_method;           /* a symbol of its own */
    struct corps__peer *from;   /* NULL for local requests */
    struct corps__grant *grant; /* what the request takes up of it is settled when it is answered */
    size_t charge_bytes;
    struct corps_future *future;     /* local request with reply: one reference */
    struct corps_box *box;           /* the argument, when it is an object already; one reference */
    const struct corps_value *plain; /* or a plain one's copy, in `small` */
    enum corps_keep keep_objects;
    struct corps__group *group;
    _Alignas(8) uint8_t small[CORPS__SMALL_FRAME_BYTES];
};

/* A local message; free it with corps__message_free. NULL when out of memory. */
struct corps__message *corps__message_create(void);

/* A message of a received frame (copied, or taking over the event's block). NULL when out of memory. */
struct corps__message *corps__message_of_frame(struct corps_event *event, const struct corps__header *header);

/* A message of a request whose payload lies elsewhere than behind its header; copies it. NULL when out of memory. */
struct corps__message *corps__message_of_payload(const uint8_t *payload, uint32_t bytes,
                                                 const struct corps__header *header);

void corps__message_free(struct corps__message *message);

/* A message that outlives the method: `message`, or, where that is lent, a copy which takes over what it holds. NULL
 * when out of memory. */
struct corps__message *corps__message_detach(struct corps__message *message);

/* Keeps the plain argument in `*message`: gives a block with one reference that holds its memory, and another message
 * in its place. NULL when out of memory. */
struct corps_block *corps__message_keep_plain(struct corps__message **message);

/* Takes the request's argument out of it, as a box: one reference. Decodes. Errors: of the serializer, PROTOCOL. */
enum corps_err corps__message_argument(struct corps__message *message, struct corps_box **box) CORPS_CHECKED;

enum corps_decode_to corps__decode_to(enum corps_keep keep);

/* A received frame in one piece, copied: its last part may lie elsewhere (corps_frame_tail). NULL when out of memory.
 */
struct corps_block *corps__frame_copy(const uint8_t *frame, size_t bytes, const struct corps_block *block);

/* Decodes a payload, whose serializer was found to be accepted (trust.h), into a new box. `block` may be NULL: then
 * everything is copied. No segments: nil. Errors: of the serializer, PROTOCOL. */
enum corps_err corps__segments_decode(const struct iovec *segments, size_t count, uint8_t serializer,
                                      struct corps_block *block, enum corps_keep keep_objects,
                                      struct corps_box **box) CORPS_CHECKED;

/* What the core itself says, from a frame: msgpack, whatever its header says. Everything is copied. Errors: of msgpack,
 * PROTOCOL. */
enum corps_err corps__control_decode(const uint8_t *frame, size_t bytes, const struct corps__header *header,
                                     struct corps_box **box) CORPS_CHECKED;

/* … that of a frame, whose serializer was found to be accepted (trust.h). */
enum corps_err corps__payload_decode(const uint8_t *frame, size_t bytes, const struct corps__header *header,
                                     struct corps_block *block, enum corps_keep keep_objects,
                                     struct corps_box **box) CORPS_CHECKED;

#endif
