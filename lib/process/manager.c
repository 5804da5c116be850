#include "process/manager.h"

#include "actor/broken.h"
#include "actor/checkpoint.h"
#include "actor/conc.h"
#include "actor/group.h"
#include "actor/probe.h"
#include "actor/tell.h"
#include "process/args.h"
#include "process/chains.h"
#include "process/changes.h"
#include "process/delete.h"
#include "process/find.h"
#include "process/life.h"
#include "process/members.h"
#include "process/order.h"
#include "process/places.h"
#include "process/receipts.h"
#include "process/stats.h"
#include "value/failure.h"
#include "value/name.h"
#include "wait/wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Conc 0 of every Env: makes Concs for others, and ends those whose creation failed elsewhere. That of Env 0 adds Envs
 * and takes them, too.
 *
 * Making is not one request at a time: the new Concs' inits run as their own first message, and the reply is put off
 * until all have run. So an init may itself create Concs in the same Env, to any depth. */

struct creation {
    struct corps__group group; /* first */
    struct corps_request *request;
    struct corps_box *order;       /* kept by those who may have it done again; NULL: nobody */
    struct corps__receipt receipt; /* where Env 0 has to know of it first */
    uint32_t count;
    struct corps_value ids[]; /* there before the first Conc is: who was made can be told of */
};

/* A pool has members to end first, and ends itself. */
static void end_conc(uint32_t id) {
    struct corps__conc *conc = corps__conc_find(id);
    const struct corps__symbol *method;
    bool ends_itself = conc != NULL && conc->class == corps__actors->builtin;
    corps__probe_forget(id);
    if (ends_itself && corps__symbol_of(CORPS__POOL_END, strlen(CORPS__POOL_END), &method) == CORPS_OK) {
        (void)!corps__conc_tell(conc, method);
    } else if (conc != NULL) {
        (void)!corps__conc_end(conc);
    }
}

/* An order that came from another Env is kept for the case that this one is started again. What a Worker of this Env
 * has made ends with its maker, which makes it anew. */
static bool is_kept(const struct corps_value *order) {
    return !corps__is_env_0() && corps__is_cared_for() && !corps__init_args_are_lent(order, CORPS__ORDER_ARGS);
}

static enum corps_err look_after_job(void *arg) {
    const struct creation *creation = arg;
    return corps__wards()->made(corps_box_root(creation->order), creation->ids, creation->count);
}

/* They are looked after, if the order says so, before anybody can have a Name of theirs. */
static void look_after(struct creation *creation) {
    if (creation->order != NULL && corps__with_lead(look_after_job, creation) != CORPS_OK) {
        const struct corps_error_info info = {.type = "NO_MEMORY", .text = corps_error_detail()};
        corps__group_fail(&creation->group, &info);
    }
}

static void free_creation(struct creation *creation) {
    corps__receipt_drop(&creation->receipt);
    corps_box_unref(creation->order);
    free(creation);
}

static void answer_creation(void *arg) {
    struct creation *creation = arg;
    struct corps_value ids = corps_array(creation->ids, creation->count);
    (void)!corps_request_reply(creation->request, &ids);
    free_creation(creation);
}

/* ["made", order, numbers], and a ticket where the answer has to wait for Env 0: nobody would make these Concs again if
 * that never heard of them. */
static void tell_made(struct creation *creation) {
    bool waits = creation->receipt.came != NULL;
    struct corps_value items[4] = {corps_str("made"), *corps_box_root(creation->order),
                                   corps_array(creation->ids, creation->count), corps_int(creation->receipt.ticket)};
    corps__tell_parent(items, waits ? 4 : 3);
    if (waits) {
        corps_future_on_ready(creation->receipt.came, answer_creation, creation);
    } else {
        answer_creation(creation);
    }
}

static void concs_created(struct corps__group *group, void *arg) {
    struct creation *creation = arg;
    if (atomic_load(&group->failed) == 0) {
        look_after(creation);
    }
    if (atomic_load(&group->failed) > 0) {
        for (uint32_t i = creation->count; i > 0; i--) {
            end_conc((uint32_t)creation->ids[i - 1].integer);
        }
        struct corps__failure *failure = atomic_load(&group->failure);
        const struct corps_error_info untold = {.type = "NO_MEMORY", .text = "no memory to say what failed"};
        (void)!corps_request_fail_with(creation->request, failure != NULL ? &failure->info : &untold);
        free(failure);
        free_creation(creation);
    } else if (creation->order != NULL && is_kept(corps_box_root(creation->order))) { /* likewise */
        tell_made(creation);
    } else {
        answer_creation(creation);
    }
}

