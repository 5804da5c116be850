#include "look_own.h"

#include "codec/record.h"

#include <inttypes.h>

/* The same as look_table.c says, for programs: one object, on one line. */

static void print_string(const char *text) {
    putchar('"');
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte < 0x20 || byte == '"' || byte == '\\' || byte == 0x7f) {
            printf("\\u%04x", byte);
        } else {
            putchar(byte); /* texts of Corps are UTF-8 */
        }
    }
    putchar('"');
}

/* A text, or null where there is none. */
static void print_text(const char *key, const char *text) {
    printf(",\"%s\":", key);
    if (text[0] != '\0') {
        print_string(text);
    } else {
        fputs("null", stdout);
    }
}

/* What is below 0 is not known. */
static void print_ms(const char *key, int64_t ms) {
    if (ms >= 0) {
        printf(",\"%s\":%" PRId64, key, ms);
    } else {
        printf(",\"%s\":null", key);
    }
}

static const char *bool_text(bool value) {
    return value ? "true" : "false";
}

static void print_labels(const char *labels) {
    fputs(",\"labels\":[", stdout);
    for (const char *at = labels; *at != '\0'; at++) {
        printf("%s", at == labels ? "\"" : "");
        if (*at == ' ') {
            fputs("\",\"", stdout);
        } else {
            putchar(*at); /* words of a hosts file need no escapes */
        }
    }
    printf("%s]", labels[0] != '\0' ? "\"" : "");
}

static void print_host(const struct look_all *all, const struct look *look) {
    char address[80], version[32], hash[CORPS__HASH_TEXT_BYTES];
    const struct corps_value *said = look_said(look);
    corps__host_address(look->host, address, sizeof address);
    printf("{\"number\":%u,\"name\":\"%s\",\"address\":\"%s\"", look->host->number, look->host->name, address);
    print_labels(look->host->labels);
    printf(",\"up\":%s,\"listed\":%s", bool_text(said != NULL),
           all->leases != NULL ? bool_text(look_is_listed(all, look->host->number)) : "null");
    if (said == NULL) {
        print_text("trouble", look_trouble(look));
        printf("}");
        return;
    }
    bool same = look_same_file(look, hash);
    look_text(said, "version", version, sizeof version);
    print_text("version", version);
    printf(",\"envs\":%.0f,\"slots\":%.0f,\"load\":%.2f,\"drained\":%s", look_number(said, "envs", 0),
           look_number(said, "slots", 0), look_number(said, "load", 0), bool_text(look_flag(said, "drained")));
    print_ms("lease_ms", look_lease_ms(all, look->host->number));
    print_text("hosts_file", hash);
    printf(",\"same_hosts_file\":%s,\"trouble\":null}", bool_text(same));
}

static void print_corps(const struct look_all *all, const struct corps_value *row) {
    char tag[64], name[64];
    uint32_t owner = (uint32_t)corps__record_int(row, 2, 0);
    const struct corps_value *given = corps_value_item(row, 3);
    corps__record_text(row, 4, name, sizeof name);
    corps__record_text(row, 5, tag, sizeof tag);
    printf("{\"id\":\"%016" PRIx64 "\"", (uint64_t)corps__record_int(row, 0, 0));
    print_text("tag", tag);
    print_text("singleton", name);
    print_ms("owner", owner > 0 ? (int64_t)owner : -1);
    printf(",\"epoch\":%" PRIu64 ",\"given\":%s", (uint64_t)corps__record_int(row, 1, 0),
           bool_text(given != NULL && given->kind == CORPS_BOOL && given->boolean));
    print_ms("expires_ms", look_lease_ms(all, owner));
    printf("}");
}

static void print_ledger(const struct look_all *all) {
    char ledger[16], trouble[400];
    const struct corps_value *rows;
    look_text(all->leases, "ledger", ledger, sizeof ledger);
    look_text(all->leases, "trouble", trouble, sizeof trouble);
    printf(",\"ledger\":{\"name\":");
    print_string(ledger);
    print_ms("age_ms", (int64_t)look_number(all->leases, "age_ms", -1));
    print_text("trouble", trouble);
    printf("},\"corps\":[");
    size_t count = look_rows(all->leases, "corps", &rows);
    for (size_t i = 0; i < count; i++) {
        printf("%s", i > 0 ? "," : "");
        print_corps(all, corps_value_item(rows, i));
    }
    printf("]");
}

void look_print_json(const struct look_all *all) {
    printf("{\"own\":%u,\"hosts\":[", all->hosts->own);
    for (unsigned i = 0; i < all->count; i++) {
        printf("%s", i > 0 ? "," : "");
        print_host(all, &all->looks[i]);
    }
    printf("]");
    if (all->leases != NULL) {
        print_ledger(all);
    }
    printf("}\n");
}
