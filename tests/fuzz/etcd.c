/* What etcd answers, to the ledger that asks it: whole operations, each of whose requests gets the next line. */
#include "agent/etcd/etcd.h"
#include "agent/etcd/book.h"
#include "agent/etcd/refusal.h"
#include "fuzz.h"
#include "hosts/ledgers.h"

#define ID UINT64_C(0x0003000000000abc)
#define NOW INT64_C(5000000000)

static struct script script;

/* ---- in the place of client.c and watch.c ---- */

enum corps_err agent_etcd_ask(struct agent_etcd_client *client, const char *path, json_t *request, int64_t deadline_ns,
                              json_t **answer) {
    (void)path;
    (void)deadline_ns;
    must(request != NULL);
    json_decref(request);
    const uint8_t *line = script.at, *feed = script.left > 0 ? memchr(line, '\n', script.left) : NULL;
    if (feed == NULL) {
        return corps_error_set(CORPS_ERR_TIMEOUT, "nothing is left");
    }
    size_t bytes = (size_t)(feed - line);
    (void)script_bytes(&script, bytes + 1, &line);
    json_t *said = json_loadb((const char *)line, bytes, JSON_DISABLE_EOF_CHECK, NULL);
    enum corps_err err = agent_etcd_refusal(client, "http://here", said);
    if (err != CORPS_OK || !json_is_object(said)) {
        json_decref(said);
        return err != CORPS_OK && err != CORPS_ERR_AGAIN ? err : CORPS_ERR_TIMEOUT;
    }
    *answer = said;
    return CORPS_OK;
}

int64_t agent_etcd_patience(void) {
    return 1;
}

enum corps_err agent_etcd_client_init(struct agent_etcd_client *client, const struct corps_ledger_options *options) {
    *client = (struct agent_etcd_client){.user = "user", .cluster = options->cluster};
    return CORPS_OK;
}

void agent_etcd_client_finish(struct agent_etcd_client *client) {
    (void)client;
}

enum corps_err agent_etcd_watch_start(const struct corps_ledger_options *options, struct agent_etcd_watch **watch) {
    (void)options;
    *watch = NULL;
    return CORPS_OK;
}

int agent_etcd_watch_fd(const struct agent_etcd_watch *watch) {
    (void)watch;
    return -1;
}

void agent_etcd_watch_seen(const struct agent_etcd_watch *watch) {
    (void)watch;
}

void agent_etcd_watch_stop(struct agent_etcd_watch *watch) {
    (void)watch;
}

/* ---- operations ---- */

static void hear_host(void *arg, const struct corps_ledger_host *host) {
    (void)arg;
    must(strlen(host->address) < AGENT_ETCD_VALUE_BYTES);
}

static void hear_corps(void *arg, const struct corps_ledger_corps *corps) {
    (void)arg;
    must(corps->epoch > 0 && strlen(corps->name) + strlen(corps->about) < 1u << 20);
}

static void look(const struct corps_ledger *ledger, struct corps_ledger_book *book) {
    static const struct corps_ledger_each each = {.host = hear_host, .corps = hear_corps};
    struct corps_ledger_owner owner;
    uint8_t *record;
    size_t bytes;
    if (ledger->find(book, ID, &owner) == CORPS_OK) {
        must(owner.epoch > 0 && !(owner.is_held && owner.is_given));
    }
    (void)!ledger->list(book, &each, NULL);
    if (ledger->read(book, ID, &record, &bytes) == CORPS_OK) {
        free(record);
    }
}

static void own(const struct corps_ledger *ledger, struct corps_ledger_book *book, uint64_t epoch) {
    struct corps_ledger_claim claim;
    const struct corps_ledger_request request = {
        .corps_id = ID, .epoch = epoch, .name = "name", .about = "about", .record = "record", .record_bytes = 6};
    if (ledger->claim(book, &request, NOW, &claim) == CORPS_OK) {
        must(claim.corps_id == ID && claim.epoch == epoch && claim.from_ns >= NOW);
        (void)!ledger->note(book, ID, "noted");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    const struct corps_ledger *ledger = corps__ledger_find("etcd");
    const struct corps_ledger_options options = {.host = 3, .boot = 7, .cluster = "00112233445566aa"};
    struct corps_ledger_book *book;
    if (ledger == NULL) {
        agent_etcd_add();
        ledger = corps__ledger_find("etcd");
    }
    script = (struct script){.at = data, .left = bytes};
    must(ledger->open(&options, &book) == CORPS_OK);
    while (script.left > 0) {
        size_t before = script.left;
        int64_t until_ns = 0;
        if (ledger->renew(book, NOW, &until_ns) == CORPS_OK) {
            must(until_ns > NOW && until_ns <= NOW + INT64_C(5000000000));
        }
        own(ledger, book, 1);
        own(ledger, book, 2);
        look(ledger, book);
        (void)!ledger->give(book, ID);
        own(ledger, book, 3);
        (void)!ledger->end(book, ID);
        if (script.left == before) {
            break; /* what is left has no line's end */
        }
    }
    ledger->close(book);
    return 0;
}
