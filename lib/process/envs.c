#include "process/envs.h"

#include "actor/runtime.h"
#include "codec/record.h"
#include "link/foreign.h"
#include "link/known.h"
#include "link/news.h"
#include "process/ask.h"
#include "process/changes.h"
#include "process/creator.h"
#include "process/fleet.h"
#include "process/life.h"

#include <corps.h>

#include <string.h>

static void read_news(struct corps *corps) {
    struct corps__control *control = corps->creator != NULL  ? corps->control
                                     : corps == corps__own() ? corps__life.parent
                                                             : NULL;
    if (control != NULL) {
        corps__control_drain(control);
    }
}

void corps__envs_news_begin(void) {
    corps__news_set(read_news);
}

/* Env 0 has answered [error, Env, text]. */
static enum corps_err outcome_of(const struct corps_value *answer, unsigned *env) {
    int64_t code = corps__record_int(answer, 0, CORPS_ERR_PROTOCOL);
    char text[CORPS__CHANGE_TEXT_BYTES];
    corps__record_text(answer, 2, text, sizeof text);
    *env = (unsigned)corps__record_int(answer, 1, 0);
    return code == CORPS_OK ? CORPS_OK : corps_error_set((enum corps_err)code, "%s", text);
}

/* NULL: any. */
static enum corps_err check_host(const struct corps *corps, const char *host) {
    if (host == NULL || host[0] == '\0') {
        return CORPS_OK;
    }
    if (!corps__has_fleet(corps)) {
        return corps_error_set(CORPS_ERR_INVALID,
                               "an Env on host '%s' was asked for, and the Corps lives on one host; create it with the "
                               "option hosts",
                               host);
    }
    return strlen(host) < CORPS__WHERE_BYTES
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_INVALID, "a host's name has at most %d bytes", CORPS__WHERE_BYTES - 1);
}

static enum corps_err begin(const struct corps *corps, bool adds, const char *host, unsigned env, int64_t timeout_ns,
                            struct corps_future **future) {
    enum corps_err err = check_host(corps, host);
    if (err != CORPS_OK) {
        return err;
    }
    if ((corps->settings.transport->capabilities & CORPS_TRANSPORT_INTRA) != 0) {
        return corps_error_set(CORPS_ERR_UNSUPPORTED,
                               "transport %s joins the Workers of one Env, so none can be added or taken; create the "
                               "Corps with a transport between processes",
                               corps->settings.transport->name);
    }
    if (!adds && env == 0) {
        return corps_error_set(CORPS_ERR_INVALID,
                               "Env 0 is what keeps the Corps together and is not taken from it; corps_end ends both");
    }
    if (!adds && timeout_ns < 0) {
        return corps_error_set(CORPS_ERR_INVALID, "the timeout is %lld ns; it must not be negative",
                               (long long)timeout_ns);
    }
    if (!adds && corps == corps__own() && env == corps__own_env()) {
        return corps_error_set(CORPS_ERR_INVALID,
                               "Env %u cannot be taken from within, whose method would wait for its own end; have "
                               "another Env or the program do it",
                               env);
    }
    const struct corps_value place = corps_str(host != NULL ? host : "");
    const struct corps_value items[2] = {corps_int(env), corps_int(timeout_ns)};
    const struct corps_value args = adds ? corps_array(&place, 1) : corps_array(items, 2);
    struct corps_name *manager = NULL;
    err = corps__manager_ask(corps, 0, adds ? CORPS__ENV_ADD : CORPS__ENV_TAKE, &args, &manager, future);
    corps_name_unref(manager);
    return err;
}

static enum corps_err end(struct corps *corps, bool adds, struct corps_future *future, unsigned *env) {
    const struct corps_value *answer;
    unsigned which = 0;
    enum corps_err err = corps_future_wait(future, CORPS_FOREVER, &answer);
    err = err == CORPS_OK ? outcome_of(answer, &which) : err;
    if (err == CORPS_OK) {
        corps__news_await(corps, which, adds); /* so that this process knows when this returns */
        *env = which;
    }
    return err;
}

static enum corps_err change(struct corps *corps, bool adds, const char *host, unsigned env, int64_t timeout_ns,
                             unsigned *which) {
    (void)corps__corps_ref(corps); /* it may exit meanwhile */
    struct corps_future *future = NULL;
    enum corps_err err = begin(corps, adds, host, env, timeout_ns, &future);
    err = err == CORPS_OK ? end(corps, adds, future, which) : err;
    corps_future_destroy(future);
    corps__corps_unref(corps);
    return err;
}

enum corps_err corps_env_add(struct corps *corps, unsigned *env) {
    return change(corps, true, NULL, 0, 0, env);
}

enum corps_err corps_env_add_on(struct corps *corps, const char *host, unsigned *env) {
    return change(corps, true, host, 0, 0, env);
}

enum corps_err corps_env_take(struct corps *corps, unsigned env, int64_t timeout_ns) {
    unsigned unused;
    return change(corps, false, NULL, env, timeout_ns, &unused);
}

const char *corps_env_host(const struct corps *corps, unsigned env, unsigned *number) {
    bool is_known = env < corps->settings.env_count;
    if (number != NULL) {
        *number = is_known ? corps->envs[env].host : 0;
    }
    return is_known ? corps->envs[env].host_name : "";
}

/* ---- by the number of the Corps ---- */

static enum corps_err find(uint64_t corps_id, struct corps **corps) {
    enum corps_err err = corps__runtime_ensure(); /* this may be the first thing that a program does */
    return err == CORPS_OK ? corps__foreign_find(corps_id, corps) : err;
}

enum corps_err corps__env_change_begin(uint64_t corps_id, bool adds, const char *host, unsigned env, int64_t timeout_ns,
                                       struct corps_future **future) {
    struct corps *corps;
    enum corps_err err = find(corps_id, &corps);
    if (err == CORPS_OK) {
        err = begin(corps, adds, host, env, timeout_ns, future);
        corps__corps_unref(corps);
    }
    return err;
}

enum corps_err corps__env_change_end(uint64_t corps_id, bool adds, struct corps_future *future, unsigned *env) {
    struct corps *corps;
    enum corps_err err = find(corps_id, &corps);
    if (err == CORPS_OK) {
        err = end(corps, adds, future, env);
        corps__corps_unref(corps);
    }
    return err;
}
