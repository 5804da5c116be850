#include "agent/etcd/keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct agent_etcd_key agent_etcd_key_host(const char *cluster, uint32_t host) {
    struct agent_etcd_key key;
    snprintf(key.text, sizeof key.text, "corps/%.16s/now/host/%05" PRIu32, cluster, host);
    return key;
}

struct agent_etcd_key agent_etcd_key_of(const char *cluster, const char *kind, uint64_t corps_id) {
    struct agent_etcd_key key;
    snprintf(key.text, sizeof key.text, "corps/%.16s/%s/%016" PRIx64, cluster, kind, corps_id);
    return key;
}

struct agent_etcd_key agent_etcd_key_name(const char *cluster, const char *name) {
    struct agent_etcd_key key;
    snprintf(key.text, sizeof key.text, "corps/%.16s/now/name/%.*s", cluster, CORPS_LEDGER_NAME_BYTES - 1, name);
    return key;
}

struct agent_etcd_key agent_etcd_key_now(const char *cluster) {
    struct agent_etcd_key key;
    snprintf(key.text, sizeof key.text, "corps/%.16s/now/", cluster);
    return key;
}

struct agent_etcd_key agent_etcd_key_after(const struct agent_etcd_key *prefix) {
    struct agent_etcd_key key = *prefix;
    key.text[strlen(key.text) - 1]++; /* '/' becomes '0' */
    return key;
}

bool agent_etcd_key_is(const char *cluster, const char *kind, const char *text, size_t bytes, uint64_t *corps_id) {
    enum { DIGITS = 16 };
    char digits[DIGITS + 1] = "";
    if (bytes > DIGITS) {
        memcpy(digits, text + bytes - DIGITS, DIGITS);
    }
    if (sscanf(digits, "%" SCNx64, corps_id) != 1) {
        return false;
    }
    const struct agent_etcd_key key = agent_etcd_key_of(cluster, kind, *corps_id);
    return strlen(key.text) == bytes && memcmp(key.text, text, bytes) == 0;
}

bool agent_etcd_key_is_host(const char *cluster, const char *text, size_t bytes, uint32_t *host) {
    enum { DIGITS = 5 };
    char digits[DIGITS + 1] = "";
    if (bytes > DIGITS) {
        memcpy(digits, text + bytes - DIGITS, DIGITS);
    }
    if (sscanf(digits, "%" SCNu32, host) != 1) {
        return false;
    }
    const struct agent_etcd_key key = agent_etcd_key_host(cluster, *host);
    return strlen(key.text) == bytes && memcmp(key.text, text, bytes) == 0;
}

/* ---- values: what is read is written again, and must be the same ---- */

void agent_etcd_epoch_text(const struct agent_etcd_epoch *epoch, char text[AGENT_ETCD_VALUE_BYTES]) {
    snprintf(text, AGENT_ETCD_VALUE_BYTES, "%016" PRIx64 " host %" PRIu32 " boot %016" PRIx64 " %s", epoch->epoch,
             epoch->host, epoch->boot, epoch->is_given ? "given" : "held");
}

bool agent_etcd_epoch_of(const char *text, struct agent_etcd_epoch *epoch) {
    char again[AGENT_ETCD_VALUE_BYTES];
    char word[8];
    if (sscanf(text, "%16" SCNx64 " host %" SCNu32 " boot %16" SCNx64 " %7s", &epoch->epoch, &epoch->host, &epoch->boot,
               word) != 4) {
        return false;
    }
    epoch->is_given = strcmp(word, "given") == 0;
    agent_etcd_epoch_text(epoch, again);
    return epoch->epoch > 0 && strcmp(text, again) == 0;
}

void agent_etcd_epoch_bound(uint64_t epoch, char text[AGENT_ETCD_VALUE_BYTES]) {
    snprintf(text, AGENT_ETCD_VALUE_BYTES, "%016" PRIx64, epoch);
}

void agent_etcd_owner_text(uint32_t host, uint64_t boot, char text[AGENT_ETCD_VALUE_BYTES]) {
    snprintf(text, AGENT_ETCD_VALUE_BYTES, "host %" PRIu32 " boot %016" PRIx64, host, boot);
}

bool agent_etcd_owner_of(const char *text, uint32_t *host, uint64_t *boot) {
    char again[AGENT_ETCD_VALUE_BYTES];
    if (sscanf(text, "host %" SCNu32 " boot %16" SCNx64, host, boot) != 2) {
        return false;
    }
    agent_etcd_owner_text(*host, *boot, again);
    return strcmp(text, again) == 0;
}

void agent_etcd_host_text(const struct corps_ledger_host *host, char text[AGENT_ETCD_VALUE_BYTES]) {
    snprintf(text, AGENT_ETCD_VALUE_BYTES, "boot %016" PRIx64 " slots %" PRIu32 " drained %d address %s", host->boot,
             host->slots, host->is_drained, host->address);
}

bool agent_etcd_host_of(const char *text, struct corps_ledger_host *host) {
    char again[AGENT_ETCD_VALUE_BYTES];
    int drained = 0, address = -1;
    if (sscanf(text, "boot %16" SCNx64 " slots %" SCNu32 " drained %1d address %n", &host->boot, &host->slots, &drained,
               &address) != 3 ||
        address < 0) {
        return false;
    }
    host->is_drained = drained != 0;
    host->address = text + address;
    agent_etcd_host_text(host, again);
    return strcmp(text, again) == 0;
}

void agent_etcd_id_text(uint64_t corps_id, char text[AGENT_ETCD_VALUE_BYTES]) {
    snprintf(text, AGENT_ETCD_VALUE_BYTES, "%016" PRIx64, corps_id);
}
