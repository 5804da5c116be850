#include "tcp_watch.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum { TRIES = 3, ROUND_TRIPS = 4 };

static const int keepalive_s = 1;

enum corps__tcp_verdict corps__tcp_watch_look(struct corps__tcp_watch *watch, const struct corps__tcp_signs *signs) {
    bool is_unanswered = signs->tries > 0;
    watch->unanswered_ms = is_unanswered && watch->was_unanswered ? watch->unanswered_ms + CORPS__TCP_LOOK_MS : 0;
    watch->was_unanswered = is_unanswered;
    if (signs->tries >= TRIES && signs->silent_ms >= CORPS__TCP_SILENCE_MS &&
        watch->unanswered_ms >= ROUND_TRIPS * (signs->rtt_us / 1000)) {
        return CORPS__TCP_DEAD;
    }
    return is_unanswered ? CORPS__TCP_ASK : CORPS__TCP_ALIVE;
}

void corps__tcp_watch_begin(int fd) {
    static const int on = 1, count = 8; /* the watch comes before the last one */
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive_s, sizeof keepalive_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &keepalive_s, sizeof keepalive_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

void corps__tcp_watch_ask(int fd) {
    /* Linux starts the timer anew, and the time is over already (tcp_sock_set_keepidle_locked; tried on 6.18). */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive_s, sizeof keepalive_s);
}

bool corps__tcp_watch_signs(int fd, struct corps__tcp_signs *signs) {
    struct tcp_info info = {0};
    socklen_t bytes = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) != 0) {
        return false;
    }
    signs->tries = info.tcpi_retransmits > info.tcpi_probes ? info.tcpi_retransmits : info.tcpi_probes;
    signs->silent_ms =
        info.tcpi_last_ack_recv < info.tcpi_last_data_recv ? info.tcpi_last_ack_recv : info.tcpi_last_data_recv;
    signs->rtt_us = info.tcpi_rtt;
    return true;
}
