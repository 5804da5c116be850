#include "base/placement.h"

#include <sched.h>
#include <string.h>

static cpu_set_t allowed;
static bool allowed_known;
static bool pinned; /* by corps__placement_env */
static bool spread; /* one Env, placed across: its threads are, since there is no second Env */

_Static_assert(sizeof(cpu_set_t) == CORPS__ALLOWED_BYTES, "the mask of processors in a boot record");

static void know_allowed(void) {
    if (!allowed_known && sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
        allowed_known = true;
    }
}

void corps__placement_allowed(uint8_t out[CORPS__ALLOWED_BYTES]) {
    know_allowed();
    memcpy(out, &allowed, sizeof allowed);
}

void corps__placement_allow(const uint8_t *bytes, size_t count) {
    if (count == sizeof allowed) {
        memcpy(&allowed, bytes, sizeof allowed);
        allowed_known = CPU_COUNT(&allowed) > 0;
    }
}

/* The n-th allowed processor, counted round. */
static int nth_processor(unsigned n) {
    unsigned wanted = n % (unsigned)CPU_COUNT(&allowed);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET((size_t)cpu, &allowed) && wanted-- == 0) {
            return cpu;
        }
    }
    return 0;
}

static enum corps_err pin_to(int cpu) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0) {
        return corps_error_system("cannot pin to processor %d", cpu);
    }
    return CORPS_OK;
}

enum corps_err corps__placement_env(enum corps_placement placement, unsigned env, bool alone) {
    if (placement != CORPS_PLACEMENT_SAME && placement != CORPS_PLACEMENT_CROSS) {
        return CORPS_OK;
    }
    know_allowed();
    if (!allowed_known) {
        return corps_error_system("cannot read the allowed processors");
    }
    pinned = true;
    if (placement == CORPS_PLACEMENT_SAME) {
        return pin_to(nth_processor(0));
    }
    if (CPU_COUNT(&allowed) < 2) {
        return corps_error_set(CORPS_ERR_UNSUPPORTED, "placement cross needs two processors, and one is allowed here");
    }
    spread = alone;
    return pin_to(nth_processor(env));
}

bool corps__placement_is_pinned(void) {
    return pinned;
}

bool corps__placement_is_single(void) {
    cpu_set_t now;
    return !spread && sched_getaffinity(0, sizeof now, &now) == 0 && CPU_COUNT(&now) == 1;
}

void corps__placement_thread(unsigned index) {
    if (spread) {
        (void)!pin_to(nth_processor(index)); /* it worked for the first thread */
    }
}
