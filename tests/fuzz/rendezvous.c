/* What a stranger of the same user may say at a rendezvous, with descriptors of any kind, and then over the link that
 * came of it: as one who connects, and as one who was connected to. Over unix, pipe, shm and mqueue; in shm the input
 * becomes records. Nothing of it may stay behind: the next free descriptor is the same afterwards. */
#include "rendezvous.h"
#include "fuzz.h"
#include "ring.h"

#include <fcntl.h>
#include <mqueue.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAGIC 0x31565243u
enum { TRANSPORTS = 4, RING_BYTES = 65536, FDS_MAX = 6, FRAME_BYTES_MAX = 1 << 20 };

struct hello {
    uint32_t magic, bytes, fd_count;
    uint8_t data[CORPS__HELLO_BYTES_MAX];
};

struct place {
    struct corps_endpoint *endpoint;
    char address[CORPS_ADDRESS_BYTES];
};

static const char *const names[TRANSPORTS] = {"unix", "pipe", "shm", "mqueue"};
static struct place places[TRANSPORTS];
static uv_loop_t loop;
static char folder[64], own_path[96];
static int own_listener;

/* ---- once ---- */

static void remove_folder(void) {
    unlink(own_path);
    for (unsigned i = 0; i < TRANSPORTS; i++) {
        unlink(places[i].address);
    }
    rmdir(folder);
}

static void open_endpoint(struct place *place, const char *name) {
    const struct corps_transport *transport = corps_transport_find(name);
    const struct corps_endpoint_options options = {.loop = &loop,
                                                   .directory = folder,
                                                   .name = name,
                                                   .frame_bytes_max = FRAME_BYTES_MAX,
                                                   .buffer_bytes = RING_BYTES};
    must(transport != NULL);
    size_t bytes = (transport->endpoint_bytes + 63) / 64 * 64;
    place->endpoint = aligned_alloc(64, bytes);
    memset(place->endpoint, 0, bytes);
    place->endpoint->transport = transport;
    if (transport->open(place->endpoint, &options, place->address) != CORPS_OK) {
        fprintf(stderr, "left out: %s: %s\n", name, corps_error_detail());
        place->endpoint = NULL;
    }
}

static void listen_ourselves(void) {
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    strcpy(where.sun_path, own_path);
    own_listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(bind(own_listener, (struct sockaddr *)&where, sizeof where) == 0 && listen(own_listener, 8) == 0);
}

/* ---- one input ---- */

struct talk {
    struct script script;
    struct place *place;
    struct corps_link *link;
    int fd;     /* the connection */
    int memory; /* shm's, −1: none */
    off_t ring; /* where the ring that we write lies in it */
    int pipe;   /* where we write to a pipe's link, −1: nowhere … */
    int reader; /* … and its other end, so that a write never finds nobody */
    unsigned accepted;
};

static size_t memory_bytes(void) {
    return 2 *
           (size_t)(4096 + RING_BYTES + 4096 + 32 * RING_BYTES); /* shm.c: rings with their heads, pools with theirs */
}

static int make_memory(size_t bytes, int seals) {
    int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    must(fd >= 0 && ftruncate(fd, (off_t)bytes) == 0 && fcntl(fd, F_ADD_SEALS, seals) == 0);
    return fd;
}

static int make_queue(void) {
    static unsigned number;
    char name[64];
    struct mq_attr attributes = {.mq_maxmsg = 4, .mq_msgsize = 1024};
    snprintf(name, sizeof name, "/corps-fuzz-%d-%u", (int)getpid(), number++);
    int fd = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK | O_CLOEXEC, 0600, &attributes);
    mq_unlink(name);
    return fd >= 0 ? fd : open("/dev/null", O_RDWR | O_CLOEXEC);
}

/* Adds a descriptor of this kind, or two. */
static void add_fd(struct talk *talk, uint8_t kind, int *fds, uint32_t *count) {
    int both[2];
    switch (kind % 8) {
    case 0: /* right for shm */
        fds[*count] = make_memory(memory_bytes(), F_SEAL_SHRINK | F_SEAL_GROW);
        if (talk->memory < 0) {
            talk->memory = dup(fds[*count]);
        }
        break;
    case 1:
        fds[*count] = make_memory(memory_bytes(), F_SEAL_GROW);
        break;
    case 2:
        fds[*count] = make_memory(4096 * (1 + (size_t)script_byte(&talk->script)), F_SEAL_SHRINK);
        break;
    case 3:
        fds[*count] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        break;
    case 4: /* a pipe's read end for the peer, of which we keep the other */
        must(pipe2(both, O_CLOEXEC | O_NONBLOCK) == 0);
        fds[*count] = both[0];
        if (talk->pipe < 0) {
            talk->pipe = both[1];
            talk->reader = dup(both[0]);
        } else {
            close(both[1]);
        }
        break;
    case 5: /* a pipe's write end */
        must(pipe2(both, O_CLOEXEC | O_NONBLOCK) == 0);
        fds[*count] = both[1];
        close(both[0]);
        break;
    case 6:
        fds[*count] = make_queue();
        break;
    case 7:
        fds[*count] = open("/dev/null", O_RDWR | O_CLOEXEC);
        break;
    }
    (*count)++;
}

