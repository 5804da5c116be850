#include "heal.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const char *const sender_names[SENDERS] = {[PROGRAM] = "the program",
                                           [PROGRAM_TOO] = "the program's other thread",
                                           [IN_ENV_ZERO] = "Env 0",
                                           [IN_SIBLING] = "a sibling",
                                           [STRANGER] = "a stranger",
                                           [IN_VICTIM] = "the victim, to a sibling",
                                           [BETWEEN_OTHERS] = "Env 0, to a sibling"};

struct ledger_page *ledger_open(const char *path, bool make) {
    int fd = open(path, O_RDWR | O_CLOEXEC | (make ? O_CREAT | O_EXCL : 0), 0600);
    void *page = MAP_FAILED;
    if (fd >= 0 && (!make || ftruncate(fd, sizeof(struct ledger_page)) == 0)) {
        page = mmap(NULL, sizeof(struct ledger_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    if (page == MAP_FAILED) {
        perror(path);
    }
    if (fd >= 0) {
        close(fd);
    }
    return page != MAP_FAILED ? page : NULL;
}

void ledger_effect(struct ledger_page *page, unsigned generation, unsigned sender, unsigned number, uint32_t life) {
    struct entry *entry = &page->entries[generation][sender][number];
    atomic_store(&entry->life, life);
    atomic_store(&entry->ticket, atomic_fetch_add(&page->tickets, 1) + 1);
    atomic_fetch_add(&entry->effects, 1);
}

void ledger_begin(struct ledger_page *page, unsigned generation) {
    memset(&page->entries[generation], 0, sizeof page->entries[generation]);
}

/* ---- the judgement ---- */

struct court {
    unsigned cycle, sender;
    bool dies, safe;
    struct verdict *verdict;
    unsigned complaints;
};

static void complain(struct court *court, unsigned *count, unsigned number, const char *what) {
    enum { COMPLAINTS_MAX = 5 };
    (*count)++;
    if (court->complaints++ < COMPLAINTS_MAX) {
        printf("cycle %u: call %u of %s %s\n", court->cycle, number, sender_names[court->sender], what);
    }
}

static void judge_fate(struct court *court, unsigned number, enum fate fate) {
    struct verdict *verdict = court->verdict;
    switch (fate) {
    case NOT_SENT:
        break;
    case FLYING:
        if (!court->dies) {
            complain(court, &verdict->hung, number, "has not ended");
        }
        break;
    case SENT:
        verdict->sent++;
        break;
    case ANSWERED:
        verdict->answered++;
        break;
    case LOST:
        verdict->lost++;
        if (court->safe) {
            complain(court, &verdict->without_cause, number, "was lost, and nobody had died that it needs");
        }
        break;
    case LATE:
        verdict->late++;
        break;
    case WRONG:
        complain(court, &verdict->wrong, number, "has the reply of another call");
        break;
    case HUNG:
        complain(court, &verdict->hung, number, "did not end by its deadline");
        break;
    case FAILED:
        complain(court, &verdict->without_cause, number, "ended with an error that does not belong here");
        break;
    }
}

static void judge_effect(struct court *court, unsigned number, enum fate fate, unsigned effects) {
    struct verdict *verdict = court->verdict;
    if (effects > 1) {
        complain(court, &verdict->twice, number, "took effect twice");
    } else if (effects == 1 && fate == NOT_SENT) {
        complain(court, &verdict->twice, number, "took effect and was not sent");
    } else if (effects == 0 && fate == ANSWERED) {
        complain(court, &verdict->wrong, number, "was answered and took no effect");
    } else if (effects == 0 && fate == SENT && court->safe) {
        complain(court, &verdict->without_cause, number, "was lost, and nobody had died that it needs");
    }
}

/* Effects come in the order of the calls; and what was sent between two that came to one life came to it, too. */
static void judge_order(struct court *court, const struct entry *entries) {
    uint32_t ticket = 0, life = 0;
    unsigned gap = 0;
    for (unsigned number = 1; number < NUMBERS; number++) {
        enum fate fate = (enum fate)atomic_load(&entries[number].fate);
        if (atomic_load(&entries[number].effects) == 0) {
            bool was_due = (fate == SENT || fate == LOST) && atomic_load(&entries[number].near) == 0;
            gap = gap == 0 && was_due ? number : gap;
            continue;
        }
        uint32_t next_ticket = atomic_load(&entries[number].ticket), next_life = atomic_load(&entries[number].life);
        if (next_ticket <= ticket) {
            complain(court, &court->verdict->disorder, number, "came before an earlier one");
        }
        if (gap != 0 && next_life == life) {
            complain(court, &court->verdict->disorder, gap, "was left out, and its receiver lived on");
        }
        ticket = next_ticket;
        life = next_life;
        gap = 0;
    }
}

void ledger_judge(const struct ledger_page *page, unsigned cycle, unsigned generation, unsigned sender, bool dies,
                  bool safe, struct verdict *verdict) {
    struct court court = {.cycle = cycle, .sender = sender, .dies = dies, .safe = safe, .verdict = verdict};
    const struct entry *entries = page->entries[generation][sender];
    for (unsigned number = 1; number < NUMBERS; number++) {
        enum fate fate = (enum fate)atomic_load(&entries[number].fate);
        judge_fate(&court, number, fate);
        judge_effect(&court, number, fate, atomic_load(&entries[number].effects));
    }
    judge_order(&court, entries);
    bool answers = dies;
    for (unsigned number = CALLS + 1; !answers && number < NUMBERS; number++) {
        answers = atomic_load(&entries[number].fate) == ANSWERED;
    }
    if (!answers) {
        complain(&court, &verdict->without_cause, CALLS + 1, "and all that followed got no answer");
    }
    fflush(stdout);
}
