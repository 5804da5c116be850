/* What the keys in etcd are called, and what stands in them.
 *
 *   corps/CLUSTER/now/host/NUMBER     a host whose lease runs (leased)       "boot B slots N drained 0 address A"
 *   corps/CLUSTER/now/owner/ID        who holds a Corps (leased)             "host N boot B"
 *   corps/CLUSTER/now/epoch/ID        its last life                          "EPOCH host N boot B held" or "… given"
 *   corps/CLUSTER/now/about/ID        what is said about it                  the singleton's name, a line feed, a text
 *   corps/CLUSTER/now/name/NAME       which Corps is the singleton NAME      ID
 *   corps/CLUSTER/record/ID           what another host needs                bytes
 *
 * CLUSTER, ID, EPOCH and B are 16 hexadecimal digits, so that etcd's order of bytes is the order of numbers; NUMBER has
 * five digits. Everything under `now` is what `list` reads at once and the watch hears of.
 *
 * Nothing here allocates or does I/O. Threads: any.
 */
#ifndef CORPS_AGENT_ETCD_KEYS_H
#define CORPS_AGENT_ETCD_KEYS_H

#include <corps/ledger.h>

enum { AGENT_ETCD_KEY_BYTES = 128, AGENT_ETCD_VALUE_BYTES = 192 };

struct agent_etcd_key {
    char text[AGENT_ETCD_KEY_BYTES];
};

struct agent_etcd_key agent_etcd_key_host(const char *cluster, uint32_t host);
/* `kind`: "now/owner", "now/epoch", "now/about", "record". */
struct agent_etcd_key agent_etcd_key_of(const char *cluster, const char *kind, uint64_t corps_id);
struct agent_etcd_key agent_etcd_key_name(const char *cluster, const char *name);
/* What all keys of `now` begin with, and the first key behind them. */
struct agent_etcd_key agent_etcd_key_now(const char *cluster);
struct agent_etcd_key agent_etcd_key_after(const struct agent_etcd_key *prefix);

/* Is the key of this length one of `kind` ("now/epoch")? Then its id. */
bool agent_etcd_key_is(const char *cluster, const char *kind, const char *key, size_t bytes, uint64_t *corps_id);
/* Or that of a host? */
bool agent_etcd_key_is_host(const char *cluster, const char *key, size_t bytes, uint32_t *host);

/* ---- values: text as it is written, and back. False: it is none. ---- */

struct agent_etcd_epoch {
    uint64_t epoch, boot;
    uint32_t host;
    bool is_given;
};

void agent_etcd_epoch_text(const struct agent_etcd_epoch *epoch, char text[AGENT_ETCD_VALUE_BYTES]);
bool agent_etcd_epoch_of(const char *text, struct agent_etcd_epoch *epoch);
/* What every value with a later epoch is greater than, and every earlier one less. */
void agent_etcd_epoch_bound(uint64_t epoch, char text[AGENT_ETCD_VALUE_BYTES]);

void agent_etcd_owner_text(uint32_t host, uint64_t boot, char text[AGENT_ETCD_VALUE_BYTES]);
bool agent_etcd_owner_of(const char *text, uint32_t *host, uint64_t *boot);

/* The address of what is read is lent as long as `text`. */
void agent_etcd_host_text(const struct corps_ledger_host *host, char text[AGENT_ETCD_VALUE_BYTES]);
bool agent_etcd_host_of(const char *text, struct corps_ledger_host *host);

void agent_etcd_id_text(uint64_t corps_id, char text[AGENT_ETCD_VALUE_BYTES]);

#endif
