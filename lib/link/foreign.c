#include "link/foreign.h"

#include "base/clock.h"
#include "base/dir.h"
#include "base/hooks.h"
#include "codec/config.h"
#include "codec/record.h"
#include "link/far.h"
#include "link/peer.h"
#include "link/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TABLE_AT = 4, FRONT_AT = 5, ITEMS = 6 };

static const struct corps_serializer *msgpack_serializer(void) {
    const struct corps_serializer *found = NULL;
    return corps_serializer_find("msgpack", &found) == CORPS_OK ? found : NULL;
}

/* ---- writing ---- */

static enum corps_err write_file(const char *directory, const uint8_t *data, size_t bytes) {
    char draft[CORPS__DIR_BYTES + 16];
    char path[CORPS__DIR_BYTES + 16];
    snprintf(draft, sizeof draft, "%s/%s.new", directory, CORPS__KNOWN_FILE);
    snprintf(path, sizeof path, "%s/%s", directory, CORPS__KNOWN_FILE);
    (void)unlink(draft); /* of a writing that failed */
    int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return corps_error_system("cannot make %s", draft);
    }
    bool whole = write(fd, data, bytes) == (ssize_t)bytes;
    enum corps_err err = whole ? CORPS_OK : corps_error_system("cannot write %s", draft);
    close(fd);
    /* Renamed when complete: whoever finds the file finds all of it. */
    if (err == CORPS_OK && rename(draft, path) != 0) {
        err = corps_error_system("cannot rename %s", draft);
    }
    return err;
}

/* `down`: NULL, or why its Envs are not there just now. */
static enum corps_err publish(const struct corps *corps, const char *down) {
    struct corps_box *box = corps_box_create();
    if (box == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to publish the Corps");
    }
    struct corps_value items[ITEMS] = {corps_str(CORPS_VERSION),
                                       corps_int((int64_t)corps->id),
                                       corps_nil(),
                                       corps_bin(corps->secret, sizeof corps->secret),
                                       corps_nil(),
                                       corps_str(corps->front_class)};
    enum corps_err err = corps__settings_encode(&corps->settings, box, &items[2]);
    if (err == CORPS_OK) {
        err = down == NULL ? corps__table_encode(corps, box, &items[TABLE_AT])
                           : corps__table_encode_down(corps, down, box, &items[TABLE_AT]);
    }
    struct corps_value root = corps_array(items, ITEMS);
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    err = err == CORPS_OK ? msgpack_serializer()->encode(&root, &encoding) : err;
    if (err == CORPS_OK) { /* nothing in it is large enough for a buffer of its own */
        err = write_file(corps->directory, encoding.stream, encoding.stream_bytes);
    }
    corps_encoding_finish(&encoding);
    corps_box_unref(box);
    return err;
}

enum corps_err corps__foreign_publish(const struct corps *corps) {
    return publish(corps, NULL);
}

enum corps_err corps__foreign_publish_moving(const struct corps *corps, const char *text) {
    return publish(corps, text);
}

/* ---- reading ---- */

enum { FILE_BYTES_MAX = 1 << 20 };

static enum corps_err has_ended(uint64_t corps_id) {
    return corps_error_set(CORPS_ERR_EXITED, "there is no Corps %016llx; it has ended, or never was on this host",
                           (unsigned long long)corps_id);
}

/* Beside the own Corps' directory, else below the base. */
static enum corps_err directory_of(uint64_t corps_id, char out[CORPS__DIR_BYTES]) {
    char base[CORPS__DIR_BYTES];
    if (corps__own() != NULL) {
        snprintf(base, sizeof base, "%s", corps__own()->directory);
        char *slash = strrchr(base, '/');
        *(slash != NULL ? slash : base) = '\0';
    } else {
        enum corps_err err = corps__dir_base(base, sizeof base);
        if (err != CORPS_OK) {
            return err;
        }
    }
    int length = snprintf(out, CORPS__DIR_BYTES, "%s/%016llx", base, (unsigned long long)corps_id);
    return length > 0 && (size_t)length < CORPS__DIR_BYTES ? CORPS_OK : has_ended(corps_id);
}

