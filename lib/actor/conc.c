#include "actor/conc.h"

#include "actor/broken.h"
#include "actor/group.h"
#include "actor/home.h"
#include "actor/once.h"
#include "base/log.h"
#include "base/symbol.h"
#include "link/known.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 65536, PAGE = CORPS__CONC_PAGE, PAGES = CORPS__CONC_PAGES };

CORPS__HOT_THREAD_LOCAL struct corps_context *corps__innermost;
CORPS__HOT_THREAD_LOCAL uint64_t corps__chained;

/* ---- the table ---- */

/* Which page of the table, PAGES: none. */
static uint32_t place_of(uint32_t id) {
    uint32_t page = id / PAGE, base = corps__actors->concs.base;
    return page == 0 ? 0 : page > base && page - base < PAGES ? page - base : PAGES;
}

static struct corps__conc *_Atomic *page_of(uint32_t id) {
    uint32_t place = place_of(id);
    return place < PAGES ? atomic_load(&corps__actors->concs.pages[place]) : NULL;
}

struct corps__conc *corps__conc_find(uint32_t id) {
    if (id >= atomic_load_explicit(&corps__actors->concs.count, memory_order_acquire)) {
        return NULL;
    }
    struct corps__conc *_Atomic *page = page_of(id);
    return page != NULL ? atomic_load(&page[id % PAGE]) : NULL; /* NULL: numbers of an earlier process */
}

uint32_t corps__conc_number_next(uint32_t id) {
    uint32_t count = corps__conc_count();
    while (id < count && page_of(id) == NULL) {
        uint32_t page = id / PAGE, base = corps__actors->concs.base;
        id = ((page >= 1 && page < base ? base : page) + 1) * PAGE;
    }
    return id;
}

uint32_t corps__conc_number_previous(uint32_t id) {
    while (id >= PAGE && page_of(id) == NULL) {
        uint32_t page = id / PAGE;
        id = page <= corps__actors->concs.base ? PAGE - 1 : page * PAGE - 1;
    }
    return id;
}

uint32_t corps__conc_count(void) {
    return atomic_load(&corps__actors->concs.count);
}

#define NEXT_ID UINT32_MAX

#define LAST_FIRST (UINT32_MAX - PAGE * PAGES)

enum corps_err corps__conc_numbers_after(uint32_t first) {
    if (first < PAGE || first % PAGE != 0 || first > LAST_FIRST) {
        return corps_error_set(CORPS_ERR_LIMIT,
                               "all numbers of Workers that a Corps can have in all its lives were given (%u); create "
                               "it anew",
                               first);
    }
    corps__actors->concs.base = first / PAGE - 1;
    return CORPS_OK;
}

void corps__conc_numbers_begin(uint32_t first, void (*on_bound)(uint32_t bound)) {
    struct corps__actors *actors = corps__actors;
    pthread_mutex_lock(&actors->concs.lock);
    if (first > 0) {
        atomic_store_explicit(&actors->concs.count, first, memory_order_release);
    }
    actors->concs.bound = first + PAGE;
    actors->concs.on_bound = on_bound;
    pthread_mutex_unlock(&actors->concs.lock);
}

/* `wanted`: the number, or NEXT_ID. */
static enum corps_err table_add(struct corps__conc *conc, uint32_t wanted) {
    struct corps__actors *actors = corps__actors;
    pthread_mutex_lock(&actors->concs.lock);
    uint32_t id = wanted != NEXT_ID ? wanted : atomic_load(&actors->concs.count);
    uint32_t place = place_of(id);
    bool fits = place < PAGES;
    if (fits && actors->concs.on_bound != NULL && id >= actors->concs.bound) {
        actors->concs.bound = (id / PAGE + 1) * PAGE;
        actors->concs.on_bound(actors->concs.bound);
    }
    struct corps__conc *_Atomic *page = fits ? atomic_load(&actors->concs.pages[place]) : NULL;
    if (page == NULL && fits) {
        page = calloc(PAGE, sizeof *page);
        atomic_store(&actors->concs.pages[place], page);
    }
    if (page != NULL) {
        conc->id = id;
        atomic_store(&page[id % PAGE], conc);
        if (wanted == NEXT_ID) {
            atomic_store_explicit(&actors->concs.count, id + 1, memory_order_release);
        }
    }
    pthread_mutex_unlock(&actors->concs.lock);
    return page != NULL ? CORPS_OK
           : fits       ? corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the table of Concs")
                        : corps_error_set(CORPS_ERR_LIMIT, "an Env can have %u Concs", PAGE * PAGES);
}

