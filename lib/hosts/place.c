#include "hosts/place.h"

#include <stdio.h>
#include <string.h>

/* Is `word` (of `bytes`) one of the words of `text`, which has spaces between? */
static bool has_word(const char *text, const char *word, size_t bytes) {
    for (const char *at = text; *at != '\0';) {
        size_t length = strcspn(at, " ");
        if (length == bytes && memcmp(at, word, bytes) == 0) {
            return true;
        }
        at += length;
        at += strspn(at, " ");
    }
    return false;
}

static bool is_meant(const struct corps__fleet_host *host, const char *word, size_t bytes) {
    char number[16];
    int length = snprintf(number, sizeof number, "%u", host->number);
    return bytes == 0 || (strlen(host->name) == bytes && memcmp(host->name, word, bytes) == 0) ||
           ((size_t)length == bytes && memcmp(number, word, bytes) == 0) || has_word(host->labels, word, bytes);
}

bool corps__host_is(const struct corps__fleet_host *host, const char *word) {
    return is_meant(host, word, strlen(word));
}

bool corps__host_is_in(const struct corps__fleet_host *host, const char *list) {
    for (const char *at = list; *at != '\0';) {
        at += strspn(at, ", ");
        size_t length = strcspn(at, ", ");
        if (length > 0 && is_meant(host, at, length)) {
            return true;
        }
        at += length;
    }
    return false;
}

/* "a, b and 3 more": what there is. */
static void list_names(const struct corps__fleet_host *hosts, unsigned count, char *out, size_t bytes) {
    size_t used = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < count; i++) {
        if (used + sizeof hosts[i].name + 32 > bytes) {
            snprintf(out + used, bytes - used, " and %u more", count - i);
            return;
        }
        used += (size_t)snprintf(out + used, bytes - used, "%s%s", i > 0 ? ", " : "", hosts[i].name);
    }
}

/* Why none of them gets it. */
static enum corps_err refuse(const struct corps__fleet_host *hosts, unsigned count, const char *where, unsigned meant,
                             unsigned silent) {
    char names[320];
    list_names(hosts, count, names, sizeof names);
    if (meant == 0) {
        return corps_error_set(CORPS_ERR_UNKNOWN,
                               "there is no host '%s', nor one with that number or label; the Corps lives on %s", where,
                               names);
    }
    if (silent == meant) {
        return corps_error_set(CORPS_ERR_WORKER_LOST,
                               "host%s '%s' %s not answer: is corps-agent running there, with the same hosts file and "
                               "key? (corps hosts says)",
                               meant > 1 ? "s" : "", where[0] != '\0' ? where : names, meant > 1 ? "do" : "does");
    }
    return corps_error_set(CORPS_ERR_LIMIT,
                           "all slots of %s are used (%u host%s, %u of them silent); add slots to the hosts file, or "
                           "ask for fewer Envs",
                           where[0] != '\0' ? where : names, meant, meant > 1 ? "s" : "", silent);
}

enum corps_err corps__place_choose(const struct corps__fleet_host *hosts, unsigned count, const char *where,
                                   unsigned *index) {
    const struct corps__fleet_host *best = NULL;
    unsigned meant = 0, silent = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct corps__fleet_host *host = &hosts[i];
        if (!corps__host_is(host, where)) {
            continue;
        }
        meant++;
        silent += host->is_heard ? 0 : 1;
        bool fits = host->is_heard && host->envs < host->slots;
        /* The smaller share, without dividing. */
        if (fits && (best == NULL || (uint64_t)host->envs * best->slots < (uint64_t)best->envs * host->slots)) {
            best = host;
        }
    }
    if (best == NULL) {
        return refuse(hosts, count, where, meant, silent);
    }
    *index = (unsigned)(best - hosts);
    return CORPS_OK;
}