static enum corps_err read_file(uint64_t corps_id, const char *directory, uint8_t **data, size_t *bytes) {
    char path[CORPS__DIR_BYTES + 16];
    snprintf(path, sizeof path, "%s/%s", directory, CORPS__KNOWN_FILE);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return errno == ENOENT ? has_ended(corps_id) : corps_error_system("cannot open %s", path);
    }
    *data = malloc(FILE_BYTES_MAX);
    ssize_t done = *data != NULL ? read(fd, *data, FILE_BYTES_MAX) : -1;
    close(fd);
    if (done < 0) {
        free(*data);
        return corps_error_system("cannot read %s", path);
    }
    *bytes = (size_t)done;
    return CORPS_OK;
}

/* The settings of the Corps whose file this is. `may_load`: as who calls it needs them. */
static enum corps_err decode_settings(const struct corps_value *root, const char *directory, bool may_load,
                                      struct corps__settings *settings) {
    const struct corps_value *settings_value = corps_value_item(root, 2);
    const struct corps_value *secret = corps_value_item(root, 3);
    if (!corps__record_is(root, CORPS_VERSION) || settings_value == NULL || secret == NULL ||
        secret->kind != CORPS_BIN || secret->count != CORPS_SECRET_BYTES) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "%s/%s was written by another version; this one is %s", directory,
                               CORPS__KNOWN_FILE, CORPS_VERSION);
    }
    return (may_load ? corps__settings_decode : corps__settings_look)(settings_value, settings);
}

static enum corps_err decode_known(const struct corps_value *root, uint64_t corps_id, const char *directory,
                                   bool may_load, struct corps **out) {
    struct corps__settings settings;
    enum corps_err err = decode_settings(root, directory, may_load, &settings);
    struct corps *corps = err == CORPS_OK ? corps__corps_create(&settings) : NULL;
    if (corps == NULL) {
        return err != CORPS_OK ? err : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a Corps");
    }
    corps->id = corps_id;
    snprintf(corps->directory, sizeof corps->directory, "%s", directory);
    memcpy(corps->secret, corps_value_item(root, 3)->bin, sizeof corps->secret);
    corps__record_text(root, FRONT_AT, corps->front_class, sizeof corps->front_class);
    err = corps__table_decode(corps_value_item(root, TABLE_AT), corps);
    if (err != CORPS_OK) {
        corps__corps_unref(corps);
        return err;
    }
    *out = corps;
    return CORPS_OK;
}

static enum corps_err decode_file(const uint8_t *data, size_t bytes, struct corps_box **out) {
    struct corps_box *box = corps_box_create();
    struct iovec segment = {.iov_base = (void *)(uintptr_t)data, .iov_len = bytes};
    enum corps_err err = box != NULL ? msgpack_serializer()->decode(&segment, 1, NULL, CORPS_DECODE_VALUES, box)
                                     : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to read about a Corps");
    if (err != CORPS_OK) {
        corps_box_unref(box);
        return err;
    }
    *out = box;
    return CORPS_OK;
}

/* What the file holds. Gives a reference. */
static enum corps_err read_known(uint64_t corps_id, const char *directory, struct corps_box **out) {
    uint8_t *data = NULL;
    size_t bytes = 0;
    enum corps_err err = read_file(corps_id, directory, &data, &bytes);
    err = err == CORPS_OK ? decode_file(data, bytes, out) : err;
    free(data);
    return err;
}

/* One whose Env 0 may be on another host, as the agent has said. AGAIN: it is nowhere just now. */
static enum corps_err load_far(uint64_t corps_id, const struct corps__far_first *first, bool may_load,
                               struct corps **corps) {
    char directory[CORPS__DIR_BYTES];
    struct corps_box *box = NULL;
    if (first->known.data == NULL) {
        return CORPS_ERR_AGAIN;
    }
    enum corps_err err = directory_of(corps_id, directory);
    err = err == CORPS_OK ? decode_file(first->known.data, first->known.bytes, &box) : err;
    if (err == CORPS_OK) {
        err = decode_known(corps_box_root(box), corps_id, directory, may_load, corps);
        corps_box_unref(box);
    }
    if (err == CORPS_OK) {
        memcpy((*corps)->secret, first->secret, sizeof first->secret);
        (*corps)->settings.host = first->here;
    }
    return err;
}

