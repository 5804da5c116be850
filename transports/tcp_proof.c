#include "base/log.h"
#include "stream_sealed.h"
#include "tcp_auth.h"
#include "tcp_endpoint.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PROOF_TIMEOUT_MS = 5000, FAR_CONNECT_TIMEOUT_MS = 1500 };

static const char label[] = "corps link 1";

/* A connection that has not proved itself yet. */
struct corps__tcp_proof {
    uv_poll_t poll;
    uv_timer_t timer; /* ours, when we connected; who was accepted has its time in the lobby */
    int open_handles;
    struct corps__guest guest;
    int fd;
    struct corps__tcp_endpoint *endpoint;
    struct corps__stream_link *link; /* ours, when we connected; NULL when the peer did */
    bool is_far;                     /* the peer we connect to is on another host */
    bool is_sealed;
    struct corps__auth auth;
    struct corps__seal *seal; /* of who was accepted: from its first byte on */
    struct corps__tcp_proof *next;
};

static void proof_handle_closed(uv_handle_t *handle) {
    struct corps__tcp_proof *proof = handle->data;
    if (--proof->open_handles == 0) {
        sodium_memzero(&proof->auth, sizeof proof->auth);
        free(proof);
    }
}

/* Ends the proof; gives its descriptor, or closes it. */
static int finish_proof(struct corps__tcp_proof *proof, bool keep_fd) {
    struct corps__tcp_proof **at = &proof->endpoint->proofs;
    while (*at != proof) {
        at = &(*at)->next;
    }
    *at = proof->next;
    if (proof->link != NULL) {
        proof->link->destroy = NULL;
        proof->link->transport_data = NULL;
    }
    corps__lobby_leave(&proof->guest);
    corps__seal_free(proof->seal);
    proof->seal = NULL;
    int fd = proof->fd;
    uv_close((uv_handle_t *)&proof->poll, proof_handle_closed); /* first: it still needs the descriptor's number */
    uv_close((uv_handle_t *)&proof->timer, proof_handle_closed);
    if (!keep_fd) {
        close(fd);
    }
    return fd;
}

void corps__tcp_proofs_end(struct corps__tcp_endpoint *endpoint) {
    while (endpoint->proofs != NULL) {
        finish_proof(endpoint->proofs, false);
    }
}

static void destroy_connecting(struct corps__stream_link *link) {
    finish_proof(link->transport_data, false);
}

static void refuse_peer(struct corps__tcp_proof *proof, enum corps_err reason) {
    struct corps__stream_link *link = proof->link;
    if (link == NULL && reason != CORPS_ERR_CLOSED) {
        corps__log_refusal(corps_error_detail());
    }
    finish_proof(proof, false);
    if (link != NULL) {
        corps__stream_link_end(link, reason);
    }
}

static void accept_peer(struct corps__tcp_proof *proof) {
    struct corps__tcp_endpoint *endpoint = proof->endpoint;
    bool accepted = proof->link == NULL;
    struct corps__stream_link *link = accepted ? corps__stream_link_create(&endpoint->stream) : proof->link;
    struct corps__seal *seal = proof->seal;
    proof->seal = link != NULL ? NULL : seal;
    int fd = finish_proof(proof, link != NULL);
    if (link == NULL) {
        return; /* out of memory: the peer sees the connection close */
    }
    if (seal == NULL || corps__stream_seal(link, seal) == CORPS_OK) {
        corps__tcp_link_start(endpoint, link, fd, accepted);
    } else {
        close(fd);
        if (accepted) {
            corps__stream_disconnect(&link->base.base);
        } else {
            corps__stream_link_end(link, CORPS_ERR_NO_MEMORY);
        }
    }
}

/* What is said here is small and the first thing on the connection: the kernel takes it whole. */
static bool say_to_peer(const struct corps__tcp_proof *proof, const uint8_t *data, size_t bytes) {
    return bytes == 0 || send(proof->fd, data, bytes, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)bytes;
}

/* ---- by a seal ---- */

static bool find_key(void *arg, const char *identity, uint8_t psk[CORPS__SEAL_KEY_BYTES]) {
    const struct corps__tcp_endpoint *endpoint = arg;
    char client[CORPS__SEAL_NAME_BYTES];
    char listener[CORPS__SEAL_NAME_BYTES];
    if (!corps__seal_split(identity, client, listener) || strcmp(listener, endpoint->identity) != 0) {
        return false;
    }
    corps__seal_key(endpoint->secret, label, client, listener, psk);
    return true;
}

static enum corps_err begin_client_seal(struct corps__tcp_proof *proof, const char *wanted) {
    const struct corps__tcp_endpoint *endpoint = proof->endpoint;
    char identity[2 * CORPS__SEAL_NAME_BYTES];
    uint8_t psk[CORPS__SEAL_KEY_BYTES];
    if (!corps__seal_join(endpoint->identity, wanted, identity)) {
        return corps_error_set(CORPS_ERR_INVALID, "'%s' cannot be who a peer is", wanted);
    }
    corps__seal_key(endpoint->secret, label, endpoint->identity, wanted, psk);
    enum corps_err err = corps__seal_client(psk, identity, &proof->seal);
    sodium_memzero(psk, sizeof psk);
    return err;
}

static bool say_pending(struct corps__tcp_proof *proof) {
    size_t bytes;
    const uint8_t *pending = corps__seal_pending(proof->seal, &bytes);
    bool said = say_to_peer(proof, pending, bytes);
    corps__seal_sent(proof->seal, bytes);
    return said;
}

