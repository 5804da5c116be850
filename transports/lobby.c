#include "lobby.h"

#include "base/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    TICK_MS = 250,
    CAPACITY_MIN = 8,
    CAPACITY_MAX = 512,
    AT_ONCE = 64, /* so many are accepted before those who are here have their turn */
};

#define CALM_NS INT64_C(5000000000)
#define PRESSED_NS INT64_C(1000000000)

struct corps__lobby {
    uv_poll_t poll;
    uv_timer_t timer; /* ticks while anybody is here, or accepting pauses */
    int open_handles;
    int fd;
    const struct corps__lobby_ops *ops;
    void *owner;
    struct corps__guest *first, *last; /* in the order in which they came */
    unsigned count, capacity;
    uint64_t origin; /* of the connection that is being accepted */
    bool pauses, is_full;
    int64_t short_since_ns, short_at_ns; /* of descriptors: since when, and when it was last seen */
    int spare;                           /* given up for a moment to turn somebody away; −1: there is none */
};

static void start_accepting(struct corps__lobby *lobby);

/* ---- time ---- */

static void expire_guests(struct corps__lobby *lobby) {
    int64_t now = corps__now_ns();
    while (lobby->first != NULL) {
        int64_t allowed = lobby->count > lobby->capacity / 2 ? PRESSED_NS : CALM_NS;
        if (now - lobby->first->since_ns < allowed) {
            return;
        }
        lobby->ops->on_expired(lobby->owner, lobby->first);
    }
}

/* A timer that runs is set anew in the kernel at every sleep: it must not outlast its use. */
static void stop_ticking(struct corps__lobby *lobby) {
    if (lobby->first == NULL && !lobby->pauses) {
        uv_timer_stop(&lobby->timer);
    }
}

static void on_tick(uv_timer_t *timer) {
    struct corps__lobby *lobby = timer->data;
    expire_guests(lobby);
    if (lobby->pauses) {
        start_accepting(lobby);
    }
    stop_ticking(lobby);
}

static void start_ticking(struct corps__lobby *lobby) {
    if (!uv_is_active((uv_handle_t *)&lobby->timer)) {
        uv_update_time(lobby->timer.loop); /* a timer counts from the loop's own, possibly old, time */
        uv_timer_start(&lobby->timer, on_tick, TICK_MS, TICK_MS);
    }
}

static void pause_accepting(struct corps__lobby *lobby) {
    uv_poll_stop(&lobby->poll);
    lobby->pauses = true;
    lobby->is_full = lobby->count >= lobby->capacity;
    start_ticking(lobby);
}

/* ---- accepting ---- */

static bool is_local(const struct sockaddr_in6 *v6) {
    return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) && v6->sin6_addr.s6_addr[12] == 127);
}

static uint64_t origin_of(int fd, const struct sockaddr_storage *from) {
    if (from->ss_family == AF_INET) {
        uint32_t address = ntohl(((const struct sockaddr_in *)from)->sin_addr.s_addr);
        return address >> 24 == 127 ? 0 : address;
    }
    if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
        uint64_t half;
        memcpy(&half, v6->sin6_addr.s6_addr + (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) ? 8 : 0), sizeof half);
        return is_local(v6) ? 0 : half;
    }
    struct ucred peer;
    socklen_t bytes = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0 ? (uint64_t)peer.pid : 0;
}

static bool origin_has_room(const struct corps__lobby *lobby) {
    unsigned count = 0;
    for (const struct corps__guest *guest = lobby->first; guest != NULL && lobby->origin != 0; guest = guest->next) {
        count += guest->origin == lobby->origin;
    }
    return count < lobby->capacity / 2;
}

static void keep_spare(struct corps__lobby *lobby) {
    if (lobby->spare < 0 && lobby->ops->on_turned_away != NULL) {
        lobby->spare = eventfd(0, EFD_CLOEXEC);
    }
}

static void turn_away(struct corps__lobby *lobby) {
    for (unsigned i = 0; i < AT_ONCE && lobby->spare >= 0; i++) {
        close(lobby->spare);
        lobby->spare = -1;
        int fd = accept4(lobby->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            lobby->ops->on_turned_away(lobby->owner, fd);
            close(fd);
        }
        keep_spare(lobby);
        if (fd < 0) {
            return;
        }
    }
}

