/* Opening, connecting, closing, and what may be left behind: nothing. */
#include "transport_driver.h"

#include "transport_cases.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

void table_is_complete(void **state) {
    (void)state;
    check(corps_transport_check(transport) == CORPS_OK);
    check(transport->endpoint_bytes >= sizeof(struct corps_endpoint));
    check(strlen(transport->name) > 0 && strlen(transport->summary) > 0);
}

/* A table that contradicts itself is refused: what others decide by it would be wrong. */
void table_agrees(void **state) {
    (void)state;
    static const struct {
        uint32_t add, remove;
    } wrong[] = {
        {CORPS_TRANSPORT_BY_REFERENCE, CORPS_TRANSPORT_INTRA},
        {CORPS_TRANSPORT_MAILBOX, CORPS_TRANSPORT_BY_REFERENCE},
        {CORPS_TRANSPORT_INTRA | CORPS_TRANSPORT_REMOTE, 0},
        {CORPS_TRANSPORT_INTRA | CORPS_TRANSPORT_DEFAULT, 0},
        {CORPS_TRANSPORT_INTRA | CORPS_TRANSPORT_SYSTEM, 0},
        {CORPS_TRANSPORT_COMPARISON | CORPS_TRANSPORT_DEFAULT, 0},
        {CORPS_TRANSPORT_DISCARDS | CORPS_TRANSPORT_SYSTEM, 0},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct corps_transport table = *transport;
        table.capabilities = (table.capabilities | wrong[i].add) & ~wrong[i].remove;
        check(corps_transport_check(&table) == CORPS_ERR_INVALID);
    }
    struct corps_transport table = *transport;
    table.capabilities ^= CORPS_TRANSPORT_LOAN;
    check(corps_transport_check(&table) == CORPS_ERR_INVALID);
    table = *transport;
    table.control_spin = table.control_spin == NULL ? "raw:futex" : NULL;
    check(corps_transport_check(&table) == CORPS_ERR_INVALID);
    table = *transport;
    table.control_block = table.control_block == NULL ? "raw:futex" : NULL;
    check(corps_transport_check(&table) == CORPS_ERR_INVALID);
}

/* Each role has one transport, whatever this build left out. */
void roles_are_filled(void **state) {
    (void)state;
    static const uint32_t roles[] = {CORPS_TRANSPORT_DEFAULT, CORPS_TRANSPORT_MAILBOX, CORPS_TRANSPORT_SYSTEM};
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        unsigned count = 0;
        for (unsigned at = 0; corps_transport_at(at) != NULL; at++) {
            count += (corps_transport_at(at)->capabilities & roles[i]) != 0;
        }
        check(count == 1);
        check((corps_transport_with(roles[i])->capabilities & roles[i]) != 0);
    }
    check(corps_transport_with(CORPS_TRANSPORT_INTRA | CORPS_TRANSPORT_REMOTE) == NULL);
}

void address_fits(void **state) {
    (void)state;
    struct corps_endpoint_options options = default_options("a");
    struct side a;
    side_open(&a, &options);
    size_t length = strnlen(a.address, sizeof a.address);
    check(length > 0 && length < sizeof a.address);
    for (size_t i = 0; i < length; i++) {
        check(a.address[i] >= ' ' && a.address[i] <= '~');
    }
    check(!has(CORPS_TRANSPORT_REMOTE) || (strchr(a.address, '#') != NULL) == is_sealed()); /* says whom to ask for */
    if (!has(CORPS_TRANSPORT_INTRA | CORPS_TRANSPORT_DISCARDS)) {
        struct side b;
        options.name = "b";
        side_open(&b, &options);
        check(strcmp(a.address, b.address) != 0);
        side_close(&b);
    }
    side_close(&a);
}

void connect_and_accept(void **state) {
    (void)state;
    struct pair pair;
    pair_open(&pair, NULL); /* checks both events and their links */
    check(pair.out->transport == transport && pair.out->endpoint == pair.from->endpoint);
    struct corps_event event;
    for (int i = 0; i < 100; i++) { /* and nothing else comes by itself */
        check(!side_next(pair.to, &event));
        check(!side_next(pair.from, &event));
    }
    pair_close(&pair);
}

/* ---- what is left behind ---- */

struct inventory {
    unsigned descriptors, sockets, shm, mqueue;
};

/* Entries that contain `part`; 0 when there is no such directory. */
static unsigned entries(const char *path, const char *part) {
    unsigned found = 0;
    DIR *listing = opendir(path);
    for (struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL;) {
        found += entry->d_name[0] != '.' && strstr(entry->d_name, part) != NULL;
    }
    if (listing != NULL) {
        closedir(listing);
    }
    return found;
}

