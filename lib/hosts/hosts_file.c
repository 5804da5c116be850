#include "hosts/hosts_file.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_BYTES = CORPS__HOSTS_LINE_BYTES };

/* What is being read. */
struct reading {
    const char *file;
    unsigned line;
    struct corps__hosts *hosts;
};

static enum corps_err wrong(const struct reading *reading, const char *what, const char *given) {
    return corps_error_set(CORPS_ERR_INVALID,
                           "%s, line %u: %s '%s'; a line is: number name address:port slots [label …]", reading->file,
                           reading->line, what, given);
}

/* A whole number from `low` to `high`; false: it is none. */
static bool take_number(const char *text, unsigned long low, unsigned long high, unsigned long *out) {
    char *end;
    errno = 0;
    *out = strtoul(text, &end, 10);
    return isdigit((unsigned char)text[0]) && *end == '\0' && errno == 0 && *out >= low && *out <= high;
}

static bool is_numeric_address(const char *text) {
    struct in6_addr any;
    return inet_pton(AF_INET, text, &any) == 1 || inet_pton(AF_INET6, text, &any) == 1;
}

/* "10.0.0.1:7400" or "[fd00::2]:7400". */
static enum corps_err take_address(const struct reading *reading, const char *text, struct corps__host *host) {
    const char *colon = strrchr(text, ':');
    bool bracketed = text[0] == '[' && colon != NULL && colon > text && colon[-1] == ']';
    const char *start = bracketed ? text + 1 : text;
    size_t bytes = colon == NULL ? 0 : (size_t)(colon - start) - (bracketed ? 1 : 0);
    unsigned long port = 0;
    if (bytes == 0 || bytes >= sizeof host->address || !take_number(colon + 1, 1, UINT16_MAX, &port)) {
        return wrong(reading, "no address with a port, such as 10.0.0.1:7400 or [fd00::2]:7400, is", text);
    }
    memcpy(host->address, start, bytes);
    host->address[bytes] = '\0';
    host->port = (uint16_t)port;
    if (!is_numeric_address(host->address) || (strchr(host->address, ':') != NULL) != bracketed) {
        return wrong(
            reading,
            "the address must be numeric (`getent hosts NAME` tells it; IPv6 in brackets), and this is none:", text);
    }
    return CORPS_OK;
}

static bool is_word(const char *text) {
    for (const char *at = text; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && strchr("-_.", *at) == NULL) {
            return false;
        }
    }
    return text[0] != '\0';
}

static enum corps_err take_labels(const struct reading *reading, char **rest, struct corps__host *host) {
    for (char *label; (label = strtok_r(NULL, " \t\r", rest)) != NULL;) {
        unsigned long unused;
        if (!is_word(label) || take_number(label, 0, ULONG_MAX, &unused)) {
            return wrong(reading, "a label is a word of letters, digits, '-', '_' and '.', and no number, unlike",
                         label);
        }
        size_t used = strlen(host->labels);
        if (used + strlen(label) + 2 > sizeof host->labels) {
            return wrong(reading, "the labels are too long with", label);
        }
        snprintf(host->labels + used, sizeof host->labels - used, "%s%s", used > 0 ? " " : "", label);
    }
    return CORPS_OK;
}

/* No two hosts may be mixed up. */
static enum corps_err check_unique(const struct reading *reading, const struct corps__host *host) {
    for (unsigned i = 0; i < reading->hosts->count; i++) {
        const struct corps__host *other = &reading->hosts->rows[i];
        const char *what = other->number == host->number          ? "number"
                           : strcmp(other->name, host->name) == 0 ? "name"
                           : strcmp(other->address, host->address) == 0 && other->port == host->port
                               ? "address with its port"
                               : NULL;
        if (what != NULL) {
            return corps_error_set(CORPS_ERR_INVALID,
                                   "%s, line %u: the hosts '%s' and '%s' have one %s; give each its own", reading->file,
                                   reading->line, other->name, host->name, what);
        }
    }
    return CORPS_OK;
}

