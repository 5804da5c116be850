#include "base/seal.h"

#include "base/module.h"
#include "base/seal_module.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    IN_BYTES = 65536,                                                 /* of the buffer for what the socket gave */
    OUT_BYTES = 65536,                                                /* to be sent; beyond it nothing is sealed … */
    OUT_CAPACITY = OUT_BYTES + 2 * (CORPS__SEAL_RECORD_BYTES + 1024), /* … but the record that crosses it has room */
    HEADER_BYTES = 5,                                                 /* of a record: kind, version, length */
    RENEW_RECORDS = 1 << 23,
};

struct corps__seal {
    void *session;
    struct corps__seal_pipe in, out;
    bool open, goodbye;
    uint64_t records, renew_after; /* written under the present key */
    enum corps_err fault;          /* OK: none */
    char why[CORPS__SEAL_WHY_BYTES];
};

/* ---- the module ---- */

static const struct corps__seal_module *module; /* NULL: there is none */
static char module_why[480];

static void open_module(void) {
    char reason[256];
    void *handle = corps__module_open("libcorps-seal.so", false, reason, sizeof reason);
    const struct corps__seal_module *found =
        handle != NULL ? corps__module_symbol(handle, "corps__seal_openssl") : NULL;
    if (found != NULL && found->version == CORPS__SEAL_MODULE_VERSION) {
        module = found;
        return;
    }
    if (handle != NULL) {
        snprintf(reason, sizeof reason, "it belongs to another version of Corps");
    }
    snprintf(module_why, sizeof module_why,
             "connections that leave this host are sealed by libcorps-seal.so and OpenSSL 3, and it cannot be loaded "
             "(%s); install both, or say CORPS_SEAL=never on all hosts of a network that you trust",
             reason);
}

enum corps_err corps__seal_usable(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_module);
    return module != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_UNSUPPORTED, "%s", module_why);
}

const char *corps__seal_library(void) {
    return corps__seal_usable() == CORPS_OK ? module->library() : NULL;
}

/* ---- making and freeing ---- */

static enum corps_err broken(struct corps__seal *seal) {
    if (seal->fault == CORPS_OK) {
        seal->fault = seal->open ? CORPS_ERR_PROTOCOL : CORPS_ERR_DENIED;
        snprintf(seal->why, sizeof seal->why, "%s", module->why(seal->session));
    }
    return corps_error_set(seal->fault,
                           seal->fault == CORPS_ERR_DENIED
                               ? "a peer is not the one that was meant, or does not know its key (%s)"
                               : "what came over a sealed connection is not what was sent (%s)",
                           seal->why);
}

static enum corps_err shake_hands(struct corps__seal *seal) {
    switch (module->handshake(seal->session)) {
    case CORPS__SEAL_DONE:
        seal->open = true;
        return CORPS_OK;
    case CORPS__SEAL_MORE:
        return CORPS_OK;
    case CORPS__SEAL_GONE:
    case CORPS__SEAL_BROKEN:
        break;
    }
    return broken(seal);
}

static enum corps_err create(const uint8_t *psk, const char *identity, corps__seal_find find, void *arg,
                             struct corps__seal **out) {
    enum corps_err err = corps__seal_usable();
    if (err != CORPS_OK) {
        return err;
    }
    struct corps__seal *seal = calloc(1, sizeof *seal);
    if (seal != NULL) {
        seal->in = (struct corps__seal_pipe){.data = malloc(IN_BYTES), .capacity = IN_BYTES};
        seal->out = (struct corps__seal_pipe){.data = malloc(OUT_CAPACITY), .capacity = OUT_CAPACITY};
        seal->renew_after = RENEW_RECORDS;
    }
    char why[CORPS__SEAL_WHY_BYTES] = "no memory";
    if (seal != NULL && seal->in.data != NULL && seal->out.data != NULL) {
        seal->session = module->create(psk, identity, find, arg, &seal->in, &seal->out, why);
    }
    if (seal == NULL || seal->session == NULL) {
        corps__seal_free(seal);
        return corps_error_set(CORPS_ERR_NO_MEMORY, "cannot seal a connection: %s", why);
    }
    err = psk != NULL ? shake_hands(seal) : CORPS_OK;
    if (err != CORPS_OK) {
        corps__seal_free(seal);
        return err;
    }
    *out = seal;
    return CORPS_OK;
}

