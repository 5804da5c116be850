#include "process/places.h"

#include "codec/record.h"
#include "link/known.h"
#include "link/news.h"
#include "process/ask.h"
#include "process/fleet.h"
#include "process/life.h"
#include "wait/wait.h"

#include <stdio.h>
#include <string.h>

enum { HOSTS_MAX = 1024, ITEMS = 7 };

/* ---- in Env 0 ---- */

struct question {
    char where[CORPS__WHERE_BYTES];
    uint32_t hosts[HOSTS_MAX];
    unsigned count;
};

static enum corps_err find_job(void *arg) {
    struct question *question = arg;
    return corps__own_fleet()->find(question->where, question->hosts, HOSTS_MAX, &question->count);
}

static enum corps_err answer(struct corps_context *context, const struct question *question,
                             struct corps_value *result) {
    struct corps_value *rows = corps_context_alloc(context, (1 + ITEMS) * question->count * sizeof *rows + 1);
    if (rows == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a list of hosts");
    }
    for (unsigned i = 0; i < question->count; i++) {
        const struct corps__fleet_host *host = corps__own_fleet()->host(question->hosts[i]);
        struct corps_value *items = rows + question->count + ITEMS * (size_t)i;
        const struct corps_value row[ITEMS] = {
            corps_int(host->number), corps_str(host->name), corps_str(host->address),  corps_str(host->labels),
            corps_int(host->slots),  corps_int(host->envs), corps_bool(host->is_heard)};
        memcpy(items, row, sizeof row);
        rows[i] = corps_array(items, ITEMS);
    }
    *result = corps_array(rows, question->count);
    return CORPS_OK;
}

enum corps_err corps__manager_hosts(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)self;
    if (corps__own_fleet() == NULL) {
        return corps_error_set(CORPS_ERR_INVALID, "this is Env %u of a Corps on %s, and does not know its hosts",
                               corps__own_env(), corps__has_fleet(corps__own()) ? "several hosts" : "one host");
    }
    struct question *question = corps_context_alloc(context, sizeof *question);
    if (question == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a list of hosts");
    }
    corps__record_text(args, 0, question->where, sizeof question->where);
    question->count = 0;
    enum corps_err err = corps__with_lead(find_job, question);
    return err == CORPS_OK ? answer(context, question, result) : err;
}

/* ---- whoever has a Corps ---- */

bool corps__location_is_of_hosts(struct corps_location location) {
    return location.type == CORPS_LOCATION_HOST || location.type == CORPS_LOCATION_CLUSTER ||
           location.type == CORPS_LOCATION_REGION;
}

static enum corps_err check(const struct corps *corps, struct corps_location location) {
    bool names = location.type != CORPS_LOCATION_CLUSTER;
    const char *where = location.host != NULL ? location.host : "";
    if (!corps__has_fleet(corps)) {
        return corps_error_set(CORPS_ERR_INVALID, "the location is of hosts, and the Corps lives on one; create it "
                                                  "with the option hosts");
    }
    if (names && where[0] == '\0') {
        return corps_error_set(CORPS_ERR_INVALID, "the location HOST or REGION names a host or a label, and this none");
    }
    if (!names && where[0] != '\0') {
        return corps_error_set(CORPS_ERR_INVALID,
                               "the location CLUSTER is every host, and '%s' was named; use HOST or REGION", where);
    }
    return strlen(where) < CORPS__WHERE_BYTES
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_INVALID, "a host's name has at most %d bytes", CORPS__WHERE_BYTES - 1);
}

/* As Env 0 meant it: its own errors travel as those of a method do. */
static enum corps_err outcome_of(struct corps_future *future, const struct corps_value **hosts) {
    enum corps_err err = corps_future_wait(future, CORPS_FOREVER, hosts);
    const struct corps_error_info *info = corps_future_error(future);
    if (err == CORPS_ERR_REMOTE && strcmp(info->type, corps_error_name(CORPS_ERR_UNKNOWN)) == 0) {
        return corps_error_set(CORPS_ERR_UNKNOWN, "%s", info->text);
    }
    return err;
}

static bool is_usable(const struct corps *corps, unsigned env) {
    return corps__env_is_there(corps, env) && !atomic_load(&corps->envs[env].lost);
}

/* Which Envs are on that host; one is added where none is. `all`: else only the first counts. */
static enum corps_err find_on(struct corps *corps, const struct corps_value *host, bool all, bool chosen[]) {
    uint32_t number = (uint32_t)corps__record_int(host, 0, 0);
    bool found = false;
    for (unsigned env = 0; env < corps->settings.env_count; env++) {
        if (is_usable(corps, env) && corps->envs[env].host == number && (all || !found)) {
            chosen[env] = true;
            found = true;
        }
    }
    if (found) {
        return CORPS_OK;
    }
    char text[16];
    unsigned env = 0;
    snprintf(text, sizeof text, "%u", number);
    enum corps_err err = corps_env_add_on(corps, text, &env);
    if (err == CORPS_OK && env < CORPS__ENVS_MAX) {
        chosen[env] = true;
    }
    return err;
}

static enum corps_err find_envs(struct corps *corps, struct corps_location location, const struct corps_value *hosts,
                                bool chosen[]) {
    bool one = location.type == CORPS_LOCATION_HOST;
    if (one && hosts->count > 1) {
        return corps_error_set(CORPS_ERR_INVALID, "'%s' is a label of %zu hosts: that is a REGION, not a HOST",
                               location.host, hosts->count);
    }
    enum corps_err err = CORPS_OK;
    for (size_t i = 0; err == CORPS_OK && i < hosts->count; i++) {
        err = find_on(corps, corps_value_item(hosts, i), one, chosen);
    }
    return err;
}

enum corps_err corps__places_find(struct corps *corps, struct corps_location location, unsigned *envs,
                                  unsigned *count) {
    enum corps_err err = check(corps, location);
    if (err != CORPS_OK) {
        return err;
    }
    const struct corps_value where = corps_str(location.host != NULL ? location.host : "");
    const struct corps_value args = corps_array(&where, 1);
    struct corps_name *manager = NULL;
    struct corps_future *future = NULL;
    const struct corps_value *hosts = NULL;
    bool chosen[CORPS__ENVS_MAX] = {false};
    corps__news_read(corps);
    err = corps__manager_ask(corps, 0, CORPS__HOSTS, &args, &manager, &future);
    err = err == CORPS_OK ? outcome_of(future, &hosts) : err;
    if (err == CORPS_OK && hosts->kind != CORPS_ARRAY) {
        err = corps_error_set(CORPS_ERR_PROTOCOL, "Env 0 answered with something else than its hosts");
    }
    err = err == CORPS_OK && envs != NULL ? find_envs(corps, location, hosts, chosen) : err;
    corps_future_destroy(future);
    corps_name_unref(manager);
    *count = 0;
    for (unsigned env = 0; err == CORPS_OK && env < CORPS__ENVS_MAX; env++) {
        if (chosen[env]) {
            envs[(*count)++] = env;
        }
    }
    return err;
}
