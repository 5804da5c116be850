/* The desk: where a program or an Env asks the agent of its own host.
 *
 * A unix socket of mode 0600, which the agent serves: "$CORPS_AGENT", else "agent" in the base directory (base/dir.h).
 * A request is a record, and so is its answer, framed as on control channels:
 *   ["hosts"]             → ["hosts", own, hash, ports, [[number, name, address, port, slots, labels, drained, away],
 * …], ledger]
 *   ["secret", corps]     → ["secret", 32 bytes]
 *   ["key", corps, host]  → ["key", 32 bytes]
 *   ["leases"]            → ["leases", {…}]: what the ledger said last (agent/leases.h)
 *   ["drain"], ["undrain"] → ["drained", {…}]: of this host (agent/drain.h)
 *   ["own", corps, launch, boot record, singleton, cut off]
 *                         → ["owned", epoch]; then the connection is the control channel of the Corps' Env 0 (desk_own)
 *   ["known", corps]      → ["known", host, epoch, what stands in its file, or nil]
 *   ["named", singleton]  → ["named", corps, …]
 *   ["fronts", tag or nil] → ["fronts", [[corps, …], …]]
 *   ["end", corps]        → ["end"]
 *   any                   → ["failed", code, text]
 *
 * Threads: any. These block, for at most two seconds, where the agent has to ask others for at most six, and desk_own
 * for at most 15. Errors: SYSTEM (no agent runs here: what to do), TIMEOUT (it does
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

/* Has the agent own a Corps, and begin it: `boot` is the boot record of its Env 0, as it was framed. Gives the
 * descriptor of its control channel, on which Env 0 says what it says to who has started it; beside that the agent says
 * there ["restarts", text], ["moved", host, epoch] and ["over", in order, text], and is told ["exit", for how many ns
 * its program waits for that] wherever Env 0 is. Errors: also AGAIN (the singleton is there), TOO_LARGE, UNSUPPORTED,
 * LIMIT, DENIED. */
enum corps_err corps__desk_own(uint64_t corps_id, const struct corps_value *launch, const uint8_t *boot, size_t bytes,
                               const char *singleton, int cut_off, int *control_fd) CORPS_CHECKED;

/* As the operations of link/far.h. */
struct corps__far_known;
enum corps_err corps__desk_known(uint64_t corps_id, struct corps__far_known *known) CORPS_CHECKED;
enum corps_err corps__desk_named(const char *singleton, uint64_t *corps_id) CORPS_CHECKED;
enum corps_err corps__desk_fronts(const char *tag, void (*each)(uint64_t corps_id, void *arg), void *arg) CORPS_CHECKED;
enum corps_err corps__desk_end(uint64_t corps_id) CORPS_CHECKED;

/* Where the desk is. Errors: those of the base directory, TOO_LARGE. */
enum corps_err corps__desk_path(char *path, size_t bytes) CORPS_CHECKED;

#endif
