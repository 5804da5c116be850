#include "link/port.h"

#include "wait/wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Env i of a Corps that listens on "host:port" listens on port + i; a program takes any port. */
static void bind_text(const struct corps *corps, char *out, size_t out_bytes) {
    snprintf(out, out_bytes, "%s", corps->settings.bind);
    char *colon = strrchr(out, ':');
    if (colon == NULL || strchr(colon, ']') != NULL) {
        return;
    }
    if (corps == corps__own()) {
        unsigned port = (unsigned)strtoul(colon + 1, NULL, 10) + corps__own_env();
        snprintf(colon + 1, out_bytes - (size_t)(colon + 1 - out), "%u", port);
    } else {
        *colon = '\0';
    }
}

/* Close callbacks run in the next two rounds at the latest (a handle may close another one in its callback); until then
 * handles refer to the endpoint's memory. */
static void run_closed(void) {
    uv_run(corps__loop(), UV_RUN_NOWAIT);
    uv_run(corps__loop(), UV_RUN_NOWAIT);
}

/* Who this process is: no other one of the Corps, also none that comes later, is called so. */
static void identity_text(const struct corps *corps, char *out, size_t out_bytes) {
    uint32_t host = corps__host_here(corps);
    if (corps == corps__own()) {
        snprintf(out, out_bytes, "h%u.e%u.i%llx", host, corps__own_env(), (unsigned long long)corps__own_incarnation());
    } else {
        const uint64_t *random = corps__link_floor->identity;
        snprintf(out, out_bytes, "h%u.g%016llx%016llx", host, (unsigned long long)random[0],
                 (unsigned long long)random[1]);
    }
}

static enum corps_err open_endpoint(struct corps__port *port, const struct corps *corps) {
    char name[32];
    char bind[sizeof corps->settings.bind + 8];
    _Static_assert(sizeof bind >= sizeof corps->remote_bind, "it holds either");
    if (corps == corps__own()) {
        snprintf(name, sizeof name, "env-%u-%s", corps__own_env(), port->is_far ? "far" : port->transport->name);
    } else {
        snprintf(name, sizeof name, "p%llx-%x", (unsigned long long)corps__own_id(), corps__own_env() & 0xffff);
    }
    if (port->is_far) { /* nobody calls a program: it is not reached, and connects from where it is */
        snprintf(bind, sizeof bind, "%s", corps == corps__own() ? corps->remote_bind : "");
    } else {
        bind_text(corps, bind, sizeof bind);
    }
    char identity[64];
    identity_text(corps, identity, sizeof identity);
    struct corps_endpoint_options options = {
        .identity = identity,
        .loop = corps__loop(),
        .directory = corps->directory,
        .name = name,
        .bind = bind[0] != '\0' ? bind : NULL,
        .secret = corps->secret,
        .frame_bytes_max = CORPS_FRAME_BYTES_MAX,
        .buffer_bytes = corps->settings.buffer_bytes,
        .queue_count = corps->settings.queue_count,
        .seal = corps->settings.seal,
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
        run_closed(); /* handles that open closed again */
        free(port->endpoint);
    }
    return err;
}

static void close_port(struct corps__port *port) {
    port->transport->close(port->endpoint);
    run_closed();
    free(port->endpoint);
    free(port);
}

static enum corps_err open_port(const struct corps_transport *transport, const struct corps *corps, bool is_far,
                                struct corps__port **port) {
    struct corps__link_floor *links = corps__link_floor;
    for (unsigned i = 0; i < links->port_count; i++) {
        if (links->ports[i]->transport == transport && links->ports[i]->corps == corps &&
            links->ports[i]->is_far == is_far) {
            *port = links->ports[i];
            return CORPS_OK;
        }
    }
    struct corps__port *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for an endpoint");
    }
    made->transport = transport;
    made->corps = corps;
    made->is_far = is_far;
    enum corps_err err = open_endpoint(made, corps);
    if (err != CORPS_OK) {
        free(made);
        return err;
    }
    err = corps__reactor_attach(made->endpoint);
    if (err != CORPS_OK) {
        close_port(made);
        return err;
    }
    links->ports[links->port_count++] = made;
    *port = made;
    return CORPS_OK;
}

enum corps_err corps__port_open(const struct corps_transport *transport, const struct corps *corps,
                                struct corps__port **port) {
    return open_port(transport, corps, false, port);
}

enum corps_err corps__port_open_far(const struct corps *corps, struct corps__port **port) {
    const struct corps_transport *transport = corps_transport_with(CORPS_TRANSPORT_REMOTE);
    return transport != NULL ? open_port(transport, corps, true, port)
                             : corps_error_set(CORPS_ERR_UNKNOWN, "no transport of this build reaches other hosts");
}

void corps__ports_close(const struct corps *corps) {
    struct corps__link_floor *links = corps__link_floor;
    struct corps__port *closed[CORPS__ENDPOINTS_MAX];
    unsigned count = 0, kept = 0;
    for (unsigned i = 0; i < links->port_count; i++) {
        struct corps__port *port = links->ports[i];
        if (corps == NULL || port->corps == corps) {
            closed[count++] = port;
        } else {
            links->ports[kept++] = port;
        }
    }
    links->port_count = kept; /* first: the child of a fork looks there */
    for (unsigned i = 0; i < count; i++) {
        corps__reactor_detach(closed[i]->endpoint);
        close_port(closed[i]);
    }
    corps__loop_changed();
}

void corps__ports_forked(void) {
    for (unsigned i = 0; i < corps__link_floor->port_count; i++) {
        struct corps__port *port = corps__link_floor->ports[i];
        if (port->transport->forget != NULL) {
            port->transport->forget(port->endpoint);
        }
    }
    corps__link_floor->port_count = 0;
}