/* The descriptor of who waits stays ready: looking again at once would spin. */
static void run_short(struct corps__lobby *lobby) {
    int64_t now = corps__now_ns();
    keep_spare(lobby);
    if (now - lobby->short_at_ns > PRESSED_NS) {
        lobby->short_since_ns = now;
    } else if (now - lobby->short_since_ns >= CALM_NS) {
        turn_away(lobby);
    }
    lobby->short_at_ns = now;
    pause_accepting(lobby);
}

static void on_lobby_connection(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    struct corps__lobby *lobby = poll->data;
    for (unsigned i = 0; i < AT_ONCE; i++) {
        if (lobby->count >= lobby->capacity) {
            expire_guests(lobby);
        }
        if (lobby->count >= lobby->capacity) {
            pause_accepting(lobby);
            return;
        }
        struct sockaddr_storage from = {0};
        socklen_t bytes = sizeof from;
        int fd = accept4(lobby->fd, (struct sockaddr *)&from, &bytes, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
            run_short(lobby);
            return;
        }
        if (fd < 0 && errno != ECONNABORTED) {
            return;
        }
        lobby->short_at_ns = 0;
        lobby->origin = fd >= 0 ? origin_of(fd, &from) : 0;
        if (fd >= 0 && origin_has_room(lobby)) {
            lobby->ops->on_connection(lobby->owner, fd);
        } else if (fd >= 0) {
            close(fd);
        }
    }
}

static void start_accepting(struct corps__lobby *lobby) {
    lobby->pauses = lobby->is_full = false;
    uv_poll_start(&lobby->poll, UV_READABLE, on_lobby_connection);
}

/* ---- guests ---- */

void corps__lobby_enter(struct corps__lobby *lobby, struct corps__guest *guest) {
    *guest = (struct corps__guest){
        .lobby = lobby, .before = lobby->last, .since_ns = corps__now_ns(), .origin = lobby->origin};
    *(lobby->last != NULL ? &lobby->last->next : &lobby->first) = guest;
    lobby->last = guest;
    lobby->count++;
    start_ticking(lobby);
}

void corps__lobby_leave(struct corps__guest *guest) {
    struct corps__lobby *lobby = guest->lobby;
    if (lobby == NULL) {
        return;
    }
    *(guest->before != NULL ? &guest->before->next : &lobby->first) = guest->next;
    *(guest->next != NULL ? &guest->next->before : &lobby->last) = guest->before;
    guest->lobby = NULL;
    lobby->count--;
    if (lobby->is_full) {
        start_accepting(lobby);
    }
    stop_ticking(lobby);
}

struct corps__guest *corps__lobby_first(struct corps__lobby *lobby) {
    return lobby->first;
}

/* ---- opening and closing ---- */

static unsigned capacity_of(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur / 4 > CAPACITY_MAX) {
        return CAPACITY_MAX;
    }
    return limit.rlim_cur / 4 > CAPACITY_MIN ? (unsigned)limit.rlim_cur / 4 : CAPACITY_MIN;
}

static void lobby_handle_closed(uv_handle_t *handle) {
    struct corps__lobby *lobby = handle->data;
    if (--lobby->open_handles == 0) {
        free(lobby);
    }
}

enum corps_err corps__lobby_open(uv_loop_t *loop, int fd, const struct corps__lobby_ops *ops, void *owner,
                                 struct corps__lobby **lobby) {
    struct corps__lobby *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for an endpoint");
    }
    if (uv_poll_init(loop, &made->poll, fd) != 0) {
        free(made);
        return corps_error_set(CORPS_ERR_SYSTEM, "cannot watch a listening socket");
    }
    uv_timer_init(loop, &made->timer);
    made->poll.data = made->timer.data = made;
    made->open_handles = 2;
    made->fd = fd;
    made->ops = ops;
    made->owner = owner;
    made->capacity = capacity_of();
    made->spare = -1;
    keep_spare(made);
    start_accepting(made);
    *lobby = made;
    return CORPS_OK;
}

void corps__lobby_forget(const struct corps__lobby *lobby) {
    if (lobby->spare >= 0) {
        close(lobby->spare);
    }
}

void corps__lobby_close(struct corps__lobby *lobby) {
    if (lobby != NULL) {
        corps__lobby_forget(lobby);
        uv_close((uv_handle_t *)&lobby->poll, lobby_handle_closed);
        uv_close((uv_handle_t *)&lobby->timer, lobby_handle_closed);
    }
}
