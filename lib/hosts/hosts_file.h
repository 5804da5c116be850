/* The hosts file: which hosts there are, the same file on each of them.
 *
 *   # number  name   address:port     slots  label …
 *   1         alpha  10.0.0.1:7400    8      rack-a ssd
 *   2         beta   [fd00::2]:7400   16     rack-b
 *   ports 7500-7899
 *   ledger etcd http://10.0.0.1:2379 http://10.0.0.2:2379
 *
 * Numbers are 1 … 65535 and never change their host, since they are part of the ids of Corps. Addresses are numeric:
 * nothing is ever looked up by name. `port` is where the host's agent listens; Envs listen on a port of the range
 * `ports`, or on any. `slots` is how many Envs the host should have. Labels are words.
 *
 * `ledger` says who remembers which host owns a Corps (corps/ledger.h): hosts, which needs nothing and is what is meant
 * where there is no such line, or etcd, with where its servers are. With etcd there may be two lines more: `ledger-ca
 * PATH`, the certificate by which its servers are known, and `ledger-user NAME`, as whom agents log in; the password is
 * in no such file.
 *
 * The hash is one of what the file says (BLAKE2b-256), not of its bytes: comments and blanks may differ between hosts,
 * and so may the path of the certificate.
 *
 * Threads: any. What is given here is malloc's, the caller's to free.
 */
#ifndef CORPS_HOSTS_FILE_H
#define CORPS_HOSTS_FILE_H

#include <corps/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CORPS__HOST_NUMBER_MAX = 65535,
    CORPS__HOST_SLOTS_MAX = 1024, /* as many Envs as a Corps may have */
    CORPS__HOSTS_MAX = 1024,
    CORPS__HOSTS_FILE_BYTES_MAX = 1 << 20,
    CORPS__HOSTS_HASH_BYTES = 32,
    CORPS__HOSTS_LINE_BYTES = 512, /* no line is longer, and so is nothing that stands in one */
};

struct corps__host {
    uint32_t number;
    char name[64];
    char address[64]; /* without brackets */
    uint16_t port;
    uint32_t slots;
    char labels[192]; /* separated by spaces */
    bool drained;     /* takes no Envs now, as this host's agent says; never of the file, nor of the hash */
    bool away;        /* the ledger etcd does not list it as living, likewise */
};

struct corps__hosts {
    uint32_t own; /* the number of the host where this was asked for; 0: not known */
    unsigned count;
    uint8_t hash[CORPS__HOSTS_HASH_BYTES];
    char ports[16];                                 /* "7500-7899"; "": any */
    char ledger[16];                                /* "hosts" or "etcd"; "": of an agent that does not say */
    char ledger_endpoints[CORPS__HOSTS_LINE_BYTES]; /* of etcd: "http://10.0.0.1:2379 …", separated by spaces */
    char ledger_ca[CORPS__HOSTS_LINE_BYTES];        /* a path; "": what the system trusts */
    char ledger_user[64];                           /* "": nobody logs in */
    struct corps__host rows[];
};

/* Reads what stands in memory; `file` is for texts. Errors: INVALID (which line, and why), LIMIT, NO_MEMORY. */
enum corps_err corps__hosts_parse(const char *text, size_t bytes, const char *file,
                                  struct corps__hosts **hosts) CORPS_CHECKED;

/* The same of a file. Errors: also SYSTEM, TOO_LARGE. */
enum corps_err corps__hosts_read(const char *path, struct corps__hosts **hosts) CORPS_CHECKED;

/* The row of a host; NULL: there is none. Lent as long as `hosts`. */
const struct corps__host *corps__hosts_find(const struct corps__hosts *hosts, uint32_t number);

/* The number of the one host that has an address of this machine. Errors: UNKNOWN (none has, or several have: which
 * option decides), SYSTEM. */
enum corps_err corps__hosts_own(const struct corps__hosts *hosts, const char *file, uint32_t *number) CORPS_CHECKED;

/* Is `word` the host's name, its number, or one of its labels? */
bool corps__host_is(const struct corps__host *host, const char *word);

/* … or is it meant by one of those words, which stand with commas or blanks between, or by "auto", which means all? */
bool corps__host_is_meant(const struct corps__host *host, const char *words);

/* "10.0.0.1:7400" or "[fd00::2]:7400". */
void corps__host_address(const struct corps__host *host, char *out, size_t bytes);

enum { CORPS__HOST_BIND_BYTES = 96 };

/* Where an Env of the host listens for other hosts: "10.0.0.1:7500-7899", or without a port where any will do. */
void corps__host_bind(const struct corps__hosts *hosts, const struct corps__host *host, char *out, size_t bytes);

/* The beginning of a hash as text: what people compare. */
enum { CORPS__HASH_TEXT_BYTES = 17 };
void corps__hash_text(const uint8_t *hash, char out[CORPS__HASH_TEXT_BYTES]);

#endif