static void send_message(int fd, const void *data, size_t bytes, const int *fds, uint32_t count) {
    struct iovec segment = {.iov_base = (void *)(uintptr_t)data, .iov_len = bytes};
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX)];
    } control = {0};
    struct msghdr message = {.msg_iov = &segment, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        *head = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int) * count)};
        memcpy(CMSG_DATA(head), fds, sizeof(int) * count);
    }
    (void)!sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void touch(const uint8_t *data, size_t bytes) {
    for (size_t i = 0; i < bytes; i += i + 4096 < bytes ? 4096 : 1) {
        (void)*(const volatile uint8_t *)(data + i);
    }
}

static void on_event(struct talk *talk, struct corps_event *event) {
    if (event->kind == CORPS_EVENT_ACCEPTED) {
        must(talk->link == NULL);
        talk->link = event->link;
        talk->accepted++;
    } else if (event->kind == CORPS_EVENT_MESSAGE) {
        const struct corps_block *tail = corps_frame_tail(event->data, event->block);
        must(event->link == talk->link);
        must(event->bytes + (tail != NULL ? tail->bytes : 0) <= FRAME_BYTES_MAX);
        touch(event->data, event->bytes);
        if (tail != NULL) {
            touch(tail->data, tail->bytes);
        }
    } else if (event->kind == CORPS_EVENT_CLOSED) {
        must(event->link == talk->link && event->reason != CORPS_OK);
        talk->place->endpoint->transport->disconnect(talk->link);
        talk->link = NULL;
    }
}

static void run(struct talk *talk) {
    struct corps_endpoint *endpoint = talk->place->endpoint;
    struct corps_event event = {0};
    for (unsigned empty = 0, events = 0; empty < 2 && events < 300; events++) {
        uv_run(&loop, UV_RUN_NOWAIT);
        if (endpoint->transport->poll(endpoint, &event) != CORPS_OK) {
            empty++;
            continue;
        }
        struct corps_event seen = event;
        if (event.kind != CORPS_EVENT_CLOSED) {
            on_event(talk, &event);
        }
        endpoint->transport->release(endpoint, &event);
        if (seen.kind == CORPS_EVENT_CLOSED) {
            on_event(talk, &seen);
        }
        corps_block_unref(seen.block);
        event = (struct corps_event){0};
    }
}

static void say_hello(struct talk *talk) {
    struct script *script = &talk->script;
    struct hello hello = {.magic = MAGIC};
    int fds[FDS_MAX];
    uint32_t count = 0;
    uint8_t how = script_byte(script);
    for (unsigned i = 0; i < how % FDS_MAX; i++) {
        add_fd(talk, script_byte(script), fds, &count);
    }
    const uint8_t *data;
    hello.bytes = script_byte(script) + (how >= 128);
    hello.fd_count = (how & 64) != 0 ? script_byte(script) : count;
    hello.magic ^= (how & 32) != 0 ? script_byte(script) : 0;
    size_t bytes = script_bytes(script, hello.bytes < sizeof hello.data ? hello.bytes : sizeof hello.data, &data);
    memcpy(hello.data, data, bytes);
    size_t first = (how & 16) != 0 ? script_byte(script) : sizeof hello;
    send_message(talk->fd, &hello, first, fds, count);
    run(talk);
    if (first < sizeof hello) {
        send_message(talk->fd, (uint8_t *)&hello + first, sizeof hello - first, NULL, 0);
        run(talk);
    }
    for (uint32_t i = 0; i < count; i++) {
        close(fds[i]);
    }
}

