#include "process/chains.h"

/* What has been gathered from several hosts, as if it were from one. */

enum { PIDS = 1 << 22 }; /* Linux gives none from here on */

void corps__chains_align(struct corps__chains_gathered *gathered, struct corps__chains_process *process,
                         int64_t ahead_ns, int64_t error_ns) {
    process->clock_error_ns = error_ns;
    for (size_t k = process->first; k < process->first + process->count; k++) {
        int64_t *ns = gathered->spans[k].ns;
        for (unsigned i = 0; i < CORPS__SPAN_TIMES; i++) {
            int64_t here_ns;
            if (ns[i] != 0) { /* else it has not come to that */
                ns[i] = !__builtin_sub_overflow(ns[i], ahead_ns, &here_ns) && here_ns > 0 ? here_ns : 1;
            }
        }
    }
}

static bool is_taken(const struct corps__chains_gathered *gathered, size_t before, int pid) {
    for (size_t i = 0; i < before; i++) {
        if (gathered->processes[i].pid == pid) {
            return true;
        }
    }
    return false;
}

void corps__chains_tell_apart(struct corps__chains_gathered *gathered) {
    for (size_t i = 0; i < gathered->process_count; i++) {
        struct corps__chains_process *process = &gathered->processes[i];
        while (process->pid != 0 && process->pid <= INT32_MAX - PIDS && is_taken(gathered, i, process->pid)) {
            process->pid += PIDS;
        }
    }
}
