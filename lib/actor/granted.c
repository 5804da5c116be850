#include "actor/granted.h"

#include "base/clock.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

const _Atomic int64_t *corps__granted;
static void (*end_process)(const char *why);

enum { PAGE_BYTES = sizeof(int64_t) };

enum corps_err corps__granted_begin(void (*end)(const char *why)) {
    const char *number = getenv(CORPS__GRANT_VARIABLE);
    if (number == NULL) {
        return CORPS_OK;
    }
    int fd = atoi(number);
    void *page = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        return corps_error_system("cannot see the grant of this host's agent, descriptor %d", fd);
    }
    close(fd);
    unsetenv(CORPS__GRANT_VARIABLE); /* programs that Workers start are no Envs */
    end_process = end;
    corps__granted = page;
    return CORPS_OK;
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
}