static enum corps_err manager_create(struct corps_context *context, void *self, const struct corps_value *args,
                                     struct corps_value *result) {
    (void)self;
    (void)result;
    struct corps__order order;
    char leaves[CORPS__LEAVES_TEXT_BYTES];
    if (corps__env_leaves(leaves)) { /* nobody would clean up what is made now */
        return corps_error_set(CORPS_ERR_WORKER_LOST, "%s", leaves);
    }
    enum corps_err err = corps__order_read(args, &order);
    if (err != CORPS_OK) {
        return err;
    }
    struct creation *creation = calloc(1, sizeof *creation + order.count * sizeof creation->ids[0]);
    bool keeps = is_kept(args) || order.policy.restart != CORPS_RESTART_NEVER;
    if (creation != NULL && (!keeps || corps_box_of(args, &creation->order) == CORPS_OK) &&
        (!is_kept(args) || !corps__is_far() || corps__receipt_draw(&creation->receipt) == CORPS_OK)) {
        creation->request = corps_request_hold(context);
    }
    if (creation == NULL || creation->request == NULL) {
        if (creation != NULL) {
            free_creation(creation);
        }
        corps__order_finish(&order);
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %u Concs", order.count);
    }
    creation->group = (struct corps__group){.left = 1, /* for this function */
                                            .restarts = order.policy.restart != CORPS_RESTART_NEVER,
                                            .done = concs_created,
                                            .arg = creation};
    creation->count = corps__order_run(&order, creation->ids, &creation->group);
    corps__order_finish(&order);
    corps__group_finish(&creation->group);
    return CORPS_ERR_PENDING;
}

/* They are not made again with this Env. */
void corps__tell_ended(const struct corps_value *numbers) {
    if (!corps__is_env_0() && corps__is_cared_for()) {
        struct corps_value items[2] = {corps_str("ended"), *numbers};
        corps__tell_parent(items, 2);
    }
}

void corps__conc_is_gone(uint32_t conc) {
    corps__checkpoint_end(conc);
    corps__probe_gone(conc);
    struct corps_value number = corps_int(conc);
    struct corps_value numbers = corps_array(&number, 1);
    corps__tell_ended(&numbers);
}

void corps__conc_has_ended(const struct corps_name *name) {
    if (!corps_name_is_here(name)) {
        return;
    }
    if (corps__actors->timers.ops != NULL) {
        corps__actors->timers.ops->conc_ended(name->conc);
    }
    struct corps__conc *conc = corps__conc_find(name->conc);
    if (conc != NULL) {
        atomic_store(&conc->serves, false);
    }
    if (!corps__wards()->left(name->conc)) {
        corps__conc_is_gone(name->conc);
    }
}

static enum corps_err manager_end(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)context;
    (void)self;
    (void)result;
    for (size_t i = args->kind == CORPS_ARRAY ? args->count : 0; i > 0; i--) {
        const struct corps_value *id = corps_value_item(args, i - 1);
        if (id->kind == CORPS_INT && id->integer > CORPS__MANAGER && id->integer < UINT32_MAX) {
            corps__wards()->forget((uint32_t)id->integer);
            corps__checkpoint_end((uint32_t)id->integer);
            end_conc((uint32_t)id->integer);
        }
    }
    corps__tell_ended(args);
    return CORPS_OK;
}

static enum corps_err manager_env_add(struct corps_context *context, void *self, const struct corps_value *args,
                                      struct corps_value *result) {
    (void)self;
    (void)result;
    return corps__change_begin(context, true, args);
}

static enum corps_err manager_env_take(struct corps_context *context, void *self, const struct corps_value *args,
                                       struct corps_value *result) {
    (void)self;
    (void)result;
    return corps__change_begin(context, false, args);
}

static const struct corps_method methods[] = {{"create", manager_create},
                                              {"end", manager_end},
                                              {"probe", corps__members_probe},
                                              {"move", corps__members_move},
                                              {CORPS__ENV_ADD, manager_env_add},
                                              {CORPS__ENV_TAKE, manager_env_take},
                                              {CORPS__CHAINS_BEGIN, corps__manager_chains_begin},
                                              {CORPS__CHAINS_TAKE, corps__manager_chains_take},
                                              {CORPS__CHAINS_CLOCK, corps__manager_chains_clock},
                                              {CORPS__STATS, corps__stats_answer},
                                              {"corps:delete", corps__manager_delete},
                                              {"corps:find", corps__manager_find},
                                              {CORPS__HOSTS, corps__manager_hosts},
                                              {NULL, NULL}};
const struct corps_class corps__manager_class = {.name = "corps manager", .methods = methods};
