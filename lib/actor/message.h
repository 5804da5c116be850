/* A request on its way through this process: from a call or a frame, through a mailbox, to the method.
 *
 * A small frame is copied into the message, and what is decoded from it is copied once more, into a box: that costs
 * less than counting references does. A larger one lies in a block, the transport's where it gave one, and decoded
 * values keep that block.
 */
#ifndef CORPS_MESSAGE_H
#define CORPS_MESSAGE_H

#include "base/symbol.h"
#include "codec/payload.h"
#include "link/mail.h"

#include <stdatomic.h>

struct corps__group;

struct corps__message {
    struct corps__mail mail;         /* first */
    bool lent;                       /* it lies on the stack of the thread that runs it: see corps__message_detach */
    bool unkept;                     /* its answer is not kept with the Conc's state: see corps__checkpoint_answer */
    uint8_t weight;                  /* for so many requests its times stand, see timing.h; 0: it is not timed */
    uint32_t span;                   /* its own, where its chain is recorded; else 0. See chain.h */
    struct corps_block *frame_block; /* of a large frame, one reference; NULL: the frame is in `small`. May hold the
                                        frame's last part alone, see corps_frame_tail */
    const uint8_t *frame;            /* NULL for local requests */
    size_t frame_bytes;
    struct corps__header header;
    const struct corps__symbol *method;
    bool owns_method;           /* a symbol of its own */
    uint32_t answer;            /* of a retry call: see answers.h */
    struct corps__peer *from;   /* NULL for local requests */
    struct corps__grant *grant; /* what the request takes up of it is settled when it is answered */
    size_t charge_bytes;
    int64_t arrived_ns, started_ns;  /* of one that is timed: when it came, when its turn did; 0: not yet */
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

#endif
