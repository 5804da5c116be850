/* The ledger of a static list of hosts: a Corps belongs to its first host, whose number is in its id, for as long as it
 * lives; so nobody need be asked, and the loss of that host is the end of the Corps. That host remembers epochs in its
 * state directory. Others may still act by what was granted in a Corps' former life: so a later one does not begin
 * before such grants are over, which is 3 s after it was claimed. */
#include "hosts/lease.h"
#include "hosts/ledger_epochs.h"
#include "hosts/ledgers.h"

/* 0: one that was made on one host, where there is no agent. */
static uint32_t first_host(uint64_t corps_id) {
    return (uint32_t)(corps_id >> 48);
}

static bool is_ours(const struct corps_ledger_book *book, uint64_t corps_id) {
    return first_host(corps_id) == ((const struct corps__epochs_book *)book)->host;
}

static enum corps_err hosts_open(const struct corps_ledger_options *options, struct corps_ledger_book **book) {
    if (options->host == 0 || options->host > UINT16_MAX) {
        return corps_error_set(CORPS_ERR_INVALID, "a host's number is 1 to 65535, not %u; see the hosts file",
                               options->host);
    }
    return corps__epochs_book_open(&corps_ledger_hosts, options, book);
}

static enum corps_err hosts_claim(struct corps_ledger_book *book, const struct corps_ledger_request *request,
                                  int64_t now_ns, struct corps_ledger_claim *claim) {
    if (!is_ours(book, request->corps_id)) {
        return corps_error_set(CORPS_ERR_DENIED,
                               "this Corps belongs to host %u, and without an engine no other host may take it over",
                               first_host(request->corps_id));
    }
    return corps__epochs_book_claim(book, request, now_ns, claim);
}

static enum corps_err hosts_find(struct corps_ledger_book *book, uint64_t corps_id, struct corps_ledger_owner *owner) {
    if (is_ours(book, corps_id)) {
        return corps__epochs_book_find(book, corps_id, owner);
    }
    if (first_host(corps_id) == 0) {
        return corps_error_set(CORPS_ERR_UNKNOWN, "this Corps belongs to one host, and its id does not say which");
    }
    *owner = (struct corps_ledger_owner){.host = first_host(corps_id)};
    return CORPS_OK;
}

const struct corps_ledger corps_ledger_hosts = {
    .name = "hosts",
    .summary =
        "a list of hosts, epochs at a Corps' first one: survives every process and host but the loss of that one",
    .wait_ns = CORPS__SILENCE_NS, /* all grants are over then */
    .open = hosts_open,
    .claim = hosts_claim,
    .find = hosts_find,
    CORPS__EPOCHS_BOOK_OPERATIONS,
};
