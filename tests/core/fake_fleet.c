#include "fake_fleet.h"

#include "process/boot.h"
#include "process/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct corps__fleet_host hosts[FAKE_HOSTS] = {
    {.number = 1, .name = "one", .address = "127.0.0.1", .labels = "here", .slots = FAKE_SLOTS, .is_heard = true},
    {.number = 2, .name = "two", .address = "127.0.0.2", .labels = "there", .slots = FAKE_SLOTS, .is_heard = true},
    {.number = 3, .name = "three", .address = "127.0.0.3", .labels = "there", .slots = FAKE_SLOTS, .is_heard = true},
};
static uint32_t placed[CORPS__ENVS_MAX]; /* the host of each Env, 0: none */
static const struct corps *own;

static enum corps_err fake_create(struct corps *corps) {
    corps->settings.host = 1;
    snprintf(corps->remote_bind, sizeof corps->remote_bind, "%s", hosts[0].address);
    corps->id = corps->id >> 16 | UINT64_C(1) << 48;
    corps->settings.owned = fake_owner != NULL && corps->settings.detached;
    return CORPS_OK;
}

enum corps_err (*fake_owner)(const struct corps *corps, const uint8_t *boot, size_t bytes, int *control_fd);

static enum corps_err fake_own(const struct corps *corps, const uint8_t *boot, size_t bytes, int *control_fd) {
    return fake_owner(corps, boot, bytes, control_fd);
}

static enum corps_err fake_begin(struct corps *corps) {
    own = corps;
    return CORPS_OK;
}

static bool is_meant(const struct corps__fleet_host *host, const char *where) {
    return where[0] == '\0' || strcmp(host->name, where) == 0 || strcmp(host->labels, where) == 0 ||
           (uint32_t)atoi(where) == host->number;
}

static enum corps_err fake_find(const char *where, uint32_t *out, unsigned room, unsigned *count) {
    *count = 0;
    for (unsigned i = 0; i < FAKE_HOSTS; i++) {
        if (is_meant(&hosts[i], where) && *count < room) {
            out[(*count)++] = hosts[i].number;
        }
    }
    return *count > 0 ? CORPS_OK
                      : corps_error_set(CORPS_ERR_UNKNOWN, "there is no host '%s'; there are one, two, three", where);
}

static void fake_leave(unsigned env) {
    if (placed[env] != 0) {
        hosts[placed[env] - 1].envs--;
    }
    placed[env] = 0;
}

static enum corps_err fake_place(unsigned env, const char *where, uint32_t *host) {
    uint32_t meant[FAKE_HOSTS];
    unsigned count;
    enum corps_err err = fake_find(where, meant, FAKE_HOSTS, &count);
    fake_leave(env);
    struct corps__fleet_host *best = NULL;
    for (unsigned i = count; err == CORPS_OK && i > 0; i--) {
        struct corps__fleet_host *next = &hosts[meant[i - 1] - 1];
        best = next->envs < next->slots && (best == NULL || next->envs < best->envs) ? next : best;
    }
    if (err == CORPS_OK && best == NULL) {
        err = corps_error_set(CORPS_ERR_LIMIT, "all slots of '%s' are used", where);
    }
    if (err == CORPS_OK) {
        best->envs++;
        placed[env] = *host = best->number;
    }
    return err;
}

/* A process of this host; its parent writes the boot record, so it is started without one. */
static enum corps_err fake_start(unsigned env, uint32_t host, uint64_t incarnation, corps__child_fn on_end, void *arg,
                                 int *control_fd, struct corps__child **child) {
    (void)host;
    (void)incarnation;
    struct corps_launched launched;
    enum corps_err err = corps__env_launch(own, env, &launched, control_fd);
    if (err != CORPS_OK) {
        return err;
    }
    err = corps__child_watch(launched.pid, launched.status_fd, on_end, arg, child);
    if (err != CORPS_OK) {
        launched.status_fd = -1; /* child_watch took it */
        corps__env_unspawn(&launched);
        close(*control_fd);
    }
    return err;
}

static const struct corps__fleet_host *fake_host(uint32_t number) {
    return number >= 1 && number <= FAKE_HOSTS ? &hosts[number - 1] : NULL;
}

static const struct corps_value *fake_boot_data(void) {
    return NULL;
}

static void nothing(void) {
}

static const struct corps__fleet_ops ops = {
    .settle_ns = FAKE_SETTLE_MS * INT64_C(1000000),
    .create = fake_create,
    .own = fake_own,
    .begin = fake_begin,
    .place = fake_place,
    .leave = fake_leave,
    .start = fake_start,
    .find = fake_find,
    .host = fake_host,
    .boot_data = fake_boot_data,
    .end = nothing,
};

void fake_fleet_set(void) {
    const char *net = getenv("FAKE_FLEET_NET");
    for (unsigned i = 0; net != NULL && i < FAKE_HOSTS; i++) {
        snprintf(hosts[i].address, sizeof hosts[i].address, "%s%u", net, i + 1);
    }
    corps__fleet_set(&ops);
}
