/* Who calls a pool: how many calls each process has under way, as it says when it asks for the members. What a process
 * has said counts for FRESH_NS. One thread at a time. */
#ifndef CORPS_CARE_CALLERS_H
#define CORPS_CARE_CALLERS_H

#include <stddef.h>
#include <stdint.h>

#define CORPS__CALLERS_FRESH_NS INT64_C(1000000000)
enum { CORPS__CALLERS_MAX = 4096 }; /* those beyond are not counted */

struct corps__callers {
    struct corps__caller {
        uint64_t number; /* of the process's link; 0: this process */
        uint64_t under_way;
        int64_t said_ns;
    } * rows;
    size_t count, room;
};

/* Without memory for it, or where there are too many, it is not counted. */
void corps__callers_say(struct corps__callers *callers, uint64_t number, uint64_t under_way, int64_t now_ns);

/* How many have calls under way; forgets what is too old. */
uint32_t corps__callers_count(struct corps__callers *callers, int64_t now_ns);

#endif
