#include "cell/cell.h"

#include "cell/peers.h"
#include "machine/fingerprint.h"
#include "raw/raw.h"

#include <corps/transport.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Defaults that depend on other keys, and combinations that cannot be. A zero or empty field is one that nobody set. */

static bool is(const char *text, const char *word) {
    return strcmp(text, word) == 0;
}

bool lab_cell_is_raw(const struct lab_cell *cell) {
    return strncmp(cell->transport, "raw:", 4) == 0;
}

bool lab_cell_is_ours(const struct lab_cell *cell) {
    return !lab_cell_is_raw(cell) && !lab_cell_is_peer(cell);
}

bool lab_cell_does(const struct lab_cell *cell, enum lab_workload_trait trait) {
    const struct lab_workload *workload = lab_workload_find(cell->workload);
    return workload != NULL && (workload->traits & trait) != 0;
}

void lab_cell_finish(struct lab_cell *cell) {
    if (cell->transport[0] == '\0') {
        strcpy(cell->transport, corps_transport_with(CORPS_TRANSPORT_DEFAULT)->name);
    }
    const struct raw_mechanism *raw = raw_find(cell->transport);
    const struct lab_peer *peer = lab_peer_find(cell->transport);
    const struct lab_workload *workload = lab_workload_find(cell->workload);
    if (cell->lang[0] == '\0') {
        strcpy(cell->lang, peer != NULL ? peer->lang : raw != NULL && raw->python ? "python" : "c");
    }
    if (cell->serializer[0] == '\0') {
        strcpy(cell->serializer, raw != NULL || peer != NULL ? "none" : is(cell->lang, "python") ? "auto" : "msgpack");
    }
    if (cell->wake[0] == '\0' && peer != NULL) {
        snprintf(cell->wake, sizeof cell->wake, "%.*s", (int)strcspn(peer->wakes, " "), peer->wakes);
    } else if (cell->wake[0] == '\0') {
        strcpy(cell->wake, raw == NULL      ? "adaptive"
                           : raw->can_block ? "block"
                                            : "spin"); /* raw controls do not adapt */
    }
    if (cell->window == 0) {
        cell->window = workload->window != 0 ? workload->window : 1;
    }
    if (cell->envs == 0 && lab_cell_is_ours(cell) && cell->hosts > 1) {
        cell->envs = cell->hosts;
    } else if (cell->envs == 0) {
        bool one = lab_cell_is_intra(cell) || (raw != NULL && raw->threads);
        cell->envs = peer != NULL ? peer->envs_min : one ? 1 : 2;
    }
    if (cell->load == 0) {
        cell->load = workload->load;
    }
    if (cell->scale == 0) {
        cell->scale = workload->scale;
    }
    if (cell->concs == 0) {
        cell->concs = workload->concs != 0 ? workload->concs : 1;
    }
    if (!lab_cell_does(cell, LAB_WORKLOAD_SEARCHES)) {
        /* Nothing reads them: cells that differ here alone are the same cell. */
        cell->path[0] = '\0';
        cell->pattern[0] = '\0';
    } else if (cell->pattern[0] == '\0') {
        strcpy(cell->pattern, "import");
    }
}

static unsigned processors(void) {
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? (unsigned)CPU_COUNT(&allowed) : 1;
}

/* Who has a wire between its hosts (hosts/wire.h): a process more, which must run. */
static bool has_wire(const struct lab_cell *cell) {
    return cell->delay_us > 0 || cell->rate_mbit > 0;
}

static const char *placement_rule(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    unsigned have = processors();
    /* Inside one Env the two threads that talk are what spins. */
    unsigned spinners = (cell->envs > 1 ? cell->envs : 2) + has_wire(cell);
    if (is(cell->wake, "spin") && is(cell->placement, "same")) {
        return "infeasible: spinning on the same processor keeps the other side from running; choose wake=block";
    }
    if (is(cell->wake, "spin") && spinners > have) {
        snprintf(why, LAB_ERROR_BYTES,
                 "infeasible: %u spinning sides need %u processors, and %u may be used; choose "
                 "wake=block",
                 spinners, spinners, have);
        return why;
    }
    if (is(cell->placement, "cross") && have < 2) {
        return "infeasible: placement=cross needs two processors, and one may be used; choose placement=same";
    }
    return NULL;
}

/* What fits into a message of the bare mechanisms. */
static const char *raw_size_rule(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    unsigned long bytes = 0, most = RAW_BYTES_MAX;
    char limit[32];
    const char *file = raw_find(cell->transport)->limit;
    if (file != NULL && lab_read_first_line(file, limit, sizeof limit)) {
        unsigned long kernels = strtoul(limit, NULL, 10);
        most = kernels < most ? kernels : most;
    }
    if (is(cell->lang, "python") ||
        (sscanf(cell->payload, "bytes:%lu", &bytes) == 1 && bytes >= RAW_BYTES_MIN && bytes <= most)) {
        return NULL;
    }
    snprintf(why, LAB_ERROR_BYTES, "%.40s carries payload bytes:%d to bytes:%lu", cell->transport, RAW_BYTES_MIN, most);
    return why;
}