enum corps_err corps__seal_client(const uint8_t psk[CORPS__SEAL_KEY_BYTES], const char *identity,
                                  struct corps__seal **seal) {
    char client[CORPS__SEAL_NAME_BYTES];
    char listener[CORPS__SEAL_NAME_BYTES];
    if (!corps__seal_split(identity, client, listener)) {
        return corps_error_set(CORPS_ERR_INVALID, "'%s' is no identity; write client>listener", identity);
    }
    return create(psk, identity, NULL, NULL, seal);
}

enum corps_err corps__seal_listener(bool (*find)(void *arg, const char *identity, uint8_t psk[CORPS__SEAL_KEY_BYTES]),
                                    void *arg, struct corps__seal **seal) {
    return create(NULL, NULL, find, arg, seal);
}

void corps__seal_free(struct corps__seal *seal) {
    if (seal != NULL) {
        if (seal->session != NULL) {
            module->destroy(seal->session);
        }
        free(seal->in.data);
        free(seal->out.data);
        free(seal);
    }
}

/* ---- the socket's side ---- */

static void close_up(struct corps__seal_pipe *pipe) {
    if (pipe->start == pipe->end) {
        pipe->start = pipe->end = 0;
    } else if (pipe->start > 0) {
        memmove(pipe->data, pipe->data + pipe->start, pipe->end - pipe->start);
        pipe->end -= pipe->start;
        pipe->start = 0;
    }
}

uint8_t *corps__seal_space(struct corps__seal *seal, size_t *bytes) {
    close_up(&seal->in);
    *bytes = seal->in.capacity - seal->in.end;
    return seal->in.data + seal->in.end;
}

enum corps_err corps__seal_took(struct corps__seal *seal, size_t bytes) {
    seal->in.end += bytes;
    if (seal->fault != CORPS_OK) {
        return broken(seal);
    }
    return seal->open ? CORPS_OK : shake_hands(seal);
}

enum corps_err corps__seal_take(struct corps__seal *seal, const uint8_t *data, size_t bytes) {
    size_t room;
    uint8_t *to = corps__seal_space(seal, &room);
    if (bytes > room) {
        size_t capacity = seal->in.end + bytes;
        uint8_t *grown = realloc(seal->in.data, capacity);
        if (grown == NULL) {
            return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %zu bytes of a sealed connection", bytes);
        }
        seal->in.data = grown;
        seal->in.capacity = capacity;
        to = grown + seal->in.end;
    }
    if (bytes > 0) {
        memcpy(to, data, bytes);
    }
    return corps__seal_took(seal, bytes);
}

const uint8_t *corps__seal_pending(const struct corps__seal *seal, size_t *bytes) {
    *bytes = seal->out.end - seal->out.start;
    return seal->out.data + seal->out.start;
}

void corps__seal_sent(struct corps__seal *seal, size_t bytes) {
    seal->out.start += bytes;
    if (seal->out.start == seal->out.end) {
        seal->out.start = seal->out.end = 0;
    }
}

size_t corps__seal_give(struct corps__seal *seal, uint8_t *out, size_t bytes) {
    size_t here;
    const uint8_t *from = corps__seal_pending(seal, &here);
    size_t given = bytes < here ? bytes : here;
    if (given > 0) {
        memcpy(out, from, given);
        corps__seal_sent(seal, given);
    }
    return given;
}

enum corps_err corps__seal_cut(const struct corps__seal *seal) {
    return seal->goodbye ? CORPS_ERR_CLOSED
                         : corps_error_set(CORPS_ERR_PROTOCOL, "a sealed connection ended without a goodbye: its other "
                                                               "side has died, or somebody has cut it");
}

/* ---- the plain side ---- */

/* Bytes that were opened before, or a whole record. */
static bool has_some(const struct corps__seal *seal) {
    size_t here = seal->in.end - seal->in.start;
    const uint8_t *record = seal->in.data + seal->in.start;
    return (here >= HEADER_BYTES && here - HEADER_BYTES >= ((size_t)record[3] << 8 | record[4])) ||
           module->ready(seal->session) > 0;
}

