#include "drain.h"

#include "agent.h"
#include "env.h"
#include "owner.h"
#include "session.h"

#include "base/dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool drained;

bool agent_is_drained(void) {
    return drained || agent.ends;
}

bool agent_drain(bool on) {
    if (on == drained) {
        return false;
    }
    drained = on;
    agent_say(on ? "is drained: takes no Envs, and ends in order what it has" : "takes Envs again");
    agent_owner_drain(on);
    agent_sessions_say_alive(); /* first: owners know that they have to choose another host */
    if (on) {
        agent_sessions_displace(true, "its host is drained");
    }
    return true;
}

/* ---- what is said of it ---- */

/* Was it begun here, by a program? Then its id has this host's number, and it was not given to hosts. */
static void count_staying(const char *path, const char *name, void *arg) {
    (void)path;
    unsigned *stays = arg;
    char *end;
    uint64_t corps_id = strtoull(name, &end, 16);
    if (*end == '\0' && corps_id >> 48 == agent.own->number && !agent_owner_is_here(corps_id) &&
        !agent_session_is_here(corps_id)) {
        (*stays)++;
    }
}

void agent_drain_answer(const char *word, void (*give)(void *arg, const struct corps_value *record), void *arg) {
    unsigned envs = agent_env_count(), owned = agent_owner_count(), stays = 0;
    bool on = strcmp(word, "drain") == 0;
    bool changed = agent_drain(on);
    if (on && corps__dir_living(count_staying, &stays) != CORPS_OK) {
        agent_say("cannot count the Corps of this host: %s", corps_error_detail());
    }
    const struct corps_entry what[] = {
        {corps_str("number"), corps_int(agent.own->number)},
        {corps_str("name"), corps_str(agent.own->name)},
        {corps_str("changed"), corps_bool(changed)},
        {corps_str("drained"), corps_bool(drained)},
        {corps_str("envs"), corps_int(envs)},
        {corps_str("owned"), corps_int(owned)},
        {corps_str("stays"), corps_int(stays)},
    };
    const struct corps_value items[] = {corps_str("drained"), corps_map(what, sizeof what / sizeof what[0])};
    const struct corps_value record = corps_array(items, 2);
    give(arg, &record);
}