static enum corps_err take_host(struct reading *reading, char *first, char **rest) {
    char *name = strtok_r(NULL, " \t\r", rest);
    char *address = strtok_r(NULL, " \t\r", rest);
    char *slots_text = strtok_r(NULL, " \t\r", rest);
    struct corps__host host = {0};
    unsigned long number = 0, slots = 0, unused;
    if (!take_number(first, 1, CORPS__HOST_NUMBER_MAX, &number)) {
        return wrong(reading, "a host's number is 1 to 65535, not", first);
    }
    if (slots_text == NULL) {
        return wrong(reading, "something is missing behind", address != NULL ? address : name != NULL ? name : first);
    }
    if (!is_word(name) || strlen(name) >= sizeof host.name || take_number(name, 0, ULONG_MAX, &unused)) {
        return wrong(reading, "a name is a word of up to 63 letters, digits, '-', '_' and '.', and no number, unlike",
                     name);
    }
    if (!take_number(slots_text, 0, CORPS__HOST_SLOTS_MAX, &slots)) {
        return wrong(reading, "slots are a number from 0 to 1024 (how many Envs the host should have), not",
                     slots_text);
    }
    host.number = (uint32_t)number;
    host.slots = (uint32_t)slots;
    snprintf(host.name, sizeof host.name, "%s", name);
    enum corps_err err = take_address(reading, address, &host);
    err = err == CORPS_OK ? take_labels(reading, rest, &host) : err;
    err = err == CORPS_OK ? check_unique(reading, &host) : err;
    if (err == CORPS_OK && reading->hosts->count == CORPS__HOSTS_MAX) {
        err = corps_error_set(CORPS_ERR_LIMIT, "%s has more than %d hosts", reading->file, CORPS__HOSTS_MAX);
    }
    if (err == CORPS_OK) {
        reading->hosts->rows[reading->hosts->count++] = host;
    }
    return err;
}

static enum corps_err take_ports(const struct reading *reading, char **rest) {
    char *range = strtok_r(NULL, " \t\r", rest);
    char text[LINE_BYTES];
    snprintf(text, sizeof text, "%s", range != NULL ? range : "");
    char *dash = strchr(text, '-');
    unsigned long first = 0, last = 0;
    if (dash != NULL) {
        *dash = '\0';
    }
    if (dash == NULL || !take_number(text, 1, UINT16_MAX, &first) || !take_number(dash + 1, first, UINT16_MAX, &last) ||
        strtok_r(NULL, " \t\r", rest) != NULL) {
        return corps_error_set(CORPS_ERR_INVALID, "%s, line %u: write the range of ports as: ports 7500-7899",
                               reading->file, reading->line);
    }
    snprintf(reading->hosts->ports, sizeof reading->hosts->ports, "%lu-%lu", first, last);
    return CORPS_OK;
}

/* ---- the ledger ---- */

static enum corps_err wrong_ledger(const struct reading *reading, const char *what, const char *given) {
    return corps_error_set(CORPS_ERR_INVALID,
                           "%s, line %u: %s '%s'; write: ledger etcd http://10.0.0.1:2379 http://10.0.0.2:2379, or no "
                           "such line",
                           reading->file, reading->line, what, given);
}

/* "http://10.0.0.1:2379" or "https://etcd-1.example:2379", and nothing behind it. */
static bool is_endpoint(const char *text) {
    const char *host = strncmp(text, "http://", 7) == 0    ? text + 7
                       : strncmp(text, "https://", 8) == 0 ? text + 8
                                                           : NULL;
    const char *colon = host != NULL ? strrchr(host, ':') : NULL;
    unsigned long port;
    if (colon == NULL || colon == host || !take_number(colon + 1, 1, UINT16_MAX, &port)) {
        return false;
    }
    for (const char *at = host; at < colon; at++) {
        if (!isalnum((unsigned char)*at) && strchr("-_.:[]", *at) == NULL) {
            return false;
        }
    }
    return true;
}

static enum corps_err take_endpoints(const struct reading *reading, char **rest) {
    char *out = reading->hosts->ledger_endpoints;
    for (char *endpoint; (endpoint = strtok_r(NULL, " \t\r", rest)) != NULL;) {
        if (!is_endpoint(endpoint)) {
            return wrong_ledger(reading, "a server of etcd is not", endpoint);
        }
        size_t used = strlen(out); /* in all no more than the line */
        snprintf(out + used, LINE_BYTES - used, "%s%s", used > 0 ? " " : "", endpoint);
    }
    return out[0] != '\0' ? CORPS_OK : wrong_ledger(reading, "the servers are missing behind", "etcd");
}

