#include "runtime.h"

#include "future.h"
#include "reactor.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct corps__runtime corps__rt = {.lock = PTHREAD_MUTEX_INITIALIZER};

enum corps_err corps__runtime_start(bool is_env, uint64_t corps_id, uint32_t env) {
    static bool started;
    if (started) {
        return CORPS_OK;
    }
    if (sodium_init() < 0) {
        return corps_error_set(CORPS_ERR_SYSTEM, "libsodium cannot start: no source of random numbers");
    }
    enum corps_err err = corps__reactor_start();
    if (err != CORPS_OK) {
        return err;
    }
    corps__futures_start();
    corps__rt.is_env = is_env;
    corps__rt.env = env;
    corps__rt.corps_id = corps_id;
    if (!is_env) {
        randombytes_buf(&corps__rt.corps_id, sizeof corps__rt.corps_id);
    }
    started = true;
    return CORPS_OK;
}

/* ---- endpoints ---- */

/* Env i of a Corps that listens on "host:port" listens on port + i; a program takes any port. */
static void bind_text(const struct corps *corps, char *out, size_t out_bytes) {
    snprintf(out, out_bytes, "%s", corps->settings.bind);
    char *colon = strrchr(out, ':');
    if (colon == NULL || strchr(colon, ']') != NULL) {
        return;
    }
    if (corps == corps__rt.own) {
        unsigned port = (unsigned)strtoul(colon + 1, NULL, 10) + corps__rt.env;
        snprintf(colon + 1, out_bytes - (size_t)(colon + 1 - out), "%u", port);
    } else {
        *colon = '\0';
    }
}

static enum corps_err open_endpoint(struct corps__port *port, const struct corps *corps) {
    char name[32];
    char bind[sizeof corps->settings.bind + 8];
    if (corps == corps__rt.own) {
        snprintf(name, sizeof name, "env-%u-%s", corps__rt.env, port->transport->name);
    } else {
        snprintf(name, sizeof name, "p%llx-%x", (unsigned long long)corps__rt.corps_id, corps__rt.env & 0xffff);
    }
    bind_text(corps, bind, sizeof bind);
    struct corps_endpoint_options options = {
        .loop = &corps__rt.loop,
        .directory = corps->directory,
        .name = name,
        .bind = bind[0] != '\0' ? bind : NULL,
        .secret = corps->secret,
        .frame_bytes_max = CORPS_FRAME_BYTES_MAX,
        .buffer_bytes = corps->settings.buffer_bytes,
        .queue_count = corps->settings.queue_count,
    };
    size_t bytes = (port->transport->endpoint_bytes + 63) / 64 * 64;
    port->endpoint = aligned_alloc(64, bytes);
    if (port->endpoint == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for an endpoint");
    }
    memset(port->endpoint, 0, bytes);
    port->endpoint->transport = port->transport;
    port->endpoint->user = port;
    enum corps_err err = port->transport->open(port->endpoint, &options, port->address);
    if (err != CORPS_OK) {
        uv_run(&corps__rt.loop, UV_RUN_NOWAIT); /* handles that open closed again refer to this memory */
        uv_run(&corps__rt.loop, UV_RUN_NOWAIT);
        free(port->endpoint);
    }
    return err;
}

enum corps_err corps__port_open(const struct corps_transport *transport, const struct corps *corps,
                                struct corps__port **port) {
    for (unsigned i = 0; i < corps__rt.port_count; i++) {
        if (corps__rt.ports[i]->transport == transport && corps__rt.ports[i]->corps == corps) {
            *port = corps__rt.ports[i];
            return CORPS_OK;
        }
    }
    if (corps__rt.port_count == CORPS__ENDPOINTS_MAX) {
        return corps_error_set(CORPS_ERR_LIMIT, "a process can take part in %u Corps at a time", CORPS__ENDPOINTS_MAX);
    }
    struct corps__port *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for an endpoint");
    }
    made->transport = transport;
    made->corps = corps;
    enum corps_err err = open_endpoint(made, corps);
    if (err != CORPS_OK) {
        free(made);
        return err;
    }
    corps__rt.ports[corps__rt.port_count++] = made;
    corps__rt.loop_dirty = true;
    *port = made;
    return CORPS_OK;
}

void corps__ports_close(const struct corps *corps) {
    unsigned kept = 0;
    for (unsigned i = 0; i < corps__rt.port_count; i++) {
        struct corps__port *port = corps__rt.ports[i];
        if (corps != NULL && port->corps != corps) {
            corps__rt.ports[kept++] = port;
            continue;
        }
        port->transport->close(port->endpoint);
        /* Close callbacks run in the next two rounds at the latest (a handle may close another one in its callback). */
        uv_run(&corps__rt.loop, UV_RUN_NOWAIT);
        uv_run(&corps__rt.loop, UV_RUN_NOWAIT);
        free(port->endpoint);
        free(port);
    }
    corps__rt.port_count = kept;
    corps__rt.loop_dirty = true;
}
