#include "actor/burst.h"

void corps__burst_end(struct corps__burst *burst) {
    struct corps__batch *batch = burst->batch;
    if (burst->room > 0) {
        corps__conc_leave_room(burst->to, burst->room);
        burst->room = 0;
    }
    burst->to = NULL;
    if (batch != NULL) {
        burst->batch = NULL;
        corps__batch_leave(batch);
    }
}

void corps__dispatch_end_burst(void) {
    if (corps__actors->burst.to != NULL) {
        corps__burst_end(&corps__actors->burst);
    }
}
