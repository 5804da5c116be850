/* A lobby: accepts connections, and keeps those that have not said yet who they are. They are bounded in number and in
 * time, so that nobody who only connects uses up the process's descriptors:
 *
 *   in all          a quarter of the descriptors that the process may have, 512 at most
 *   of one origin   half of that: of an address (IPv6: a network of 64 bits), of a process; the local host's own
 *                   addresses are everybody's, and so not counted
 *   time            five seconds; one while it is more than half full
 *
 * While it is full, further connections wait where the kernel keeps them. The same when the process or the
 * system has no descriptor or memory left: accepting is then tried again four times a second, and nothing else notices.
 * When no descriptor has come free for five seconds, those who wait are turned away, one after the other on a
 * descriptor that the lobby keeps for that: otherwise they might wait for ever.
 *
 * Threads: the polling thread alone. Lifecycle: open → guests enter and leave → close, when all have left. */
#ifndef CORPS_LOBBY_H
#define CORPS_LOBBY_H

#include <corps/error.h>

#include <stdint.h>
#include <uv.h>

struct corps__lobby;

/* Part of whatever stands for a connection. */
struct corps__guest {
    struct corps__lobby *lobby; /* NULL: it is in none */
    struct corps__guest *next, *before;
    int64_t since_ns;
    uint64_t origin; /* 0: not counted */
};

struct corps__lobby_ops {
    /* A connection was accepted: the descriptor (close-on-exec, non-blocking) is the owner's, who has the guest enter
     * or closes it. */
    void (*on_connection)(void *owner, int fd);
    /* Its time is over. The owner ends it, and has it leave. */
    void (*on_expired)(void *owner, struct corps__guest *guest);
    /* Optional. Says on `fd`, which the lobby closes next, that there is no descriptor for this connection. Without it
     * nobody is turned away. */
    void (*on_turned_away)(void *owner, int fd);
};

/* Accepts on `fd`, which listens and stays the owner's, until the lobby is closed. Errors: NO_MEMORY, SYSTEM. */
enum corps_err corps__lobby_open(uv_loop_t *loop, int fd, const struct corps__lobby_ops *ops, void *owner,
                                 struct corps__lobby **lobby) CORPS_CHECKED;

/* Before `fd` is closed. Memory is freed after the next uv_run. Accepts NULL. */
void corps__lobby_close(struct corps__lobby *lobby);

/* In the child of a fork: closes the descriptor that the loop does not know of. */
void corps__lobby_forget(const struct corps__lobby *lobby);

/* In on_connection: the connection that it is about waits in the lobby. */
void corps__lobby_enter(struct corps__lobby *lobby, struct corps__guest *guest);

/* Proved or ended. Nothing for a guest that is in no lobby. */
void corps__lobby_leave(struct corps__guest *guest);

/* The one that has waited longest, NULL: there is none. */
struct corps__guest *corps__lobby_first(struct corps__lobby *lobby);

#endif
