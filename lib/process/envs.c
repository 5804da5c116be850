#include "process/envs.h"

#include "codec/record.h"
#include "link/known.h"
#include "link/news.h"
#include "process/ask.h"
#include "process/changes.h"
#include "process/creator.h"
#include "process/life.h"

#include <corps.h>

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

static enum corps_err change(struct corps *corps, const char *method, const struct corps_value *args, unsigned *env) {
    if ((corps->settings.transport->capabilities & CORPS_TRANSPORT_INTRA) != 0) {
        return corps_error_set(CORPS_ERR_UNSUPPORTED,
                               "transport %s joins the Workers of one Env, so none can be added or taken; create the "
                               "Corps with a transport between processes",
                               corps->settings.transport->name);
    }
    (void)corps__corps_ref(corps); /* it may exit meanwhile */
    struct corps_name *manager = NULL;
    struct corps_future *future = NULL;
    const struct corps_value *answer;
    enum corps_err err = corps__manager_ask(corps, 0, method, args, &manager, &future);
    err = err == CORPS_OK ? corps_future_wait(future, CORPS_FOREVER, &answer) : err;
    unsigned which = 0;
    err = err == CORPS_OK ? outcome_of(answer, &which) : err;
    if (err == CORPS_OK) {
        corps__news_read(corps); /* this process has been told: it knows when this returns */
        *env = which;
    }
    corps_future_destroy(future);
    corps_name_unref(manager);
    corps__corps_unref(corps);
    return err;
}

enum corps_err corps_env_add(struct corps *corps, unsigned *env) {
    struct corps_value none = corps_nil();
    return change(corps, CORPS__ENV_ADD, &none, env);
}

enum corps_err corps_env_take(struct corps *corps, unsigned env, int64_t timeout_ns) {
    if (env == 0) {
        return corps_error_set(CORPS_ERR_INVALID,
                               "Env 0 is what keeps the Corps together and is not taken from it; corps_end ends both");
    }
    if (timeout_ns < 0) {
        return corps_error_set(CORPS_ERR_INVALID, "the timeout is %lld ns; it must not be negative",
                               (long long)timeout_ns);
    }
    if (corps == corps__own() && env == corps__own_env()) {
        return corps_error_set(CORPS_ERR_INVALID,
                               "Env %u cannot be taken from within, whose method would wait for its own end; have "
                               "another Env or the program do it",
                               env);
    }
    struct corps_value items[2] = {corps_int(env), corps_int(timeout_ns)};
    struct corps_value args = corps_array(items, 2);
    unsigned unused;
    return change(corps, CORPS__ENV_TAKE, &args, &unused);
}
