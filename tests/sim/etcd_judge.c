/* sim-etcd: is all as it should, some time after the last fault? */
#include "etcd.h"

/* Is there a host that can have it? */
static bool can_live(const struct world *world, const struct line *line) {
    for (uint32_t i = 0; i < world->host_count; i++) {
        if (world->hosts[i].agent_runs && line->means[i] && !line->unfit[i]) {
            return true;
        }
    }
    return false;
}

static void judge_corps(struct world *world, uint32_t number, uint32_t generation) {
    struct line *line = &world->lines[number];
    const struct kept *kept = &line->kept[generation];
    const struct life *one = NULL;
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->life_count; i++) {
        const struct life *life = &world->lives[i];
        bool its = life->is_alive && !life->is_far && life->line == number && life->generation == generation;
        if (its && life->acts && !corps__lease_is_over(life->until_ns, host_clock(world, life->host))) {
            one = life;
            count++;
        }
    }
    unsigned long long corps_id = corps_id_of(number, generation);
    const struct host *who = kept->wished_host != 0 ? &world->hosts[kept->wished_host - 1] : NULL;
    if (kept->exists && who != NULL && who->agent_runs && who->boot == kept->wished_boot) {
        sim_fault(world->sim, "Corps %llx: it was to end for good, as host %u knows, and etcd knows it still", corps_id,
                  kept->wished_host - 1);
    }
    if (count > 1 || (count > 0 && !kept->exists)) {
        sim_fault(world->sim, "Corps %llx: %u Env 0 act, and etcd %s it", corps_id, count,
                  kept->exists ? "knows" : "does not know");
    }
    if (!kept->exists || !can_live(world, line) || world->sim->fault[0] != '\0') {
        return;
    }
    const struct host *owner = kept->owner != 0 ? &world->hosts[kept->owner - 1] : NULL;
    if (count == 0) {
        sim_fault(world->sim, "Corps %llx: has no owner that acts (etcd: host %u, epoch %llu)", corps_id,
                  kept->owner - 1, (unsigned long long)kept->epoch);
    } else if (owner == NULL || owner->lease != kept->lease || one->host != kept->owner - 1 ||
               (one->epoch != kept->epoch && !line->stays)) {
        sim_fault(world->sim, "Corps %llx: epoch %llu acts on host %u, and etcd knows host %u, epoch %llu", corps_id,
                  (unsigned long long)one->epoch, one->host, kept->owner - 1, (unsigned long long)kept->epoch);
    }
}

/* Nothing of what is over is left at an agent. */
static void judge_rows(struct world *world, uint32_t number) {
    const struct host *host = &world->hosts[number];
    for (uint32_t i = 0; host->agent_runs && i < ROWS_MAX; i++) {
        const struct corps__owned *row = &host->rows[i];
        if (row->corps_id != 0 && row->goal != CORPS__OWNED_WATCH && (row->goal != CORPS__OWNED_RUN || !row->held)) {
            sim_fault(world->sim, "host %u: Corps %llx is left (goal %d)", number, (unsigned long long)row->corps_id,
                      (int)row->goal);
        }
    }
}

void judge_all(struct world *world) {
    for (uint32_t i = 0; i < world->line_count; i++) {
        uint32_t names = 0;
        for (uint32_t g = 0; g < world->lines[i].generations && world->sim->fault[0] == '\0'; g++) {
            judge_corps(world, i, g);
            names += world->lines[i].kept[g].exists ? 1 : 0;
        }
        if (names > 1) {
            sim_fault(world->sim, "line %u: %u Corps have its name", i, names);
        }
        if (world->lines[i].waits && world->lines[i].waits_ns + ORDER_NS + SIM_S < world->sim->now_ns) {
            sim_fault(world->sim, "line %u: what was ordered was never answered", i);
        }
    }
    for (uint32_t i = 0; i < world->host_count; i++) {
        judge_rows(world, i);
    }
}
