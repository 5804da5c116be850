/* A peer that knows the Corps' secret and says what it likes: an endpoint of its own beside the program's, and frames
 * made by hand. */
#ifndef CORPS_TEST_STRANGER_H
#define CORPS_TEST_STRANGER_H

#include "codec/wire.h"
#include "helpers.h"
#include "link/hello.h"

#include <uv.h>

struct stranger {
    const struct corps_transport *transport;
    uv_loop_t loop;
    struct corps_endpoint *endpoint;
    char address[CORPS_ADDRESS_BYTES];
    struct corps_link *link;    /* of the last connect or accept; NULL once it has closed */
    struct corps_link *earlier; /* whose end has not come yet, when another was accepted; one at most */
    bool ready;
    bool silent;                     /* greets nobody of itself */
    bool greeted;                    /* has heard HELLO on this link */
    struct corps__greeting greeting; /* who it says it is; to whom it accepts at once */
    uint8_t kind;                    /* of the last frame that came, 0: none; … */
    uint8_t frame[4096];             /* … and its first bytes */
    size_t frame_bytes;
};

/* A stranger to `corps` on its transport. */
void stranger_open(struct stranger *stranger, const struct corps *corps);
void stranger_close(struct stranger *stranger);

/* Connects to an Env of the Corps and says HELLO. */
void stranger_connect(struct stranger *stranger, const struct corps *corps, unsigned env);

/* Says HELLO. */
void stranger_greet(struct stranger *stranger);

/* Connects, and nothing else. */
void stranger_meet(struct stranger *stranger, const struct corps *corps, unsigned env);
void stranger_leave(struct stranger *stranger);

/* Sends a frame with these segments (header.segment_count of them) and this method's name (NULL: none). */
void stranger_say(struct stranger *stranger, struct corps__header header, const char *method,
                  const struct iovec *segments);

/* Takes one event, if there is one. True when a frame came (see kind) or the link has closed. */
bool stranger_look(struct stranger *stranger);

/* Looks until a frame came or the link has closed; fails after 20 s. HELLO is passed over. */
void stranger_listen(struct stranger *stranger);

#endif