/* Records of shm: a kind, a length, whether it is a true one, content. */
static void write_records(struct talk *talk) {
    struct script *script = &talk->script;
    for (uint64_t position = 0; script->left >= 4 && position < RING_BYTES;) {
        uint8_t kind = script_byte(script);
        uint64_t length = script_number(script, 2);
        const uint8_t *data;
        size_t bytes = script_bytes(script, script_byte(script), &data);
        uint64_t word = length | (uint64_t)(kind & 7) << 32 | position / CORPS__RING_SLOT << 36;
        word ^= (kind & 8) != 0 ? UINT64_C(1) << kind / 8 : 0;
        off_t at = talk->ring + CORPS__RING_HEAD_BYTES + (off_t)position;
        (void)!pwrite(talk->memory, &word, sizeof word, at);
        (void)!pwrite(talk->memory, data, bytes, at + CORPS__RING_WORD);
        position += (CORPS__RING_WORD + length + CORPS__RING_SLOT - 1) / CORPS__RING_SLOT * CORPS__RING_SLOT;
    }
}

static void talk_on(struct talk *talk) {
    if (talk->memory >= 0) {
        write_records(talk);
    } else if (talk->pipe >= 0) {
        (void)!write(talk->pipe, talk->script.at, talk->script.left);
    } else if (talk->script.left > 0) {
        send_message(talk->fd, talk->script.at, talk->script.left, NULL, 0);
    }
    run(talk);
}

static void connect_to_it(struct talk *talk) {
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    strcpy(where.sun_path, talk->place->address);
    talk->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(talk->fd >= 0 && connect(talk->fd, (struct sockaddr *)&where, sizeof where) == 0);
}

/* It connects to us: takes what its hello brings. */
static void let_it_connect(struct talk *talk) {
    struct hello hello;
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int) * 8)];
    } control;
    struct iovec segment = {.iov_base = &hello, .iov_len = sizeof hello};
    struct msghdr message = {
        .msg_iov = &segment, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    must(talk->place->endpoint->transport->connect(talk->place->endpoint, own_path, &talk->link) == CORPS_OK);
    talk->fd = accept4(own_listener, NULL, NULL, SOCK_CLOEXEC);
    must(talk->fd >= 0 && recvmsg(talk->fd, &message, MSG_CMSG_CLOEXEC) == (ssize_t)sizeof hello);
    must(hello.magic == MAGIC);
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    for (unsigned i = 0; head != NULL && i < (head->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(head) + i * sizeof fd, sizeof fd);
        if (i == 0 && strcmp(talk->place->endpoint->transport->name, "shm") == 0) {
            talk->memory = fd;
            talk->ring = (off_t)memory_bytes() / 2;
        } else if (i == 1 && strcmp(talk->place->endpoint->transport->name, "pipe") == 0) {
            char path[32];
            snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
            talk->pipe = fd;
            talk->reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        } else {
            close(fd);
        }
    }
}

static void close_all(struct talk *talk) {
    const int fds[] = {talk->fd, talk->memory, talk->pipe, talk->reader};
    for (unsigned i = 0; i < 4; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    run(talk); /* it sees the end */
    if (talk->link != NULL) {
        talk->place->endpoint->transport->disconnect(talk->link);
        talk->link = NULL;
    }
    run(talk);
}

static int lowest_fd(void) {
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(fd);
    return fd;
}

static unsigned talk_once(const uint8_t *data, size_t bytes) {
    struct talk talk = {.script = {.at = data, .left = bytes}, .fd = -1, .memory = -1, .pipe = -1, .reader = -1};
    uint8_t first = script_byte(&talk.script);
    talk.place = &places[first % TRANSPORTS];
    if (talk.place->endpoint == NULL) {
        return 0;
    }
    int lowest = lowest_fd();
    if ((first & TRANSPORTS) == 0) {
        connect_to_it(&talk);
    } else {
        let_it_connect(&talk);
    }
    say_hello(&talk);
    talk_on(&talk);
    close_all(&talk);
    must(lowest_fd() == lowest);
    return talk.accepted;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    (void)talk_once(data, bytes);
    return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%.40s/corps-fuzz-XXXXXX", base != NULL ? base : "/tmp");
    must(mkdtemp(folder) != NULL && uv_loop_init(&loop) == 0);
    snprintf(own_path, sizeof own_path, "%s/own.sock", folder);
    listen_ourselves();
    for (unsigned i = 0; i < TRANSPORTS; i++) {
        open_endpoint(&places[i], names[i]);
    }
    atexit(remove_folder);
    static const uint8_t honest[] = {0, 0, 0}; /* or what follows would show nothing any more */
    must(talk_once(honest, sizeof honest) == 1);
    return 0;
}
