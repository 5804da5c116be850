#include "load.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ACT_EVERY_NS 5000000LL
#define STUCK_NS 1000000000LL /* so long a Book may be in a method */

struct load_ledger *load_ledger_open(const char *path, bool make) {
    int fd = open(path, O_RDWR | O_CLOEXEC | (make ? O_CREAT | O_EXCL : 0), 0600);
    void *ledger = MAP_FAILED;
    if (fd >= 0 && (!make || ftruncate(fd, sizeof(struct load_ledger)) == 0)) {
        ledger = mmap(NULL, sizeof(struct load_ledger), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    if (ledger == MAP_FAILED) {
        perror(path);
    }
    if (fd >= 0) {
        close(fd);
    }
    return ledger != MAP_FAILED ? ledger : NULL;
}

/* ---- Book: there is one of each, or none ---- */

struct book {
    struct load_ledger *ledger;
    struct load_book *shared;
    uint64_t life;
    struct corps_timer *timer;
};

/* From now on this life is the newest. Lives are numbered in the order of their beginnings. */
static void begin_life(struct book *book) {
    struct load_book *shared = book->shared;
    book->life = atomic_fetch_add(&book->ledger->lives, 1) + 1;
    atomic_store(&shared->born_ns, load_real_ns());
    uint64_t newest = atomic_load(&shared->newest);
    while (newest < book->life && !atomic_compare_exchange_weak(&shared->newest, &newest, book->life)) {
    }
    gethostname(shared->host, sizeof shared->host - 1);
    atomic_store(&shared->pid, getpid());
}

/* [path of the ledger, number of the Book] */
static enum corps_err book_init(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)result;
    struct book *book = self;
    const struct corps_value *path = corps_value_item(args, 0);
    char text[LOAD_PATH_BYTES];
    snprintf(text, sizeof text, "%.*s", (int)path->count, path->str);
    book->ledger = load_ledger_open(text, false);
    if (book->ledger == NULL) {
        return corps_fail(context, "NoLedger", "a Book finds no ledger at %s", text);
    }
    book->shared = &book->ledger->books[corps_value_item(args, 1)->integer];
    begin_life(book);
    const struct corps_timer_options steps = {.every_ns = ACT_EVERY_NS};
    return corps_timer_start(corps_context_name(context), "act", NULL, &steps, &book->timer);
}

static void book_cleanup(struct corps_context *context, void *self) {
    (void)context;
    struct book *book = self;
    corps_timer_destroy(book->timer);
    munmap(book->ledger, sizeof *book->ledger);
}

/* What must not be done by two: it is done now, so a newer life that has begun before this was read is one too many. */
static void act(struct book *book) {
    struct load_book *shared = book->shared;
    int64_t now_ns = load_real_ns();
    if (atomic_load(&shared->newest) == book->life) {
        atomic_store(&shared->acted_ns, now_ns);
        atomic_fetch_add(&shared->acts, 1);
    } else {
        atomic_fetch_add(&shared->twice, 1);
        atomic_store(&shared->overlap_ns, now_ns - atomic_load(&shared->born_ns));
    }
}

static enum corps_err book_act(struct corps_context *context, void *self, const struct corps_value *args,
                               struct corps_value *result) {
    (void)context;
    (void)args;
    (void)result;
    act(self);
    return CORPS_OK;
}

/* [number, text for whoever reads on the wire] → [number, life] */
static enum corps_err book_entry(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    struct book *book = self;
    act(book);
    struct corps_value *items = corps_context_alloc(context, 2 * sizeof *items);
    if (items == NULL) {
        return CORPS_ERR_NO_MEMORY;
    }
    items[0] = *corps_value_item(args, 0);
    items[1] = corps_int((int64_t)book->life);
    *result = corps_array(items, 2);
    return CORPS_OK;
}

/* Does not come to an end. */
static enum corps_err book_hang(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)context;
    (void)self;
    (void)args;
    (void)result;
    while (pause() != 0) { /* a signal is no end */
    }
    return CORPS_OK;
}

const struct corps_class load_book_class = {
    .name = "Book",
    .bytes = sizeof(struct book),
    .init = book_init,
    .cleanup = book_cleanup,
    .methods =
        (const struct corps_method[]){{"entry", book_entry}, {"act", book_act}, {"hang", book_hang}, {NULL, NULL}},
    .stuck_ns = STUCK_NS};

/* ---- Tally: its only caller numbers its calls, and each must find that the one before it has come, once ---- */

static enum corps_err tally_checkpoint(struct corps_context *context, void *self, const struct corps_value *args,
                                       struct corps_value *result) {
    (void)context;
    (void)args;
    *result = corps_int(*(const int64_t *)self);
    return CORPS_OK;
}

static enum corps_err tally_restore(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)context;
    (void)result;
    *(int64_t *)self = args->integer;
    return CORPS_OK;
}

/* number → number */
static enum corps_err tally_next(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    int64_t *last = self;
    if (args->integer != *last + 1) {
        return corps_fail(context, "NotOnce", "call %lld came after call %lld", (long long)args->integer,
                          (long long)*last);
    }
    *last = args->integer;
    *result = corps_int(args->integer);
    return CORPS_OK;
}

const struct corps_class load_tally_class = {.name = "Tally",
                                             .bytes = sizeof(int64_t),
                                             .methods =
                                                 (const struct corps_method[]){{"next", tally_next}, {NULL, NULL}},
                                             .checkpoint = tally_checkpoint,
                                             .restore = tally_restore};