static enum corps_err take_ledger(const struct reading *reading, char **rest) {
    struct corps__hosts *hosts = reading->hosts;
    const char *name = strtok_r(NULL, " \t\r", rest);
    bool is_etcd = name != NULL && strcmp(name, "etcd") == 0;
    if (hosts->ledger[0] != '\0') {
        return wrong_ledger(reading, "there is one ledger, and a line before names another than", name ? name : "");
    }
    if (!is_etcd && (name == NULL || strcmp(name, "hosts") != 0)) {
        return wrong_ledger(reading, "the ledgers are hosts, which is what is meant without such a line, and etcd, not",
                            name != NULL ? name : "");
    }
    snprintf(hosts->ledger, sizeof hosts->ledger, "%s", name);
    const char *more = is_etcd ? NULL : strtok_r(NULL, " \t\r", rest);
    return is_etcd        ? take_endpoints(reading, rest)
           : more != NULL ? wrong_ledger(reading, "the ledger hosts has no servers, unlike", more)
                          : CORPS_OK;
}

/* "ledger-ca PATH" and "ledger-user NAME": one word each. */
static enum corps_err take_word(const struct reading *reading, const char *key, char **rest, char *out, size_t bytes) {
    const char *word = strtok_r(NULL, " \t\r", rest);
    if (word == NULL || strlen(word) >= bytes || strtok_r(NULL, " \t\r", rest) != NULL || out[0] != '\0') {
        return corps_error_set(CORPS_ERR_INVALID, "%s, line %u: one word of up to %zu bytes stands behind %s, once",
                               reading->file, reading->line, bytes - 1, key);
    }
    snprintf(out, bytes, "%s", word);
    return CORPS_OK;
}

/* What is said of etcd must be said where etcd is. */
static enum corps_err check_ledger(const struct reading *reading) {
    struct corps__hosts *hosts = reading->hosts;
    bool is_etcd = strcmp(hosts->ledger, "etcd") == 0;
    if (!is_etcd && (hosts->ledger_ca[0] != '\0' || hosts->ledger_user[0] != '\0')) {
        return corps_error_set(CORPS_ERR_INVALID, "%s has a line %s, and no line that begins with: ledger etcd",
                               reading->file, hosts->ledger_ca[0] != '\0' ? "ledger-ca" : "ledger-user");
    }
    if (hosts->ledger[0] == '\0') {
        snprintf(hosts->ledger, sizeof hosts->ledger, "hosts");
    }
    return CORPS_OK;
}

static enum corps_err take_line(struct reading *reading, char *line) {
    struct corps__hosts *hosts = reading->hosts;
    line[strcspn(line, "#")] = '\0';
    char *rest;
    char *first = strtok_r(line, " \t\r", &rest);
    if (first == NULL) {
        return CORPS_OK;
    }
    return strcmp(first, "ports") == 0       ? take_ports(reading, &rest)
           : strcmp(first, "ledger") == 0    ? take_ledger(reading, &rest)
           : strcmp(first, "ledger-ca") == 0 ? take_word(reading, first, &rest, hosts->ledger_ca, LINE_BYTES)
           : strcmp(first, "ledger-user") == 0
               ? take_word(reading, first, &rest, hosts->ledger_user, sizeof hosts->ledger_user)
               : take_host(reading, first, &rest);
}

static int by_number(const void *a, const void *b) {
    uint32_t one = ((const struct corps__host *)a)->number, other = ((const struct corps__host *)b)->number;
    return one < other ? -1 : one > other;
}

