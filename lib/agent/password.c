#include "password.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum corps_err check_file(const char *path, int fd) {
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return corps_error_set(CORPS_ERR_INVALID, "the password %s is no file", path);
    }
    if (st.st_uid != geteuid() || (st.st_mode & 077) != 0) {
        return corps_error_set(CORPS_ERR_DENIED,
                               "others may read the password %s (mode %03o, of user %u); make it this user's, and "
                               "chmod 600 it",
                               path, (unsigned)(st.st_mode & 0777), (unsigned)st.st_uid);
    }
    return CORPS_OK;
}

enum corps_err agent_password_read(const char *path, char password[AGENT_PASSWORD_BYTES]) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return corps_error_system("cannot read the password %s", path);
    }
    char text[AGENT_PASSWORD_BYTES + 1];
    enum corps_err err = check_file(path, fd);
    ssize_t got = err == CORPS_OK ? read(fd, text, sizeof text) : 0;
    close(fd);
    if (err != CORPS_OK) {
        return err;
    }
    size_t bytes = got > 0 ? (size_t)got : 0;
    const char *end = memchr(text, '\n', bytes);
    bytes = end != NULL ? (size_t)(end - text) : bytes;
    if (bytes == 0 || bytes >= AGENT_PASSWORD_BYTES || memchr(text, '\0', bytes) != NULL) {
        explicit_bzero(text, sizeof text);
        return corps_error_set(CORPS_ERR_INVALID, "the first line of %s is no password of up to %d bytes", path,
                               AGENT_PASSWORD_BYTES - 1);
    }
    memcpy(password, text, bytes);
    password[bytes] = '\0';
    explicit_bzero(text, sizeof text);
    return CORPS_OK;
}
