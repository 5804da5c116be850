#include "process/delete.h"

#include "actor/checkpoint.h"
#include "actor/conc.h"
#include "actor/group.h"
#include "process/life.h"
#include "process/manager.h"
#include "value/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- in the Env where they live ---- */

struct deletion {
    struct corps__group group; /* first */
    struct corps_request *request;
};

static void all_have_ended(struct corps__group *group, void *arg) {
    (void)arg;
    struct deletion *deletion = (struct deletion *)group;
    (void)!corps_request_reply(deletion->request, NULL);
    free(deletion);
}

static enum corps_err may_delete(const struct corps_value *number) {
    static const char own[] = "corps ";
    if (number->kind != CORPS_INT || number->integer < 0 || number->integer >= corps__conc_count()) {
        return corps_error_set(CORPS_ERR_NO_WORKER, "Env %u has no Worker %lld, and nothing was deleted",
                               corps__own_env(), number->kind == CORPS_INT ? (long long)number->integer : -1);
    }
    const struct corps__conc *conc = corps__conc_find((uint32_t)number->integer);
    if (conc == NULL) {
        return CORPS_OK; /* it has ended with an earlier process of this Env */
    }
    if (conc->id == CORPS__MANAGER || strncmp(conc->class->name, own, sizeof own - 1) == 0) {
        return corps_error_set(CORPS_ERR_INVALID, "Worker %u of Env %u is one of Corps' own, and nothing was deleted",
                               conc->id, corps__own_env());
    }
    if (corps__is_env_0() && conc->id == CORPS__FRONT_CONC && corps__life.front[0] != '\0') {
        return corps_error_set(CORPS_ERR_INVALID,
                               "this is the Corps' own Worker, which ends with the Corps (corps_end); "
                               "nothing was deleted");
    }
    return CORPS_OK;
}

/* In the order of their numbers, the latest first, as at the end of a Corps. */
static bool begin_end(struct deletion *deletion, uint32_t number) {
    struct corps__conc *conc = corps__conc_find(number);
    if (conc == NULL) {
        return true;
    }
    corps__wards()->dismiss(number);
    corps__checkpoint_end(number);
    struct corps__message *message = corps__message_create();
    if (message == NULL) {
        return false;
    }
    message->mail.kind = CORPS__MAIL_CLEANUP;
    if (deletion != NULL) {
        atomic_fetch_add(&deletion->group.left, 1);
        message->group = &deletion->group;
    }
    corps__conc_post(conc, &message->mail, CORPS__PUSH_OTHER);
    return true;
}

enum corps_err corps__manager_delete(struct corps_context *context, void *self, const struct corps_value *args,
                                     struct corps_value *result) {
    (void)self;
    (void)result;
    size_t count = args->kind == CORPS_ARRAY ? args->count : 0;
    for (size_t i = 0; i < count; i++) {
        enum corps_err err = may_delete(corps_value_item(args, i));
        if (err != CORPS_OK) {
            return err;
        }
    }
    struct deletion *deletion = NULL;
    if (corps_context_has_reply(context)) {
        deletion = calloc(1, sizeof *deletion);
        if (deletion != NULL) {
            deletion->request = corps_request_hold(context);
        }
        if (deletion == NULL || deletion->request == NULL) {
            free(deletion);
            return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to delete Workers");
        }
        deletion->group = (struct corps__group){.left = 1, .done = all_have_ended}; /* for this function */
    }
    bool all = true;
    for (size_t i = count; i > 0; i--) {
        all = begin_end(deletion, (uint32_t)corps_value_item(args, i - 1)->integer) && all;
    }
    corps__tell_ended(args);
    if (!all) {
        fprintf(stderr, "corps: no memory to delete all of %zu Workers\n", count);
    }
    if (deletion == NULL) {
        return CORPS_OK;
    }
    corps__group_finish(&deletion->group);
    return CORPS_ERR_PENDING;
}

/* ---- by who has their Names ---- */

/* What one Env's manager is asked. */
struct request {
    struct corps_future *future;
};

static enum corps_err no_memory(size_t count) {
    return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to delete %zu Workers", count);
}

static bool same_env(const struct corps_name *a, const struct corps_name *b) {
    return a->corps_id == b->corps_id && a->env == b->env;
}

