/* Corps that agents own, wherever their Env 0 is: what is known of them is asked of the agent of this host.
 *
 * A Corps *roams* when an agent owns it (settings.owned): if the host of its Env 0 is lost it is begun anew on another
 * one, under the same Names. Where its Env 0 is on this host its file is read, as that of any Corps (foreign.h);
 * wherever it is, the agent is asked too, as long as somebody waits for news of it. What both say is taken by
 * incarnations, so that none of it takes the place of what is newer. It has ended when the agent says so, not with its
 * directory.
 *
 * An agent may take seconds to answer, and who asks often has the lead. So threads of their own ask, a few at most, and
 * end when there is nothing more to ask.
 */
#ifndef CORPS_FAR_H
#define CORPS_FAR_H

#include "link/known.h"

/* What an agent says of a Corps. */
struct corps__far_known {
    uint32_t host;  /* that owns it; 0: none just now */
    uint64_t epoch; /* its last one */
    uint8_t
        *data; /* what stands in its file there; what malloc gave. NULL: it does not serve, or nobody could be asked */
    size_t bytes;
};

/* What the floor above does for this one: it asks the agent of this host. Any thread, without the lead; each may take
 * 6 s. Errors of all: SYSTEM (no agent runs here), TIMEOUT, PROTOCOL, VERSION, and what the agent says. */
struct corps__far_ops {
    /* Gives known->data. Errors: EXITED (there is no such Corps, any more). */
    enum corps_err (*known)(uint64_t corps_id, struct corps__far_known *known);
    /* The number of this host, and the secret of a Corps. */
    enum corps_err (*identify)(uint64_t corps_id, uint32_t *here, uint8_t secret[CORPS_SECRET_BYTES]);
    /* The Corps that is this singleton. Errors: UNKNOWN. */
    enum corps_err (*named)(const char *name, uint64_t *corps_id);
    /* Calls each(id, arg) for those with the tag (NULL: any) that agents own. */
    enum corps_err (*fronts)(const char *tag, void (*each)(uint64_t corps_id, void *arg), void *arg);
    /* Has it ended in order, wherever it is. */
    enum corps_err (*end)(uint64_t corps_id);
};

/* Before any Corps is looked for. NULL when there is none. */
void corps__far_set(const struct corps__far_ops *ops);
const struct corps__far_ops *corps__far(void);

/* So long a call waits for a Corps that roams and cannot be reached, although nothing is known to be wrong. */
#define CORPS__FAR_PATIENCE_NS INT64_C(25000000000)

/* Does it roam? Any thread, as what follows. */
static inline bool corps__roams(const struct corps *corps) {
    return corps->settings.owned && corps__far() != NULL;
}

/* What an agent says of a Corps that this process does not know yet. */
struct corps__far_first {
    struct corps__far_known known; /* .data is the caller's to free */
    uint32_t here;                 /* this host's number; of identify, where there is data */
    uint8_t secret[CORPS_SECRET_BYTES];
};

/* Has the agent asked, and waits for its answer until then; one that comes later is kept for a while, for whoever asks
 * again. Not with the lead. Errors: AGAIN (no answer yet), those of `known` and of `identify`, NO_MEMORY, SYSTEM. */
enum corps_err corps__far_ask_first(uint64_t corps_id, int64_t deadline_ns,
                                    struct corps__far_first *first) CORPS_CHECKED;

/* Has the agent asked about it, unless it was a moment ago. Never waits. */
void corps__far_want(struct corps *corps);

/* Has the agent said that it has ended? Has it asked where its directory is gone. */
bool corps__far_has_ended(struct corps *corps);

/* In the child of a fork: its parent's threads ask here no more. */
void corps__far_forked(void);

#endif
