#include "raw/tls_module.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HANDSHAKE_STEPS_MAX = 1000,
    HANDSHAKE_PATIENCE_MS = 5000,
    RECORDS_BYTES = 68 << 10, /* read or written at once: 64 KiB in their records */
};

struct raw_tls_pair {
    SSL_CTX *context[2];
    SSL *ends[2];
    size_t unsent[2]; /* bytes that are sealed and not all gone */
    uint8_t key[RAW_TLS_KEY_BYTES];
};

static const unsigned char identity[] = "corps-lab raw:tls";

/* The cipher of sealed links (lib/base/seal_openssl.c). */
static SSL_SESSION *session_of(SSL *ssl) {
    static const unsigned char suite[] = {0x13, 0x01};
    const struct raw_tls_pair *pair = SSL_get_app_data(ssl);
    SSL_SESSION *session = SSL_SESSION_new();
    if (session != NULL && (!SSL_SESSION_set1_master_key(session, pair->key, sizeof pair->key) ||
                            !SSL_SESSION_set_cipher(session, SSL_CIPHER_find(ssl, suite)) ||
                            !SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION))) {
        SSL_SESSION_free(session);
        session = NULL;
    }
    return session;
}

static int use_key(SSL *ssl, const EVP_MD *digest, const unsigned char **id, size_t *id_bytes, SSL_SESSION **session) {
    (void)digest;
    *session = session_of(ssl);
    *id = identity;
    *id_bytes = sizeof identity - 1;
    return *session != NULL;
}

static int find_key(SSL *ssl, const unsigned char *id, size_t id_bytes, SSL_SESSION **session) {
    bool known = id_bytes == sizeof identity - 1 && memcmp(id, identity, id_bytes) == 0;
    *session = known ? session_of(ssl) : NULL;
    return 1;
}

/* The records of a message leave by one system call. */
static bool gather_records(SSL *end) {
    BIO *gathered = BIO_new(BIO_f_buffer());
    BIO *socket = SSL_get_wbio(end);
    if (gathered == NULL || BIO_set_write_buffer_size(gathered, RECORDS_BYTES) != 1 || !BIO_up_ref(socket)) {
        BIO_free(gathered);
        return false;
    }
    SSL_set0_wbio(end, BIO_push(gathered, socket));
    return true;
}

static bool make_end(struct raw_tls_pair *pair, int side, int fd) {
    SSL_CTX *context = SSL_CTX_new(side == 0 ? TLS_client_method() : TLS_server_method());
    pair->context[side] = context;
    if (context == NULL || !SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) ||
        !SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") || !SSL_CTX_set_num_tickets(context, 0)) {
        return false;
    }
    SSL_CTX_set_psk_use_session_callback(context, use_key);
    SSL_CTX_set_psk_find_session_callback(context, find_key);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, RECORDS_BYTES);
    pair->ends[side] = SSL_new(context);
    if (pair->ends[side] == NULL || !SSL_set_app_data(pair->ends[side], pair) || !SSL_set_fd(pair->ends[side], fd) ||
        !gather_records(pair->ends[side])) {
        return false;
    }
    side == 0 ? SSL_set_connect_state(pair->ends[side]) : SSL_set_accept_state(pair->ends[side]);
    return true;
}

/* Both ends in turn, on sockets that do not block meanwhile. */
static bool shake_hands(const struct raw_tls_pair *pair, const int fds[2]) {
    int flags[2] = {fcntl(fds[0], F_GETFL), fcntl(fds[1], F_GETFL)};
    bool done = false, failed = false;
    for (int side = 0; side < 2; side++) {
        fcntl(fds[side], F_SETFL, flags[side] | O_NONBLOCK);
    }
    for (int step = 0; !done && !failed && step < HANDSHAKE_STEPS_MAX; step++) {
        done = true;
        for (int side = 0; side < 2 && !failed; side++) {
            int got = SSL_do_handshake(pair->ends[side]);
            int why = SSL_get_error(pair->ends[side], got);
            done = done && got == 1;
            failed = got != 1 && why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE;
        }
        struct pollfd ready[2] = {{.fd = fds[0], .events = POLLIN}, {.fd = fds[1], .events = POLLIN}};
        failed = failed || (!done && poll(ready, 2, HANDSHAKE_PATIENCE_MS) == 0);
    }
    for (int side = 0; side < 2; side++) {
        fcntl(fds[side], F_SETFL, flags[side]);
    }
    return done && !failed;
}

static void close_pair(struct raw_tls_pair *pair) {
    for (int side = 0; pair != NULL && side < 2; side++) {
        SSL_free(pair->ends[side]);
        SSL_CTX_free(pair->context[side]);
    }
    free(pair);
}

static struct raw_tls_pair *open_pair(const int fds[2], const uint8_t key[RAW_TLS_KEY_BYTES], char *error,
                                      size_t error_bytes) {
    struct raw_tls_pair *pair = calloc(1, sizeof *pair);
    if (pair != NULL) {
        memcpy(pair->key, key, sizeof pair->key);
    }
    if (pair != NULL && make_end(pair, 0, fds[0]) && make_end(pair, 1, fds[1]) && shake_hands(pair, fds)) {
        return pair;
    }
    char why[200] = "the ends did not agree";
    unsigned long code = ERR_peek_last_error();
    if (code != 0) {
        ERR_error_string_n(code, why, sizeof why);
    }
    snprintf(error, error_bytes, "no TLS handshake: %s", why);
    close_pair(pair);
    return NULL;
}

static bool waits(SSL *end, int done) {
    int why = SSL_get_error(end, done);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

static long send_message(struct raw_tls_pair *pair, int side, const uint8_t *data, size_t bytes) {
    SSL *end = pair->ends[side];
    ERR_clear_error();
    if (pair->unsent[side] == 0) {
        int done = SSL_write_ex(end, data, bytes, &pair->unsent[side]);
        if (done != 1) {
            return waits(end, done) ? 0 : -1;
        }
    }
    if (BIO_flush(SSL_get_wbio(end)) <= 0) {
        return BIO_should_retry(SSL_get_wbio(end)) ? 0 : -1;
    }
    size_t sent = pair->unsent[side];
    pair->unsent[side] = 0;
    return (long)sent;
}

static long receive_some(struct raw_tls_pair *pair, int side, uint8_t *data, size_t bytes) {
    size_t received = 0;
    ERR_clear_error();
    int done = SSL_read_ex(pair->ends[side], data, bytes, &received);
    return done == 1 ? (long)received : waits(pair->ends[side], done) ? 0 : -1;
}

__attribute__((visibility("default"))) const struct raw_tls_ops raw_tls_ops = {
    .open = open_pair, .send = send_message, .receive = receive_some, .close = close_pair};
