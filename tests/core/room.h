/* The kernel bounds the bytes of the message queues of all of a user's processes together (ulimit -q, 800 KiB where
 * nobody has raised it): too little for two tests over mqueue at a time, or for one beside another program of the same
 * user. */
#ifndef CORPS_TEST_ROOM_H
#define CORPS_TEST_ROOM_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

/* Before a test over the transport of this name: lifts the bound for this process and those that it starts, which root
 * may; elsewhere waits for other tests over mqueue of this user to end, as long as this process lives. False when there
 * is nowhere to wait. */
static inline bool room_await(const char *name) {
    struct rlimit unbounded = {RLIM_INFINITY, RLIM_INFINITY};
    if (strcmp(name, "mqueue") != 0 || setrlimit(RLIMIT_MSGQUEUE, &unbounded) == 0) {
        return true;
    }
    char path[64];
    snprintf(path, sizeof path, "/tmp/corps-test-mqueue-%u", (unsigned)geteuid());
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0 || flock(lock, LOCK_EX) != 0) {
        perror(path);
        return false;
    }
    return true; /* the descriptor is the lock: it goes with the process */
}

#endif
