#include "actor/granted.h"

#include "base/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

const _Atomic int64_t *corps__granted;
static void (*end_process)(const char *why);
static int page_fd = -1; /* stays open for those that open it by its path */

enum { PAGE_BYTES = sizeof(int64_t) };

bool corps__granted_is_given(void) {
    return getenv(CORPS__GRANT_VARIABLE) != NULL;
}

enum corps_err corps__granted_begin(const char *path, void (*end)(const char *why)) {
    const char *number = getenv(CORPS__GRANT_VARIABLE);
    if (number == NULL && path[0] == '\0') {
        return CORPS_OK;
    }
    int fd = number != NULL ? atoi(number) : open(path, O_RDONLY | O_CLOEXEC);
    void *page = fd >= 0 ? mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (page == MAP_FAILED) {
        return corps_error_system("cannot see the grant of this host's agent, %s", number != NULL ? number : path);
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    unsetenv(CORPS__GRANT_VARIABLE); /* programs that Workers start are no Envs */
    page_fd = fd;
    end_process = end;
    corps__granted = page;
    return CORPS_OK;
}

void corps__granted_path(char path[CORPS__GRANTED_PATH_BYTES]) {
    path[0] = '\0';
    if (page_fd >= 0) {
        snprintf(path, CORPS__GRANTED_PATH_BYTES, "/proc/%d/fd/%d", (int)getpid(), page_fd);
    }
}

void corps__granted_look(void) {
    static atomic_flag ends = ATOMIC_FLAG_INIT;
    if (corps__boottime_ns() < atomic_load(corps__granted)) {
        return;
    }
    while (atomic_flag_test_and_set(&ends)) {
        pause(); /* another thread ends the process: this one begins nothing either */
    }
    end_process("its host had no grant of its owner any more");
}

void corps__granted_forked(void) {
    corps__granted = NULL;
    page_fd = -1;
}
