/* Savina's bounded buffer: 40 producers with 1,000 items each, 40 consumers, and a manager that keeps 50 items at most.
 * A producer makes its next item when the manager asks. The manager asks at once while so few items wait that all
 * producers may have one under way, and otherwise when a consumer has taken one. */
#include "workloads/savina.h"

#include <stdlib.h>

enum { ITEMS = 1000, ROOM = 50, PRODUCERS_MAX = ROOM - 1 };

/* ---- producers and consumers ---- */

struct party {
    struct savina savina;
    int64_t made; /* items, by a producer */
};

static enum corps_err make_item(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    struct party *party = self;
    (void)context;
    (void)args;
    (void)result;
    if ((uint64_t)party->made < savina_scaled(&party->savina, ITEMS)) {
        savina_send_ints(&party->savina, 0, "item", (const int64_t[]){party->savina.index, party->made}, 2);
        party->made++;
    }
    return CORPS_OK;
}

/* Says who is ready again, and which item it has taken. */
static enum corps_err consume_item(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    struct party *party = self;
    const int64_t numbers[] = {party->savina.index, savina_int(args, 0), savina_int(args, 1)};
    (void)context;
    (void)result;
    savina_send_ints(&party->savina, 0, "taken", numbers, 3);
    return CORPS_OK;
}

static const struct corps_class party_class = {
    .name = "SavinaParty",
    .bytes = sizeof(struct party),
    .methods = (const struct corps_method[]){{"make", make_item}, {"consume", consume_item}, SAVINA_WORKER_METHODS},
    .cleanup = savina_leave,
};

/* ---- the manager ---- */

struct item {
    int64_t producer, number;
};

/* First in, first out; never more than ROOM of them. */
struct queue {
    int64_t entries[ROOM];
    size_t first, count;
};

struct manager {
    struct savina savina;
    struct item items[ROOM];
    size_t first, count; /* of items; the most that ever waited: */
    size_t most;
    struct queue producers, consumers; /* that wait */
    bool *taken;                       /* by producer and number */
    uint64_t done;                     /* items taken */
    size_t producer_count;             /* the first Workers; the others consume */
    uint64_t each;
};

static void push(struct queue *queue, int64_t entry) {
    queue->entries[(queue->first + queue->count++) % ROOM] = entry;
}

static unsigned pop(struct queue *queue) {
    int64_t entry = queue->entries[queue->first];
    queue->first = (queue->first + 1) % ROOM;
    queue->count--;
    return (unsigned)entry;
}

static void hand_over(struct manager *manager, unsigned consumer, struct item item) {
    savina_send_ints(&manager->savina, consumer, "consume", (const int64_t[]){item.producer, item.number}, 2);
}

static enum corps_err take_item(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    struct manager *manager = self;
    struct item item = {savina_int(args, 0), savina_int(args, 1)};
    (void)context;
    (void)result;
    if (manager->consumers.count > 0) {
        hand_over(manager, pop(&manager->consumers), item);
    } else if (manager->count == ROOM) {
        savina_wrong(&manager->savina, "an item came and %d wait already", ROOM);
        return CORPS_OK;
    } else {
        manager->items[(manager->first + manager->count++) % ROOM] = item;
        manager->most = manager->count > manager->most ? manager->count : manager->most;
    }
    if (manager->count + manager->producer_count >= ROOM) {
        push(&manager->producers, item.producer);
    } else {
        savina_send(&manager->savina, (unsigned)item.producer, "make", NULL);
    }
    return CORPS_OK;
}

/* Each item of each producer once. */
static bool note_taken(struct manager *manager, int64_t producer, int64_t number) {
    if (producer < 1 || (uint64_t)producer > manager->producer_count || number < 0 ||
        (uint64_t)number >= manager->each) {
        savina_wrong(&manager->savina, "an item was taken that nobody has made");
        return false;
    }
    bool *taken = &manager->taken[(uint64_t)(producer - 1) * manager->each + (uint64_t)number];
    if (*taken) {
        savina_wrong(&manager->savina, "item %lld of producer %lld was taken twice", (long long)number,
                     (long long)producer);
        return false;
    }
    *taken = true;
    return true;
}

static enum corps_err hear_taken(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    struct manager *manager = self;
    unsigned consumer = (unsigned)savina_int(args, 0);
    (void)result;
    if (manager->savina.run == NULL || !note_taken(manager, savina_int(args, 1), savina_int(args, 2))) {
        return CORPS_OK;
    }
    if (++manager->done == manager->each * manager->producer_count) {
        savina_end(&manager->savina, context, manager->done, "a message is one item, made and taken");
        return CORPS_OK;
    }
    if (manager->count > 0) {
        hand_over(manager, consumer, manager->items[manager->first]);
        manager->first = (manager->first + 1) % ROOM;
        manager->count--;
    } else {
        push(&manager->consumers, consumer);
    }
    if (manager->producers.count > 0) {
        savina_send(&manager->savina, pop(&manager->producers), "make", NULL);
    }
    return CORPS_OK;
}

static enum corps_err run_buffer(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    struct manager *manager = self;
    struct savina *savina = &manager->savina;
    (void)result;
    manager->producer_count = savina_workers(savina) / 2;
    manager->each = savina_scaled(savina, ITEMS);
    manager->taken = calloc(manager->producer_count * manager->each, sizeof *manager->taken);
    if (manager->taken == NULL) {
        return corps_fail(context, "NO_MEMORY", "no memory to note the items");
    }
    enum corps_err err = savina_begin(savina, context, args, false);
    if (err != CORPS_OK) {
        return err;
    }
    for (unsigned i = 1; i < savina->count && savina->run != NULL; i++) {
        if (i > manager->producer_count) {
            push(&manager->consumers, i);
        } else {
            savina_send(savina, i, "make", NULL);
        }
    }
    return CORPS_ERR_PENDING;
}

static void close_manager(struct corps_context *context, void *self) {
    struct manager *manager = self;
    free(manager->taken);
    savina_leave(context, self);
}

static const struct corps_class manager_class = {
    .name = "SavinaManager",
    .bytes = sizeof(struct manager),
    .methods =
        (const struct corps_method[]){
            {"item", take_item}, {"taken", hear_taken}, {"run", run_buffer}, SAVINA_REFEREE_METHODS},
    .cleanup = close_manager,
};

static const char *buffer_impossible(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    return cell->concs < 2 || cell->concs > 2 * PRODUCERS_MAX
               ? "half of the Workers produce, and a buffer of 50 holds an item of each; choose concs=2 to 98"
               : savina_impossible(cell, why);
}

static enum corps_err perform_buffer(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    return savina_perform(corps, cell, manager_class.name, party_class.name, box);
}

const struct lab_workload lab_workload_savina_buffer = {
    .name = "savina-buffer",
    .summary = "Savina: 1,000 items from each producer through a buffer of 50",
    .traits = LAB_WORKLOAD_C_ALONE,
    .concs = 80,
    .scale = 100,
    .classes = {&manager_class, &party_class, NULL},
    .impossible = buffer_impossible,
    .run = perform_buffer,
};
