#include "ring_links.h"

#include "reopen.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* What links over rings are made of, how their peers find each other, and their end. */

enum { DEFAULT_BYTES = 1 << 20, BYTES_MIN = 1 << 16, POOL_PER_RING = 32 };
#define BYTES_MAX ((uint64_t)1 << 30)
#define POOL_BYTES_MAX ((uint64_t)256 << 20)

static struct corps__ring_endpoint *ring_endpoint_of(const struct corps__ring_link *link) {
    return (struct corps__ring_endpoint *)link->base.base.endpoint;
}

/* ---- links ---- */

static struct corps__ring_link *create_ring_link(struct corps__ring_endpoint *endpoint) {
    struct corps__ring_link *link = corps__link_create(&endpoint->links, endpoint->kind->link_bytes);
    if (link != NULL) {
        link->peer_doorbell = -1;
    }
    return link;
}

void corps__ring_links_disconnect(struct corps_link *base) {
    struct corps__ring_link *link = (struct corps__ring_link *)base;
    struct corps__ring_endpoint *endpoint = ring_endpoint_of(link);
    endpoint->busy = endpoint->busy == link ? NULL : endpoint->busy;
    corps__link_remove(&link->base);
    corps__session_close(link->base.session);
    if (link->peer_doorbell >= 0) {
        close(link->peer_doorbell);
    }
    corps__ring_finish(&link->out);
    corps__pool_unref(link->pool);
    for (unsigned i = 0; i < CORPS__RING_ANNEXES; i++) {
        corps__pool_unref(link->annexes[i].pool);
        corps__mapping_unref(link->annexes[i].in);
        corps__mapping_unref(link->annexes[i].out);
    }
    corps__mapping_unref(link->memory);
    corps__link_destroy(&link->base);
}

/* ---- memory ---- */

/* Room for whoever sends ahead; what is not needed is never touched. */
static size_t pool_bytes_of(uint64_t ring_bytes) {
    return (size_t)(ring_bytes * POOL_PER_RING < POOL_BYTES_MAX ? ring_bytes * POOL_PER_RING : POOL_BYTES_MAX);
}

static size_t memory_bytes_of(uint64_t ring_bytes) {
    return 2 * (CORPS__RING_HEAD_BYTES + (size_t)ring_bytes + CORPS__POOL_HEAD_BYTES + pool_bytes_of(ring_bytes));
}

static uint64_t bytes_of_annex(enum corps__ring_annex annex) {
    return CORPS__POOL_HEAD_BYTES + corps__ring_annex_bytes(annex);
}

/* Where the i-th annex begins, behind that memory: two pools each, which nothing maps before it needs one. */
static uint64_t annex_at(unsigned i) {
    uint64_t bytes = 0;
    while (i-- > 0) {
        bytes += 2 * bytes_of_annex((enum corps__ring_annex)i);
    }
    return bytes;
}

static uint64_t file_bytes_of(uint64_t ring_bytes, unsigned annex_count) {
    return memory_bytes_of(ring_bytes) + annex_at(annex_count);
}

/* How many of the annexes that we know a file of this length has: a later version may have more behind them. −1: it is
 * too short for the rings. */
static int annexes_in(uint64_t ring_bytes, uint64_t file_bytes) {
    int count = CORPS__RING_ANNEXES;
    while (count >= 0 && file_bytes_of(ring_bytes, (unsigned)count) > file_bytes) {
        count--;
    }
    return count;
}

static bool may_be_long(uint64_t bytes) {
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur >= bytes;
}

struct corps__mapping *corps__ring_link_map_annex(const struct corps__ring_link *link, enum corps__ring_annex annex,
                                                  bool out) {
    size_t each = bytes_of_annex(annex);
    size_t before = CORPS__POOL_PAGE + annex_at(annex) + (link->is_connector == out ? 0 : each);
    /* Of nothing that is shared, this makes a second mapping that begins there: no descriptor need be kept for it. */
    char *last = (char *)link->memory->memory + link->memory->bytes - CORPS__POOL_PAGE;
    char *memory = mremap(last, 0, before + each, MREMAP_MAYMOVE);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    munmap(memory, before);
    return corps__mapping_create(memory + before, each);
}

