#include "codec/definitions.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Open addressing; keys are hashes already, so that their first bytes do. Entries are never moved: slots hold pointers.
 */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct corps__definition **slots; /* a power of two of them, at most half full */
static size_t slot_count;
static struct corps__definition **by_number;
static uint32_t count;
static size_t own_bytes, taken_bytes;
static uint32_t own_count, taken_count;

/* What an entry takes up besides its bytes: itself, its slots (up to four, while the table grows), the allocator's. */
enum { OVERHEAD_BYTES = sizeof(struct corps__definition) + 5 * sizeof(void *) + 16 };

static size_t slot_of(const uint8_t *key, struct corps__definition *const *in, size_t in_count) {
    uint64_t hash;
    memcpy(&hash, key, sizeof hash);
    size_t at = hash & (in_count - 1);
    while (in[at] != NULL && memcmp(in[at]->key, key, CORPS_DEFINITION_KEY_BYTES) != 0) {
        at = (at + 1) & (in_count - 1);
    }
    return at;
}

/* Under the lock. Room for one more? */
static bool grow_table(void) {
    if (2 * ((size_t)count + 1) <= slot_count) {
        return true;
    }
    size_t grown_count = slot_count == 0 ? 64 : 2 * slot_count;
    struct corps__definition **grown = calloc(grown_count, sizeof *grown);
    struct corps__definition **numbers = realloc(by_number, grown_count / 2 * sizeof *numbers);
    by_number = numbers != NULL ? numbers : by_number;
    if (grown == NULL || numbers == NULL) {
        free(grown);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        grown[slot_of(by_number[i]->key, grown, grown_count)] = by_number[i];
    }
    free(slots);
    slots = grown;
    slot_count = grown_count;
    return true;
}

/* Under the lock. NULL when out of memory. */
static struct corps__definition *add_locked(const uint8_t *key, const void *data, size_t bytes) {
    struct corps__definition *made = grow_table() ? malloc(sizeof *made + bytes) : NULL;
    if (made == NULL) {
        return NULL;
    }
    memcpy(made->key, key, sizeof made->key);
    made->data = memcpy(made + 1, data, bytes);
    made->bytes = bytes;
    made->number = count;
    by_number[count++] = made;
    slots[slot_of(key, slots, slot_count)] = made;
    return made;
}

/* Under the lock. */
static struct corps__definition *find_locked(const uint8_t *key) {
    return slot_count > 0 ? slots[slot_of(key, slots, slot_count)] : NULL;
}

const struct corps__definition *corps__definition_own(const uint8_t key[CORPS_DEFINITION_KEY_BYTES], const void *data,
                                                      size_t bytes) {
    pthread_mutex_lock(&lock);
    struct corps__definition *found = find_locked(key);
    if (found == NULL && own_count < CORPS__DEFINITIONS_MAX && bytes <= CORPS__DEFINITION_BYTES_MAX - own_bytes) {
        found = add_locked(key, data, bytes);
        own_count += found != NULL;
        own_bytes += found != NULL ? bytes : 0;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

enum corps_err corps__definition_take(const uint8_t key[CORPS_DEFINITION_KEY_BYTES], const void *data, size_t bytes) {
    enum corps_err err = CORPS_OK;
    pthread_mutex_lock(&lock);
    if (find_locked(key) == NULL) {
        size_t left = CORPS__DEFINITIONS_TAKEN_BYTES_MAX - taken_bytes;
        if (taken_count == CORPS__DEFINITIONS_TAKEN_MAX || left < OVERHEAD_BYTES || bytes > left - OVERHEAD_BYTES) {
            err = corps_error_set(CORPS_ERR_LIMIT, "peers have defined over %u classes and functions, or %zu MiB",
                                  CORPS__DEFINITIONS_TAKEN_MAX, CORPS__DEFINITIONS_TAKEN_BYTES_MAX >> 20);
        } else if (add_locked(key, data, bytes) == NULL) {
            err = corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a definition of %zu bytes", bytes);
        } else {
            taken_count++;
            taken_bytes += OVERHEAD_BYTES + bytes;
        }
    }
    pthread_mutex_unlock(&lock);
    return err;
}

enum corps_err corps__definition_bring(struct corps__brought *brought, const uint8_t key[CORPS_DEFINITION_KEY_BYTES],
                                       const void *data, size_t bytes) {
    if (brought->count == CORPS__DEFINITIONS_LINK_MAX || bytes > CORPS__DEFINITIONS_LINK_BYTES_MAX - brought->bytes) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer has defined more than %u classes and functions, or %zu MiB",
                               CORPS__DEFINITIONS_LINK_MAX, CORPS__DEFINITIONS_LINK_BYTES_MAX >> 20);
    }
    brought->count++;
    brought->bytes += bytes;
    enum corps_err err = corps__definition_take(key, data, bytes);
    return err == CORPS_ERR_LIMIT ? CORPS_OK : err;
}

const struct corps__definition *corps__definition_find(const uint8_t key[CORPS_DEFINITION_KEY_BYTES]) {
    pthread_mutex_lock(&lock);
    const struct corps__definition *found = find_locked(key);
    pthread_mutex_unlock(&lock);
    return found;
}

const struct corps__definition *corps__definition_at(uint32_t number) {
    pthread_mutex_lock(&lock);
    const struct corps__definition *found = number < count ? by_number[number] : NULL;
    pthread_mutex_unlock(&lock);
    return found;
}

bool corps_definition_find(const uint8_t key[CORPS_DEFINITION_KEY_BYTES], const void **data, size_t *bytes) {
    const struct corps__definition *found = corps__definition_find(key);
    if (found != NULL) {
        *data = found->data;
        *bytes = found->bytes;
    }
    return found != NULL;
}

void corps__definitions_lock(void) {
    pthread_mutex_lock(&lock);
}

void corps__definitions_unlock(void) {
    pthread_mutex_unlock(&lock);
}
