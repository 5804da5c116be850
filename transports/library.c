#include "library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

enum { END_S = 5 }; /* longer than what is queued lingers, with what a busy machine adds */

enum corps_err corps__library_load(const char *file, const char *package, const char *const *names, void *functions) {
    void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle == NULL) {
        return corps_error_set(CORPS_ERR_UNSUPPORTED, "cannot load %s (%s); install the package %s", file, dlerror(),
                               package);
    }
    enum corps_err err = CORPS_OK;
    for (size_t i = 0; names[i] != NULL && err == CORPS_OK; i++) {
        void *address = dlsym(handle, names[i]);
        if (address == NULL) {
            err = corps_error_set(CORPS_ERR_UNSUPPORTED, "%s has no %s; install a newer %s", file, names[i], package);
        }
        memcpy((char *)functions + i * sizeof address, &address, sizeof address);
    }
    dlclose(handle);
    return err;
}

enum corps_err corps__library_check_fork(unsigned *owner, const char *title) {
    unsigned own = corps_fork_generation() + 1;
    *owner = *owner == 0 ? own : *owner;
    return *owner == own ? CORPS_OK
                         : corps_error_set(CORPS_ERR_UNSUPPORTED,
                                           "this process was forked by one that used %s, which does not survive that; "
                                           "start it by other means, or use another transport",
                                           title);
}

void corps__library_end(void *(*end)(void *what), void *what) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, end, what) != 0) {
        (void)end(what);
        return;
    }
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += END_S;
    if (pthread_timedjoin_np(thread, NULL, &until) != 0) {
        pthread_detach(thread);
    }
}
