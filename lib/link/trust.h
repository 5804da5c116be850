/* Which serializers a message may be in: its receiver decides, whatever the message says of itself.
 *
 * What the core itself says (HELLO, FAILURE, PROBE) is msgpack. What Workers say to each other may be in any serializer
 * that runs no code when it loads (none, msgpack); one that does (CORPS_SERIALIZER_UNTRUSTED is not set) is accepted
 * only where it is the called Corps' own, and never in an Env of a Corps whose own one runs no code: such a process
 * loads none at all. The same holds for definitions and for what failures carry. A number that is not accepted is
 * never looked up, so that no module is loaded for it.
 */
#ifndef CORPS_TRUST_H
#define CORPS_TRUST_H

#include "link/known.h"

/* The Corps of which this link's peer speaks: the one that we call, or our own when it calls us. May be NULL. */
struct corps *corps__corps_spoken_of(const struct corps__peer *peer);

/* May this process load what runs code, in messages of `corps` (NULL: none)? Any thread. */
bool corps__may_run_code(const struct corps *corps);

/* OK, or DENIED with a detail: a message of `corps` is in serializer `wire_id`. Any thread. */
enum corps_err corps__accepts_other(const struct corps *corps, uint8_t wire_id) CORPS_CHECKED;
static inline CORPS_CHECKED enum corps_err corps__accepts(const struct corps *corps, uint8_t wire_id) {
    const struct corps_serializer *its = corps != NULL ? corps->settings.serializer : NULL;
    bool is_its = its != NULL && its->wire_id == wire_id; /* looked at first: it nearly always is */
    return is_its && (its->capabilities & CORPS_SERIALIZER_UNTRUSTED) != 0 ? CORPS_OK
                                                                           : corps__accepts_other(corps, wire_id);
}

/* What calls to `corps` are encoded in, so that both sides accept them: its own serializer, or msgpack. The own Corps'
 * is always accepted. */
enum corps_err corps__serializer_for_other(const struct corps *corps,
                                           const struct corps_serializer **serializer) CORPS_CHECKED;
static inline enum corps_err corps__serializer_for(const struct corps *corps,
                                                   const struct corps_serializer **serializer) {
    *serializer = corps->settings.serializer;
    return corps == corps__own() ? CORPS_OK : corps__serializer_for_other(corps, serializer);
}

#endif