/* ---- their memory ---- */

static size_t align_up(size_t bytes, size_t to) {
    return (bytes + to - 1) / to * to;
}

/* A piece of memory that Concs are cut from; on a line of its own before them. */
struct corps__conc_piece {
    _Alignas(64) struct corps__conc_piece *next;
};

static char *new_piece(struct corps__actors *actors, size_t bytes) {
    struct corps__conc_piece *piece = aligned_alloc(64, sizeof *piece + bytes);
    if (piece == NULL) {
        return NULL;
    }
    piece->next = actors->concs.pieces;
    actors->concs.pieces = piece;
    return (char *)(piece + 1);
}

/* Zeroed memory, on lines of its own. A Conc stays as long as its runtime, so small ones are cut from larger pieces:
 * that takes half the time of an allocation each, and no byte between them. */
static char *take_conc_memory(size_t bytes) {
    struct corps__actors *actors = corps__actors;
    bool apart = bytes > PIECE_BYTES / 64;
#ifdef __SANITIZE_ADDRESS__
    apart = true; /* so that a method that writes beyond its memory is found */
#endif
    pthread_mutex_lock(&actors->concs.lock);
    char *memory;
    if (apart) {
        memory = new_piece(actors, bytes);
    } else {
        if ((size_t)(actors->concs.end - actors->concs.at) < bytes) {
            actors->concs.at = new_piece(actors, PIECE_BYTES);
            actors->concs.end = actors->concs.at != NULL ? actors->concs.at + PIECE_BYTES : NULL;
        }
        memory = actors->concs.at;
        actors->concs.at = memory != NULL ? memory + bytes : NULL;
    }
    pthread_mutex_unlock(&actors->concs.lock);
    return memory != NULL ? memset(memory, 0, bytes) : NULL;
}

/* The transport that this Corps chose for its one Env, or else the one for mailboxes. */
static const struct corps_transport *mailbox_transport(void) {
    const struct corps_transport *chosen = corps__own() != NULL ? corps__own()->settings.transport : NULL;
    return chosen != NULL && (chosen->capabilities & CORPS_TRANSPORT_INTRA) != 0
               ? chosen
               : corps_transport_with(CORPS_TRANSPORT_MAILBOX);
}

/* ---- what few have ---- */

const struct corps__rare corps__rare_none;

struct corps__rare *corps__rare_make(const struct corps__conc *given) {
    struct corps__conc *conc = (struct corps__conc *)(uintptr_t)given;
    const struct corps__rare *rare = corps__rare(conc);
    if (rare != &corps__rare_none) {
        return (struct corps__rare *)(uintptr_t)rare;
    }
    struct corps__rare *made = calloc(1, sizeof *made);
    /* Release: it is zeroed before others find it. Pairs with the load in corps__rare. */
    if (made != NULL && !atomic_compare_exchange_strong(&conc->rare, &rare, made)) {
        free(made); /* another thread was faster */
        made = (struct corps__rare *)(uintptr_t)rare;
    }
    return made;
}

const char *corps__conc_class(const struct corps__conc *conc) {
    const char *own = corps__rare(conc)->class_name;
    return own != NULL ? own : conc->class->name;
}

void corps__conc_fails(const struct corps__conc *conc) {
    struct corps__rare *rare = corps__rare_make(conc);
    if (rare != NULL) {
        atomic_fetch_add_explicit(&rare->failed, 1, memory_order_relaxed);
    }
}

