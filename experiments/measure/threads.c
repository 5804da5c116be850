#include "measure/threads.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

bool lab_threads_walk(pid_t pid, bool (*on_thread)(void *arg, pid_t thread), void *arg) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    bool all = tasks != NULL;
    for (struct dirent *entry; all && (entry = readdir(tasks)) != NULL;) {
        if (isdigit((unsigned char)entry->d_name[0])) {
            all = on_thread(arg, (pid_t)atoi(entry->d_name));
        }
    }
    if (tasks != NULL) {
        closedir(tasks);
    }
    return all;
}
