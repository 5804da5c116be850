#include "care/keep.h"

#include "actor/checkpoint.h"
#include "base/hooks.h"
#include "base/log.h"
#include "base/sparse.h"
#include "care/folder.h"
#include "care/shelf.h"
#include "codec/record.h"
#include "process/args.h"
#include "process/life.h"
#include "process/receipts.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
    const struct corps *corps;
    pthread_mutex_t lock; /* of the shelves */
    struct corps__shelf *shelves;
    unsigned count; /* Env 0: one for each Env; else one, of this Env */
    struct corps__folder folder;
} keeper = {.lock = PTHREAD_MUTEX_INITIALIZER, .folder = {.fd = -1, .life_fd = -1}};

/* NULL: there is none. */
static struct corps__shelf *shelf_of(unsigned env) {
    unsigned at = corps__is_env_0() ? env : 0;
    return at < keeper.count ? &keeper.shelves[at] : NULL;
}

static bool in_directory(void) {
    return keeper.folder.fd >= 0;
}

/* ---- for the Concs of this Env ---- */

static size_t bytes_of(const struct corps_value *answers) {
    size_t bytes = 0;
    for (size_t i = 0; i < answers->count; i++) {
        const struct corps_value *answer = corps_value_item(answers, i);
        for (size_t n = 0; n < answer->count; n++) {
            bytes += corps_value_item(answer, n)->count;
        }
    }
    return bytes;
}

static enum corps_err encode_state(const struct corps_value *state, size_t answers_bytes, struct corps_box *box,
                                   struct corps_value *out) {
    size_t bytes_max = in_directory() ? CORPS__FOLDER_BYTES_MAX : CORPS__KEEP_BYTES_MAX;
    enum corps_err err = answers_bytes < bytes_max ? corps__init_args_encode(&keeper.corps->settings, state,
                                                                             bytes_max - answers_bytes, box, out)
                                                   : CORPS_ERR_TOO_LARGE;
    if (err == CORPS_OK && out->kind == CORPS_NIL) {
        *out = corps_array(NULL, 0); /* a state that is nil is one */
    }
    return err != CORPS_ERR_TOO_LARGE
               ? err
               : corps_error_set(CORPS_ERR_TOO_LARGE, "the state has more than %zu bytes%s%s", bytes_max,
                                 answers_bytes > 0 ? " with the answers to retry calls" : "",
                                 in_directory() ? "" : "; in a directory (keep_directory) it may have more");
}

/* [state, answers]. The answers are boxes, which the record keeps. */
static enum corps_err encode(const struct corps_value *state, const struct corps_value *answers,
                             struct corps_box *box) {
    struct corps_value *items = corps_box_alloc(box, 2 * sizeof *items);
    if (items == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a checkpoint");
    }
    enum corps_err err = encode_state(state, bytes_of(answers), box, &items[0]);
    err = err == CORPS_OK ? corps_box_copy(box, answers, &items[1]) : err;
    corps_box_set_root(box, corps_array(items, 2));
    return err;
}

/* May this Env be started again? */
static bool comes_back(void) {
    return corps__is_cared_for() && !corps__is_env_0();
}

static _Thread_local struct corps__receipt receipt; /* from `keep` to `settle`, in an Env on another host */

/* Longer than this Env lives without a word of Env 0's. */
static enum corps_err settle(void) {
    if (receipt.came == NULL) {
        return CORPS_OK;
    }
    enum corps_err err = corps_future_wait(receipt.came, CORPS__KEEP_STORED_NS, NULL);
    corps__receipt_drop(&receipt);
    return err == CORPS_OK ? err : corps_error_set(CORPS_ERR_TIMEOUT, "Env 0 does not say that it has a checkpoint");
}

/* To this Env's shelf, which counts and from which a Worker that is made again in its Env has it; and to Env 0's. */
static enum corps_err keep_at_owner(uint32_t conc, struct corps_box *box, const struct corps_value *state) {
    pthread_mutex_lock(&keeper.lock);
    enum corps_err err = corps__shelf_put(shelf_of(corps__own_env()), conc, box, CORPS__KEEP_ENV_BYTES_MAX);
    pthread_mutex_unlock(&keeper.lock);
    bool waits = err == CORPS_OK && comes_back() && corps__is_far();
    err = waits ? corps__receipt_draw(&receipt) : err;
    if (err == CORPS_OK && comes_back()) {
        struct corps_value items[4] = {corps_str("keep"), corps_int(conc), *state,
                                       corps_int(waits ? receipt.ticket : 0)};
        corps__tell_parent(items, waits ? 4 : 3);
    }
    return err;
}

static enum corps_err keep(uint32_t conc, const char *class_name, const struct corps_value *state,
                           const struct corps_value *answers) {
    struct corps_box *box = corps_box_create();
    if (box == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a checkpoint");
    }
    enum corps_err err = encode(state, answers, box);
    if (err == CORPS_OK) {
        const struct corps_value *record = corps_box_root(box);
        void *given_up = in_directory() ? corps__give_up() : NULL; /* a disk takes its time */
        err = in_directory() ? corps__folder_keep(&keeper.folder, corps__own_env(), conc, class_name, record)
                             : keep_at_owner(conc, box, record);
        corps__take_back(given_up);
    }
    corps_box_unref(box);
    return err;
}