static void free_rare(struct corps__conc *conc) {
    if (corps__rare(conc) == &corps__rare_none) {
        return;
    }
    struct corps__rare *rare = corps__rare_make(conc);
    for (struct corps_home *home = atomic_load(&rare->home); home != NULL;) {
        struct corps_home *former = home->former;
        free(home);
        home = former;
    }
    free(atomic_load(&rare->keep));
    free(atomic_load(&rare->timing));
    free(rare->tag);
    corps__once_free(rare->once);
    corps_name_unref(atomic_load(&rare->name));
    free((void *)(uintptr_t)rare->class_name);
    free(rare);
}

/* ---- making ---- */

/* Where the user's memory begins: aligned to 16 bytes, or to eight where it cannot hold what needs more. */
static size_t self_begins(const struct corps_class *class, const struct corps_transport *transport) {
    return align_up(sizeof(struct corps__conc) + transport->endpoint_bytes, class->bytes >= 16 ? 16 : 8);
}

/* One piece of memory: the Conc, its mailbox, the user's memory. Memory whose mailbox cannot be opened stays unused: it
 * is part of a larger piece. Errors: NO_MEMORY, and of the mailbox's transport. */
static enum corps_err allocate_conc(const struct corps_class *class, struct corps__conc **made) {
    const struct corps_transport *transport = mailbox_transport();
    size_t self_at = self_begins(class, transport);
    if (self_at > UINT16_MAX) {
        return corps_error_set(CORPS_ERR_LIMIT, "transport %s is too large for a mailbox", transport->name);
    }
    char *memory = take_conc_memory(align_up(self_at + class->bytes, 64));
    if (memory == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for another Conc of class %s", class->name);
    }
    struct corps__conc *conc = (struct corps__conc *)memory;
    conc->class = class;
    conc->hooked = class->before != NULL || class->after != NULL;
    conc->times_all = true;
    conc->self_at = (uint16_t)self_at;
    atomic_store_explicit(&conc->rare, &corps__rare_none, memory_order_relaxed);
    struct corps_endpoint *mailbox = corps__conc_mailbox(conc);
    mailbox->transport = transport;
    /* Unbounded here: the bound is the senders' credit (remote) and corps__conc_room (local). */
    struct corps_endpoint_options options = {.name = "mailbox", .frame_bytes_max = CORPS_FRAME_BYTES_MAX};
    char address[CORPS_ADDRESS_BYTES];
    enum corps_err err = transport->open(mailbox, &options, address);
    err = err == CORPS_OK ? transport->connect(mailbox, address, &conc->inbox) : err;
    *made = conc;
    return err;
}

/* What its class says of it, and the name that it was asked for by. Errors: NO_MEMORY. */
static enum corps_err describe_conc(struct corps__conc *conc, const char *class_name, size_t class_bytes) {
    const struct corps_class *class = conc->class;
    bool is_own = strlen(class->name) == class_bytes && memcmp(class->name, class_name, class_bytes) == 0;
    if (is_own && class->stuck_ns == 0) {
        return CORPS_OK;
    }
    struct corps__rare *rare = corps__rare_make(conc);
    char *own_name = rare != NULL && !is_own ? strndup(class_name, class_bytes) : NULL;
    if (rare == NULL || (!is_own && own_name == NULL)) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for another Conc of class %.*s", (int)class_bytes,
                               class_name);
    }
    rare->stuck_ns = class->stuck_ns;
    rare->class_name = own_name;
    return CORPS_OK;
}

enum corps_err corps__conc_create(const struct corps_class *class, const char *class_name, size_t class_bytes,
                                  struct corps_box *box, struct corps__group *group, struct corps__conc **made) {
    return corps__conc_create_again(NEXT_ID, class, class_name, class_bytes, box, group, made);
}

