#include "leases.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_ITEMS = 4, CORPS_ITEMS = 7, FIRST_ROOM = 16 };

struct host {
    uint32_t number, slots;
    bool drained;
    int64_t until_ns;
};

struct row {
    uint64_t id, epoch;
    uint32_t owner;
    bool given;
    char name[64], tag[64];
};

struct list {
    int64_t asked_ns; /* 0: there is none */
    bool failed;      /* something is missing in it */
    struct host *hosts;
    struct row *corps;
    size_t host_count, host_room, corps_count, corps_room;
};

static const char *ledger = "hosts";
static char trouble[400];
static struct list present, coming;

void agent_leases_ledger(const char *name) {
    ledger = name;
}

const char *agent_leases_ledger_name(void) {
    return ledger;
}

void agent_leases_trouble(const char *text) {
    snprintf(trouble, sizeof trouble, "%s", text != NULL ? text : "");
}

/* ---- a list comes ---- */

void agent_leases_begin(int64_t now_ns) {
    coming.asked_ns = now_ns;
    coming.failed = false;
    coming.host_count = coming.corps_count = 0;
}

/* Room for one more of `bytes` each; NULL, and the list is not taken: there is no memory. */
static void *grow(void *items, size_t bytes, size_t count, size_t *room) {
    if (count < *room) {
        return items;
    }
    size_t wanted = *room > 0 ? 2 * *room : FIRST_ROOM;
    void *grown = realloc(items, wanted * bytes);
    if (grown == NULL) {
        coming.failed = true;
        return NULL;
    }
    *room = wanted;
    return grown;
}

void agent_leases_host(uint32_t number, bool drained, uint32_t slots, int64_t until_ns) {
    struct host *grown = grow(coming.hosts, sizeof *grown, coming.host_count, &coming.host_room);
    if (grown != NULL) {
        coming.hosts = grown;
        coming.hosts[coming.host_count++] =
            (struct host){.number = number, .slots = slots, .drained = drained, .until_ns = until_ns};
    }
}

void agent_leases_corps(const struct agent_lease_corps *corps) {
    struct row *grown = grow(coming.corps, sizeof *grown, coming.corps_count, &coming.corps_room);
    if (grown != NULL) {
        coming.corps = grown;
        struct row *row = &coming.corps[coming.corps_count++];
        *row = (struct row){.id = corps->id, .epoch = corps->epoch, .owner = corps->owner, .given = corps->given};
        snprintf(row->name, sizeof row->name, "%s", corps->name != NULL ? corps->name : "");
        snprintf(row->tag, sizeof row->tag, "%s", corps->tag != NULL ? corps->tag : "");
    }
}

static int by_number(const void *a, const void *b) {
    uint32_t one = ((const struct host *)a)->number, other = ((const struct host *)b)->number;
    return one < other ? -1 : one > other;
}

static int by_id(const void *a, const void *b) {
    uint64_t one = ((const struct row *)a)->id, other = ((const struct row *)b)->id;
    return one < other ? -1 : one > other;
}

void agent_leases_end(void) {
    if (coming.failed) {
        return;
    }
    if (coming.host_count > 1) {
        qsort(coming.hosts, coming.host_count, sizeof coming.hosts[0], by_number);
    }
    if (coming.corps_count > 1) {
        qsort(coming.corps, coming.corps_count, sizeof coming.corps[0], by_id);
    }
    struct list former = present;
    present = coming;
    coming = former; /* its memory is for the next one */
    trouble[0] = '\0';
}

static const struct host *find(uint32_t number) {
    for (size_t i = 0; i < present.host_count; i++) {
        if (present.hosts[i].number == number) {
            return &present.hosts[i];
        }
    }
    return NULL;
}

bool agent_leases_is_drained(uint32_t number) {
    const struct host *host = find(number);
    return host != NULL && host->drained;
}

bool agent_leases_is_away(uint32_t number) {
    return present.asked_ns > 0 && find(number) == NULL;
}

/* ---- the answer ---- */

static int64_t left_ms(int64_t until_ns, int64_t now_ns) {
    return until_ns == 0 ? -1 : until_ns > now_ns ? (until_ns - now_ns) / 1000000 : 0;
}

/* When the lease of a Corps' owner ends. */
static int64_t until_of(uint32_t owner) {
    const struct host *host = owner != 0 ? find(owner) : NULL;
    return host != NULL ? host->until_ns : 0;
}

static void put_hosts(struct corps_value *rows, struct corps_value *items, int64_t now_ns) {
    for (size_t i = 0; i < present.host_count; i++, items += HOST_ITEMS) {
        const struct host *host = &present.hosts[i];
        items[0] = corps_int(host->number);
        items[1] = corps_bool(host->drained);
        items[2] = corps_int(host->slots);
        items[3] = corps_int(left_ms(host->until_ns, now_ns));
        rows[i] = corps_array(items, HOST_ITEMS);
    }
}

static void put_corps(struct corps_value *rows, struct corps_value *items, int64_t now_ns) {
    for (size_t i = 0; i < present.corps_count; i++, items += CORPS_ITEMS) {
        const struct row *row = &present.corps[i];
        items[0] = corps_int((int64_t)row->id);
        items[1] = corps_int((int64_t)row->epoch);
        items[2] = corps_int(row->owner);
        items[3] = corps_bool(row->given);
        items[4] = corps_str(row->name);
        items[5] = corps_str(row->tag);
        items[6] = corps_int(left_ms(until_of(row->owner), now_ns));
        rows[i] = corps_array(items, CORPS_ITEMS);
    }
}

enum corps_err agent_leases_answer(void (*give)(void *arg, const struct corps_value *record), void *arg) {
    size_t hosts = present.host_count, corps = present.corps_count;
    int64_t now_ns = corps__boottime_ns();
    struct corps_value *host_rows = calloc(1 + hosts * (1 + HOST_ITEMS), sizeof *host_rows);
    struct corps_value *corps_rows = calloc(1 + corps * (1 + CORPS_ITEMS), sizeof *corps_rows);
    if (host_rows == NULL || corps_rows == NULL) {
        free(host_rows);
        free(corps_rows);
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to say what the ledger has listed");
    }
    put_hosts(host_rows, host_rows + hosts, now_ns);
    put_corps(corps_rows, corps_rows + corps, now_ns);
    const struct corps_entry what[] = {
        {corps_str("ledger"), corps_str(ledger)},
        {corps_str("age_ms"), corps_int(present.asked_ns == 0 ? -1 : (now_ns - present.asked_ns) / 1000000)},
        {corps_str("trouble"), corps_str(trouble)},
        {corps_str("hosts"), corps_array(host_rows, hosts)},
        {corps_str("corps"), corps_array(corps_rows, corps)},
    };
    const struct corps_value items[] = {corps_str("leases"), corps_map(what, sizeof what / sizeof what[0])};
    const struct corps_value record = corps_array(items, 2);
    give(arg, &record);
    free(host_rows);
    free(corps_rows);
    return CORPS_OK;
}
