#include "hosts/desk.h"

#include "base/dir.h"
#include "codec/record.h"
#include "link/far.h"
#include "process/control.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_NS INT64_C(2000000000)
#define FAR_NS INT64_C(7000000000) /* it asks the agent of another host, or the ledger */
#define OWN_NS INT64_C(15000000000)

enum corps_err corps__desk_path(char *path, size_t bytes) {
    const char *given = getenv("CORPS_AGENT");
    char base[CORPS__DIR_BYTES];
    if (given == NULL || given[0] == '\0') {
        enum corps_err err = corps__dir_base(base, sizeof base);
        if (err != CORPS_OK) {
            return err;
        }
    }
    int length = given != NULL && given[0] != '\0' ? snprintf(path, bytes, "%s", given)
                                                   : snprintf(path, bytes, "%s/agent", base);
    if (length < 0 || (size_t)length >= bytes) {
        return corps_error_set(CORPS_ERR_TOO_LARGE,
                               "the agent's socket has too long a path; set CORPS_AGENT to a shorter one");
    }
    return CORPS_OK;
}

static enum corps_err connect_desk(int *out) {
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    enum corps_err err = corps__desk_path(where.sun_path, sizeof where.sun_path);
    if (err != CORPS_OK) {
        return err;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return corps_error_system("cannot make a socket");
    }
    if (connect(fd, (struct sockaddr *)&where, sizeof where) != 0) {
        err = errno == ENOENT || errno == ECONNREFUSED
                  ? corps_error_set(
                        CORPS_ERR_SYSTEM,
                        "no agent runs on this host (%s): start corps-agent here, or create the Corps without "
                        "hosts",
                        where.sun_path)
                  : corps_error_system("cannot ask the agent of this host (%s)", where.sun_path);
        close(fd);
        return err;
    }
    *out = fd;
    return CORPS_OK;
}

/* ["failed", code, text] */
static enum corps_err failure_of(const struct corps_value *answer) {
    char text[400];
    corps__record_text(answer, 2, text, sizeof text);
    int64_t code = corps__record_int(answer, 1, CORPS_ERR_PROTOCOL);
    return corps_error_set(code > 0 && code < CORPS_ERR_COUNT ? (enum corps_err)code : CORPS_ERR_PROTOCOL, "%s", text);
}

/* Asks, and gives the answer if it begins with `word`. */
static enum corps_err ask_on(int fd, const struct corps_value *items, size_t count, const char *word, int64_t within_ns,
                             struct corps_box **answer) {
    struct corps_value record = corps_array(items, count);
    struct corps_box *box = NULL;
    enum corps_err err = corps__control_write(fd, &record);
    err = err == CORPS_OK ? corps__control_read(fd, within_ns, &box) : err;
    if (err == CORPS_ERR_TIMEOUT) {
        return corps_error_set(err,
                               "the agent of this host does not answer within %lld s; look at it, or start it again",
                               (long long)(within_ns / 1000000000));
    }
    if (err != CORPS_OK) {
        return corps_error_set(err, "the agent of this host gave no answer (%s); look at what it says",
                               corps_error_text(err));
    }
    const struct corps_value *root = corps_box_root(box);
    if (!corps__record_is(root, word)) {
        err = corps__record_is(root, "failed")
                  ? failure_of(root)
                  : corps_error_set(
                        CORPS_ERR_VERSION,
                        "the agent of this host is of another version; start it again from this installation");
        corps_box_unref(box);
        return err;
    }
    *answer = box;
    return CORPS_OK;
}

/* The same on a connection of its own; the word is that of the question. */
static enum corps_err ask(const struct corps_value *items, size_t count, int64_t within_ns, struct corps_box **answer) {
    int fd = -1;
    enum corps_err err = connect_desk(&fd);
    if (err == CORPS_OK) {
        err = ask_on(fd, items, count, items[0].str, within_ns, answer);
        close(fd);
    }
    return err;
}