enum corps_err corps__conc_create_again(uint32_t id, const struct corps_class *class, const char *class_name,
                                        size_t class_bytes, struct corps_box *box, struct corps__group *group,
                                        struct corps__conc **made) {
    enum corps_err err = corps__symbol_check(class_name, class_bytes);
    if (err != CORPS_OK) {
        return err;
    }
    /* Without an init there is nothing to run: the Conc lives at once, unless that would end the group within this
     * call, where its maker does not expect it. */
    bool has_init = class->init != NULL || class->restore != NULL || group == NULL || atomic_load(&group->left) == 1;
    struct corps__message *message = has_init ? corps__message_create() : NULL;
    if (has_init && message == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the init of another Conc of class %s", class->name);
    }
    struct corps__conc *conc;
    err = allocate_conc(class, &conc);
    if (err == CORPS_OK) {
        conc->alive = !has_init;
        atomic_store(&conc->serves, !has_init);
        err = describe_conc(conc, class_name, class_bytes);
        err = err == CORPS_OK ? table_add(conc, id) : err;
        if (err != CORPS_OK) {
            free_rare(conc);
        }
    }
    if (err != CORPS_OK) {
        if (message != NULL) {
            corps__message_free(message);
        }
        return err;
    }
    *made = conc;
    if (!has_init) {
        corps__group_finish(group);
        return CORPS_OK;
    }
    message->mail.kind = CORPS__MAIL_INIT;
    message->box = box != NULL ? corps_box_ref(box) : NULL;
    message->group = group;
    corps__conc_post(conc, &message->mail, CORPS__PUSH_OTHER);
    return CORPS_OK;
}

enum corps_err corps__conc_tag_set(struct corps__conc *conc, const char *tag) {
    struct corps__rare *rare = corps__rare_make(conc);
    char *made = rare != NULL && tag != NULL ? strdup(tag) : NULL;
    if (rare == NULL || (tag != NULL && made == NULL)) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the tag of a Conc of class %s",
                               corps__conc_class(conc));
    }
    pthread_mutex_lock(&corps__actors->concs.lock);
    char *before = rare->tag;
    rare->tag = made;
    pthread_mutex_unlock(&corps__actors->concs.lock);
    free(before);
    return CORPS_OK;
}

char *corps__conc_tag(struct corps__conc *conc) {
    pthread_mutex_lock(&corps__actors->concs.lock);
    const char *kept = corps__rare(conc)->tag;
    char *tag = kept != NULL ? strdup(kept) : NULL;
    pthread_mutex_unlock(&corps__actors->concs.lock);
    return tag;
}

/* ---- mailbox and states ---- */

void corps__conc_wake(struct corps__conc *conc, enum corps__push how) {
    enum corps__queued queued = corps__task_queue(&conc->task);
    if (queued == CORPS__QUEUED_PUSH) {
        corps__thread_pool_push(&conc->task, how);
    } else if (queued == CORPS__QUEUED_NOT && corps__home_of(conc) != NULL) {
        corps__home_wake(corps__home_of(conc));
    }
}

void corps__conc_post(struct corps__conc *conc, struct corps__mail *mail, enum corps__push how) {
    struct corps_parcel parcel = {.object = &mail->node};
    enum corps_err err;
    while ((err = corps__conc_mailbox(conc)->transport->send(conc->inbox, &parcel, 0)) == CORPS_ERR_FULL) {
        corps__conc_wake(conc,
                         how); /* not `queue`, which takes everything; another's bound is far beyond a mailbox's */
        (void)sched_yield();
    }
    if (err != CORPS_OK) {
        corps__log(CORPS_LOG_ERROR, "mailbox_failed", CORPS__LOG_FIELDS(CORPS__LOG_INT("conc", conc->id)),
                   "a mailbox of transport %s failed: %s", corps__conc_mailbox(conc)->transport->name,
                   corps_error_detail());
        abort(); /* out of memory, with a message that must not be lost */
    }
    corps__conc_wake(conc, how);
}

bool corps__conc_has_mail(struct corps__conc *conc) {
    size_t none = 0;
    return corps__conc_mailbox(conc)->transport->arm(corps__conc_mailbox(conc), NULL, 0, &none) == CORPS_ERR_AGAIN;
}

