#include "hosts/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum corps_err check_file(const char *path, int fd) {
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return corps_error_set(CORPS_ERR_INVALID, "the key %s is no file", path);
    }
    if (st.st_uid != geteuid()) {
        return corps_error_set(CORPS_ERR_DENIED,
                               "the key %s belongs to another user (%u); give this user a copy of its own", path,
                               (unsigned)st.st_uid);
    }
    if ((st.st_mode & 077) != 0) {
        return corps_error_set(CORPS_ERR_DENIED,
                               "others may read or write the key %s (mode %03o); make a new one, since this one may be "
                               "known: corps-agent --make-key FILE, or chmod 600 it",
                               path, (unsigned)(st.st_mode & 0777));
    }
    return CORPS_OK;
}

enum corps_err corps__key_read(const char *path, uint8_t key[CORPS__KEY_BYTES]) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return corps_error_system("cannot read the key %s (corps-agent --make-key FILE makes one)", path);
    }
    enum corps_err err = check_file(path, fd);
    uint8_t bytes[CORPS__KEY_BYTES + 1];
    ssize_t got = err == CORPS_OK ? read(fd, bytes, sizeof bytes) : 0;
    close(fd);
    if (err == CORPS_OK && got != CORPS__KEY_BYTES) {
        err = corps_error_set(CORPS_ERR_INVALID,
                              "the key %s does not have %d bytes; copy it whole, or make one by "
                              "corps-agent --make-key FILE",
                              path, CORPS__KEY_BYTES);
    }
    if (err == CORPS_OK) {
        memcpy(key, bytes, CORPS__KEY_BYTES);
    }
    sodium_memzero(bytes, sizeof bytes);
    return err;
}

enum corps_err corps__key_make(const char *path) {
    if (sodium_init() < 0) {
        return corps_error_set(CORPS_ERR_SYSTEM, "no random numbers: libsodium cannot start");
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno == EEXIST
                   ? corps_error_set(CORPS_ERR_SYSTEM, "%s is there already and is left alone; remove it first", path)
                   : corps_error_system("cannot make the key %s", path);
    }
    uint8_t bytes[CORPS__KEY_BYTES];
    randombytes_buf(bytes, sizeof bytes);
    bool whole = write(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes && fsync(fd) == 0;
    sodium_memzero(bytes, sizeof bytes);
    enum corps_err err = whole ? CORPS_OK : corps_error_system("cannot write the key %s", path);
    close(fd);
    if (!whole) {
        unlink(path);
    }
    return err;
}

static void put64(uint8_t out[8], uint64_t number) {
    for (unsigned i = 0; i < 8; i++) {
        out[i] = (uint8_t)(number >> 8 * i);
    }
}

static void derive(const uint8_t key[CORPS__KEY_BYTES], const char *label, const void *data, size_t bytes,
                   uint8_t out[CORPS__KEY_BYTES]) {
    crypto_generichash_state state;
    crypto_generichash_init(&state, key, CORPS__KEY_BYTES, CORPS__KEY_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)label, strlen(label) + 1);
    crypto_generichash_update(&state, data, bytes);
    crypto_generichash_final(&state, out, CORPS__KEY_BYTES);
    sodium_memzero(&state, sizeof state);
}

void corps__key_secret(const uint8_t key[CORPS__KEY_BYTES], uint64_t corps_id, uint8_t secret[CORPS__KEY_BYTES]) {
    uint8_t numbers[8];
    put64(numbers, corps_id);
    derive(key, "corps secret", numbers, sizeof numbers, secret);
}

void corps__key_channel(const uint8_t key[CORPS__KEY_BYTES], uint64_t corps_id, uint32_t host,
                        uint8_t channel_key[CORPS__KEY_BYTES]) {
    uint8_t numbers[16];
    put64(numbers, corps_id);
    put64(numbers + 8, host);
    derive(key, "corps agent", numbers, sizeof numbers, channel_key);
}

void corps__key_cluster(const uint8_t key[CORPS__KEY_BYTES], char cluster[CORPS__CLUSTER_BYTES]) {
    uint8_t derived[CORPS__KEY_BYTES];
    derive(key, "corps cluster", NULL, 0, derived);
    sodium_bin2hex(cluster, CORPS__CLUSTER_BYTES, derived, (CORPS__CLUSTER_BYTES - 1) / 2);
    sodium_memzero(derived, sizeof derived);
}

void corps__key_record(const uint8_t key[CORPS__KEY_BYTES], uint64_t corps_id, uint8_t record_key[CORPS__KEY_BYTES]) {
    uint8_t numbers[8];
    put64(numbers, corps_id);
    derive(key, "corps boot record", numbers, sizeof numbers, record_key);
}