static struct corps_box *shelf_find(uint32_t conc) {
    pthread_mutex_lock(&keeper.lock);
    struct corps_box *box = corps__shelf_find(shelf_of(corps__own_env()), conc);
    box = box != NULL ? corps_box_ref(box) : NULL;
    pthread_mutex_unlock(&keeper.lock);
    return box;
}

static enum corps_err find(uint32_t conc, const char *class_name, bool *found, struct corps_box **state,
                           struct corps_box **answers) {
    struct corps_box *box =
        in_directory() ? corps__folder_find(&keeper.folder, corps__own_env(), conc, class_name) : shelf_find(conc);
    if (box == NULL) {
        return CORPS_OK;
    }
    const struct corps_value *kept = corps_value_item(corps_box_root(box), 0);
    const struct corps_value *given = corps_value_item(corps_box_root(box), 1);
    enum corps_err err = kept != NULL && given != NULL
                             ? corps_box_of(given, answers)
                             : corps_error_set(CORPS_ERR_CORRUPT, "a checkpoint without answers, or state");
    err = err == CORPS_OK ? corps__init_args_decode(kept, 0, state) : err;
    *found = err == CORPS_OK;
    corps_box_unref(box);
    return err;
}

static void drop_shelved(unsigned env, int64_t number) {
    pthread_mutex_lock(&keeper.lock);
    if (shelf_of(env) != NULL && number >= 0) {
        corps__shelf_drop(shelf_of(env), (uint64_t)number);
    }
    pthread_mutex_unlock(&keeper.lock);
}

static void drop(uint32_t conc) {
    if (in_directory()) {
        corps__folder_drop(&keeper.folder, corps__own_env(), conc);
    } else {
        drop_shelved(corps__own_env(), conc);
    }
}

static struct corps__keep_ops keep_ops = {.keep = keep, .settle = settle, .find = find, .drop = drop};

/* ---- for the processes ---- */

static enum corps_err begin(const struct corps *corps) {
    const struct corps__settings *settings = &corps->settings;
    keeper.corps = corps;
    bool is_owner = corps__is_env_0();
    enum corps_err err = CORPS_OK;
    if (settings->keep_directory[0] != '\0') {
        uint64_t life = settings->owned ? corps__life_of(corps__own_incarnation()) + UINT64_C(1) : 0;
        err = corps__folder_open(&keeper.folder, settings->keep_directory, corps->id, is_owner, life);
    } else {
        keeper.count = is_owner ? CORPS__ENVS_MAX : 1;                                /* Envs may be added */
        keeper.shelves = corps__sparse_create(keeper.count * sizeof *keeper.shelves); /* stays */
        err = keeper.shelves != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for checkpoints");
    }
    if (err == CORPS_OK) {
        keep_ops.answers_bytes = in_directory() ? CORPS__FOLDER_ANSWERS_MAX : CORPS__KEEP_ANSWERS_MAX;
        corps__checkpoints_begin(&keep_ops, in_directory() || comes_back());
    }
    return err;
}

static void take(unsigned env, const struct corps_value *record) {
    const struct corps_value *state = corps_value_item(record, 2);
    int64_t number = corps__record_int(record, 1, -1);
    struct corps__shelf *shelf = shelf_of(env);
    struct corps_box *box = NULL;
    if (shelf == NULL || state == NULL || number < 0) {
        return;
    }
    enum corps_err err = corps_box_of(state, &box);
    pthread_mutex_lock(&keeper.lock);
    if (err == CORPS_OK) { /* its Env has counted */
        err = corps__shelf_put(shelf, (uint64_t)number, box, SIZE_MAX);
    }
    pthread_mutex_unlock(&keeper.lock);
    corps_box_unref(box);
    if (err != CORPS_OK) { /* an older one must not be taken for the last */
        drop_shelved(env, number);
        corps__log(CORPS_LOG_WARN, "checkpoint_lost", CORPS__LOG_FIELDS(CORPS__LOG_INT("conc", number)),
                   "what Worker L%u:M%u.%lld knows is not kept: %s", env, env, (long long)number, corps_error_detail());
    }
}

static const struct corps_value *find_for(unsigned env, int64_t number) {
    struct corps__shelf *shelf = shelf_of(env);
    struct corps_box *box = shelf != NULL ? corps__shelf_find(shelf, (uint64_t)number) : NULL;
    return box != NULL ? corps_box_root(box) : NULL;
}

static void found_all(unsigned env) {
    if (shelf_of(env) != NULL) {
        corps__shelf_drop_unfound(shelf_of(env));
    }
}

static void end(void) {
    corps__folder_remove(&keeper.folder);
}

static const struct corps__keeper_ops ops = {
    .begin = begin, .take = take, .find = find_for, .found_all = found_all, .drop = drop_shelved, .end = end};

void corps__keep_set(void) {
    corps__keeper_set(&ops);
}
