#include "tcp_watch.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

bool corps__tcp_watch_look(struct corps__tcp_watch *watch, const struct corps__tcp_signs *signs) {
    bool twice = watch->was_unanswered && signs->unanswered;
    watch->was_unanswered = signs->unanswered;
    return twice && signs->silent_ms >= CORPS__TCP_SILENCE_MS && signs->silent_ms / 4 >= signs->rtt_us / 1000;
}

bool corps__tcp_watch_ask(int fd, struct corps__tcp_signs *signs) {
    struct tcp_info info = {0};
    socklen_t bytes = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) != 0) {
        return false;
    }
    signs->unanswered = info.tcpi_retransmits > 0 || info.tcpi_probes > 0;
    signs->silent_ms =
        info.tcpi_last_ack_recv < info.tcpi_last_data_recv ? info.tcpi_last_ack_recv : info.tcpi_last_data_recv;
    signs->rtt_us = info.tcpi_rtt;
    return true;
}

void corps__tcp_watch_begin(int fd) {
    static const int on = 1, after_s = 1, count = 5; /* the watch is faster than the last one */
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &after_s, sizeof after_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &after_s, sizeof after_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}