static const char *raw_work_rule(const struct lab_cell *cell, const struct raw_mechanism *raw,
                                 char why[LAB_ERROR_BYTES]) {
    bool one_way = lab_cell_does(cell, LAB_WORKLOAD_STREAM);
    if (raw->starts != lab_cell_does(cell, LAB_WORKLOAD_HEALS)) {
        snprintf(why, LAB_ERROR_BYTES,
                 raw->starts ? "%s starts processes; choose workload=heal"
                             : "%s carries messages, and heal kills processes; choose another workload, or %s",
                 raw->name, raw_that_starts(raw->python)->name);
        return why;
    }
    if (raw->starts) {
        return NULL;
    }
    if (raw->alone && !one_way) {
        snprintf(why, LAB_ERROR_BYTES, "%s copies one way; choose workload=oneway", raw->name);
        return why;
    }
    if (!raw->alone && !lab_cell_does(cell, LAB_WORKLOAD_PING_PONG) && !(raw->can_stream && one_way)) {
        return raw->can_stream ? "raw controls do only workload=echo and workload=oneway"
                               : "this raw control does only workload=echo";
    }
    return NULL;
}

static const char *raw_wake_rule(const struct lab_cell *cell, const struct raw_mechanism *raw,
                                 char why[LAB_ERROR_BYTES]) {
    if (is(cell->wake, "adaptive")) {
        return "raw controls do not adapt; choose wake=block or wake=spin";
    }
    bool spin = is(cell->wake, "spin");
    if (spin ? raw->can_spin : raw->can_block) {
        return NULL;
    }
    snprintf(why, LAB_ERROR_BYTES, "%s %s; choose %s%s%s", raw->name,
             spin ? "is there to sleep on" : "has nothing to sleep on", spin ? "wake=block" : "wake=spin",
             raw->instead != NULL ? ", or " : "", raw->instead != NULL ? raw->instead : "");
    return why;
}

static const char *raw_rule(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    const struct raw_mechanism *raw = raw_find(cell->transport);
    if (!is(cell->serializer, "none")) {
        return "raw controls serialize nothing; choose serializer=none";
    }
    const char *rule = raw_work_rule(cell, raw, why);
    if (rule == NULL && strncmp(cell->payload, "bytes:", 6) != 0 && !is(cell->lang, "python")) {
        rule = "raw controls carry only payload=bytes:N";
    }
    rule = rule != NULL ? rule : raw_wake_rule(cell, raw, why);
    rule = rule != NULL ? rule : raw_size_rule(cell, why);
    if (rule != NULL || cell->envs == (raw->threads ? 1 : 2)) {
        return rule;
    }
    snprintf(why, LAB_ERROR_BYTES, "%s is two %s; choose envs=%d", raw->name,
             raw->threads ? "threads of one process" : "processes", raw->threads ? 1 : 2);
    return why;
}

static const char *payload_rule(const struct lab_cell *cell) {
    bool python_payload = is(cell->payload, "ast") || strncmp(cell->payload, "py:", 3) == 0;
    bool plain = is(cell->serializer, "none") || is(cell->serializer, "msgpack");
    if (python_payload && plain) {
        return "a payload of Python objects needs serializer auto, pickle, dill or cloudpickle";
    }
    if (is(cell->serializer, "none") && strncmp(cell->payload, "bytes:", 6) != 0) {
        return "serializer none carries only bytes; choose payload=bytes:N, or another serializer";
    }
    return NULL;
}

static const char *loan_rule(const struct lab_cell *cell) {
    if (cell->loan == 0) {
        return NULL;
    }
    bool writes = lab_cell_does(cell, LAB_WORKLOAD_LENDS);
    if (!lab_cell_is_ours(cell) || !writes || !is(cell->lang, "c") || strncmp(cell->payload, "bytes:", 6) != 0) {
        return "loan=1 is for payload=bytes:N of workload=echo and workload=oneway with lang=c, over our own "
               "transports";
    }
    return NULL;
}

