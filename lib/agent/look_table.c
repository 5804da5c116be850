#include "look_own.h"

#include "codec/record.h"

#include <inttypes.h>
#include <string.h>

/* What was found, as aligned text; and how to read it, for this and for look_json.c. */

/* ---- reading ---- */

double look_number(const struct corps_value *map, const char *key, double otherwise) {
    const struct corps_value *value = map != NULL ? corps_value_get(map, key) : NULL;
    return value == NULL                ? otherwise
           : value->kind == CORPS_INT   ? (double)value->integer
           : value->kind == CORPS_FLOAT ? value->number
                                        : otherwise;
}

void look_text(const struct corps_value *map, const char *key, char *out, size_t bytes) {
    const struct corps_value *value = map != NULL ? corps_value_get(map, key) : NULL;
    const struct corps_value items[] = {value != NULL ? *value : corps_nil()};
    const struct corps_value record = corps_array(items, 1);
    corps__record_text(&record, 0, out, bytes);
}

bool look_flag(const struct corps_value *map, const char *key) {
    const struct corps_value *value = map != NULL ? corps_value_get(map, key) : NULL;
    return value != NULL && value->kind == CORPS_BOOL && value->boolean;
}

size_t look_rows(const struct corps_value *map, const char *key, const struct corps_value **rows) {
    *rows = map != NULL ? corps_value_get(map, key) : NULL;
    return *rows != NULL && (*rows)->kind == CORPS_ARRAY ? (*rows)->count : 0;
}

bool look_same_file(const struct look *look, char hash[CORPS__HASH_TEXT_BYTES]) {
    const struct corps_value *said = look_said(look);
    const struct corps_value *value = said != NULL ? corps_value_get(said, "hash") : NULL;
    memcpy(hash, "?", 2);
    if (value == NULL || value->kind != CORPS_BIN || value->count != CORPS__HOSTS_HASH_BYTES) {
        return false;
    }
    corps__hash_text(value->bin, hash);
    return memcmp(value->bin, look->hosts->hash, CORPS__HOSTS_HASH_BYTES) == 0;
}

int64_t look_lease_ms(const struct look_all *all, uint32_t host) {
    for (unsigned i = 0; i < all->count; i++) {
        if (all->looks[i].host->number == host) {
            return (int64_t)look_number(look_said(&all->looks[i]), "lease_ms", -1);
        }
    }
    return -1;
}

bool look_is_listed(const struct look_all *all, uint32_t host) {
    const struct corps_value *rows;
    size_t count = look_rows(all->leases, "hosts", &rows);
    for (size_t i = 0; i < count; i++) {
        if (corps__record_int(corps_value_item(rows, i), 0, 0) == host) {
            return true;
        }
    }
    return false;
}

bool look_has_leases(const struct look_all *all) {
    char ledger[16];
    look_text(all->leases, "ledger", ledger, sizeof ledger);
    return ledger[0] != '\0' && strcmp(ledger, "hosts") != 0;
}

bool look_is_well(const struct look_all *all) {
    char text[CORPS__HASH_TEXT_BYTES], trouble[400];
    bool well = true;
    for (unsigned i = 0; i < all->count; i++) {
        well = well && look_same_file(&all->looks[i], text);
    }
    look_text(all->leases, "trouble", trouble, sizeof trouble);
    bool listed = !look_has_leases(all) || look_number(all->leases, "age_ms", -1) >= 0;
    return well && listed && trouble[0] == '\0';
}

/* ---- hosts ---- */

static const char *seconds(int64_t ms, char out[16]) {
    snprintf(out, 16, "%.1f s", (double)ms / 1000);
    return ms >= 0 ? out : "-";
}

static void print_host(const struct look_all *all, const struct look *look) {
    char address[80], version[32], hash[CORPS__HASH_TEXT_BYTES], lease[16];
    const struct corps_value *said = look_said(look);
    corps__host_address(look->host, address, sizeof address);
    if (said == NULL) {
        bool holds = look_is_listed(all, look->host->number);
        printf("%-6u %-16s %-22s no   %s%s\n", look->host->number, look->host->name, address, look_trouble(look),
               holds ? "; its lease runs still" : "");
        return;
    }
    look_text(said, "version", version, sizeof version);
    bool same = look_same_file(look, hash);
    printf("%-6u %-16s %-22s yes  %-9s %4.0f  %5.0f  %5.2f  %-7s  ", look->host->number, look->host->name, address,
           version, look_number(said, "envs", 0), look_number(said, "slots", 0), look_number(said, "load", 0),
           look_flag(said, "drained") ? "yes" : "no");
    if (look_has_leases(all)) {
        printf("%-6s ", seconds(look_lease_ms(all, look->host->number), lease));
    }
    printf("%s%s\n", hash, same ? "" : "  ANOTHER HOSTS FILE");
}