static enum corps_err ask_bytes(const struct corps_value *items, size_t count, uint8_t out[CORPS__KEY_BYTES]) {
    struct corps_box *box;
    enum corps_err err = ask(items, count, ANSWER_NS, &box);
    if (err != CORPS_OK) {
        return err;
    }
    const struct corps_value *bytes = corps_value_item(corps_box_root(box), 1);
    if (bytes != NULL && bytes->kind == CORPS_BIN && bytes->count == CORPS__KEY_BYTES) {
        memcpy(out, bytes->bin, CORPS__KEY_BYTES);
        sodium_memzero((void *)(uintptr_t)bytes->bin, CORPS__KEY_BYTES);
    } else {
        err = corps_error_set(CORPS_ERR_PROTOCOL, "the agent of this host gave no key");
    }
    corps_box_unref(box);
    return err;
}

enum corps_err corps__desk_secret(uint64_t corps_id, uint8_t secret[CORPS__KEY_BYTES]) {
    const struct corps_value items[] = {corps_str("secret"), corps_int((int64_t)corps_id)};
    return ask_bytes(items, 2, secret);
}

enum corps_err corps__desk_key(uint64_t corps_id, uint32_t host, uint8_t key[CORPS__KEY_BYTES]) {
    const struct corps_value items[] = {corps_str("key"), corps_int((int64_t)corps_id), corps_int(host)};
    return ask_bytes(items, 3, key);
}

/* [number, name, address, port, slots, labels, is it drained, is it away] */
static void take_row(const struct corps_value *row, struct corps__host *host) {
    host->number = (uint32_t)corps__record_int(row, 0, 0);
    corps__record_text(row, 1, host->name, sizeof host->name);
    corps__record_text(row, 2, host->address, sizeof host->address);
    host->port = (uint16_t)corps__record_int(row, 3, 0);
    host->slots = (uint32_t)corps__record_int(row, 4, 0);
    corps__record_text(row, 5, host->labels, sizeof host->labels);
    host->drained = corps__record_int(row, 6, 0) != 0;
    host->away = corps__record_int(row, 7, 0) != 0;
}

static enum corps_err take_hosts(const struct corps_value *answer, struct corps__hosts **out) {
    const struct corps_value *hash = corps_value_item(answer, 2);
    const struct corps_value *rows = corps_value_item(answer, 4);
    if (hash == NULL || hash->kind != CORPS_BIN || hash->count != CORPS__HOSTS_HASH_BYTES || rows == NULL ||
        rows->kind != CORPS_ARRAY || rows->count > CORPS__HOSTS_MAX) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "the agent of this host gave no list of hosts");
    }
    struct corps__hosts *hosts = calloc(1, sizeof *hosts + rows->count * sizeof hosts->rows[0]);
    if (hosts == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a list of hosts");
    }
    hosts->own = (uint32_t)corps__record_int(answer, 1, 0);
    hosts->count = (unsigned)rows->count;
    memcpy(hosts->hash, hash->bin, sizeof hosts->hash);
    corps__record_text(answer, 3, hosts->ports, sizeof hosts->ports);
    corps__record_text(answer, 5, hosts->ledger, sizeof hosts->ledger);
    for (size_t i = 0; i < rows->count; i++) {
        take_row(corps_value_item(rows, i), &hosts->rows[i]);
    }
    *out = hosts;
    return CORPS_OK;
}

enum corps_err corps__desk_hosts(struct corps__hosts **hosts) {
    const struct corps_value word = corps_str("hosts");
    struct corps_box *box;
    enum corps_err err = ask(&word, 1, ANSWER_NS, &box);
    if (err == CORPS_OK) {
        err = take_hosts(corps_box_root(box), hosts);
        corps_box_unref(box);
    }
    return err;
}

enum corps_err corps__desk_leases(struct corps_box **answer) {
    const struct corps_value word = corps_str("leases");
    return ask(&word, 1, ANSWER_NS, answer);
}

