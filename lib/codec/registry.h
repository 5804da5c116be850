/* The plug-ins that were built, and the modules that are loaded on first use. Internal, except for the laboratory.
 *
 * Modules (such as corps_python.so) are looked for as base/module.h says. */
#ifndef CORPS_REGISTRY_H
#define CORPS_REGISTRY_H

#include <corps/error.h>
#include <corps/serializer.h>
#include <corps/transport.h>

#include <stdatomic.h>

/* A symbol of a module, loading the module if need be; NULL with a detail when there is none. Any thread. */
CORPS_API void *corps_module_symbol(const char *module, const char *symbol);

/* The same as corps_serializer_by_wire_id, at once for those that have started, which stay. Any thread. */
extern const struct corps_serializer *_Atomic corps__serializers_started[256];
static inline CORPS_CHECKED enum corps_err corps__serializer_numbered(uint8_t wire_id,
                                                                      const struct corps_serializer **found) {
    *found = atomic_load_explicit(&corps__serializers_started[wire_id], memory_order_acquire);
    return *found != NULL ? CORPS_OK : corps_serializer_by_wire_id(wire_id, found);
}

/* Is the serializer with this wire number built in, and one that runs no code when it loads? Loads nothing. */
bool corps__serializer_is_safe(uint8_t wire_id);

/* Can the serializer of this name be used without loading a module for it? Loads nothing. */
bool corps__serializer_is_here(const char *name);

/* Checks every table once, before anything else happens. */
enum corps_err corps__registry_check(void) CORPS_CHECKED;

/* In the child of a fork: locks that others held are free again. */
void corps__registry_forked(void);

#endif
