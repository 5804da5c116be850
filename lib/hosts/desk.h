/* The desk: where a program or an Env asks the agent of its own host.
 *
 * A unix socket of mode 0600, which the agent serves: "$CORPS_AGENT", else "agent" in the base directory (base/dir.h).
 * A request is a record, and so is its answer, framed as on control channels:
 *   ["hosts"]             → ["hosts", own, hash, ports, [[number, name, address, port, slots, labels, drained], …],
 *                            ledger]
 *   ["secret", corps]     → ["secret", 32 bytes]
 *   ["key", corps, host]  → ["key", 32 bytes]
 *   ["leases"]            → ["leases", {…}]: what the ledger said last (agent/leases.h)
 *   ["drain"], ["undrain"] → ["drained", {…}]: of this host (agent/drain.h)
 *   any                   → ["failed", code, text]
 *
 * Threads: any. These block, for at most two seconds. Errors: SYSTEM (no agent runs here: what to do), TIMEOUT (it does
 * not answer), PROTOCOL, and what the agent says.
 */
#ifndef CORPS_HOSTS_DESK_H
#define CORPS_HOSTS_DESK_H

#include "hosts/hosts_file.h"
#include "hosts/keys.h"

#include <corps/value.h>

/* Gives what malloc gave. */
enum corps_err corps__desk_hosts(struct corps__hosts **hosts) CORPS_CHECKED;

/* The secret of a Corps, for its Env 0 and its creator. */
enum corps_err corps__desk_secret(uint64_t corps_id, uint8_t secret[CORPS__KEY_BYTES]) CORPS_CHECKED;

/* The key of a channel to the agent of `host`. Errors: also UNKNOWN (there is no such host). */
enum corps_err corps__desk_key(uint64_t corps_id, uint32_t host, uint8_t key[CORPS__KEY_BYTES]) CORPS_CHECKED;

/* What the ledger said last: the record as it came. Ownership: gives the box, the caller's to unref. */
enum corps_err corps__desk_leases(struct corps_box **answer) CORPS_CHECKED;

/* This host takes no Envs from now on (`on`), or does again: the record as it came. Ownership: as above. */
enum corps_err corps__desk_drain(bool on, struct corps_box **answer) CORPS_CHECKED;

/* Where the desk is. Errors: those of the base directory, TOO_LARGE. */
enum corps_err corps__desk_path(char *path, size_t bytes) CORPS_CHECKED;

#endif
