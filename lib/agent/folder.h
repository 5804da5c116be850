/* The directory of an owned Corps on this host (base/dir.h): made or joined by the agent, kept by it through all lives
 * that the Corps has here, and removed when nothing of it is left.
 *
 * Threads: the loop's. */
#ifndef CORPS_AGENT_FOLDER_H
#define CORPS_AGENT_FOLDER_H

#include "base/dir.h"

struct agent_folder {
    char path[CORPS__DIR_BYTES];
    int keeper_fd; /* -1: it was not entered */
};

/* Enters it, if it was not. It may be there: of Envs that another host's owner has had here, or of a life of the Corps
 * before this agent. Errors: of base/dir.h. */
enum corps_err agent_folder_enter(struct agent_folder *folder, uint64_t corps_id) CORPS_CHECKED;

/* Keeps it no longer; nobody finds the Corps by it any more. It is removed as soon as no process of the Corps is left,
 * if need be by agent_folders_tick, several times a second. */
void agent_folder_leave(struct agent_folder *folder);
void agent_folders_tick(void);

/* This agent ends: waits for those that are left, for 1.5 s each at most. */
void agent_folders_close(void);

#endif
