/* The cluster key, and what is derived from it: no secret of a Corps is ever sent or stored.
 *
 * The key is 32 random bytes in a file of mode 0600, the same on every host; whoever has it is everybody. Everything
 * else is BLAKE2b-256 keyed by it (crypto_generichash), over a label, a NUL byte, and numbers as 8 bytes,
 * little-endian: labels keep the uses apart.
 *
 * Threads: any.
 */
#ifndef CORPS_HOSTS_KEYS_H
#define CORPS_HOSTS_KEYS_H

#include <corps/error.h>

#include <stdint.h>

enum { CORPS__KEY_BYTES = 32 };

/* Reads the cluster key. Errors: SYSTEM, DENIED (others may read it, or it is another user's: what to do), INVALID (it
 * has not 32 bytes). */
enum corps_err corps__key_read(const char *path, uint8_t key[CORPS__KEY_BYTES]) CORPS_CHECKED;

/* Makes a file with a new one. Errors: SYSTEM; one that is there is left alone. */
enum corps_err corps__key_make(const char *path) CORPS_CHECKED;

/* The secret of a Corps. */
void corps__key_secret(const uint8_t key[CORPS__KEY_BYTES], uint64_t corps_id, uint8_t secret[CORPS__KEY_BYTES]);

/* The key of a channel to the agent of a host. Corps id 0: for who only looks. */
void corps__key_channel(const uint8_t key[CORPS__KEY_BYTES], uint64_t corps_id, uint32_t host,
                        uint8_t channel_key[CORPS__KEY_BYTES]);

/* What one cluster's keys in a ledger are told apart by from another's: 16 hex digits, which say nothing of the key. */
enum { CORPS__CLUSTER_BYTES = 17 };
void corps__key_cluster(const uint8_t key[CORPS__KEY_BYTES], char cluster[CORPS__CLUSTER_BYTES]);

/* Under which the boot record of a Corps is sealed before a ledger gets it. */
void corps__key_record(const uint8_t key[CORPS__KEY_BYTES], uint64_t corps_id, uint8_t record_key[CORPS__KEY_BYTES]);

#endif
