#include "hosts/greet.h"

#include "base/seal.h"
#include "codec/framed.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL_BYTES = 1024 };

static void put64(crypto_generichash_state *state, uint64_t number) {
    uint8_t bytes[8];
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(number >> 8 * i);
    }
    crypto_generichash_update(state, bytes, sizeof bytes);
}

static void begin(crypto_generichash_state *state, const uint8_t *key, const char *label,
                  const struct corps__handshake *greeting) {
    crypto_generichash_init(state, key, CORPS__KEY_BYTES, CORPS__PROOF_BYTES);
    crypto_generichash_update(state, (const uint8_t *)label, strlen(label) + 1);
    crypto_generichash_update(state, greeting->owner_nonce, sizeof greeting->owner_nonce);
    crypto_generichash_update(state, greeting->agent_nonce, sizeof greeting->agent_nonce);
    put64(state, greeting->corps_id);
    put64(state, greeting->host);
    put64(state, greeting->boot);
}

void corps__greet_agent_proof(const struct corps__handshake *greeting, const uint8_t key[CORPS__KEY_BYTES],
                              uint8_t proof[CORPS__PROOF_BYTES]) {
    crypto_generichash_state state;
    begin(&state, key, "corps agent proof 1", greeting);
    crypto_generichash_final(&state, proof, CORPS__PROOF_BYTES);
}

void corps__greet_owner_proof(const struct corps__handshake *greeting, const uint8_t key[CORPS__KEY_BYTES],
                              const char *word, uint8_t proof[CORPS__PROOF_BYTES]) {
    crypto_generichash_state state;
    begin(&state, key, "corps owner proof 1", greeting);
    crypto_generichash_update(&state, (const uint8_t *)word, strlen(word) + 1);
    put64(&state, greeting->session);
    put64(&state, greeting->taken);
    crypto_generichash_update(&state, greeting->hash, sizeof greeting->hash);
    crypto_generichash_final(&state, proof, CORPS__PROOF_BYTES);
}

bool corps__greet_bytes(const struct corps_value *record, size_t index, uint8_t *out, size_t bytes) {
    const struct corps_value *item = corps_value_item(record, index);
    if (item == NULL || item->kind != CORPS_BIN || item->count != bytes) {
        return false;
    }
    memcpy(out, item->bin, bytes);
    return true;
}

bool corps__greet_is_proof(const struct corps_value *record, size_t index, const uint8_t proof[CORPS__PROOF_BYTES]) {
    uint8_t given[CORPS__PROOF_BYTES];
    return corps__greet_bytes(record, index, given, sizeof given) && sodium_memcmp(given, proof, sizeof given) == 0;
}

void corps__greet_identity(uint64_t corps_id, uint32_t host, char identity[CORPS__IDENTITY_BYTES]) {
    snprintf(identity, CORPS__IDENTITY_BYTES, "c%016" PRIx64 ">agent.h%u", corps_id, host);
}

bool corps__greet_identity_read(const char *identity, uint32_t host, uint64_t *corps_id) {
    uint64_t id;
    char expected[CORPS__IDENTITY_BYTES];
    if (sscanf(identity, "c%16" SCNx64, &id) != 1) {
        return false;
    }
    corps__greet_identity(id, host, expected);
    *corps_id = id;
    return strcmp(identity, expected) == 0;
}

void corps__greet_psk(const char *identity, const uint8_t key[CORPS__KEY_BYTES], uint8_t psk[CORPS__KEY_BYTES]) {
    char client[CORPS__SEAL_NAME_BYTES] = "", agent[CORPS__SEAL_NAME_BYTES] = "";
    (void)corps__seal_split(identity, client, agent);
    corps__seal_key(key, "corps agent 1", client, agent, psk);
}

enum corps_err corps__greet_send(struct corps__conn *conn, uint8_t kind, uint64_t ack,
                                 const struct corps_value *record) {
    uint8_t small[SMALL_BYTES];
    uint8_t *frame;
    size_t bytes;
    enum corps_err err = corps__framed_encode(record, small, sizeof small, &frame, &bytes);
    if (err == CORPS_OK) {
        err = corps__conn_send(conn, kind, 0, ack, frame, bytes);
        if (frame != small) {
            free(frame);
        }
    }
    return err;
}

enum corps_err corps__greet_record(const struct corps__frame *frame, struct corps_box **box) {
    if (frame->bytes < 4) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a frame holds no record");
    }
    return corps__framed_decode(frame->data + 4, frame->bytes - 4, box); /* its own length tells nothing new */
}