static struct inventory take_inventory(void) {
    return (struct inventory){entries("/proc/self/fd", ""), entries(directory, ""), entries("/dev/shm", "corps"),
                              entries("/dev/mqueue", "corps")};
}

static size_t small(unsigned k) {
    return 16 + k % 50;
}

static void use_once(void) {
    struct pair pair;
    pair_open(&pair, NULL);
    if (!has(CORPS_TRANSPORT_DISCARDS)) {
        struct flow flow = {
            .from = pair.from, .out = pair.out, .to = pair.to, .in = pair.in, .count = 20, .bytes_of = small};
        flows_run(&flow, 1);
    }
    pair_close(&pair);
}

void close_leaves_nothing(void **state) {
    (void)state;
    use_once(); /* what is opened once for ever, by libraries, is open now */
    struct inventory before = take_inventory();
    for (int i = 0; i < 5; i++) {
        use_once();
    }
    struct inventory after = take_inventory();
    if (strncmp(transport->name, "nng", 3) == 0) {
        print_message(
            "%s: descriptors are not counted: nng 1.5 leaves two open for each socket that was watched by one\n",
            transport->name);
    } else {
        check(after.descriptors == before.descriptors);
    }
    check(after.sockets == 0);
    /* Other programs of this kind may run beside the test: what is not ours goes away by itself. */
    for (int i = 0; i < 1200 && (after.shm > before.shm || after.mqueue > before.mqueue); i++) {
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        after = take_inventory();
    }
    check(after.shm <= before.shm);
    check(after.mqueue <= before.mqueue);
}

/* ---- addresses in use, and of nobody ---- */

void name_in_use(void **state) {
    (void)state;
    SKIP_IF(CORPS_TRANSPORT_INTRA, "its endpoints have no names");
    SKIP_IF(CORPS_TRANSPORT_DISCARDS, "its endpoints have no names");
    SKIP_IF(CORPS_TRANSPORT_REMOTE, "its endpoints are told apart by ports");
    struct pair pair;
    pair_open(&pair, NULL);
    struct corps_endpoint_options options = default_options("a");
    struct side thief;
    check(side_try_open(&thief, &options) != CORPS_OK);
    check(strstr(corps_error_detail(), directory) != NULL);
    /* The rightful owner can still be reached. */
    struct corps_link *at_b;
    struct corps_link *at_a;
    sides_connect(&pair.b, &pair.a, &at_b, &at_a);
    transport->disconnect(at_b);
    transport->disconnect(at_a);
    pair_close(&pair);

    char long_directory[200];
    memset(long_directory, 'x', sizeof long_directory);
    long_directory[0] = '/';
    long_directory[sizeof long_directory - 1] = '\0';
    options.directory = long_directory;
    check(side_try_open(&thief, &options) == CORPS_ERR_INVALID);
}

void bind_in_use(void **state) {
    (void)state;
    SKIP_UNLESS_REMOTE("it binds no port");
    struct corps_endpoint_options options = default_options("a");
    struct side a;
    side_open(&a, &options);
    struct side b;
    char taken[CORPS_ADDRESS_BYTES];
    snprintf(taken, sizeof taken, "%.*s", (int)strcspn(a.address, "#"), a.address);
    options.bind = taken;
    enum corps_err err = side_try_open(&b, &options);
    check(err == CORPS_ERR_LIMIT || err == CORPS_ERR_SYSTEM);
    check(strstr(corps_error_detail(), strrchr(taken, ':') + 1) != NULL); /* says which port */
    side_close(&a);
    static const char *const bad[] = {"",
                                      "not-an-address",
                                      "127.0.0.1:99999",
                                      "127.0.0.1:port",
                                      "[::1",
                                      "127.0.0.1:",
                                      "127.0.0.1:0-5",
                                      "127.0.0.1:7-5",
                                      "127.0.0.1:5-",
                                      "127.0.0.1=",
                                      "127.0.0.1=host",
                                      "127.0.0.1=127.0.0.2:80"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        options.bind = bad[i];
        check(side_try_open(&b, &options) == CORPS_ERR_INVALID);
    }
    options.bind = "[::1]:0";
    if (side_try_open(&b, &options) == CORPS_OK) { /* a host without IPv6 has no such address */
        struct side c;
        side_open(&c, &options);
        struct corps_link *at_c;
        struct corps_link *at_b;
        sides_connect(&c, &b, &at_c, &at_b);
        transport->disconnect(at_c);
        transport->disconnect(at_b);
        side_close(&c);
        side_close(&b);
    }
}

/* A range of ports: each endpoint takes the first that is free, and peers are told another address where that is said.
 */