struct corps_node *corps__conc_next(struct corps__conc *conc) {
    const struct corps_transport *queue = corps__conc_mailbox(conc)->transport;
    struct corps_event event = {0};
    if (queue->poll(corps__conc_mailbox(conc), &event) != CORPS_OK) {
        return NULL;
    }
    queue->release(corps__conc_mailbox(conc), &event);
    return event.object;
}

bool corps__conc_is_mine(const struct corps__conc *conc) {
    for (const struct corps_context *context = corps__innermost; context != NULL; context = context->outer) {
        if (context->conc == conc) {
            return true;
        }
    }
    return false;
}

/* ---- room for local senders ---- */

/* Once a mailbox is full, half of it must go: waiting for each single place costs more than the message does. */
static uint32_t room_again(void) {
    return (corps__own()->settings.mailbox_count + 1) / 2;
}

static bool mailbox_has_room(void *arg) {
    const struct corps__conc *conc = arg;
    return atomic_load(&conc->local_count) < room_again();
}

enum corps_err corps__conc_room(struct corps__conc *conc, bool try_only, int64_t deadline_ns) {
    uint32_t limit = corps__own()->settings.mailbox_count;
    enum corps_err err = CORPS_OK;
    while (err == CORPS_OK && atomic_fetch_add(&conc->local_count, 1) >= limit) {
        atomic_fetch_sub(&conc->local_count, 1);
        if (try_only || corps__conc_is_mine(conc)) {
            return corps_error_set(CORPS_ERR_FULL, "the mailbox of Conc %u of class %s holds %u requests already",
                                   conc->id, corps__conc_class(conc), limit);
        }
        err = corps__waitlist_wait_call(&corps__actors->room, mailbox_has_room, conc, deadline_ns, conc);
    }
    return err;
}

uint32_t corps__conc_room_step(void) {
    return corps__own()->settings.mailbox_count / 16;
}

uint32_t corps__conc_room_ahead(struct corps__conc *conc) {
    uint32_t step = corps__conc_room_step();
    if (step > 0 && atomic_fetch_add(&conc->local_count, step) + step > corps__own()->settings.mailbox_count) {
        corps__conc_leave_room(conc, step);
        return 0;
    }
    return step;
}

void corps__conc_leave_room(struct corps__conc *conc, uint32_t count) {
    uint32_t before = atomic_fetch_sub(&conc->local_count, count);
    if (before >= room_again() && before - count < room_again()) {
        corps__waitlist_notify(&corps__actors->room);
    }
}

void corps__conc_count_over(uint32_t id, uint64_t count) {
    struct corps__conc *conc = corps__conc_find(id);
    if (conc != NULL) {
        conc->over += (uint32_t)count;
    }
}

void corps__concs_free(void) {
    struct corps__actors *actors = corps__actors;
    for (uint32_t id = 0; id < atomic_load(&actors->concs.count); id = corps__conc_number_next(id + 1)) {
        struct corps__conc *conc = corps__conc_find(id);
        if (conc == NULL) {
            continue; /* a number of an earlier process */
        }
        corps__conc_mailbox(conc)->transport->close(corps__conc_mailbox(conc));
        free_rare(conc);
    }
    atomic_store(&actors->concs.count, 0);
    actors->concs.base = 0;
    for (uint32_t i = 0; i < PAGES; i++) {
        free((void *)atomic_load(&actors->concs.pages[i]));
    }
    corps__broken_free();
    while (actors->concs.pieces != NULL) {
        struct corps__conc_piece *next = actors->concs.pieces->next;
        free(actors->concs.pieces);
        actors->concs.pieces = next;
    }
}

void corps__conc_forked(void) {
    corps__actors->room = CORPS__WAITLIST_INIT;
    pthread_mutex_init(&corps__actors->concs.lock, NULL);
    pthread_mutex_init(&corps__actors->broken.lock, NULL);
    pthread_mutex_init(&corps__actors->probes.lock, NULL);
    corps__innermost = NULL;
    corps__chained = 0;
}
