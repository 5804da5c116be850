/* The boot record of an Env, as it passes: what only its host knows is put in.
 *
 * The owner writes it for its own host; here item 4 becomes the Corps' directory on this host, 5 its secret (which is
 * derived here and never sent), 8 the processors that the agent may use, 12 this host's number, and 13 the address on
 * which the Env listens for other hosts. */
#ifndef CORPS_AGENT_BOOT_RECORD_H
#define CORPS_AGENT_BOOT_RECORD_H

#include <corps/value.h>

/* A later life of an owned Corps: what its first boot record does not say. */
struct agent_life {
    uint64_t incarnation; /* item 10 */
    uint32_t numbers;     /* item 11: no Conc of it has had this number, or a higher one */
};

/* The bytes of the record, without its length; gives those of the new one with their length, malloc's. `life`: NULL: as
 * the record says. Errors: PROTOCOL (it is none), NO_MEMORY, and of decoding. */
enum corps_err agent_boot_record_life(const uint8_t *data, size_t bytes, uint64_t corps_id, const char *directory,
                                      const struct agent_life *life, uint8_t **out, size_t *out_bytes) CORPS_CHECKED;

/* The same without one. */
enum corps_err agent_boot_record(const uint8_t *data, size_t bytes, uint64_t corps_id, const char *directory,
                                 uint8_t **out, size_t *out_bytes) CORPS_CHECKED;

#endif