static enum corps_err ask(const struct corps_name *env_of, const struct corps_value *numbers, size_t count,
                          int64_t timeout_ns, struct corps_future **future) {
    static const char class_name[] = "corps manager";
    struct corps_name *manager = NULL;
    enum corps_err err =
        corps__name_create(env_of->corps_id, env_of->env, CORPS__MANAGER, class_name, sizeof class_name - 1, &manager);
    const struct corps_call_options options = {.serializer = "msgpack",
                                               .flags = CORPS_CALL_DETACHED,
                                               .timeout_ns = timeout_ns == CORPS_FOREVER ? 0 : timeout_ns};
    struct corps_value args = corps_array(numbers, count);
    if (err == CORPS_OK) {
        err = timeout_ns == 0 ? corps_send(manager, "corps:delete", &args, &options)
                              : corps_call(manager, "corps:delete", &args, &options, future);
    }
    corps_name_unref(manager);
    return err;
}

/* As the manager meant it: its own errors travel as those of a method do. */
static enum corps_err answer(struct corps_future *future) {
    enum corps_err err = corps_future_wait(future, CORPS_FOREVER, NULL);
    const struct corps_error_info *info = corps_future_error(future);
    if (err != CORPS_ERR_REMOTE) {
        return err;
    }
    enum corps_err meant = strcmp(info->type, corps_error_name(CORPS_ERR_NO_WORKER)) == 0 ? CORPS_ERR_NO_WORKER
                           : strcmp(info->type, corps_error_name(CORPS_ERR_INVALID)) == 0 ? CORPS_ERR_INVALID
                                                                                          : err;
    return corps_error_set(meant, "%s", info->text);
}

static enum corps_err check(struct corps_name *const *names, size_t count, int64_t timeout_ns) {
    if (timeout_ns < 0) {
        return corps_error_set(CORPS_ERR_INVALID, "a timeout of %lld ns: 0 is not to wait, CORPS_FOREVER to wait",
                               (long long)timeout_ns);
    }
    for (size_t i = 0; timeout_ns != 0 && i < count; i++) {
        struct corps__conc *conc = corps_name_is_here(names[i]) ? corps__conc_find(names[i]->conc) : NULL;
        if (conc != NULL && corps__conc_is_mine(conc)) {
            return corps_error_set(CORPS_ERR_INVALID, "a method cannot wait for the end of its own Worker: delete that "
                                                      "with a timeout of 0, and it ends after the method");
        }
    }
    return CORPS_OK;
}

enum corps_err corps_delete(struct corps_name *const *names, size_t count, int64_t timeout_ns) {
    enum corps_err err = check(names, count, timeout_ns);
    if (err != CORPS_OK || count == 0) {
        return err;
    }
    struct corps_value *numbers = malloc(count * sizeof *numbers);
    struct request *requests = calloc(count, sizeof *requests); /* of each name the first of its Env counts */
    bool *asked = calloc(count, sizeof *asked);
    if (numbers == NULL || requests == NULL || asked == NULL) {
        err = no_memory(count);
    }
    char detail[512] = "";
    for (size_t i = 0; err != CORPS_ERR_NO_MEMORY && i < count; i++) {
        size_t found = 0;
        for (size_t k = i; !asked[i] && k < count; k++) {
            if (same_env(names[i], names[k])) {
                numbers[found++] = corps_int(names[k]->conc);
                asked[k] = k > i;
            }
        }
        enum corps_err sent = found > 0 ? ask(names[i], numbers, found, timeout_ns, &requests[i].future) : CORPS_OK;
        if (sent != CORPS_OK && err == CORPS_OK) { /* the others are asked all the same */
            err = sent;
            snprintf(detail, sizeof detail, "%s", corps_error_detail());
        }
    }
    for (size_t i = 0; requests != NULL && i < count; i++) {
        enum corps_err waited = requests[i].future != NULL ? answer(requests[i].future) : CORPS_OK;
        if (waited != CORPS_OK && err == CORPS_OK) {
            err = waited;
            snprintf(detail, sizeof detail, "%s", corps_error_detail());
        }
        corps_future_destroy(requests[i].future);
    }
    free(numbers);
    free(requests);
    free(asked);
    return err == CORPS_OK || detail[0] == '\0' ? err : corps_error_set(err, "%s", detail);
}
