/* HELLO: the first frame on a link, from both sides: who I am, and what I speak. The called side answers with its own.
 *
 * A msgpack map, whose unknown keys are ignored, so that more can be said later:
 *   versions   [lowest, highest] of the wire that this program speaks. The two ranges must meet; the highest in both is
 *              what the link speaks from then on.
 *   features   bits of what this program can do besides; what both have may be used:
 *              1: CANCEL frames are understood. 2: CLOCK frames are answered. Unknown ones are ignored.
 *   corps, env who I am: the Corps' id, and the number of the Env (CORPS__GUEST_ENV in a program)
 *   incarnation, wanted
 *              which of the Env's processes I am, and which of yours I take you for, as the table of Envs says
 *              (known.h). 0, or not there: none, as of a program, or not known. Whoever is not the one that is wanted,
 *              or hears from one that has been replaced, closes the link; the caller looks at the table again and
 *              connects anew. A link is one process to one process, so this is said nowhere else.
 *   host       the number of my host; 0, or not there: the Corps is on one. Where two differ, CLOCK frames follow
 *              (clocks.h)
 *   pid        for whoever looks at a trace
 *   identity   16 random bytes of the process, another's after a fork: with the number of a call, they tell a request
 *              that has come before (actor/answers.h). Without them no request may say that it is sent again.
 *
 * Its frame is as in wire version 4 for ever, whichever versions it names: everybody can read it.
 */
#ifndef CORPS_HELLO_H
#define CORPS_HELLO_H

#include <corps/error.h>
#include <corps/serializer.h>
#include <corps/value.h>

enum { CORPS__FEATURE_CANCEL = 1, CORPS__FEATURE_CLOCK = 2 };

struct corps__greeting {
    uint64_t corps_id;
    uint32_t env;
    uint64_t incarnation, wanted;
    uint64_t identity[2]; /* 0, 0: it says none. Bytes: not to be read as numbers */
    uint32_t host;
    uint64_t features; /* of who has said it; what is said are this program's */
};

/* What this process says, as a stream of msgpack. Errors: NO_MEMORY. */
enum corps_err corps__hello_encode(const struct corps__greeting *greeting, int pid,
                                   struct corps_encoding *encoding) CORPS_CHECKED;

/* What a peer has said. Errors: PROTOCOL, VERSION (the detail names both sides' versions). */
enum corps_err corps__hello_read(const struct corps_value *map, struct corps__greeting *greeting) CORPS_CHECKED;

#endif