static enum corps_err make_memory(uint64_t ring_bytes, int *fd) {
    int made = memfd_create("corps", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (made < 0) {
        return corps_error_system("cannot make shared memory");
    }
    unsigned annex_count = CORPS__RING_ANNEXES;
    while (annex_count > 0 && !may_be_long(file_bytes_of(ring_bytes, annex_count))) {
        annex_count--;
    }
    uint64_t bytes = file_bytes_of(ring_bytes, annex_count);
    if (ftruncate(made, (off_t)bytes) != 0 ||
        fcntl(made, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        enum corps_err err = corps_error_system("cannot size shared memory to %zu bytes", (size_t)bytes);
        close(made);
        return err;
    }
    *fd = made;
    return CORPS_OK;
}

/* Maps both directions; the first one is the connector's out. */
static enum corps_err map_memory(struct corps__ring_link *link, int fd, uint64_t ring_bytes, bool connector) {
    size_t bytes = memory_bytes_of(ring_bytes);
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        return corps_error_system("cannot map shared memory");
    }
    struct corps__mapping *mapping = corps__mapping_create(memory, bytes);
    if (mapping == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a link");
    }
    link->memory = mapping;
    link->is_connector = connector;
    struct stat st;
    int annex_count = fstat(fd, &st) == 0 ? annexes_in(ring_bytes, (uint64_t)st.st_size) : 0;
    link->annex_count = annex_count > 0 ? (unsigned)annex_count : 0;
    char *in = memory + (connector ? bytes / 2 : 0), *out = memory + (connector ? 0 : bytes / 2);
    link->pool_in = in + CORPS__RING_HEAD_BYTES + ring_bytes;
    link->pool_out = out + CORPS__RING_HEAD_BYTES + ring_bytes;
    link->pool_bytes = pool_bytes_of(ring_bytes);
    enum corps_err err = corps__ring_init(&link->in, in, ring_bytes, false);
    return err == CORPS_OK ? corps__ring_init(&link->out, out, ring_bytes, true) : err;
}

/* Is this memory what a connector must bring? */
static enum corps_err check_memory(int fd, uint64_t ring_bytes) {
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);
    bool good = ring_bytes >= BYTES_MIN && ring_bytes <= BYTES_MAX && (ring_bytes & (ring_bytes - 1)) == 0 &&
                seals >= 0 && (seals & F_SEAL_SHRINK) != 0 && fstat(fd, &st) == 0 &&
                annexes_in(ring_bytes, (uint64_t)st.st_size) >= 0;
    return good ? CORPS_OK
                : corps_error_set(CORPS_ERR_PROTOCOL, "a peer brought shared memory that is too short or unsealed");
}

/* ---- rendezvous: the connector's hello carries the ring size, memfd and doorbell; the answer how many annexes are
 * used from now on, and the other doorbell ---- */

static void start_ring_link(struct corps__ring_link *link, bool accepted) {
    if (ring_endpoint_of(link)->kind->start != NULL) {
        ring_endpoint_of(link)->kind->start(link);
    }
    corps__link_start(&link->base, accepted);
}

/* Takes the descriptor of a peer's doorbell, and leaves −1. */
static enum corps_err take_doorbell(struct corps__ring_link *link, int *handed) {
    if (fcntl(*handed, F_GETPIPE_SZ) <= 0) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer's doorbell is no pipe");
    }
    enum corps_err err = corps__reopen(*handed, O_RDWR, &link->peer_doorbell);
    if (err == CORPS_OK) {
        close(*handed);
        *handed = -1;
    }
    return err;
}

static enum corps_err on_ring_hello(void *owner, struct corps__session *session, struct corps__hello *theirs,
                                    struct corps__hello *answer) {
    struct corps__ring_endpoint *endpoint = owner;
    uint64_t ring_bytes;
    if (theirs->fd_count != 2 || theirs->bytes != sizeof ring_bytes) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer did not bring its shared memory");
    }
    memcpy(&ring_bytes, theirs->data, sizeof ring_bytes);
    enum corps_err err = check_memory(theirs->fds[0], ring_bytes);
    struct corps__ring_link *link = err == CORPS_OK ? create_ring_link(endpoint) : NULL;
    if (link == NULL) {
        return err != CORPS_OK ? err : CORPS_ERR_NO_MEMORY;
    }
    err = map_memory(link, theirs->fds[0], ring_bytes, false);
    err = err == CORPS_OK ? take_doorbell(link, &theirs->fds[1]) : err;
    if (err != CORPS_OK) {
        corps__ring_links_disconnect(&link->base.base);
        return err;
    }
    close(theirs->fds[0]);
    theirs->fds[0] = -1;
    answer->fds[0] = endpoint->handed_doorbell;
    answer->fd_count = 1;
    memcpy(answer->data, &link->annex_count, sizeof link->annex_count);
    answer->bytes = sizeof link->annex_count;
    corps__link_set_session(&link->base, session);
    start_ring_link(link, true);
    return CORPS_OK;
}

