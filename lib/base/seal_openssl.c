/* The module libcorps-seal.so: TLS 1.3 by OpenSSL (3.0 or later), for lib/base/seal.h.
 *
 * An external PSK alone authenticates both sides (RFC 8446, 2.2; RFC 9257), with (EC)DHE each time: psk_dhe_ke is all
 * that OpenSSL offers and takes unless SSL_OP_ALLOW_NO_DHE_KEX is set. There are no certificates: a listener without a
 * key for the client has nothing to go on with, and a client takes no certificate since it trusts none. No tickets, no
 * early data, no renegotiation (1.3 has none). Both suites have the hash of the PSK, SHA-256. */
#include "base/seal_module.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char suites[] = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256";
static const char groups[] = "X25519:P-256";
static const unsigned char psk_suite[] = {0x13, 0x01}; /* TLS_AES_128_GCM_SHA256: says the hash of the PSK */

struct session {
    SSL *ssl;
    struct corps__seal_pipe *in, *out;
    corps__seal_find find;
    void *arg;
    uint8_t psk[32]; /* a client's, until the handshake is over */
    char identity[CORPS__SEAL_IDENTITY_BYTES];
    char why[CORPS__SEAL_WHY_BYTES];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static SSL_CTX *client_context, *listener_context; /* NULL: the library refused */
static BIO_METHOD *pipes;
static char refusal[CORPS__SEAL_WHY_BYTES];

/* ---- the two buffers, as OpenSSL wants them ---- */

static struct session *session_of(const SSL *ssl) {
    return SSL_get_app_data(ssl);
}

static int pipe_read(BIO *bio, char *to, size_t bytes, size_t *done) {
    struct corps__seal_pipe *in = ((struct session *)BIO_get_data(bio))->in;
    size_t here = in->end - in->start;
    BIO_clear_retry_flags(bio);
    if (here == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    *done = bytes < here ? bytes : here;
    memcpy(to, in->data + in->start, *done);
    in->start += *done;
    return 1;
}

static int pipe_write(BIO *bio, const char *from, size_t bytes, size_t *done) {
    struct corps__seal_pipe *out = ((struct session *)BIO_get_data(bio))->out;
    BIO_clear_retry_flags(bio);
    if (bytes > out->capacity - out->end) {
        return 0; /* only a peer that asks for answers and reads none brings it so far */
    }
    memcpy(out->data + out->end, from, bytes);
    out->end += bytes;
    *done = bytes;
    return 1;
}

static long pipe_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

/* ---- keys ---- */

static SSL_SESSION *session_with(SSL *ssl, const uint8_t psk[32]) {
    const SSL_CIPHER *suite = SSL_CIPHER_find(ssl, psk_suite);
    SSL_SESSION *made = SSL_SESSION_new();
    if (made == NULL || suite == NULL || SSL_SESSION_set1_master_key(made, psk, 32) != 1 ||
        SSL_SESSION_set_cipher(made, suite) != 1 || SSL_SESSION_set_protocol_version(made, TLS1_3_VERSION) != 1) {
        SSL_SESSION_free(made);
        return NULL;
    }
    return made;
}

static int client_key(SSL *ssl, const EVP_MD *hash, const unsigned char **identity, size_t *bytes, SSL_SESSION **key) {
    struct session *session = session_of(ssl);
    (void)hash; /* every suite here has the same */
    *key = session_with(ssl, session->psk);
    *identity = (const unsigned char *)session->identity;
    *bytes = strlen(session->identity);
    return *key != NULL;
}

static int listener_key(SSL *ssl, const unsigned char *identity, size_t bytes, SSL_SESSION **key) {
    struct session *session = session_of(ssl);
    char text[CORPS__SEAL_IDENTITY_BYTES];
    uint8_t psk[32];
    *key = NULL;
    if (bytes >= sizeof text || memchr(identity, 0, bytes) != NULL) {
        return 0;
    }
    memcpy(text, identity, bytes);
    text[bytes] = '\0';
    if (!session->find(session->arg, text, psk)) { /* it goes on without a key, and finds nothing else to use */
        snprintf(session->why, sizeof session->why, "it says '%.100s', which is not known here", text);
        return 1;
    }
    memcpy(session->identity, text, bytes + 1);
    *key = session_with(ssl, psk);
    OPENSSL_cleanse(psk, sizeof psk);
    return *key != NULL;
}

/* ---- the library ---- */

static void note_error(char why[CORPS__SEAL_WHY_BYTES], const char *otherwise) {
    unsigned long first = ERR_get_error();
    const char *reason = first != 0 ? ERR_reason_error_string(first) : NULL;
    snprintf(why, CORPS__SEAL_WHY_BYTES, "%s", reason != NULL ? reason : otherwise);
    ERR_clear_error();
}

static SSL_CTX *make_context(const SSL_METHOD *method) {
    SSL_CTX *made = SSL_CTX_new(method);
    if (made == NULL || SSL_CTX_set_min_proto_version(made, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(made, TLS1_3_VERSION) != 1 || SSL_CTX_set_ciphersuites(made, suites) != 1 ||
        SSL_CTX_set1_groups_list(made, groups) != 1 || SSL_CTX_set_num_tickets(made, 0) != 1) {
        SSL_CTX_free(made);
        return NULL;
    }
    SSL_CTX_set_options(made, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_clear_options(made, SSL_OP_ENABLE_MIDDLEBOX_COMPAT); /* nothing but what is proved */
    SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_early_data(made, 0);
    SSL_CTX_set_recv_max_early_data(made, 0);
    SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_psk_use_session_callback(made, client_key);
    SSL_CTX_set_psk_find_session_callback(made, listener_key);
    return made;
}

static void begin_library(void) {
    /* Threads may still run when the process ends: nothing is taken down before them. */
    OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL);
    ERR_clear_error();
    pipes = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "corps");
    if (pipes != NULL && BIO_meth_set_read_ex(pipes, pipe_read) == 1 && BIO_meth_set_write_ex(pipes, pipe_write) == 1 &&
        BIO_meth_set_ctrl(pipes, pipe_control) == 1) {
        client_context = make_context(TLS_client_method());
        listener_context = client_context != NULL ? make_context(TLS_server_method()) : NULL;
    }
    if (client_context != NULL) { /* nobody is trusted: a certificate instead of the key does not help */
        SSL_CTX_set_verify(client_context, SSL_VERIFY_PEER, NULL);
    }
    if (listener_context == NULL) {
        note_error(refusal, "no memory");
    }
}

static const char *library(void) {
    return OpenSSL_version(OPENSSL_VERSION);
}

/* ---- sessions ---- */

static void destroy(void *opaque) {
    struct session *session = opaque;
    if (session != NULL) {
        SSL_free(session->ssl); /* with its BIO */
        OPENSSL_cleanse(session, sizeof *session);
        free(session);
    }
}

static bool begin_session(struct session *session, bool is_client) {
    session->ssl = SSL_new(is_client ? client_context : listener_context);
    BIO *bio = session->ssl != NULL ? BIO_new(pipes) : NULL;
    if (bio == NULL) {
        return false;
    }
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    SSL_set_bio(session->ssl, bio, bio);
    if (SSL_set_app_data(session->ssl, session) != 1) {
        return false;
    }
    is_client ? SSL_set_connect_state(session->ssl) : SSL_set_accept_state(session->ssl);
    return true;
}

static void *create(const uint8_t *psk, const char *identity, corps__seal_find find, void *arg,
                    struct corps__seal_pipe *in, struct corps__seal_pipe *out, char why[CORPS__SEAL_WHY_BYTES]) {
    pthread_once(&once, begin_library);
    if (listener_context == NULL) {
        snprintf(why, CORPS__SEAL_WHY_BYTES, "%s", refusal);
        return NULL;
    }
    ERR_clear_error();
    struct session *session = calloc(1, sizeof *session);
    if (session != NULL) {
        session->in = in;
        session->out = out;
        session->find = find;
        session->arg = arg;
        if (psk != NULL) {
            memcpy(session->psk, psk, sizeof session->psk);
            snprintf(session->identity, sizeof session->identity, "%s", identity);
        }
    }
    if (session == NULL || !begin_session(session, psk != NULL)) {
        note_error(why, "no memory");
        destroy(session);
        return NULL;
    }
    return session;
}

static enum corps__seal_outcome outcome_of(struct session *session, int result) {
    int error = SSL_get_error(session->ssl, result);
    if (error == SSL_ERROR_WANT_READ) {
        return CORPS__SEAL_MORE;
    }
    if (error == SSL_ERROR_ZERO_RETURN) {
        return CORPS__SEAL_GONE;
    }
    if (session->why[0] == '\0') {
        note_error(session->why, error == SSL_ERROR_SYSCALL ? "it takes no answers" : "unknown reason");
    }
    return CORPS__SEAL_BROKEN;
}

static enum corps__seal_outcome handshake(void *opaque) {
    struct session *session = opaque;
    ERR_clear_error();
    int result = SSL_do_handshake(session->ssl);
    if (result != 1) {
        return outcome_of(session, result);
    }
    OPENSSL_cleanse(session->psk, sizeof session->psk);
    if (SSL_session_reused(session->ssl) != 1) { /* cannot be: there is nothing else to go by */
        snprintf(session->why, sizeof session->why, "the key was not used");
        return CORPS__SEAL_BROKEN;
    }
    return CORPS__SEAL_DONE;
}

static enum corps__seal_outcome read_record(void *opaque, uint8_t *out, size_t bytes, size_t *done) {
    struct session *session = opaque;
    *done = 0;
    ERR_clear_error();
    int result = SSL_read_ex(session->ssl, out, bytes, done);
    return result == 1 ? CORPS__SEAL_DONE : outcome_of(session, result);
}

static enum corps__seal_outcome write_record(void *opaque, const uint8_t *data, size_t bytes, size_t *done) {
    struct session *session = opaque;
    *done = 0;
    ERR_clear_error();
    int result = SSL_write_ex(session->ssl, data, bytes, done);
    return result == 1 ? CORPS__SEAL_DONE : outcome_of(session, result);
}

static enum corps__seal_outcome renew(void *opaque) {
    struct session *session = opaque;
    ERR_clear_error();
    int result = SSL_key_update(session->ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
    result = result == 1 ? SSL_do_handshake(session->ssl) : result; /* says so at once */
    return result == 1 ? CORPS__SEAL_DONE : outcome_of(session, result);
}

static size_t ready(const void *opaque) {
    int bytes = SSL_pending(((const struct session *)opaque)->ssl);
    return bytes > 0 ? (size_t)bytes : 0;
}

static void end(void *opaque) {
    ERR_clear_error();
    (void)SSL_shutdown(((struct session *)opaque)->ssl);
    ERR_clear_error();
}

static const char *identity_of(const void *opaque) {
    return ((const struct session *)opaque)->identity;
}

static const char *why_of(const void *opaque) {
    return ((const struct session *)opaque)->why;
}

extern const struct corps__seal_module corps__seal_openssl;

__attribute__((visibility("default"))) const struct corps__seal_module corps__seal_openssl = {
    .version = CORPS__SEAL_MODULE_VERSION,
    .library = library,
    .create = create,
    .destroy = destroy,
    .handshake = handshake,
    .read = read_record,
    .write = write_record,
    .renew = renew,
    .ready = ready,
    .end = end,
    .identity = identity_of,
    .why = why_of,
};