/* One that has its file on this host; EXITED: there is none. */
static enum corps_err load_here(uint64_t corps_id, bool may_load, struct corps **corps) {
    char directory[CORPS__DIR_BYTES];
    struct corps_box *box = NULL;
    enum corps_err err = directory_of(corps_id, directory);
    err = err == CORPS_OK ? read_known(corps_id, directory, &box) : err;
    if (err == CORPS_OK) {
        err = decode_known(corps_box_root(box), corps_id, directory, may_load, corps);
        corps_box_unref(box);
    }
    return err;
}

enum corps_err corps__foreign_refresh(struct corps *corps) {
    struct corps_box *box = NULL;
    enum corps_err err = read_known(corps->id, corps->directory, &box);
    if (err == CORPS_OK) {
        err = corps__table_decode(corps_value_item(corps_box_root(box), TABLE_AT), corps);
        corps_box_unref(box);
    }
    if (!corps__roams(corps)) {
        return err;
    }
    corps__far_want(corps);
    return err == CORPS_ERR_EXITED ? CORPS_OK : err; /* its Env 0 is elsewhere: the answer comes */
}

/* The agent had said that nobody is there, and that was wrong: the same process is. */
static void take_back(struct corps *corps, const struct corps_value *table) {
    for (unsigned i = 0; i < corps->settings.env_count && i < table->count; i++) {
        const struct corps_value *row = corps_value_item(table, i);
        uint64_t incarnation = atomic_load(&corps->envs[i].incarnation);
        if (corps__row_is_up(row, incarnation) && atomic_load(&corps->envs[i].restarting)) {
            corps__env_is_up(corps, i, incarnation);
        }
    }
}

static enum corps_err restart_all(struct corps *corps) {
    corps->far_down = true;
    for (unsigned i = 0; i < corps->settings.env_count; i++) {
        corps__env_restarts(corps, i, "its Corps is being started anew, since its Env 0 was lost or moves");
    }
    return CORPS_OK;
}

/* That its host cannot be asked says nothing of the Corps. */
static bool is_down(const struct corps *corps, const struct corps__far_known *known) {
    uint64_t epoch = corps__life_of(atomic_load(&corps->envs[0].incarnation)) + UINT64_C(1);
    return known->data == NULL && (known->host == 0 || known->epoch > epoch);
}

enum corps_err corps__foreign_take(struct corps *corps, const struct corps__far_known *known) {
    if (known->data == NULL) {
        return is_down(corps, known) ? restart_all(corps) : CORPS_OK;
    }
    struct corps_box *box = NULL;
    enum corps_err err = decode_file(known->data, known->bytes, &box);
    const struct corps_value *table = err == CORPS_OK ? corps_value_item(corps_box_root(box), TABLE_AT) : NULL;
    err = err == CORPS_OK ? corps__table_decode(table, corps) : err;
    if (err == CORPS_OK && corps->far_down) {
        corps->far_down = false;
        take_back(corps, table);
    }
    corps_box_unref(box);
    return err;
}

static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;

/* `first`: what the agent has said of it; NULL: nobody was asked. */
static enum corps_err load(uint64_t corps_id, const struct corps__far_first *first, bool may_load,
                           struct corps **corps) {
    enum corps_err err = CORPS_OK;
    pthread_mutex_lock(&loading); /* two threads must not make two of one */
    *corps = corps__corps_find(corps_id);
    if (*corps == NULL) {
        err = first == NULL ? load_here(corps_id, may_load, corps) : load_far(corps_id, first, may_load, corps);
        if (err == CORPS_OK) {
            corps__corps_list(*corps);
            corps__check_foreign(); /* for each that comes, look which have gone */
        }
    }
    pthread_mutex_unlock(&loading);
    return err;
}

/* Has the agent of this host asked, until then. Other threads load others meanwhile. */
static enum corps_err load_from_agent(uint64_t corps_id, bool may_load, int64_t deadline_ns, struct corps **corps) {
    struct corps__far_first first = {0};
    if (corps__far() == NULL) {
        return has_ended(corps_id);
    }
    enum corps_err err = corps__far_ask_first(corps_id, deadline_ns, &first);
    err = err == CORPS_OK ? load(corps_id, &first, may_load, corps) : err;
    free(first.known.data);
    sodium_memzero(first.secret, sizeof first.secret);
    return err == CORPS_ERR_SYSTEM || err == CORPS_ERR_VERSION ? has_ended(corps_id) : err; /* there is nobody to ask */
}