static void print_hosts(const struct look_all *all) {
    printf("%-6s %-16s %-22s %-4s %-9s %4s  %5s  %5s  %-7s  %s%s\n", "number", "name", "address", "up", "version",
           "envs", "slots", "load", "drained", look_has_leases(all) ? "lease  " : "", "hosts file");
    for (unsigned i = 0; i < all->count; i++) {
        print_host(all, &all->looks[i]);
    }
}

/* ---- Corps ---- */

enum { OWNER_BYTES = 96 };

static void owner_text(const struct look_all *all, const struct corps_value *row, char out[OWNER_BYTES]) {
    uint32_t number = (uint32_t)corps__record_int(row, 2, 0);
    const struct corps_value *given = corps_value_item(row, 3);
    const struct corps__host *host = corps__hosts_find(all->hosts, number);
    if (number == 0) {
        bool is_given = given != NULL && given->kind == CORPS_BOOL && given->boolean;
        snprintf(out, OWNER_BYTES, "%s", is_given ? "nobody, given" : "nobody");
    } else {
        snprintf(out, OWNER_BYTES, "%u (%s)", number, host != NULL ? host->name : "not in the hosts file");
    }
}

/* A row's Tag or singleton's name, which are texts of programs: of one line, "-" where there is none. */
static const char *cell_text(const struct corps_value *row, size_t index, char out[64]) {
    corps__record_text(row, index, out, 64);
    for (char *at = out; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            *at = '?';
        }
    }
    return out[0] != '\0' ? out : "-";
}

/* In characters of UTF-8. */
static int width_of(const char *text) {
    int width = 0;
    for (const char *at = text; *at != '\0'; at++) {
        width += ((unsigned char)*at & 0xc0) != 0x80;
    }
    return width;
}

static int wider(int width, const char *text) {
    int other = width_of(text);
    return other > width ? other : width;
}

static void print_cell(const char *text, int width) {
    printf("%s%*s", text, width - width_of(text) + 2, "");
}

static void print_corps(const struct look_all *all) {
    const struct corps_value *rows;
    size_t count = look_rows(all->leases, "corps", &rows);
    char text[64], owner[OWNER_BYTES], lease[16];
    int tags = 3, names = 9, owners = 5;
    for (size_t i = 0; i < count; i++) {
        const struct corps_value *row = corps_value_item(rows, i);
        names = wider(names, cell_text(row, 4, text));
        tags = wider(tags, cell_text(row, 5, text));
        owner_text(all, row, owner);
        owners = wider(owners, owner);
    }
    if (count == 0) {
        printf("no Corps is owned by a host\n");
        return;
    }
    printf("%-16s  %-*s  %-*s  %-*s  %5s  %s\n", "corps", tags, "tag", names, "singleton", owners, "owner", "epoch",
           "expires in");
    for (size_t i = 0; i < count; i++) {
        const struct corps_value *row = corps_value_item(rows, i);
        owner_text(all, row, owner);
        printf("%016" PRIx64 "  ", (uint64_t)corps__record_int(row, 0, 0));
        print_cell(cell_text(row, 5, text), tags);
        print_cell(cell_text(row, 4, text), names);
        print_cell(owner, owners);
        printf("%5" PRIu64 "  %s\n", (uint64_t)corps__record_int(row, 1, 0),
               seconds(look_lease_ms(all, (uint32_t)corps__record_int(row, 2, 0)), lease));
    }
}

static void print_ledger(const struct look_all *all) {
    char ledger[16], trouble[400], age[16];
    int64_t age_ms = (int64_t)look_number(all->leases, "age_ms", -1);
    look_text(all->leases, "ledger", ledger, sizeof ledger);
    look_text(all->leases, "trouble", trouble, sizeof trouble);
    if (age_ms < 0) {
        printf("\nledger %s: %s\n", ledger, trouble[0] != '\0' ? trouble : "it has not been listed yet");
        return;
    }
    if (trouble[0] != '\0') {
        printf("\nledger %s: %s; what follows is %s old\n", ledger, trouble, seconds(age_ms, age));
    } else {
        printf("\nledger %s, listed %s ago\n", ledger, seconds(age_ms, age));
    }
    print_corps(all);
}

void look_print_table(const struct look_all *all) {
    print_hosts(all);
    if (look_has_leases(all)) {
        print_ledger(all);
    }
}
