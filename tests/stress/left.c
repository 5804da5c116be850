#include "stress.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LEFT_MS = 60000, LOOK_EVERY_MS = 5 };

static char runtime[64];

static void remove_runtime(void) {
    char corps[80];
    snprintf(corps, sizeof corps, "%s/corps", runtime);
    rmdir(corps);
    rmdir(runtime);
}

void left_prepare(void) {
    snprintf(runtime, sizeof runtime, "/tmp/stress-%d", getpid());
    if (mkdir(runtime, 0700) != 0) {
        perror(runtime);
        exit(2);
    }
    setenv("XDG_RUNTIME_DIR", runtime, 1);
    atexit(remove_runtime);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static bool is_kept(int pid, const int *keep, unsigned keep_count) {
    for (unsigned i = 0; i < keep_count; i++) {
        if (keep[i] == pid) {
            return true;
        }
    }
    return false;
}

/* A process of ours, or of one that died, that should not be there. Those that have ended are waited for. */
static int stray_process(const int *keep, unsigned keep_count) {
    DIR *tasks = opendir("/proc/self/task");
    int stray = 0;
    for (struct dirent *task = readdir(tasks); task != NULL; task = readdir(tasks)) {
        char children[320];
        snprintf(children, sizeof children, "/proc/self/task/%s/children", task->d_name);
        FILE *file = task->d_name[0] != '.' ? fopen(children, "re") : NULL;
        for (int pid; file != NULL && fscanf(file, "%d", &pid) == 1;) {
            if (!is_kept(pid, keep, keep_count) && waitpid(pid, NULL, WNOHANG) == 0) {
                stray = pid;
            }
        }
        if (file != NULL) {
            fclose(file);
        }
    }
    closedir(tasks);
    return stray;
}

/* A Corps' directory besides the survivors', or a named queue or segment of ours. */
static bool stray_file(char *out, size_t out_bytes) {
    char path[80];
    snprintf(path, sizeof path, "%s/corps", runtime);
    unsigned directories = 0;
    DIR *dir = opendir(path);
    for (struct dirent *entry = dir != NULL ? readdir(dir) : NULL; entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            directories++;
            snprintf(out, out_bytes, "%s/%s", path, entry->d_name);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    if (directories > 1) {
        return true;
    }
    static const char *const shared[] = {"/dev/shm", "/dev/mqueue"};
    for (unsigned i = 0; i < 2; i++) {
        dir = opendir(shared[i]);
        for (struct dirent *entry = dir != NULL ? readdir(dir) : NULL; entry != NULL; entry = readdir(dir)) {
            if (strcasestr(entry->d_name, "corps") != NULL) {
                snprintf(out, out_bytes, "%s/%s", shared[i], entry->d_name);
                closedir(dir);
                return true;
            }
        }
        if (dir != NULL) {
            closedir(dir);
        }
    }
    return false;
}

bool left_nothing(const int *keep, unsigned keep_count) {
    int process = 0;
    char file[400] = "";
    bool has_file = false;
    for (int waited_ms = 0; waited_ms < LEFT_MS; waited_ms += LOOK_EVERY_MS) {
        process = stray_process(keep, keep_count);
        has_file = stray_file(file, sizeof file);
        if (process == 0 && !has_file) {
            return true;
        }
        usleep(LOOK_EVERY_MS * 1000);
    }
    if (has_file) {
        printf("left behind: %s\n", file);
    }
    if (process != 0) {
        printf("left behind: process %d\n", process);
        show_stacks(process);
        kill(process, SIGKILL);
    }
    return false;
}

/* ---- usage ---- */

static long count_in(int pid, const char *folder) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, folder);
    DIR *dir = opendir(path);
    long count = 0;
    while (dir != NULL && readdir(dir) != NULL) {
        count++;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return count - 2;
}

bool usage_of(int pid, struct usage *usage) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    FILE *file = fopen(path, "re");
    long total, resident, shared;
    bool read = file != NULL && fscanf(file, "%ld %ld %ld", &total, &resident, &shared) == 3;
    if (file != NULL) {
        fclose(file);
    }
    *usage = (struct usage){.memory_kib = read ? (resident - shared) * (sysconf(_SC_PAGESIZE) / 1024) : 0,
                            .descriptors = count_in(pid, "fd"),
                            .threads = count_in(pid, "task")};
    return read;
}

void show_stacks(int pid) {
    fflush(stdout);
    char command[200];
    snprintf(command, sizeof command,
             "command -v gdb >/dev/null && timeout 60 gdb -q -batch -p %d -ex 'thread apply all bt 14' 2>/dev/null | "
             "grep -E '^(#|Thread)'",
             pid);
    if (system(command) != 0) {
        printf("(no gdb, so no stacks of process %d)\n", pid);
    }
}
