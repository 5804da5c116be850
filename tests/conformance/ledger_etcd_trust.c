/* The ledger etcd where somebody is not to be trusted: passwords, roles, certificates. */
#include "ledger_etcd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void passwords(void **state) {
    (void)state;
    need_etcd();
    etcd_server_start(&server, NULL, NULL, NULL);
    unsigned port = server.client_port;
    post(port, "/v3/auth/user/add", "{\"name\":\"root\",\"password\":\"r\"}", "");
    post(port, "/v3/auth/user/add", "{\"name\":\"corps\",\"password\":\"right\"}", "");
    post(port, "/v3/auth/user/add", "{\"name\":\"poor\",\"password\":\"right\"}", "");
    post(port, "/v3/auth/role/add", "{\"name\":\"root\"}", "");
    post(port, "/v3/auth/role/add", "{\"name\":\"writer\"}", "");
    post(port, "/v3/auth/role/grant",
         "{\"name\":\"writer\",\"perm\":{\"permType\":\"READWRITE\",\"key\":\"%s\",\"range_end\":\"Y29ycHMw\"}}",
         "corps/");
    post(port, "/v3/auth/user/grant", "{\"user\":\"root\",\"role\":\"root\"}", "");
    post(port, "/v3/auth/user/grant", "{\"user\":\"corps\",\"role\":\"writer\"}", "");
    struct corps_ledger_options options = options_at(server.url);
    options.user = "corps";
    options.password = "right";
    expect_with(&options, CORPS_ERR_DENIED, "asks nobody for a password");
    post(port, "/v3/auth/enable", "{}", "");
    expect_at(server.url, CORPS_ERR_DENIED, "ledger-user NAME");
    options.password = "wrong";
    expect_with(&options, CORPS_ERR_DENIED, "does not take the password of its user 'corps'");
    options.password = "right";
    options.user = "poor";
    expect_with(&options, CORPS_ERR_DENIED, "does not let its user 'poor'");
    options.user = "corps";
    struct corps_ledger_book *book = open_with(&options);
    assert_int_equal(renew(book), CORPS_OK);
    assert_int_equal(claim(book, 1), CORPS_OK);
    assert_true(is_readable(book));
    etcd_server_kill(&server); /* it forgets the tokens that it has given */
    etcd_server_again(&server);
    renew_in_the_end(book);
    assert_int_equal(claim(book, 2), CORPS_OK);
    assert_int_equal(ledger->end(book, ID), CORPS_OK);
    ledger->close(book);
}

/* ---- certificates ---- */

static char folder[64];

/* An authority, another one, and certificates of the first: good, expired, not valid yet, of another address. */
static const char make_certificates[] =
    "exec >/dev/null 2>&1; set -e\n"
    "printf "
    "'[ca]\\ndefault_ca=d\\n[d]\\ndatabase=index\\nserial=serial\\nnew_certs_dir=.\\ndefault_md=sha256\\npolicy=p\\n"
    "unique_subject=no\\n[p]\\ncommonName=supplied\\n[here]\\nsubjectAltName=IP:127.0.0.1\\n[there]\\n"
    "subjectAltName=IP:127.0.0.9\\n' >config; : >index; echo 01 >serial\n"
    "ec='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'\n"
    "openssl req -x509 $ec -keyout ca.key -out ca.pem -subj /CN=authority -days 30\n"
    "openssl req -x509 $ec -keyout other.key -out other.pem -subj /CN=other -days 30\n"
    "openssl req $ec -keyout key.pem -out request -subj /CN=etcd\n"
    "sign() { openssl ca -batch -config config -cert ca.pem -keyfile ca.key -in request -out $1.pem -extensions $2 "
    "-startdate $3 -enddate $4; }\n"
    "sign good here 20200101000000Z 20991231000000Z\n"
    "sign elsewhere there 20200101000000Z 20991231000000Z\n"
    "sign expired here 20200101000000Z 20210101000000Z\n"
    "sign early here 20980101000000Z 20991231000000Z\n";

static const char *path_of(const char *name) {
    static char paths[4][128];
    static unsigned at;
    at = (at + 1) % 4;
    snprintf(paths[at], sizeof paths[at], "%s/%s", folder, name);
    return paths[at];
}

static void make_all(void) {
    char command[sizeof make_certificates + 128];
    snprintf(folder, sizeof folder, "/tmp/corps-certificates-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(command, sizeof command, "cd %s\n%s", folder, make_certificates);
    if (system("command -v openssl >/dev/null 2>&1") != 0) {
        print_message("the program openssl is not installed\n");
        skip();
    }
    assert_int_equal(system(command), 0);
}

static void try_certificate(const char *name, const char *ca, enum corps_err wanted, const char *words) {
    char cert[128], key[128], ca_file[128];
    snprintf(cert, sizeof cert, "%s", path_of(name));
    snprintf(key, sizeof key, "%s", path_of("key.pem"));
    snprintf(ca_file, sizeof ca_file, "%s", path_of(ca));
    etcd_server_start(&server, NULL, cert, key);
    struct corps_ledger_options options = options_at(server.url);
    options.ca_file = ca_file;
    struct corps_ledger_book *book = open_with(&options);
    if (wanted == CORPS_OK) {
        renew_in_the_end(book);
        assert_int_equal(claim(book, 1), CORPS_OK);
        assert_true(is_readable(book));
    } else {
        expect(renew(book), wanted, words);
    }
    ledger->close(book);
    if (wanted == CORPS_OK) { /* and in plain text there */
        char plain[64];
        snprintf(plain, sizeof plain, "http://127.0.0.1:%u", server.client_port);
        expect_at(plain, CORPS_ERR_TIMEOUT, "is it https there");
        options.ca_file = NULL;
        expect_with(&options, CORPS_ERR_DENIED, "ledger-ca");
        options.ca_file = "/dev/null";
        expect_with(&options, CORPS_ERR_INVALID, "/dev/null");
    }
    etcd_server_finish(&server);
}

void certificates(void **state) {
    (void)state;
    need_etcd();
    make_all();
    try_certificate("good.pem", "ca.pem", CORPS_OK, "");
    try_certificate("good.pem", "other.pem", CORPS_ERR_DENIED, "'ledger-ca PATH'");
    try_certificate("elsewhere.pem", "ca.pem", CORPS_ERR_DENIED, "the address in the certificate");
    try_certificate("expired.pem", "ca.pem", CORPS_ERR_DENIED, "has expired");
    try_certificate("early.pem", "ca.pem", CORPS_ERR_DENIED, "set the clocks");
}

void remove_certificates(void) {
    if (folder[0] != '\0') {
        char command[128];
        snprintf(command, sizeof command, "rm -rf %s", folder);
        folder[0] = '\0';
        assert_int_equal(system(command), 0);
    }
}
