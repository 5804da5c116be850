#include "wait/runtime.h"

#include "actor/future.h"
#include "process/fork.h"
#include "wait/reactor.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct corps__runtime corps__rt = {.lock = PTHREAD_MUTEX_INITIALIZER};

static enum corps_err start(bool is_env, uint64_t corps_id, uint32_t env) {
    if (corps__rt.started) {
        return CORPS_OK;
    }
    corps__fork_watch();
    if (sodium_init() < 0) {
        return corps_error_set(CORPS_ERR_SYSTEM, "libsodium cannot start: no source of random numbers");
    }
    enum corps_err err = corps__reactor_start();
    if (err != CORPS_OK) {
        return err;
    }
    if (corps_fork_generation() == 0) {
        corps__futures_start();
    }
    corps__rt.is_env = is_env;
    corps__rt.env = env;
    corps__rt.corps_id = corps_id;
    if (!is_env) {
        randombytes_buf(&corps__rt.corps_id, sizeof corps__rt.corps_id);
    }
    corps__rt.started = true;
    atomic_store(&corps__rt.lead, 0); /* after a fork nobody could have it until now */
    return CORPS_OK;
}

static pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER;

enum corps_err corps__runtime_start(bool is_env, uint64_t corps_id, uint32_t env) {
    pthread_mutex_lock(&starting);
    enum corps_err err = start(is_env, corps_id, env);
    pthread_mutex_unlock(&starting);
    return err;
}

void corps__runtime_forked(void) {
    for (unsigned i = 0; i < corps__rt.port_count; i++) {
        struct corps__port *port = corps__rt.ports[i];
        if (port->transport->forget != NULL) {
            port->transport->forget(port->endpoint);
        }
    } /* their memory stays: links and peers may be in the middle of anything */
    corps__rt.port_count = 0;
    corps__rt.started = false;
    corps__rt.is_env = false;
    corps__rt.env = CORPS__GUEST_ENV;
    corps__rt.own = NULL;
    corps__rt.check_foreign = false;
    atomic_store(&corps__rt.lead, 1);
    pthread_mutex_init(&corps__rt.lock, NULL);
    pthread_mutex_init(&starting, NULL);
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
    struct corps__port *closed[CORPS__ENDPOINTS_MAX];
    unsigned count = 0, kept = 0;
    for (unsigned i = 0; i < corps__rt.port_count; i++) {
        struct corps__port *port = corps__rt.ports[i];
        if (corps == NULL || port->corps == corps) {
            closed[count++] = port;
        } else {
            corps__rt.ports[kept++] = port;
        }
    }
    corps__rt.port_count = kept; /* first: the child of a fork looks there */
    for (unsigned i = 0; i < count; i++) {
        closed[i]->transport->close(closed[i]->endpoint);
        /* Close callbacks run in the next two rounds at the latest (a handle may close another one in its callback). */
        uv_run(&corps__rt.loop, UV_RUN_NOWAIT);
        uv_run(&corps__rt.loop, UV_RUN_NOWAIT);
        free(closed[i]->endpoint);
        free(closed[i]);
    }
    corps__rt.loop_dirty = true;
}
