#include "link/trust.h"

#include "codec/registry.h"
#include "link/peer.h"

static bool runs_code(const struct corps_serializer *serializer) {
    return (serializer->capabilities & CORPS_SERIALIZER_UNTRUSTED) == 0;
}

struct corps *corps__corps_spoken_of(const struct corps__peer *peer) {
    return peer->corps != NULL ? peer->corps : corps__own();
}

bool corps__may_run_code(const struct corps *corps) {
    const struct corps *own = corps__own();
    return corps != NULL && runs_code(corps->settings.serializer) &&
           (own == NULL || runs_code(own->settings.serializer));
}

enum corps_err corps__accepts_other(const struct corps *corps, uint8_t wire_id) {
    const struct corps_serializer *its = corps != NULL ? corps->settings.serializer : NULL;
    bool is_its = its != NULL && its->wire_id == wire_id;
    if (is_its ? !runs_code(its) || corps__may_run_code(corps) : corps__serializer_is_safe(wire_id)) {
        return CORPS_OK;
    }
    return corps_error_set(CORPS_ERR_DENIED,
                           "a message came in serializer number %u; accepted are none and msgpack%s%s", wire_id,
                           corps__may_run_code(corps) ? ", and the Corps' own: " : ", which run no code",
                           corps__may_run_code(corps) ? its->name : "");
}

enum corps_err corps__serializer_for_other(const struct corps *corps, const struct corps_serializer **serializer) {
    *serializer = corps->settings.serializer;
    return !runs_code(*serializer) || corps__may_run_code(corps) ? CORPS_OK
                                                                 : corps_serializer_find("msgpack", serializer);
}
