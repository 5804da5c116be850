/* Definitions: what many messages need, such as the code of a function, sent once over each link and named by their
 * content.
 *
 * A process has one table of those that it has sent and those that came. Entries stay for ever, where they are: a
 * message may be decoded long after its definition came. The table is bounded (the limits below); what finds no room
 * travels in its message. On the wire a DEFINE frame carries a definition, before the first message that needs it.
 */
#ifndef CORPS_DEFINITIONS_H
#define CORPS_DEFINITIONS_H

#include <corps/serializer.h>

#include <stddef.h>
#include <stdint.h>

/* What a process names by itself: far more than programs define, less than matters. */
enum { CORPS__DEFINITIONS_MAX = 10000, CORPS__DEFINITION_BYTES_MAX = 64 << 20 };

/* What it takes from others, all peers together; what comes then is dropped: so many, and so many bytes with all
 * that a definition takes up besides its own. */
enum { CORPS__DEFINITIONS_TAKEN_MAX = 1000000 };
#define CORPS__DEFINITIONS_TAKEN_BYTES_MAX ((size_t)1 << 30)

/* What one link may bring: an honest peer has far fewer, its own and those that it passes on. */
enum { CORPS__DEFINITIONS_LINK_MAX = 4 * CORPS__DEFINITIONS_MAX };
#define CORPS__DEFINITIONS_LINK_BYTES_MAX (4 * (size_t)CORPS__DEFINITION_BYTES_MAX)

struct corps__definition {
    uint8_t key[CORPS_DEFINITION_KEY_BYTES];
    const uint8_t *data;
    size_t bytes;
    uint32_t number; /* in this process */
};

/* One's own, found or added (a copy). NULL: there is no room. Any thread. */
const struct corps__definition *corps__definition_own(const uint8_t key[CORPS_DEFINITION_KEY_BYTES], const void *data,
                                                      size_t bytes);

/* One that came from a peer. Errors: LIMIT, NO_MEMORY. */
enum corps_err corps__definition_take(const uint8_t key[CORPS_DEFINITION_KEY_BYTES], const void *data,
                                      size_t bytes) CORPS_CHECKED;

/* Definitions that one link has brought. */
struct corps__brought {
    uint32_t count;
    size_t bytes;
};

/* One that came from a peer over a link: the same, but a link brings so much and no more; and when all links together
 * have brought too much it is dropped, so that decoding what needs it fails, and says why, and nothing else does.
 * Errors: PROTOCOL, NO_MEMORY. */
enum corps_err corps__definition_bring(struct corps__brought *brought, const uint8_t key[CORPS_DEFINITION_KEY_BYTES],
                                       const void *data, size_t bytes) CORPS_CHECKED;

/* By its key or number, NULL: there is none. Lent for ever. Any thread. */
const struct corps__definition *corps__definition_find(const uint8_t key[CORPS_DEFINITION_KEY_BYTES]);
const struct corps__definition *corps__definition_at(uint32_t number);

/* The table may be half changed at any moment, so a fork waits for its lock. */
void corps__definitions_lock(void);
void corps__definitions_unlock(void);

#endif
