/* Hosts that are not there: a fleet (process/fleet.h) whose other hosts are this one. Envs that claim another host's
 * number are started here, as any others; what differs between hosts can so be tested on one.
 *
 *   int main(int argc, char **argv) {
 *       fake_fleet_set();                    // before corps_start, also in Envs
 *       …corps_create(…, {.hosts = "auto", .env_count = 3}, …)
 *
 * There are three: 1 "one" (the program's and Env 0's own, label "here"), 2 "two" and 3 "three" (both with the label
 * "there"), each with FAKE_SLOTS slots. Any Env goes to the one that has the fewest, own host last among equals. Their
 * Envs' remote endpoints are bound to 127.0.0.1, 127.0.0.2, 127.0.0.3; or to $FAKE_FLEET_NET1, … ("10.9.9."), where
 * that is set. */
#ifndef CORPS_TEST_FAKE_FLEET_H
#define CORPS_TEST_FAKE_FLEET_H

#include <corps.h>

enum { FAKE_HOSTS = 3, FAKE_SLOTS = 8, FAKE_SETTLE_MS = 700 /* between two lives of Env 0 */ };

/* Has this program's Corps with the option `hosts` live on those. */
void fake_fleet_set(void);

/* … and has this own those that are detached too; see fake_agent.h. */
extern enum corps_err (*fake_owner)(const struct corps *corps, const uint8_t *boot, size_t bytes, int *control_fd);

#endif