/* Of what the file says, in one form. */
static void take_hash(struct corps__hosts *hosts) {
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof hosts->hash);
    for (unsigned i = 0; i < hosts->count; i++) {
        const struct corps__host *host = &hosts->rows[i];
        char line[LINE_BYTES];
        int bytes = snprintf(line, sizeof line, "%u %s %s %u %u %s\n", host->number, host->name, host->address,
                             host->port, host->slots, host->labels);
        crypto_generichash_update(&state, (const uint8_t *)line, (size_t)bytes);
    }
    crypto_generichash_update(&state, (const uint8_t *)hosts->ports, strlen(hosts->ports));
    if (strcmp(hosts->ledger, "hosts") != 0) {
        char line[sizeof hosts->ledger + LINE_BYTES + sizeof hosts->ledger_user + 8];
        int bytes = snprintf(line, sizeof line, "\nledger %s %s %s\n", hosts->ledger, hosts->ledger_endpoints,
                             hosts->ledger_user);
        crypto_generichash_update(&state, (const uint8_t *)line, (size_t)bytes);
    }
    crypto_generichash_final(&state, hosts->hash, sizeof hosts->hash);
}

static enum corps_err take_lines(struct reading *reading, const char *text, size_t bytes) {
    enum corps_err err = CORPS_OK;
    for (size_t at = 0; err == CORPS_OK && at < bytes;) {
        const char *end = memchr(text + at, '\n', bytes - at);
        size_t length = (end != NULL ? (size_t)(end - text) : bytes) - at;
        char line[LINE_BYTES];
        reading->line++;
        if (length >= sizeof line || memchr(text + at, '\0', length) != NULL) {
            return corps_error_set(CORPS_ERR_INVALID, "%s, line %u: this is no line of a hosts file", reading->file,
                                   reading->line);
        }
        memcpy(line, text + at, length);
        line[length] = '\0';
        err = take_line(reading, line);
        at += length + 1;
    }
    if (err == CORPS_OK && reading->hosts->count == 0) {
        err = corps_error_set(CORPS_ERR_INVALID,
                              "%s names no host; a line is: number name address:port slots [label …]", reading->file);
    }
    return err == CORPS_OK ? check_ledger(reading) : err;
}

enum corps_err corps__hosts_parse(const char *text, size_t bytes, const char *file, struct corps__hosts **hosts) {
    size_t lines = 1;
    for (size_t i = 0; i < bytes; i++) {
        lines += text[i] == '\n';
    }
    size_t rows = lines < CORPS__HOSTS_MAX ? lines : CORPS__HOSTS_MAX;
    struct reading reading = {.file = file,
                              .hosts = calloc(1, sizeof(struct corps__hosts) + rows * sizeof(struct corps__host))};
    if (reading.hosts == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to read %s", file);
    }
    enum corps_err err = take_lines(&reading, text, bytes);
    if (err != CORPS_OK) {
        free(reading.hosts);
        return err;
    }
    qsort(reading.hosts->rows, reading.hosts->count, sizeof reading.hosts->rows[0], by_number);
    take_hash(reading.hosts);
    *hosts = reading.hosts;
    return CORPS_OK;
}

enum corps_err corps__hosts_read(const char *path, struct corps__hosts **hosts) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        enum corps_err err = corps_error_system("cannot read the hosts file %s", path);
        if (fd >= 0) {
            close(fd);
        }
        return err;
    }
    char *text = malloc(CORPS__HOSTS_FILE_BYTES_MAX + 1);
    size_t bytes = 0;
    ssize_t done = 0;
    while (text != NULL && bytes <= CORPS__HOSTS_FILE_BYTES_MAX &&
           (done = read(fd, text + bytes, CORPS__HOSTS_FILE_BYTES_MAX + 1 - bytes)) > 0) {
        bytes += (size_t)done;
    }
    enum corps_err err = text == NULL ? corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to read %s", path)
                         : done < 0   ? corps_error_system("cannot read the hosts file %s", path)
                         : bytes > CORPS__HOSTS_FILE_BYTES_MAX
                             ? corps_error_set(CORPS_ERR_TOO_LARGE, "%s has more than 1 MiB: it is no hosts file", path)
                             : corps__hosts_parse(text, bytes, path, hosts);
    free(text);
    close(fd);
    return err;
}

const struct corps__host *corps__hosts_find(const struct corps__hosts *hosts, uint32_t number) {
    for (unsigned i = 0; i < hosts->count; i++) {
        if (hosts->rows[i].number == number) {
            return &hosts->rows[i];
        }
    }
    return NULL;
}