/* AGAIN: it is nowhere just now, or the agent has not said yet where. */
static enum corps_err find(uint64_t corps_id, bool may_load, int64_t deadline_ns, struct corps **corps) {
    *corps = corps__corps_find(corps_id);
    if (*corps != NULL) {
        return CORPS_OK;
    }
    void *given_up = corps__give_up(); /* starting the Corps' serializer may take an interpreter's lock */
    enum corps_err err = load(corps_id, NULL, may_load, corps);
    err = err == CORPS_ERR_EXITED ? load_from_agent(corps_id, may_load, deadline_ns, corps) : err;
    corps__take_back(given_up);
    return err;
}

enum { LOOK_MS = 100 };
#define PATIENCE_NS INT64_C(10000000000)

static enum corps_err await(uint64_t corps_id, bool may_load, bool try_only, bool no_wait, int64_t deadline_ns,
                            struct corps **corps) {
    enum corps_err err = find(corps_id, may_load, no_wait ? 0 : deadline_ns, corps);
    while (err == CORPS_ERR_AGAIN && !try_only && corps__now_ns() < deadline_ns) {
        int64_t left_ms = (deadline_ns - corps__now_ns()) / 1000000 + 1;
        void *given_up = corps__give_up();
        (void)poll(NULL, 0, left_ms < LOOK_MS ? (int)left_ms : LOOK_MS);
        corps__take_back(given_up);
        err = find(corps_id, may_load, deadline_ns, corps);
    }
    if (err != CORPS_ERR_AGAIN) {
        return err;
    }
    return corps_error_set(try_only ? CORPS_ERR_FULL : CORPS_ERR_TIMEOUT,
                           "it is not known yet where the Corps %016llx is: its hosts are asked, or it is being "
                           "started anew; try again",
                           (unsigned long long)corps_id);
}

enum corps_err corps__foreign_await(uint64_t corps_id, bool try_only, bool no_wait, int64_t deadline_ns,
                                    struct corps **corps) {
    return await(corps_id, true, try_only || no_wait, no_wait, deadline_ns, corps);
}

enum corps_err corps__foreign_find(uint64_t corps_id, struct corps **corps) {
    return await(corps_id, true, false, false, corps__deadline_ns(PATIENCE_NS), corps);
}

enum corps_err corps__foreign_look(uint64_t corps_id, struct corps **corps) {
    return await(corps_id, false, false, false, corps__deadline_ns(PATIENCE_NS), corps);
}

/* ---- listing ---- */

struct listing {
    void (*each)(uint64_t corps_id, const struct corps__settings *settings, int pid, void *arg);
    void *arg;
};

/* What is no Corps of this version, or ends just now, is left out. */
static void list_one(const char *path, const char *name, void *arg) {
    const struct listing *listing = arg;
    char *end;
    uint64_t corps_id = strtoull(name, &end, 16);
    struct corps_box *box = NULL;
    if (end != name + 16 || *end != '\0' || read_known(corps_id, path, &box) != CORPS_OK) {
        return;
    }
    const struct corps_value *root = corps_box_root(box);
    struct corps__settings settings;
    if (decode_settings(root, path, false, &settings) == CORPS_OK) {
        const struct corps_value *row = corps_value_item(corps_value_item(root, TABLE_AT), 0);
        listing->each(corps_id, &settings, row != NULL ? corps__row_pid(row) : 0, listing->arg);
    }
    corps_box_unref(box);
}

enum corps_err corps__foreign_list(void (*each)(uint64_t corps_id, const struct corps__settings *settings, int pid,
                                                void *arg),
                                   void *arg) {
    struct listing listing = {each, arg};
    return corps__dir_living(list_one, &listing);
}

/* ---- after a fork ---- */

void corps__foreign_forked(void) {
    corps__far_forked();
    pthread_mutex_init(&loading, NULL);
}
