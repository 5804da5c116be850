/* TLS 1.3 by OpenSSL over a TCP connection, with a key that both sides have: what bounds a sealed link. */
#include "raw/raw.h"

#include "cli/places.h"
#include "raw/tls_module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct raw_tls_ops *tls;

static bool load(struct raw_channel *channel) {
    char path[PATH_MAX];
    void *module = dlopen(lab_module_path("lab_tls.so", path), RTLD_NOW);
    tls = module != NULL ? dlsym(module, "raw_tls_ops") : NULL;
    if (tls == NULL) {
        snprintf(
            channel->error, sizeof channel->error,
            "cannot load OpenSSL's part of the laboratory (%.150s); install OpenSSL's headers (libssl-dev) and build "
            "anew",
            dlerror());
    }
    return tls != NULL;
}

static bool open_sealed(struct raw_channel *channel) {
    uint8_t key[RAW_TLS_KEY_BYTES];
    memset(key, 0x5a, sizeof key); /* nobody else is there to be kept out */
    if ((tls == NULL && !load(channel)) || !raw_tcp_open(channel)) {
        return false;
    }
    channel->tls = tls->open(channel->read_fd, key, channel->error, sizeof channel->error);
    return channel->tls != NULL;
}

static bool send_sealed(struct raw_channel *channel, const uint8_t *message) {
    size_t sent = 0;
    while (sent < channel->bytes) {
        long n = tls->send(channel->tls, channel->side, message + sent, channel->bytes - sent);
        if (n < 0) {
            return raw_fail(channel, "TLS: the other side is gone");
        }
        if (n == 0 && raw_must_stop(channel)) {
            return false;
        }
        sent += (size_t)n;
    }
    return true;
}

static bool receive_sealed(struct raw_channel *channel, uint8_t *message) {
    size_t received = 0;
    while (received < channel->bytes) {
        long n = tls->receive(channel->tls, channel->side, message + received, channel->bytes - received);
        if (n < 0) {
            return raw_fail(channel, "TLS: the other side is gone");
        }
        if (n == 0 && raw_must_stop(channel)) {
            return false;
        }
        received += (size_t)n;
    }
    return true;
}

static void close_sealed(struct raw_channel *channel) {
    if (channel->tls != NULL) {
        tls->close(channel->tls);
        channel->tls = NULL;
    }
}

const struct raw_mechanism raw_tls = {
    .name = "raw:tls",
    .summary = "TLS 1.3 by OpenSSL with a shared key, over the TCP connection of raw:tcp",
    .can_block = true,
    .can_spin = true,
    .can_stream = true,
    .remote = true,
    .plain = "raw:tcp",
    .seals = true,
    .open = open_sealed,
    .send = send_sealed,
    .receive = receive_sealed,
    .close = close_sealed,
};
