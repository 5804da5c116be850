/* The ledger of a static list of hosts: a Corps belongs to its first host, whose number is in its id, for as long as it
 * lives; so nobody need be asked, and the loss of that host is the end of the Corps. That host remembers epochs in its
 * state directory. Others may still act by what was granted in a Corps' former life: so a later one does not begin
 * before such grants are over, which is 3 s after it was claimed. */
#include "hosts/epochs.h"
#include "hosts/lease.h"
#include "hosts/ledgers.h"

#include <stdlib.h>

struct book {
    struct corps_ledger_book base;
    struct corps__epochs epochs;
    uint32_t host;
};

/* 0: one that was made on one host, where there is no agent. */
static uint32_t first_host(uint64_t corps_id) {
    return (uint32_t)(corps_id >> 48);
}

static enum corps_err hosts_open(const struct corps_ledger_options *options, struct corps_ledger_book **out) {
    if (options->host == 0 || options->host > UINT16_MAX) {
        return corps_error_set(CORPS_ERR_INVALID, "a host's number is 1 to 65535, not %u; see the hosts file",
                               options->host);
    }
    struct book *book = calloc(1, sizeof *book);
    if (book == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a ledger");
    }
    book->base.ledger = &corps_ledger_hosts;
    book->host = options->host;
    enum corps_err err = corps__epochs_open(&book->epochs, options->directory);
    if (err != CORPS_OK) {
        free(book);
        return err;
    }
    *out = &book->base;
    return CORPS_OK;
}

static enum corps_err hosts_claim(struct corps_ledger_book *base, uint64_t corps_id, uint64_t epoch, int64_t now_ns,
                                  struct corps_ledger_claim *claim) {
    struct book *book = (struct book *)base;
    if (first_host(corps_id) != book->host) {
        return corps_error_set(CORPS_ERR_DENIED,
                               "this Corps belongs to host %u, and without an engine no other host may take it over",
                               first_host(corps_id));
    }
    int64_t from_ns;
    enum corps_err err =
        corps__epochs_take(&book->epochs, corps_id, epoch, book->host, now_ns, book->base.ledger->wait_ns, &from_ns);
    if (err == CORPS_OK) {
        *claim = (struct corps_ledger_claim){
            .corps_id = corps_id, .epoch = epoch, .from_ns = from_ns, .until_ns = INT64_MAX};
    }
    return err;
}

static enum corps_err hosts_renew(struct corps_ledger_book *base, struct corps_ledger_claim *claim, int64_t now_ns) {
    (void)now_ns;
    struct book *book = (struct book *)base;
    if (corps__epochs_held_number(&book->epochs, claim->corps_id) != claim->epoch) {
        return corps_error_set(CORPS_ERR_CLOSED, "this claim is not held any more");
    }
    claim->until_ns = INT64_MAX;
    return CORPS_OK;
}

static enum corps_err hosts_find(struct corps_ledger_book *base, uint64_t corps_id, struct corps_ledger_owner *owner) {
    struct book *book = (struct book *)base;
    if (first_host(corps_id) != book->host) {
        if (first_host(corps_id) == 0) {
            return corps_error_set(CORPS_ERR_UNKNOWN, "this Corps belongs to one host, and its id does not say which");
        }
        *owner = (struct corps_ledger_owner){.host = first_host(corps_id)};
        return CORPS_OK;
    }
    struct corps__epoch epoch;
    bool is_held;
    enum corps_err err = corps__epochs_find(&book->epochs, corps_id, &epoch, &is_held);
    if (err == CORPS_OK && epoch.number == 0) {
        return corps_error_set(CORPS_ERR_UNKNOWN, "nobody owns this Corps, or it has ended");
    }
    if (err == CORPS_OK) {
        *owner = (struct corps_ledger_owner){.epoch = epoch.number, .host = book->host, .is_held = is_held};
    }
    return err;
}

static int hosts_watch(struct corps_ledger_book *base) {
    return ((struct book *)base)->epochs.watch;
}

static void hosts_end(struct corps_ledger_book *base, uint64_t corps_id) {
    corps__epochs_end(&((struct book *)base)->epochs, corps_id);
}

static void hosts_close(struct corps_ledger_book *base) {
    struct book *book = (struct book *)base;
    if (book != NULL) {
        corps__epochs_close(&book->epochs);
        free(book);
    }
}

const struct corps_ledger corps_ledger_hosts = {
    .name = "hosts",
    .summary =
        "a list of hosts, epochs at a Corps' first one: survives every process and host but the loss of that one",
    .wait_ns = CORPS__SILENCE_NS, /* all grants are over then */
    .open = hosts_open,
    .claim = hosts_claim,
    .renew = hosts_renew,
    .find = hosts_find,
    .watch = hosts_watch,
    .end = hosts_end,
    .close = hosts_close,
};
