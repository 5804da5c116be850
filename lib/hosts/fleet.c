#include "hosts/fleet.h"

#include "codec/config.h"
#include "hosts/away.h"
#include "hosts/courier.h"
#include "hosts/desk.h"
#include "hosts/launch.h"
#include "hosts/lease.h"
#include "process/fleet.h"
#include "wait/lead.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* An Env on another host, as children.c holds it. */
struct far {
    struct corps__child child; /* first */
    unsigned env;
    uint64_t incarnation;
    bool ended;
    corps__child_fn on_end;
    void *arg;
};

/* Of Env 0; with the lead. */
static struct {
    struct corps__hosts *hosts; /* those that the Corps lives on; NULL: it has not begun */
    struct corps__fleet_host *known;
    struct corps_box *box; /* of the launch */
    struct corps_value launch;
    const struct corps_value *boot_data;
    uv_poll_t news;
    bool watches;
    struct far *fars[CORPS__ENVS_MAX]; /* the present life of each Env on another host */
} fleet;

/* ---- which hosts ---- */

/* The next word of the option, behind `*at`; false at its end. */
static bool next_word(const char **at, char word[CORPS__HOSTS_BYTES]) {
    *at += strspn(*at, ", ");
    size_t length = strcspn(*at, ", ");
    memcpy(word, *at, length);
    word[length] = '\0';
    *at += length;
    return length > 0;
}

/* "a, b and 3 more": what there is. */
static void list_names(const struct corps__hosts *hosts, char *out, size_t bytes) {
    size_t used = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < hosts->count; i++) {
        if (used + sizeof hosts->rows[i].name + 32 > bytes) {
            snprintf(out + used, bytes - used, " and %u more", hosts->count - i);
            return;
        }
        used += (size_t)snprintf(out + used, bytes - used, "%s%s", i > 0 ? ", " : "", hosts->rows[i].name);
    }
}

/* Each word of the list must mean somebody. */
static enum corps_err check_words(const struct corps__hosts *hosts, const char *list) {
    char word[CORPS__HOSTS_BYTES];
    while (next_word(&list, word)) {
        bool found = false;
        for (unsigned i = 0; i < hosts->count; i++) {
            found = found || corps__host_is(&hosts->rows[i], word);
        }
        if (!found) {
            char names[320];
            list_names(hosts, names, sizeof names);
            return corps_error_set(CORPS_ERR_UNKNOWN,
                                   "the option hosts names '%s', which is no host, number or label of the hosts file; "
                                   "there are %s",
                                   word, names);
        }
    }
    return CORPS_OK;
}

/* Those of this host's agent that the Corps lives on, and its own; the caller frees them. */
static enum corps_err ask_hosts(const struct corps__settings *settings, struct corps__hosts **out) {
    struct corps__hosts *hosts = NULL;
    enum corps_err err = corps__desk_hosts(&hosts);
    bool names = strcmp(settings->hosts, "auto") != 0;
    err = err == CORPS_OK && names ? check_words(hosts, settings->hosts) : err;
    if (err != CORPS_OK) {
        free(hosts);
        return err;
    }
    unsigned count = 0;
    for (unsigned i = 0; i < hosts->count; i++) {
        bool meant = corps__host_is_meant(&hosts->rows[i], settings->hosts);
        if (meant || hosts->rows[i].number == hosts->own) {
            hosts->rows[count] = hosts->rows[i];
            hosts->rows[count].slots = meant ? hosts->rows[count].slots : 1; /* Env 0's */
            count++;
        }
    }
    hosts->count = count;
    *out = hosts;
    return CORPS_OK;
}

/* ---- in the creator ---- */