/* Keys that only one workload reads. */
static const char *own_key_rule(const struct lab_cell *cell) {
    bool own = lab_cell_is_ours(cell) && is(cell->lang, "c");
    if (cell->load != 0 && !(own && lab_cell_does(cell, LAB_WORKLOAD_OPEN_LOOP))) {
        return "load is for workload=openloop with lang=c over our own transports";
    }
    if (cell->scale != 0 && lab_workload_find(cell->workload)->scale == 0) {
        return "scale is for the programs of the Savina suite; choose workload=savina-ring or another";
    }
    if (cell->batch != 0 && !(own && lab_cell_does(cell, LAB_WORKLOAD_STREAM))) {
        return "batch is for workload=oneway with lang=c over our own transports";
    }
    if (cell->stages != 0 && !(own && lab_cell_does(cell, LAB_WORKLOAD_PING_PONG) && !lab_cell_is_intra(cell))) {
        return "stages=1 is for workload=echo with lang=c, over our own transports between Envs";
    }
    bool of_c = !lab_cell_is_peer(cell) && is(cell->lang, "c");
    if (cell->counts != 0 && !(of_c && lab_cell_does(cell, LAB_WORKLOAD_PING_PONG) && is(cell->wake, "block"))) {
        return "counts=1 is for workload=echo with lang=c and wake=block, over our own transports and raw controls: "
               "who spins executes as much as the others leave it time for";
    }
    if (lab_cell_does(cell, LAB_WORKLOAD_OPEN_LOOP) && is(cell->placement, "same")) {
        return "infeasible: the driver of openloop polls, and on the same processor would keep the other side from "
               "running; choose placement=cross";
    }
    return NULL;
}

/* Hosts that the laboratory has not made are as they are: nothing can be done to them. */
static const char *foreign_hosts_rule(const struct lab_cell *cell, const struct raw_mechanism *raw) {
    if (cell->hosts == 0 || getenv(LAB_HOSTS_VARIABLE) == NULL) {
        return NULL;
    }
    if (raw != NULL) {
        return "bare controls join hosts that the laboratory makes; leave --hosts out";
    }
    if (has_wire(cell)) {
        return "delay_us and rate_mbit are of hosts that the laboratory makes; leave --hosts out";
    }
    if (lab_cell_does(cell, LAB_WORKLOAD_HEALS)) {
        return "heal kills processes, and those of other machines are out of reach; leave --hosts out";
    }
    return NULL;
}

/* Over what the messages travel. */
static const char *wire_rule(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    const struct raw_mechanism *raw = raw_find(cell->transport);
    bool remote = raw != NULL ? raw->remote : lab_cell_has(cell, CORPS_TRANSPORT_REMOTE);
    if (cell->hosts == 0 && has_wire(cell)) {
        return "delay_us and rate_mbit are of what joins hosts; choose hosts=2";
    }
    if (cell->hosts == 1) {
        return "one host is what there is without the key; choose hosts=0, or 2 and more";
    }
    if ((cell->hosts > 0 || cell->seal > 0) && !remote) {
        snprintf(why, LAB_ERROR_BYTES, "%.40s does not leave its host; hosts and seal are for %s, %s and %s",
                 cell->transport, corps_transport_with(CORPS_TRANSPORT_REMOTE)->name, raw_that_seals()->plain,
                 raw_that_seals()->name);
        return why;
    }
    if (cell->seal > 0 && raw != NULL) {
        snprintf(why, LAB_ERROR_BYTES, "%s %s; seal is for our own transports", raw->name,
                 raw->seals ? "seals anyway" : "seals nothing");
        return why;
    }
    if (cell->hosts > 0 && raw != NULL && cell->hosts != 2) {
        snprintf(why, LAB_ERROR_BYTES, "%s joins two hosts; choose hosts=2", raw->name);
        return why;
    }
    if (cell->hosts > cell->envs) {
        snprintf(why, LAB_ERROR_BYTES, "%u hosts need an Env each; choose envs=%u", cell->hosts, cell->hosts);
        return why;
    }
    const char *foreign = foreign_hosts_rule(cell, raw);
    if (foreign != NULL) {
        return foreign;
    }
    if ((cell->hosts > 0 || cell->seal > 0) && !is(cell->lang, "c")) {
        return "hosts and seal are for lang=c";
    }
    return NULL;
}

const char *lab_cell_impossible(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    if (cell->min_ms > cell->max_ms) {
        snprintf(why, LAB_ERROR_BYTES, "min_ms=%u is longer than max_ms=%u", cell->min_ms, cell->max_ms);
        return why;
    }
    const char *rule = lab_cell_is_raw(cell)    ? raw_rule(cell, why)
                       : lab_cell_is_peer(cell) ? lab_peer_rule(cell, why)
                                                : payload_rule(cell);
    rule = rule != NULL ? rule : loan_rule(cell);
    rule = rule != NULL ? rule : own_key_rule(cell);
    rule = rule != NULL ? rule : wire_rule(cell, why);
    if (rule == NULL && !lab_cell_is_peer(cell)) {
        rule = lab_cell_lang_rule(cell, why);
    }
    if (rule == NULL && lab_cell_is_intra(cell) && cell->envs > 1) {
        snprintf(why, LAB_ERROR_BYTES, "transport %s stays within one Env; choose envs=1", cell->transport);
        return why;
    }
    if (rule == NULL) {
        rule = placement_rule(cell, why);
    }
    const struct lab_workload *workload = lab_workload_find(cell->workload);
    if (rule == NULL && lab_cell_is_ours(cell) && workload != NULL && workload->impossible != NULL) {
        rule = workload->impossible(cell, why);
    }
    return rule;
}