/* Does a network interface of this machine have the address? */
static bool is_own_address(const struct ifaddrs *list, const char *address) {
    struct in_addr four;
    struct in6_addr six;
    bool is_four = inet_pton(AF_INET, address, &four) == 1;
    if (!is_four && inet_pton(AF_INET6, address, &six) != 1) {
        return false;
    }
    for (const struct ifaddrs *at = list; at != NULL; at = at->ifa_next) {
        if (at->ifa_addr == NULL || at->ifa_addr->sa_family != (is_four ? AF_INET : AF_INET6)) {
            continue;
        }
        const void *own = is_four ? (const void *)&((const struct sockaddr_in *)(const void *)at->ifa_addr)->sin_addr
                                  : (const void *)&((const struct sockaddr_in6 *)(const void *)at->ifa_addr)->sin6_addr;
        if (memcmp(own, is_four ? (const void *)&four : (const void *)&six, is_four ? sizeof four : sizeof six) == 0) {
            return true;
        }
    }
    return false;
}

enum corps_err corps__hosts_own(const struct corps__hosts *hosts, const char *file, uint32_t *number) {
    struct ifaddrs *list;
    if (getifaddrs(&list) != 0) {
        return corps_error_system("cannot list the addresses of this machine; give --number");
    }
    const struct corps__host *found = NULL;
    bool several = false;
    for (unsigned i = 0; i < hosts->count; i++) {
        if (is_own_address(list, hosts->rows[i].address)) {
            several = found != NULL;
            found = found != NULL ? found : &hosts->rows[i];
        }
        if (several) {
            break;
        }
    }
    freeifaddrs(list);
    if (found == NULL) {
        return corps_error_set(
            CORPS_ERR_UNKNOWN,
            "no address of this machine is in %s; add its line there, or say by --number which it is", file);
    }
    if (several) {
        return corps_error_set(CORPS_ERR_UNKNOWN,
                               "several hosts of %s have addresses of this machine; say by --number which one this is",
                               file);
    }
    *number = found->number;
    return CORPS_OK;
}

bool corps__host_is(const struct corps__host *host, const char *word) {
    unsigned long number;
    if (take_number(word, 1, CORPS__HOST_NUMBER_MAX, &number)) {
        return host->number == number;
    }
    if (strcmp(host->name, word) == 0) {
        return true;
    }
    size_t bytes = strlen(word);
    for (const char *at = host->labels; bytes > 0 && *at != '\0';) {
        size_t label = strcspn(at, " ");
        if (label == bytes && memcmp(at, word, bytes) == 0) {
            return true;
        }
        at += label + (at[label] == ' ');
    }
    return false;
}

bool corps__host_is_meant(const struct corps__host *host, const char *words) {
    if (strcmp(words, "auto") == 0) {
        return true;
    }
    for (const char *at = words + strspn(words, ", "); *at != '\0'; at += strspn(at, ", ")) {
        char word[sizeof host->labels];
        size_t length = strcspn(at, ", ");
        if (length < sizeof word) {
            memcpy(word, at, length);
            word[length] = '\0';
            if (corps__host_is(host, word)) {
                return true;
            }
        }
        at += length;
    }
    return false;
}

static void join_address(const char *address, const char *port, char *out, size_t bytes) {
    bool six = strchr(address, ':') != NULL;
    snprintf(out, bytes, "%s%s%s%s%s", six ? "[" : "", address, six ? "]" : "", port[0] != '\0' ? ":" : "", port);
}

void corps__host_address(const struct corps__host *host, char *out, size_t bytes) {
    char port[8];
    snprintf(port, sizeof port, "%u", host->port);
    join_address(host->address, port, out, bytes);
}

void corps__host_bind(const struct corps__hosts *hosts, const struct corps__host *host, char *out, size_t bytes) {
    join_address(host->address, hosts->ports, out, bytes);
}

void corps__hash_text(const uint8_t *hash, char out[CORPS__HASH_TEXT_BYTES]) {
    sodium_bin2hex(out, CORPS__HASH_TEXT_BYTES, hash, (CORPS__HASH_TEXT_BYTES - 1) / 2);
}
