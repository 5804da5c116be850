/* What this process uses of the machine. */
#ifndef CORPS_BASE_USAGE_H
#define CORPS_BASE_USAGE_H

#include <stdint.h>

struct corps__usage {
    int64_t up_ns;     /* since its start */
    int64_t cpu_ns;    /* processor time of all its threads */
    int64_t rss_bytes; /* memory that it has in the machine's */
    int64_t threads;
};

/* What the system does not tell (there is no /proc) is 0. Any thread. */
void corps__usage_now(struct corps__usage *usage);

#endif
