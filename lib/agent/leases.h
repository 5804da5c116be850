/* What the ledger said when it was last asked: which hosts have a lease, and which Corps somebody owns. Kept so that
 * whoever asks at the desk ("leases") is answered at once, and what the ledger's engine does costs nobody time.
 *
 * The owner's part of the agent (owner.h) tells it: _begin, then each host and each Corps, then _end; what was told
 * before is replaced at _end. Where memory fails, the former list stays. One thread: the agent's.
 */
#ifndef CORPS_AGENT_LEASES_H
#define CORPS_AGENT_LEASES_H

#include <corps/value.h>

#include <stdbool.h>
#include <stdint.h>

/* One Corps, as the ledger lists it. Texts are borrowed until return. */
struct agent_lease_corps {
    uint64_t id, epoch;
    uint32_t owner;   /* a host's number; 0: nobody now */
    bool given;       /* its last owner has ended it in order */
    const char *name; /* of a singleton; "": it is none */
    const char *tag;
};

/* Which ledger there is ("hosts", "etcd"): once. Lent for ever. */
void agent_leases_ledger(const char *name);
const char *agent_leases_ledger_name(void);

/* A list begins, which was asked for at `now_ns` (CLOCK_BOOTTIME). */
void agent_leases_begin(int64_t now_ns);
/* A living host. `until_ns`: when its lease ends, if nothing more is heard of it; 0: not known. */
void agent_leases_host(uint32_t number, bool drained, uint32_t slots, int64_t until_ns);
void agent_leases_corps(const struct agent_lease_corps *corps);
void agent_leases_end(void);

/* What is wrong with the engine, in one line; NULL or "": nothing any more. Copied. */
void agent_leases_trouble(const char *text);

/* Does the last list say that a host takes no Envs; is there a list, and the host is not in it? */
bool agent_leases_is_drained(uint32_t number);
bool agent_leases_is_away(uint32_t number);

/* The answer to the word "leases": ["leases", {ledger, age_ms, trouble, hosts: [[number, drained, slots, left_ms], …],
 * corps: [[id, epoch, owner, given, name, tag, left_ms], …]}]. age_ms: of the list, −1: there was none yet; left_ms:
 * −1: not known, or nobody's. Calls give(arg, record) once; the record is borrowed until return. Errors: NO_MEMORY, and
 * nothing was given. */
enum corps_err agent_leases_answer(void (*give)(void *arg, const struct corps_value *record), void *arg) CORPS_CHECKED;

#endif
