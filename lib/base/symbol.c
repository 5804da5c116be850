#include "base/symbol.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Names of methods, interned: a hash table that only grows, read without a lock. */
enum { BUCKETS = 4096 };

struct node {
    struct corps__symbol symbol;
    struct node *next; /* never changes once the node is in its bucket */
    char text[];
};

static struct node *_Atomic buckets[BUCKETS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t count;

/* FNV-1a, 32 bit (Fowler, Noll, Vo). */
static uint32_t hash_of(const char *name, size_t bytes) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < bytes; i++) {
        hash = (hash ^ (uint8_t)name[i]) * 16777619u;
    }
    return hash;
}

static const struct corps__symbol *look_up_symbol(uint32_t bucket, const char *name, size_t bytes) {
    for (struct node *node = atomic_load_explicit(&buckets[bucket], memory_order_acquire); node != NULL;
         node = node->next) {
        if (node->symbol.bytes == bytes && memcmp(node->text, name, bytes) == 0) {
            return &node->symbol;
        }
    }
    return NULL;
}

enum corps_err corps__symbol_check(const char *name, size_t bytes) {
    return bytes > 0 && bytes <= CORPS__METHOD_BYTES_MAX && memchr(name, '\0', bytes) == NULL
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_INVALID, "a method's or class's name must have 1 to %u bytes, not %zu",
                                 CORPS__METHOD_BYTES_MAX, bytes);
}

struct corps__symbol *corps__symbol_create(const char *name, size_t bytes, uint32_t number) {
    struct corps__symbol *symbol = malloc(sizeof *symbol + bytes + 1);
    if (symbol != NULL) {
        char *text = memcpy(symbol + 1, name, bytes);
        text[bytes] = '\0';
        *symbol = (struct corps__symbol){.name = text, .number = number, .bytes = (uint32_t)bytes};
    }
    return symbol;
}

enum corps_err corps__symbol_of(const char *name, size_t bytes, const struct corps__symbol **symbol) {
    enum corps_err err = corps__symbol_check(name, bytes);
    if (err != CORPS_OK) {
        return err;
    }
    uint32_t bucket = hash_of(name, bytes) % BUCKETS;
    *symbol = look_up_symbol(bucket, name, bytes);
    if (*symbol != NULL) {
        return CORPS_OK;
    }
    pthread_mutex_lock(&lock);
    *symbol = look_up_symbol(bucket, name, bytes); /* another thread may have been faster */
    if (*symbol == NULL && count >= CORPS__METHODS_MAX) {
        err = corps_error_set(CORPS_ERR_LIMIT, "more than %u different method names are in use", CORPS__METHODS_MAX);
    } else if (*symbol == NULL) {
        struct node *node = malloc(sizeof *node + bytes + 1);
        if (node == NULL) {
            err = corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a name");
        } else {
            memcpy(node->text, name, bytes);
            node->text[bytes] = '\0';
            node->symbol = (struct corps__symbol){.name = node->text, .number = count++, .bytes = (uint32_t)bytes};
            node->next = atomic_load(&buckets[bucket]);
            atomic_store_explicit(&buckets[bucket], node, memory_order_release);
            *symbol = &node->symbol;
        }
    }
    pthread_mutex_unlock(&lock);
    return err;
}

void corps__symbols_forked(void) {
    pthread_mutex_init(&lock, NULL);
}