/* A stranger who only connects costs no seal. */
static enum corps_err take_sealed(struct corps__tcp_proof *proof) {
    enum corps_err err = proof->seal == NULL ? corps__seal_listener(find_key, proof->endpoint, &proof->seal) : CORPS_OK;
    if (err != CORPS_OK) {
        return err;
    }
    size_t room;
    uint8_t *space = corps__seal_space(proof->seal, &room);
    ssize_t got = recv(proof->fd, space, room, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return CORPS_OK;
    }
    if (got <= 0) {
        return CORPS_ERR_CLOSED;
    }
    err = corps__seal_took(proof->seal, (size_t)got);
    bool said = say_pending(proof); /* also what is wrong */
    return err == CORPS_OK && !said ? CORPS_ERR_CLOSED : err;
}

/* ---- by the secret alone ---- */

static enum corps_err take_plain(struct corps__tcp_proof *proof) {
    uint8_t in[128];
    uint8_t out[128];
    size_t out_bytes;
    ssize_t got = recv(proof->fd, in, corps__auth_wants(&proof->auth), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return CORPS_OK;
    }
    if (got <= 0) {
        return CORPS_ERR_CLOSED;
    }
    enum corps_err err = corps__auth_feed(&proof->auth, in, (size_t)got, out, &out_bytes);
    return err == CORPS_OK && !say_to_peer(proof, out, out_bytes) ? CORPS_ERR_CLOSED : err;
}

/* ---- events ---- */

static void on_proof_readable(uv_poll_t *poll, int status, int events) {
    (void)events;
    struct corps__tcp_proof *proof = poll->data;
    enum corps_err err = status < 0 ? CORPS_ERR_CLOSED : proof->is_sealed ? take_sealed(proof) : take_plain(proof);
    if (err != CORPS_OK) {
        refuse_peer(proof, err);
    } else if (proof->is_sealed ? corps__seal_is_open(proof->seal) : proof->auth.proved) {
        accept_peer(proof);
    }
}

/* Says that the listener does not answer, or whoever is there: of another host it means that the way is cut, or that
 * it stands still. */
static void on_proof_timeout(uv_timer_t *timer) {
    struct corps__tcp_proof *proof = timer->data;
    enum corps_err err = proof->is_far ? CORPS_ERR_CLOSED : CORPS_ERR_DENIED;
    refuse_peer(proof, corps_error_set(err, "a TCP peer did not answer, or did not prove itself, in time"));
}

static void start_timer(struct corps__tcp_proof *proof, uint64_t timeout_ms) {
    uv_update_time(proof->endpoint->loop);
    uv_timer_start(&proof->timer, on_proof_timeout, timeout_ms, 0);
}

static void on_tcp_connected(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    struct corps__tcp_proof *proof = poll->data;
    int error = 0;
    socklen_t bytes = sizeof error;
    getsockopt(proof->fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
    if (error != 0) {
        refuse_peer(proof, corps_error_set(CORPS_ERR_CLOSED, "cannot connect: %s", strerror(error)));
        return;
    }
    uint8_t out[128];
    bool said = proof->is_sealed
                    ? say_pending(proof)
                    : say_to_peer(proof, out, corps__auth_start(&proof->auth, proof->endpoint->secret, false, out));
    if (!said) {
        refuse_peer(proof, CORPS_ERR_CLOSED);
        return;
    }
    start_timer(proof, PROOF_TIMEOUT_MS);
    uv_poll_start(&proof->poll, UV_READABLE, on_proof_readable);
}

void corps__tcp_proof_expired(void *owner, struct corps__guest *guest) {
    (void)owner;
    (void)corps_error_set(CORPS_ERR_DENIED, "a TCP peer did not prove itself in time");
    refuse_peer((struct corps__tcp_proof *)((char *)guest - offsetof(struct corps__tcp_proof, guest)),
                CORPS_ERR_DENIED);
}

static void begin_connecting(struct corps__tcp_proof *proof, const struct corps__tcp_where *address) {
    proof->is_far = !corps__tcp_is_loopback(address);
    proof->link->transport_data = proof;
    proof->link->destroy = destroy_connecting;
    start_timer(proof, proof->is_far ? FAR_CONNECT_TIMEOUT_MS : PROOF_TIMEOUT_MS);
    uv_poll_start(&proof->poll, UV_WRITABLE, on_tcp_connected);
}

static void begin_accepting(struct corps__tcp_proof *proof) {
    uint8_t nothing[128];
    corps__lobby_enter(proof->endpoint->lobby, &proof->guest);
    corps__auth_start(&proof->auth, proof->endpoint->secret, true, nothing);
    uv_poll_start(&proof->poll, UV_READABLE, on_proof_readable);
}

enum corps_err corps__tcp_prove(struct corps__tcp_endpoint *endpoint, int fd, struct corps__stream_link *link,
                                const struct corps__tcp_where *address, const char *wanted) {
    struct corps__tcp_proof *proof = calloc(1, sizeof *proof);
    if (proof == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a connection");
    }
    proof->fd = fd;
    proof->endpoint = endpoint;
    proof->link = link;
    proof->is_sealed = link != NULL ? wanted != NULL : endpoint->takes_sealed;
    enum corps_err err = link != NULL && wanted != NULL ? begin_client_seal(proof, wanted) : CORPS_OK;
    if (err == CORPS_OK && uv_poll_init(endpoint->loop, &proof->poll, fd) != 0) {
        corps__seal_free(proof->seal);
        err = corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a connection");
    }
    if (err != CORPS_OK) {
        free(proof);
        return err;
    }
    uv_timer_init(endpoint->loop, &proof->timer);
    proof->open_handles = 2;
    proof->poll.data = proof->timer.data = proof;
    proof->next = endpoint->proofs;
    endpoint->proofs = proof;
    if (link != NULL) {
        begin_connecting(proof, address);
    } else {
        begin_accepting(proof);
    }
    return CORPS_OK;
}