/* Does an agent own it? And may it begin here? */
static enum corps_err decide_owner(struct corps *corps, const struct corps__hosts *hosts) {
    struct corps__settings *settings = &corps->settings;
    const struct corps__host *own = corps__hosts_find(hosts, hosts->own);
    bool can_own = strcmp(hosts->ledger, "etcd") == 0;
    const char *asked = settings->singleton[0] != '\0'            ? "singleton"
                        : settings->cut_off != CORPS_CUT_OFF_STOP ? "cut_off"
                                                                  : NULL;
    if (asked != NULL && !can_own) {
        return corps_error_set(CORPS_ERR_UNSUPPORTED,
                               "the option %s needs agents with the ledger etcd, and those of these hosts have '%s'; "
                               "give all a hosts file with a line 'ledger etcd URL …'",
                               asked, hosts->ledger[0] != '\0' ? hosts->ledger : "hosts");
    }
    if (asked != NULL && corps->front_class[0] == '\0') {
        return corps_error_set(CORPS_ERR_INVALID,
                               "the option %s is for a Corps with a front, which is what begins it anew", asked);
    }
    if (own != NULL && own->drained) {
        return corps_error_set(CORPS_ERR_LIMIT,
                               "host %u (%s) is drained and begins no Corps; create it on another one, or say "
                               "`corps hosts --undrain %s`",
                               own->number, own->name, own->name);
    }
    settings->owned = can_own && settings->detached && corps->front_class[0] != '\0';
    return CORPS_OK;
}

static enum corps_err create(struct corps *corps) {
    struct corps__hosts *hosts = NULL;
    enum corps_err err = ask_hosts(&corps->settings, &hosts);
    err = err == CORPS_OK ? decide_owner(corps, hosts) : err;
    if (err != CORPS_OK) {
        free(hosts);
        return err;
    }
    corps->settings.host = hosts->own;
    corps->id = corps->id >> 16 | (uint64_t)hosts->own << 48;
    corps__host_bind(hosts, corps__hosts_find(hosts, hosts->own), corps->remote_bind, sizeof corps->remote_bind);
    free(hosts);
    return corps__desk_secret(corps->id, corps->secret);
}

static enum corps_err own(const struct corps *corps, const uint8_t *boot, size_t bytes, int *control_fd) {
    struct corps_box *box = corps_box_create();
    if (box == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to say how Envs are started on other hosts");
    }
    struct corps_value launch;
    enum corps_err err = corps__launch_value(corps, box, &launch);
    err = err == CORPS_OK ? corps__launch_without(box, &launch, "boot_data") : err;
    if (err == CORPS_OK) {
        err = corps__desk_own(corps->id, &launch, boot, bytes, corps->settings.singleton, (int)corps->settings.cut_off,
                              control_fd);
    }
    corps_box_unref(box);
    return err;
}

/* ---- in Env 0 ---- */

static void on_ended(unsigned env, uint64_t incarnation, const char *how, enum corps__end end) {
    struct far *far = env < CORPS__ENVS_MAX ? fleet.fars[env] : NULL;
    if (far != NULL && far->incarnation == incarnation && !far->ended) {
        far->ended = true;
        far->on_end(far->arg, how, end);
    }
}

static enum corps_err know(const struct corps__hosts *hosts) {
    fleet.known = calloc(hosts->count, sizeof *fleet.known);
    if (fleet.known == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %u hosts", hosts->count);
    }
    for (unsigned i = 0; i < hosts->count; i++) {
        const struct corps__host *row = &hosts->rows[i];
        struct corps__fleet_host *known = &fleet.known[i];
        *known = (struct corps__fleet_host){.number = row->number, .slots = row->slots};
        _Static_assert(sizeof known->name == sizeof row->name && sizeof known->address == sizeof row->address &&
                           sizeof known->labels == sizeof row->labels,
                       "what is copied fits");
        memcpy(known->name, row->name, sizeof known->name);
        memcpy(known->address, row->address, sizeof known->address);
        memcpy(known->labels, row->labels, sizeof known->labels);
    }
    return CORPS_OK;
}

static enum corps_err know_launch(const struct corps *corps) {
    fleet.box = corps_box_create();
    if (fleet.box == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to say how Envs are started on other hosts");
    }
    enum corps_err err = corps__launch_value(corps, fleet.box, &fleet.launch);
    fleet.boot_data = err == CORPS_OK ? corps_value_get(&fleet.launch, "boot_data") : NULL;
    return err == CORPS_OK ? corps__launch_without(fleet.box, &fleet.launch, "boot_data") : err;
}

static void on_news(uv_poll_t *poll, int status, int events) {
    (void)poll;
    (void)status;
    (void)events;
    corps__courier_read_news();
}

