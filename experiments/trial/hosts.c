#include "trial/hosts.h"

#include "cell/cell.h"
#include "workloads/where.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The names of a hosts file: the second word of each line. How many there are, as far as there is room. */
static unsigned read_names(const char *path, char names[LAB_NET_HOSTS_MAX][LAB_HOSTS_NAME_BYTES]) {
    char line[512];
    unsigned count = 0, number;
    FILE *file = fopen(path, "re");
    while (file != NULL && count < LAB_NET_HOSTS_MAX && fgets(line, sizeof line, file) != NULL) {
        count += sscanf(line, "%u %63s", &number, names[count]) == 2;
    }
    if (file != NULL) {
        fclose(file);
    }
    return count;
}

static bool use_hosts_of(struct lab_hosts *hosts, const char *path, char error[LAB_ERROR_BYTES]) {
    unsigned count = read_names(path, hosts->names);
    if (count < hosts->cell->hosts) {
        snprintf(error, LAB_ERROR_BYTES, "%.200s has %u hosts, and hosts=%u needs more; add some, or choose fewer",
                 path, count, hosts->cell->hosts);
    }
    return count >= hosts->cell->hosts;
}

static bool make_hosts(struct lab_hosts *hosts, char error[LAB_ERROR_BYTES]) {
    const struct lab_cell *cell = hosts->cell;
    if (!lab_net_open(&hosts->net, cell->hosts, cell->delay_us, cell->rate_mbit, error)) {
        return false;
    }
    if (!lab_agents_start(&hosts->agents, &hosts->net, error)) {
        lab_net_close(&hosts->net);
        return false;
    }
    for (unsigned i = 0; i < cell->hosts; i++) {
        lab_agents_name(i + 1, hosts->names[i]);
    }
    hosts->made = true;
    return true;
}

bool lab_hosts_begin(struct lab_hosts *hosts, const struct lab_cell *cell, char error[LAB_ERROR_BYTES]) {
    const char *file = getenv(LAB_HOSTS_VARIABLE);
    memset(hosts, 0, sizeof *hosts);
    hosts->cell = cell;
    if (cell->hosts == 0 && cell->seal == 0) {
        return true;
    }
    setenv("CORPS_SEAL", cell->seal > 0 ? "always" : "never", 1);
    return cell->hosts == 0 || (file != NULL ? use_hosts_of(hosts, file, error) : make_hosts(hosts, error));
}

void lab_hosts_options(const struct lab_hosts *hosts, struct corps_options *options) {
    if (hosts->cell->hosts > 0) {
        options->hosts = "auto";
        options->env_count = 1;
    }
}

/* The place of this host among the names. */
static unsigned own_place(const struct lab_hosts *hosts, const struct corps *corps) {
    const char *own = corps_env_host(corps, 0, NULL);
    for (unsigned i = 0; i < LAB_NET_HOSTS_MAX; i++) {
        if (strcmp(hosts->names[i], own) == 0) {
            return i;
        }
    }
    return 0;
}

enum corps_err lab_hosts_place(const struct lab_hosts *hosts, struct corps *corps) {
    const struct lab_cell *cell = hosts->cell;
    if (cell->hosts == 0) {
        return CORPS_OK;
    }
    unsigned own = own_place(hosts, corps);
    for (unsigned env = 1; env < cell->envs; env++) {
        unsigned added;
        enum corps_err err = corps_env_add_on(corps, hosts->names[(own + env) % cell->hosts], &added);
        if (err != CORPS_OK) {
            return err;
        }
    }
    return lab_where_learn(corps);
}

bool lab_hosts_end(struct lab_hosts *hosts, char error[LAB_ERROR_BYTES]) {
    bool ok = true;
    if (hosts->made) {
        ok = lab_agents_end(&hosts->agents, error);
        lab_net_close(&hosts->net);
    }
    return ok;
}
