/* The process of an Env, as the one who started it sees it: one of this host, watched by its pidfd; or one of another
 * host, which somebody else watches and tells of. */
#ifndef CORPS_CHILD_H
#define CORPS_CHILD_H

#include <corps/error.h>

enum corps__end {
    CORPS__END_IN_ORDER, /* status 0 */
    CORPS__END_FAILED,
    CORPS__END_SIGNAL,
    CORPS__END_DISPLACED, /* for nothing that it did: its host was silent, or ended it */
    CORPS__END_UNREACHED, /* likewise, and it never began */
};

/* It has ended, as `how_text` says behind the words "Env 3". Once, with the lead, not within what is called below. */
typedef void (*corps__child_fn)(void *arg, const char *how_text, enum corps__end end);

struct corps__child;

/* What can be done about one; with the lead. None of them waits. */
struct corps__child_ops {
    void (*kill)(struct corps__child *child);
    /* Forgets it, and frees: its end is not told any more. One that has not ended sees the end of its control channel.
     */
    void (*close)(struct corps__child *child);
    void (*forget)(const struct corps__child *child); /* see corps__child_forget; NULL: there is nothing to do */
};

/* What every kind of child begins with. */
struct corps__child {
    const struct corps__child_ops *ops;
};

/* Watches a process of this host: its pidfd becomes readable when it ends. `status_fd`: -1, or where the process's own
 * parent will write its wait status (taken, also on error). With the lead. */
enum corps_err corps__child_watch(int pid, int status_fd, corps__child_fn on_end, void *arg,
                                  struct corps__child **child) CORPS_CHECKED;

void corps__child_kill(struct corps__child *child);  /* accepts NULL */
void corps__child_close(struct corps__child *child); /* accepts NULL */
/* In the child of a fork, where the pidfd is closed: closes what else there is. Accepts NULL. */
void corps__child_forget(const struct corps__child *child);

#endif
