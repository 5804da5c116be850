/* Locations that mean hosts: which Envs of a Corps they are. Env 0 knows the hosts (fleet.h), and everybody knows which
 * Env is on which. */
#ifndef CORPS_PLACES_H
#define CORPS_PLACES_H

#include <corps.h>

/* Method of the manager of Env 0: [where] → [[number, name, address, labels, slots, Envs, heard], …] of the hosts that
 * it means (fleet.h). */
#define CORPS__HOSTS "corps:hosts"
enum corps_err corps__manager_hosts(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result);

/* HOST, CLUSTER or REGION? */
bool corps__location_is_of_hosts(struct corps_location location);

/* Writes which of the Envs that are there such a location means, ascending: of HOST all on that host, of the others the
 * first one of each host. An Env is added where there is none. `envs`: room for CORPS__ENVS_MAX; NULL: only looks
 * whether there are such hosts. Waits. Errors: INVALID
 * (the Corps lives on one host; HOST is a label of several), UNKNOWN (there is no such host), and of adding an Env. */
enum corps_err corps__places_find(struct corps *corps, struct corps_location location, unsigned *envs,
                                  unsigned *count) CORPS_CHECKED;

#endif