enum corps_err corps__desk_drain(bool on, struct corps_box **answer) {
    const struct corps_value word = corps_str(on ? "drain" : "undrain");
    int fd = -1;
    enum corps_err err = connect_desk(&fd);
    if (err == CORPS_OK) {
        err = ask_on(fd, &word, 1, "drained", ANSWER_NS, answer);
        close(fd);
    }
    return err;
}

/* ---- Corps that agents own ---- */

enum corps_err corps__desk_own(uint64_t corps_id, const struct corps_value *launch, const uint8_t *boot, size_t bytes,
                               const char *singleton, int cut_off, int *control_fd) {
    const struct corps_value items[] = {corps_str("own"),       corps_int((int64_t)corps_id), *launch,
                                        corps_bin(boot, bytes), corps_str(singleton),         corps_int(cut_off)};
    struct corps_box *box = NULL;
    int fd = -1;
    enum corps_err err = connect_desk(&fd);
    if (err != CORPS_OK) {
        return err;
    }
    err = ask_on(fd, items, sizeof items / sizeof items[0], "owned", OWN_NS, &box);
    if (err != CORPS_OK) {
        close(fd);
        return err;
    }
    corps_box_unref(box);
    *control_fd = fd;
    return CORPS_OK;
}

enum corps_err corps__desk_known(uint64_t corps_id, struct corps__far_known *known) {
    const struct corps_value items[] = {corps_str("known"), corps_int((int64_t)corps_id)};
    struct corps_box *box;
    enum corps_err err = ask(items, 2, FAR_NS, &box);
    if (err != CORPS_OK) {
        return err;
    }
    const struct corps_value *what = corps_value_item(corps_box_root(box), 3);
    *known = (struct corps__far_known){.host = (uint32_t)corps__record_int(corps_box_root(box), 1, 0),
                                       .epoch = (uint64_t)corps__record_int(corps_box_root(box), 2, 0)};
    bool is_there = what != NULL && what->kind == CORPS_BIN;
    uint8_t *copy = is_there ? malloc(what->count > 0 ? what->count : 1) : NULL;
    if (copy != NULL) {
        memcpy(copy, what->bin, what->count);
        known->bytes = what->count;
    } else if (is_there) {
        err = corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to hear of a Corps");
    }
    corps_box_unref(box);
    known->data = copy;
    return err;
}

enum corps_err corps__desk_named(const char *singleton, uint64_t *corps_id) {
    const struct corps_value items[] = {corps_str("named"), corps_str(singleton)};
    struct corps_box *box;
    enum corps_err err = ask(items, 2, FAR_NS, &box);
    if (err == CORPS_OK) {
        *corps_id = (uint64_t)corps__record_int(corps_box_root(box), 1, 0);
        corps_box_unref(box);
    }
    return err;
}

enum corps_err corps__desk_fronts(const char *tag, void (*each)(uint64_t corps_id, void *arg), void *arg) {
    const struct corps_value items[] = {corps_str("fronts"), tag != NULL ? corps_str(tag) : corps_nil()};
    struct corps_box *box;
    enum corps_err err = ask(items, 2, FAR_NS, &box);
    if (err != CORPS_OK) {
        return err;
    }
    const struct corps_value *rows = corps_value_item(corps_box_root(box), 1);
    for (size_t i = 0; rows != NULL && rows->kind == CORPS_ARRAY && i < rows->count; i++) {
        each((uint64_t)corps__record_int(corps_value_item(rows, i), 0, 0), arg);
    }
    corps_box_unref(box);
    return err;
}

enum corps_err corps__desk_end(uint64_t corps_id) {
    const struct corps_value items[] = {corps_str("end"), corps_int((int64_t)corps_id)};
    struct corps_box *box;
    enum corps_err err = ask(items, 2, FAR_NS, &box);
    if (err == CORPS_OK) {
        corps_box_unref(box);
    }
    return err;
}