static enum corps_err watch_news(void) {
    int failed = uv_poll_init(corps__loop(), &fleet.news, corps__courier_news_fd());
    if (failed != 0) {
        return corps_error_set(CORPS_ERR_SYSTEM, "Env 0 cannot watch for news of other hosts: %s", uv_strerror(failed));
    }
    uv_poll_start(&fleet.news, UV_READABLE, on_news);
    corps__loop_changed();
    fleet.watches = true;
    return CORPS_OK;
}

static enum corps_err begin(struct corps *corps) {
    enum corps_err err = ask_hosts(&corps->settings, &fleet.hosts);
    err = err == CORPS_OK ? know(fleet.hosts) : err;
    err = err == CORPS_OK ? know_launch(corps) : err;
    err = err == CORPS_OK ? corps__courier_begin(fleet.hosts, corps->id, corps__life_of(corps__own_incarnation()),
                                                 &fleet.launch, on_ended)
                          : err;
    err = err == CORPS_OK ? watch_news() : err;
    uint32_t own;
    char number[16];
    snprintf(number, sizeof number, "%u", corps->settings.host);
    return err == CORPS_OK ? corps__courier_place(0, number, &own) : err; /* Env 0 has a slot too */
}

static void kill_far(struct corps__child *child) {
    const struct far *far = (const struct far *)child;
    if (!far->ended) {
        corps__courier_kill(far->env, far->incarnation);
    }
}

static void close_far(struct corps__child *child) {
    struct far *far = (struct far *)child;
    if (!far->ended) {
        corps__courier_forget(far->env, far->incarnation);
    }
    if (fleet.fars[far->env] == far) {
        fleet.fars[far->env] = NULL;
    }
    free(far);
}

static const struct corps__child_ops far_ops = {.kill = kill_far, .close = close_far};

static enum corps_err start(unsigned env, uint32_t host, uint64_t incarnation, corps__child_fn on_end, void *arg,
                            int *control_fd, struct corps__child **child) {
    (void)host; /* where it was placed */
    int pair[2];
    struct far *far = calloc(1, sizeof *far);
    if (far == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for an Env on another host");
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        free(far);
        return corps_error_system("cannot make a control channel");
    }
    *far = (struct far){.child = {&far_ops}, .env = env, .incarnation = incarnation, .on_end = on_end, .arg = arg};
    enum corps_err err = corps__courier_start(env, incarnation, pair[1]);
    if (err != CORPS_OK) {
        close(pair[0]);
        close(pair[1]);
        free(far);
        return err;
    }
    fleet.fars[env] = far;
    *control_fd = pair[0];
    *child = &far->child;
    return CORPS_OK;
}

static enum corps_err find(const char *where, uint32_t *numbers, unsigned room, unsigned *count) {
    *count = 0;
    for (unsigned i = 0; i < fleet.hosts->count && *count < room; i++) {
        if (where[0] == '\0' || corps__host_is(&fleet.hosts->rows[i], where)) {
            numbers[(*count)++] = fleet.hosts->rows[i].number;
        }
    }
    if (*count > 0) {
        return CORPS_OK;
    }
    char names[320];
    list_names(fleet.hosts, names, sizeof names);
    return corps_error_set(CORPS_ERR_UNKNOWN, "the Corps lives on no host '%s', by name, number or label; there are %s",
                           where, names);
}

static const struct corps__fleet_host *host(uint32_t number) {
    const struct corps__host *row = corps__hosts_find(fleet.hosts, number);
    if (row == NULL) {
        return NULL;
    }
    struct corps__fleet_host *known = &fleet.known[row - fleet.hosts->rows];
    corps__courier_look(number, &known->envs, &known->is_heard);
    return known;
}

static const struct corps_value *boot_data(void) {
    return fleet.boot_data;
}

static void end(void) {
    corps__courier_end();
    if (fleet.watches) {
        fleet.watches = false;
        uv_poll_stop(&fleet.news);
        uv_close((uv_handle_t *)&fleet.news, NULL);
        corps__loop_changed();
    }
}

static const struct corps__fleet_ops ops = {
    .settle_ns = CORPS__SILENCE_NS,
    .create = create,
    .own = own,
    .begin = begin,
    .place = corps__courier_place,
    .leave = corps__courier_leave,
    .start = start,
    .find = find,
    .host = host,
    .boot_data = boot_data,
    .end = end,
};

void corps__hosts_begin(void) {
    if (corps__fleet() == NULL) {
        corps__fleet_set(&ops);
        corps__away_begin();
    }
}
