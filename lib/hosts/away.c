#include "hosts/away.h"

#include "hosts/desk.h"
#include "link/far.h"

#include <stdatomic.h>
#include <stdlib.h>

/* The number of this host does not change while a process runs. */
static enum corps_err own_number(uint32_t *number) {
    static _Atomic uint32_t known;
    struct corps__hosts *hosts = NULL;
    enum corps_err err = atomic_load(&known) == 0 ? corps__desk_hosts(&hosts) : CORPS_OK;
    if (hosts != NULL) {
        atomic_store(&known, hosts->own);
        free(hosts);
    }
    *number = atomic_load(&known);
    return err;
}

static enum corps_err identify(uint64_t corps_id, uint32_t *here, uint8_t secret[CORPS_SECRET_BYTES]) {
    _Static_assert(CORPS__KEY_BYTES == CORPS_SECRET_BYTES, "a Corps' secret is a key");
    enum corps_err err = own_number(here);
    return err == CORPS_OK ? corps__desk_secret(corps_id, secret) : err;
}

static const struct corps__far_ops ops = {
    .known = corps__desk_known,
    .identify = identify,
    .named = corps__desk_named,
    .fronts = corps__desk_fronts,
    .end = corps__desk_end,
};

void corps__away_begin(void) {
    corps__far_set(&ops);
}
