#include "folder.h"

#include "published.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One that is still to be removed. */
struct left {
    struct left *next;
    char path[CORPS__DIR_BYTES];
};

static struct left *lefts;

enum corps_err agent_folder_enter(struct agent_folder *folder, uint64_t corps_id) {
    if (folder->keeper_fd >= 0) {
        return CORPS_OK;
    }
    enum corps_err err = corps__dir_path(corps_id, folder->path);
    if (err != CORPS_OK) {
        return err;
    }
    int lock_fd = -1;
    corps__dir_remove_dead(folder->path);
    err = access(folder->path, F_OK) == 0 ? corps__dir_join(folder->path, &lock_fd)
                                          : corps__dir_create(folder->path, &lock_fd);
    if (err == CORPS_OK) { /* kept from here on, so that what is left of a life leaves it alone */
        err = corps__dir_keep(folder->path, &folder->keeper_fd);
        close(lock_fd);
    }
    return err;
}

static bool is_removed(const char *path) {
    corps__dir_remove_dead(path);
    return access(path, F_OK) != 0;
}

void agent_folder_leave(struct agent_folder *folder) {
    if (folder->keeper_fd < 0) {
        return;
    }
    agent_published_remove(folder->path);
    close(folder->keeper_fd);
    folder->keeper_fd = -1;
    struct left *left = is_removed(folder->path) ? NULL : calloc(1, sizeof *left);
    if (left != NULL) { /* without memory the next agent removes it */
        memcpy(left->path, folder->path, sizeof left->path);
        left->next = lefts;
        lefts = left;
    }
}

void agent_folders_tick(void) {
    for (struct left **at = &lefts; *at != NULL;) {
        struct left *left = *at;
        if (!is_removed(left->path)) { /* also where another host's owner has Envs here: then it is theirs to remove */
            at = &left->next;
            continue;
        }
        *at = left->next;
        free(left);
    }
}

void agent_folders_close(void) {
    while (lefts != NULL) {
        struct left *left = lefts;
        lefts = left->next;
        corps__dir_remove_last(left->path, true);
        free(left);
    }
}
