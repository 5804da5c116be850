#include "choose.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ID_DIGITS = 16, PARENTS_MAX = 8, MORE = 16 };

enum corps_err top_find(struct corps_running **list, size_t *count) {
    struct corps_running *found = NULL;
    size_t room = 0, there = MORE;
    while (there > room) { /* one may begin meanwhile */
        room = there + MORE;
        struct corps_running *grown = realloc(found, room * sizeof *found);
        if (grown == NULL) {
            free(found);
            return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a list of %zu Corps", room);
        }
        found = grown;
        enum corps_err err = corps_find_running(found, room, &there);
        if (err != CORPS_OK) {
            free(found);
            return err;
        }
    }
    *list = found;
    *count = there;
    return CORPS_OK;
}

/* The parent of a process, by /proc/PID/stat (proc(5)); 0 where that cannot be read. */
static int parent_of(int pid) {
    char path[40], line[512];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    size_t bytes = file != NULL ? fread(line, 1, sizeof line - 1, file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    line[bytes] = '\0';
    const char *name_end = strrchr(line, ')');
    int parent = 0;
    return name_end != NULL && sscanf(name_end + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

/* Is it Env 0, or has it started that, itself or through others? */
static bool is_above(int pid, int env_0) {
    for (int i = 0; i < PARENTS_MAX && env_0 > 1; i++) {
        if (env_0 == pid) {
            return true;
        }
        env_0 = parent_of(env_0);
    }
    return false;
}

static bool has_env(const struct corps_running *running, int pid) {
    struct corps *corps;
    if (corps_attach(running->id, &corps) != CORPS_OK) {
        return false; /* it has ended meanwhile, or is not to be looked into: it is not found then */
    }
    bool has = false;
    for (unsigned i = 0; i < corps_env_count(corps) && !has; i++) {
        has = corps_env_pid(corps, i) == pid;
    }
    corps_detach(corps);
    return has;
}

/* Why no Corps has this process. */
static enum corps_err not_of_a_corps(int pid) {
    char path[40];
    struct stat is;
    snprintf(path, sizeof path, "/proc/%d", pid);
    if (stat(path, &is) != 0) {
        return corps_error_set(CORPS_ERR_UNKNOWN, "there is no process %d", pid);
    }
    if (is.st_uid != geteuid()) {
        return corps_error_set(CORPS_ERR_DENIED, "process %d is another user's (uid %u), who alone may look into it",
                               pid, (unsigned)is.st_uid);
    }
    return corps_error_set(CORPS_ERR_UNKNOWN, "process %d is of no Corps that runs", pid);
}

/* Notes one that fits; false when there was one before. */
static bool note(const struct corps_running *fits, const struct corps_running **found) {
    bool first = *found == NULL;
    *found = first ? fits : *found;
    return first;
}

static enum corps_err several(const char *which) {
    return corps_error_set(CORPS_ERR_LIMIT, "several Corps are '%s'; name one by its id or pid", which);
}

static enum corps_err by_pid(const struct corps_running *list, size_t count, const char *which, int pid,
                             const struct corps_running **found) {
    const struct corps_running *one = NULL;
    for (size_t i = 0; i < count; i++) {
        if (list[i].pid == pid) {
            *found = &list[i];
            return CORPS_OK;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if ((is_above(pid, list[i].pid) || has_env(&list[i], pid)) && !note(&list[i], &one)) {
            return several(which);
        }
    }
    if (one == NULL) {
        return not_of_a_corps(pid);
    }
    *found = one;
    return CORPS_OK;
}

static bool is_number(const char *text, int base, size_t digits, unsigned long long *number) {
    char *end;
    errno = 0;
    *number = strtoull(text, &end, base);
    return text[0] != '\0' && text[0] != '-' && text[0] != '+' && text[0] != ' ' && *end == '\0' && errno == 0 &&
           (digits == 0 || (size_t)(end - text) == digits);
}

enum corps_err top_choose(const struct corps_running *list, size_t count, const char *which,
                          const struct corps_running **found) {
    if (which == NULL) {
        *found = count == 1 ? &list[0] : *found;
        return count == 1   ? CORPS_OK
               : count == 0 ? corps_error_set(CORPS_ERR_UNKNOWN, "no Corps of this user runs on this host")
                            : corps_error_set(CORPS_ERR_LIMIT, "%zu Corps run; name one by its id, tag or pid", count);
    }
    unsigned long long number;
    const struct corps_running *one = NULL;
    bool is_id = is_number(which, 16, ID_DIGITS, &number);
    for (size_t i = 0; i < count; i++) {
        if (is_id ? list[i].id == number || strcmp(list[i].tag, which) == 0 : strcmp(list[i].tag, which) == 0) {
            if (!note(&list[i], &one)) {
                return several(which);
            }
        }
    }
    if (one != NULL) {
        *found = one;
        return CORPS_OK;
    }
    if (is_number(which, 10, 0, &number) && number > 0 && number <= INT32_MAX) {
        return by_pid(list, count, which, (int)number, found);
    }
    return corps_error_set(CORPS_ERR_UNKNOWN, "no Corps of this user that runs here is '%s', by its id, tag or pid",
                           which);
}