void bind_to_range(void **state) {
    (void)state;
    SKIP_UNLESS_REMOTE("it binds no port");
    struct corps_endpoint_options options = default_options("a");
    char range[64];
    char reached[64];
    struct side sides[3];
    unsigned opened = 0;
    /* Nobody can know a free range: some are tried. */
    for (unsigned first = 20000; opened < 2 && first < 60000; first += 1999) {
        opened = 0;
        snprintf(range, sizeof range, "0.0.0.0:%u-%u=127.0.0.1", first, first + 1);
        snprintf(reached, sizeof reached, "127.0.0.1:%u", first + 1);
        options.bind = range;
        while (opened < 2 && side_try_open(&sides[opened], &options) == CORPS_OK) {
            opened++;
        }
        for (unsigned i = 0; opened < 2 && i < opened; i++) {
            side_close(&sides[i]);
        }
    }
    check(opened == 2);
    check(strncmp(sides[1].address, reached, strlen(reached)) == 0);
    check(side_try_open(&sides[2], &options) == CORPS_ERR_LIMIT && strstr(corps_error_detail(), range) != NULL);
    struct corps_link *from;
    struct corps_link *to;
    sides_connect(&sides[0], &sides[1], &from, &to);
    transport->disconnect(from);
    transport->disconnect(to);
    side_close(&sides[0]);
    side_close(&sides[1]);
}

/* Either connect says so, or CLOSED follows. */
static void expect_no_link(struct side *side, const char *address) {
    struct corps_link *link;
    if (transport->connect(side->endpoint, address, &link) == CORPS_OK) {
        check(send_bytes(link, "x", 1, 0) != CORPS_OK);
        (void)side_expect_closed(side, link);
        transport->disconnect(link);
    }
}

void connect_to_nobody(void **state) {
    (void)state;
    SKIP_IF(CORPS_TRANSPORT_INTRA, "an endpoint connects to itself");
    SKIP_IF(CORPS_TRANSPORT_DISCARDS, "it connects to anything");
    struct corps_endpoint_options options = default_options("gone");
    struct side gone;
    side_open(&gone, &options);
    char address[CORPS_ADDRESS_BYTES];
    memcpy(address, gone.address, sizeof address);
    side_close(&gone);
    struct side a;
    options.name = "a";
    side_open(&a, &options);
    expect_no_link(&a, address);
    expect_no_link(&a, "");
    expect_no_link(&a, "nonsense");
    expect_no_link(&a, "/nonsense/of/a/path/nonsense.sock");
    expect_no_link(&a, "127.0.0.1:0");
    memset(address, '/', sizeof address - 1);
    address[sizeof address - 1] = '\0';
    expect_no_link(&a, address);
    /* A link that is given up before it is ready. */
    struct side b;
    options.name = "b";
    side_open(&b, &options);
    struct corps_link *link;
    check(transport->connect(a.endpoint, b.address, &link) == CORPS_OK);
    check(send_bytes(link, "x", 1, 0) == CORPS_ERR_FULL);
    transport->disconnect(link);
    struct corps_event event;
    for (int i = 0; i < 1000; i++) {
        check(!side_next(&a, &event));
        if (side_next(&b, &event)) { /* it may see the link come and go, in this order */
            check(event.kind == CORPS_EVENT_ACCEPTED || (event.kind == CORPS_EVENT_CLOSED && b.accepted_count == 1));
            struct corps_link *seen = event.link;
            bool ended = event.kind == CORPS_EVENT_CLOSED;
            side_done(&b, &event);
            if (ended) {
                transport->disconnect(seen);
                b.accepted_count = 0;
            }
        }
    }
    if (b.accepted_count == 1) {
        (void)side_expect_closed(&b, b.accepted[0]);
        transport->disconnect(b.accepted[0]);
    }
    side_close(&a);
    side_close(&b);
}

void discards(void **state) {
    (void)state;
    if (!has(CORPS_TRANSPORT_DISCARDS)) {
        print_message("skipped for %s: it delivers\n", transport->name);
        skip();
    }
    struct pair pair;
    pair_open(&pair, NULL);
    struct corps_event event;
    for (unsigned k = 0; k < 1000; k++) {
        check(send_bytes(pair.out, &k, sizeof k, k % 2 == 0 ? CORPS_SEND_MORE : 0) == CORPS_OK);
        check(!side_next(pair.to, &event) && !side_next(pair.from, &event));
    }
    check(flush(pair.out) == CORPS_OK);
    struct pollfd fds[CORPS_ARM_FDS_MAX];
    size_t count = 1;
    check(transport->arm(pair.to->endpoint, fds, CORPS_ARM_FDS_MAX, &count) == CORPS_OK && count == 0);
    pair_close(&pair);
}
