#include "link/rows.h"

#include "codec/record.h"
#include "link/peer.h"

static bool is_there(int64_t state) {
    return state == CORPS__ENV_UP || state == CORPS__ENV_LEAVING;
}

void corps__row_items(const struct corps *corps, unsigned env, struct corps_value items[CORPS__ROW_ITEMS]) {
    const struct corps__env *info = &corps->envs[env];
    enum corps__env_state state = atomic_load(&info->taken)        ? CORPS__ENV_TAKEN
                                  : atomic_load(&info->lost)       ? CORPS__ENV_LOST
                                  : atomic_load(&info->restarting) ? CORPS__ENV_RESTARTING
                                  : atomic_load(&info->leaving)    ? CORPS__ENV_LEAVING
                                                                   : CORPS__ENV_UP;
    items[0] = corps_int(state);
    items[1] = corps_int((int64_t)atomic_load(&info->incarnation));
    items[2] = corps_str(info->address);
    items[3] = corps_str(info->data_address);
    items[4] = corps_int(atomic_load(&info->pid));
    items[5] = corps_str(is_there(state) ? "" : info->lost_text);
    items[6] = corps_int(info->host);
    items[7] = corps_str(is_there(state) ? info->remote_address : "");
    items[8] = corps_str(info->host_name);
}

int corps__row_pid(const struct corps_value *row) {
    return corps__record_int(row, 0, CORPS__ENV_LOST) == CORPS__ENV_UP ? (int)corps__record_int(row, 4, 0) : 0;
}

bool corps__row_is_up(const struct corps_value *row, uint64_t incarnation) {
    return is_there(corps__record_int(row, 0, CORPS__ENV_LOST)) &&
           (uint64_t)corps__record_int(row, 1, 0) == incarnation;
}

static void take_addresses(struct corps__env *env, const struct corps_value *row) {
    corps__record_text(row, 2, env->address, sizeof env->address);
    corps__record_text(row, 3, env->data_address, sizeof env->data_address);
    int64_t host = corps__record_int(row, 6, 0);
    env->host = host > 0 && host <= CORPS__HOST_MAX ? (uint32_t)host : 0;
    corps__record_text(row, 7, env->remote_address, sizeof env->remote_address);
    corps__record_text(row, 8, env->host_name, sizeof env->host_name);
    atomic_store(&env->pid, (int)corps__record_int(row, 4, 0));
}

void corps__row_known(struct corps *corps, unsigned env) {
    if (env >= corps->settings.env_count) {
        corps->settings.env_count = env + 1;
    }
}

enum corps_err corps__row_take(struct corps *corps, unsigned env, const struct corps_value *row) {
    int64_t state = corps__record_int(row, 0, -1);
    if (env >= CORPS__ENVS_MAX || state < CORPS__ENV_UP || state >= CORPS__ENV_STATES) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "what is said of Env %u is not of this Corps", env);
    }
    struct corps__env *info = &corps->envs[env];
    if (info->host_name[0] == '\0') { /* an Env's own is told to it like this, before it is known to be up */
        corps__record_text(row, 8, info->host_name, sizeof info->host_name);
    }
    uint64_t incarnation = (uint64_t)corps__record_int(row, 1, 0);
    bool is_newer = incarnation > atomic_load(&info->incarnation);
    /* Of what was lost: with a Corps that was started anew, or another one that was added. */
    bool comes_back = is_there(state) && is_newer;
    bool is_final = atomic_load(&info->lost) && !comes_back && state != CORPS__ENV_TAKEN;
    if (is_final || incarnation < atomic_load(&info->incarnation)) {
        return CORPS_OK; /* older than what is known */
    }
    char text[sizeof info->lost_text];
    corps__record_text(row, 5, text, sizeof text);
    if (state == CORPS__ENV_TAKEN) {
        corps__env_taken(corps, env, text);
    } else if (state == CORPS__ENV_LOST) {
        corps__env_lost(corps, env, text);
    } else if (state == CORPS__ENV_RESTARTING) {
        corps__env_restarts(corps, env, text);
    } else if (is_newer) {
        take_addresses(info, row);
        corps__env_is_up(corps, env, incarnation);
    }
    if (is_there(state)) {
        atomic_store(&info->leaving, state == CORPS__ENV_LEAVING);
    }
    corps__row_known(corps, env);
    return CORPS_OK;
}

static void mark_down(struct corps_value items[CORPS__ROW_ITEMS], const char *text) {
    if (is_there(items[0].integer)) {
        items[0] = corps_int(CORPS__ENV_RESTARTING);
        items[5] = corps_str(text);
        items[7] = corps_str("");
    }
}

/* `down`: NULL, or why those that are there are said to be down. */
static enum corps_err encode_table(const struct corps *corps, const char *down, struct corps_box *box,
                                   struct corps_value *value) {
    unsigned count = corps->settings.env_count;
    struct corps_value *rows = corps_box_alloc(box, count * sizeof *rows);
    for (unsigned i = 0; rows != NULL && i < count; i++) {
        struct corps_value items[CORPS__ROW_ITEMS];
        corps__row_items(corps, i, items);
        if (down != NULL) {
            mark_down(items, down);
        }
        struct corps_value row = corps_array(items, CORPS__ROW_ITEMS);
        enum corps_err err = corps_box_copy(box, &row, &rows[i]);
        if (err != CORPS_OK) {
            return err;
        }
    }
    *value = corps_array(rows, count);
    return rows != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the table of Envs");
}

enum corps_err corps__table_encode(const struct corps *corps, struct corps_box *box, struct corps_value *value) {
    return encode_table(corps, NULL, box, value);
}

enum corps_err corps__table_encode_down(const struct corps *corps, const char *text, struct corps_box *box,
                                        struct corps_value *value) {
    return encode_table(corps, text, box, value);
}

/* What was added in a former life of the Corps is not there in this one: those from number `count` on. */
static void lose_former(struct corps *corps, unsigned count) {
    uint32_t life = corps__life_of(atomic_load(&corps->envs[0].incarnation));
    for (unsigned i = count; i < corps->settings.env_count; i++) {
        if (corps__life_of(atomic_load(&corps->envs[i].incarnation)) < life) {
            corps__env_lost(corps, i, "it had been added to the Corps, which was started anew without it");
        }
    }
}

enum corps_err corps__table_decode(const struct corps_value *table, struct corps *corps) {
    if (table == NULL || table->kind != CORPS_ARRAY || table->count > CORPS__ENVS_MAX) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "the table of Envs is not of this Corps");
    }
    enum corps_err err = CORPS_OK;
    for (unsigned i = 0; err == CORPS_OK && i < table->count; i++) {
        err = corps__row_take(corps, i, corps_value_item(table, i));
    }
    if (err == CORPS_OK && corps->settings.owned) {
        lose_former(corps, (unsigned)table->count);
    }
    return err;
}