static enum corps_err on_ring_answer(void *owner, struct corps__session *session, struct corps__hello *theirs) {
    (void)owner;
    struct corps__ring_link *link = corps__session_user(session);
    enum corps_err err = theirs->fd_count == 1
                             ? take_doorbell(link, &theirs->fds[0])
                             : corps_error_set(CORPS_ERR_PROTOCOL, "a peer did not bring its doorbell");
    if (err != CORPS_OK) {
        corps__link_refuse(&link->base, err);
        return err;
    }
    unsigned annex_count = link->annex_count; /* one that says none has taken all */
    if (theirs->bytes == sizeof annex_count) {
        memcpy(&annex_count, theirs->data, sizeof annex_count);
    }
    link->annex_count = annex_count < link->annex_count ? annex_count : link->annex_count;
    start_ring_link(link, false);
    return CORPS_OK;
}

static void on_ring_closed(void *owner, struct corps__session *session, enum corps_err reason) {
    (void)owner;
    corps__link_peer_closed(corps__session_user(session), reason);
}

static const struct corps__rendezvous_ops rendezvous_ops = {
    .on_hello = on_ring_hello, .on_answer = on_ring_answer, .on_closed = on_ring_closed};

enum corps_err corps__ring_links_connect(struct corps_endpoint *base, const char *address, struct corps_link **out) {
    struct corps__ring_endpoint *endpoint = (struct corps__ring_endpoint *)base;
    struct corps__ring_link *link = create_ring_link(endpoint);
    if (link == NULL) {
        return CORPS_ERR_NO_MEMORY;
    }
    int fd = -1;
    enum corps_err err = make_memory(endpoint->ring_bytes, &fd);
    err = err == CORPS_OK ? map_memory(link, fd, endpoint->ring_bytes, true) : err;
    struct corps__hello hello = {
        .bytes = sizeof endpoint->ring_bytes, .fds = {fd, endpoint->handed_doorbell}, .fd_count = 2};
    memcpy(hello.data, &endpoint->ring_bytes, sizeof endpoint->ring_bytes);
    err = corps__link_connect(&link->base, err, address, &hello, out);
    if (fd >= 0) {
        close(fd);
    }
    return err;
}

/* ---- endpoint ---- */

static uint64_t ring_bytes_for(size_t wanted) {
    uint64_t bytes = BYTES_MIN;
    wanted = wanted > 0 ? wanted : DEFAULT_BYTES;
    while (bytes < wanted && bytes < BYTES_MAX) {
        bytes *= 2;
    }
    return bytes;
}

static enum corps_err make_doorbell(struct corps__ring_endpoint *endpoint) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        return corps_error_system("cannot make a pipe");
    }
    (void)fcntl(ends[1], F_SETPIPE_SZ, 1); /* a page: there are few rings at a time */
    corps__reopen_allow(ends[1]);
    endpoint->doorbell = ends[0];
    endpoint->handed_doorbell = ends[1];
    return CORPS_OK;
}

static void close_doorbell(const struct corps__ring_endpoint *endpoint) {
    close(endpoint->doorbell);
    close(endpoint->handed_doorbell);
}

enum corps_err corps__ring_links_open(struct corps__ring_endpoint *endpoint, const struct corps__ring_kind *kind,
                                      const struct corps_endpoint_options *options, char address[CORPS_ADDRESS_BYTES]) {
    endpoint->kind = kind;
    endpoint->ring_bytes = ring_bytes_for(options->buffer_bytes);
    endpoint->links.frame_bytes_max = options->frame_bytes_max;
    enum corps_err err = make_doorbell(endpoint);
    if (err != CORPS_OK) {
        return err;
    }
    err = corps__rendezvous_open(options, &rendezvous_ops, endpoint, address, &endpoint->links.rendezvous);
    if (err != CORPS_OK) {
        close_doorbell(endpoint);
    }
    return err;
}

void corps__ring_links_close(struct corps_endpoint *base) {
    struct corps__ring_endpoint *endpoint = (struct corps__ring_endpoint *)base;
    corps__rendezvous_close(endpoint->links.rendezvous);
    close_doorbell(endpoint);
}

/* The memory stays mapped: what was received in place may still be read. */
void corps__ring_links_forget(struct corps_endpoint *base) {
    const struct corps__ring_endpoint *endpoint = (const struct corps__ring_endpoint *)base;
    for (const struct corps__link *link = endpoint->links.first; link != NULL; link = link->next) {
        const struct corps__ring_link *ring_link = (const struct corps__ring_link *)link;
        if (ring_link->peer_doorbell >= 0) {
            close(ring_link->peer_doorbell);
        }
    }
    corps__rendezvous_forget(endpoint->links.rendezvous);
    close_doorbell(endpoint);
}
