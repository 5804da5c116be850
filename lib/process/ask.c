#include "process/ask.h"

#include "actor/conc.h"
#include "link/known.h"
#include "value/name.h"

enum corps_err corps__manager_ask(const struct corps *corps, unsigned env, const char *method,
                                  const struct corps_value *args, struct corps_name **manager,
                                  struct corps_future **future) {
    static const char manager_class[] = "corps manager";
    /* What was made is ended again after an error: no deadline of a request may keep either from being done. */
    const struct corps_call_options options = {.serializer = "msgpack", .flags = CORPS_CALL_DETACHED};
    enum corps_err err = CORPS_OK;
    if (*manager == NULL) {
        err = corps__name_create(corps->id, env, CORPS__MANAGER, manager_class, sizeof manager_class - 1, manager);
    }
    return err == CORPS_OK ? corps_call(*manager, method, args, &options, future) : err;
}