enum corps_err corps__seal_read(struct corps__seal *seal, uint8_t *out, size_t bytes, size_t *done) {
    *done = 0;
    if (seal->fault != CORPS_OK) {
        return broken(seal);
    }
    while (seal->open && !seal->goodbye && *done < bytes && has_some(seal)) {
        size_t got;
        enum corps__seal_outcome outcome = module->read(seal->session, out + *done, bytes - *done, &got);
        *done += got;
        if (outcome == CORPS__SEAL_BROKEN) {
            enum corps_err err = broken(seal);
            return *done > 0 ? CORPS_OK : err; /* what came before it was as it should be; the next read tells */
        }
        seal->goodbye = outcome == CORPS__SEAL_GONE;
        if (outcome == CORPS__SEAL_MORE) {
            break;
        }
    }
    return *done > 0 ? CORPS_OK : seal->goodbye ? CORPS_ERR_CLOSED : CORPS_ERR_AGAIN;
}

/* Room for one more record behind what is to be sent. */
static bool has_room(struct corps__seal *seal) {
    if (seal->out.end - seal->out.start > OUT_BYTES) {
        return false;
    }
    if (seal->out.capacity - seal->out.end < 2 * CORPS__SEAL_RECORD_BYTES) {
        close_up(&seal->out);
    }
    return true;
}

static enum corps_err renew_key(struct corps__seal *seal) {
    seal->records = 0;
    return module->renew(seal->session) == CORPS__SEAL_DONE ? CORPS_OK : broken(seal);
}

enum corps_err corps__seal_write(struct corps__seal *seal, const uint8_t *data, size_t bytes, size_t *done) {
    *done = 0;
    if (seal->fault != CORPS_OK) {
        return broken(seal);
    }
    if (!seal->open) {
        return CORPS_ERR_AGAIN;
    }
    while (*done < bytes && has_room(seal)) {
        size_t part = bytes - *done < CORPS__SEAL_RECORD_BYTES ? bytes - *done : CORPS__SEAL_RECORD_BYTES;
        size_t taken;
        if (++seal->records > seal->renew_after && renew_key(seal) != CORPS_OK) {
            return seal->fault;
        }
        if (module->write(seal->session, data + *done, part, &taken) != CORPS__SEAL_DONE) {
            return broken(seal);
        }
        *done += taken;
    }
    return *done == bytes ? CORPS_OK : CORPS_ERR_AGAIN;
}

bool corps__seal_holds(const struct corps__seal *seal) {
    return seal->fault != CORPS_OK || (has_some(seal) && !seal->goodbye);
}

bool corps__seal_is_open(const struct corps__seal *seal) {
    return seal->open;
}

const char *corps__seal_identity(const struct corps__seal *seal) {
    return module->identity(seal->session);
}

void corps__seal_end(struct corps__seal *seal) {
    if (seal->open && seal->fault == CORPS_OK) {
        close_up(&seal->out);
        module->end(seal->session);
    }
}

void corps__seal_renew_after(struct corps__seal *seal, uint64_t records) {
    seal->renew_after = records;
}

/* ---- keys ---- */

void corps__seal_key(const uint8_t secret[32], const char *label, const char *client, const char *listener,
                     uint8_t psk[CORPS__SEAL_KEY_BYTES]) {
    crypto_generichash_state state;
    crypto_generichash_init(&state, secret, 32, CORPS__SEAL_KEY_BYTES);
    const char *const parts[] = {label, client, listener};
    for (unsigned i = 0; i < 3; i++) { /* with their NULs: where one ends is part of what is hashed */
        crypto_generichash_update(&state, (const uint8_t *)parts[i], strlen(parts[i]) + 1);
    }
    crypto_generichash_final(&state, psk, CORPS__SEAL_KEY_BYTES);
    sodium_memzero(&state, sizeof state);
}

static bool is_name(const char *text, size_t bytes) {
    return bytes > 0 && bytes < CORPS__SEAL_NAME_BYTES && memchr(text, '>', bytes) == NULL;
}

bool corps__seal_join(const char *client, const char *listener, char identity[2 * CORPS__SEAL_NAME_BYTES]) {
    if (!is_name(client, strlen(client)) || !is_name(listener, strlen(listener))) {
        return false;
    }
    snprintf(identity, 2 * CORPS__SEAL_NAME_BYTES, "%s>%s", client, listener);
    return true;
}

bool corps__seal_split(const char *identity, char client[CORPS__SEAL_NAME_BYTES],
                       char listener[CORPS__SEAL_NAME_BYTES]) {
    const char *mark = strchr(identity, '>');
    if (mark == NULL || !is_name(identity, (size_t)(mark - identity)) || !is_name(mark + 1, strlen(mark + 1))) {
        return false;
    }
    memcpy(client, identity, (size_t)(mark - identity));
    client[mark - identity] = '\0';
    strcpy(listener, mark + 1);
    return true;
}
