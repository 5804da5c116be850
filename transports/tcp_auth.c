#include "tcp_auth.h"

#include <sodium.h>
#include <string.h>

_Static_assert(CORPS_SECRET_BYTES == crypto_auth_KEYBYTES, "the secret is a key of crypto_auth");
_Static_assert(CORPS__PROOF_BYTES == crypto_auth_BYTES, "a proof is what crypto_auth makes");

enum { GREETING_BYTES = 4 };
static const uint8_t greeting[GREETING_BYTES] = {'C', 'R', 'A', CORPS__AUTH_VERSION};

/* role, connector's nonce, listener's nonce */
static void statement(const struct corps__auth *auth, bool by_listener, uint8_t out[9 + 2 * CORPS__NONCE_BYTES]) {
    memcpy(out, by_listener ? "listener" : "connectr", 9);
    memcpy(out + 9, auth->listener ? auth->peers : auth->own, CORPS__NONCE_BYTES);
    memcpy(out + 9 + CORPS__NONCE_BYTES, auth->listener ? auth->own : auth->peers, CORPS__NONCE_BYTES);
}

static void prove(const struct corps__auth *auth, uint8_t out[CORPS__PROOF_BYTES]) {
    uint8_t text[9 + 2 * CORPS__NONCE_BYTES];
    statement(auth, auth->listener, text);
    crypto_auth(out, text, sizeof text, auth->secret);
}

static enum corps_err verify(const struct corps__auth *auth, const uint8_t proof[CORPS__PROOF_BYTES]) {
    uint8_t text[9 + 2 * CORPS__NONCE_BYTES];
    statement(auth, !auth->listener, text);
    return crypto_auth_verify(proof, text, sizeof text, auth->secret) == 0
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_DENIED, "a TCP peer does not know the secret of this Corps");
}

size_t corps__auth_start(struct corps__auth *auth, const uint8_t *secret, bool listener, uint8_t *out) {
    memset(auth, 0, sizeof *auth);
    auth->listener = listener;
    memcpy(auth->secret, secret, sizeof auth->secret);
    randombytes_buf(auth->own, sizeof auth->own);
    if (listener) {
        return 0;
    }
    memcpy(out, greeting, GREETING_BYTES);
    memcpy(out + GREETING_BYTES, auth->own, CORPS__NONCE_BYTES);
    return GREETING_BYTES + CORPS__NONCE_BYTES;
}

static size_t step_bytes(const struct corps__auth *auth) {
    if (auth->step == 0) {
        return GREETING_BYTES + CORPS__NONCE_BYTES + (auth->listener ? 0 : CORPS__PROOF_BYTES);
    }
    return auth->listener && auth->step == 1 ? CORPS__PROOF_BYTES : 0;
}

size_t corps__auth_wants(const struct corps__auth *auth) {
    return auth->proved ? 0 : step_bytes(auth) - auth->in_bytes;
}

/* The first message of the other side. */
static enum corps_err greeted(struct corps__auth *auth, uint8_t *out, size_t *out_bytes) {
    if (memcmp(auth->in, greeting, GREETING_BYTES - 1) != 0) {
        return corps_error_set(CORPS_ERR_DENIED, "a TCP peer did not greet as a Corps does");
    }
    if (auth->in[GREETING_BYTES - 1] != CORPS__AUTH_VERSION) {
        return corps_error_set(CORPS_ERR_VERSION, "the TCP peer greets in version %u, this program in version %u",
                               auth->in[GREETING_BYTES - 1], CORPS__AUTH_VERSION);
    }
    memcpy(auth->peers, auth->in + GREETING_BYTES, CORPS__NONCE_BYTES);
    if (auth->listener) {
        memcpy(out, greeting, GREETING_BYTES);
        memcpy(out + GREETING_BYTES, auth->own, CORPS__NONCE_BYTES);
        prove(auth, out + GREETING_BYTES + CORPS__NONCE_BYTES);
        *out_bytes = GREETING_BYTES + CORPS__NONCE_BYTES + CORPS__PROOF_BYTES;
        return CORPS_OK;
    }
    enum corps_err err = verify(auth, auth->in + GREETING_BYTES + CORPS__NONCE_BYTES);
    if (err == CORPS_OK) {
        prove(auth, out);
        *out_bytes = CORPS__PROOF_BYTES;
        auth->proved = true;
    }
    return err;
}

enum corps_err corps__auth_feed(struct corps__auth *auth, const uint8_t *data, size_t bytes, uint8_t *out,
                                size_t *out_bytes) {
    *out_bytes = 0;
    if (bytes > corps__auth_wants(auth)) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a TCP peer sent more than its proof");
    }
    memcpy(auth->in + auth->in_bytes, data, bytes);
    auth->in_bytes += bytes;
    if (auth->in_bytes < step_bytes(auth)) {
        /* Wrong from the first bytes on: no need to wait for the rest. */
        size_t greeted_bytes = auth->in_bytes < GREETING_BYTES - 1 ? auth->in_bytes : GREETING_BYTES - 1;
        return auth->step > 0 || memcmp(auth->in, greeting, greeted_bytes) == 0
                   ? CORPS_OK
                   : corps_error_set(CORPS_ERR_DENIED, "a TCP peer did not greet as a Corps does");
    }
    auth->in_bytes = 0;
    if (auth->step++ == 0) {
        return greeted(auth, out, out_bytes);
    }
    enum corps_err err = verify(auth, auth->in);
    auth->proved = err == CORPS_OK;
    return err;
}
