// The programs of the Savina suite with CAF, as experiments/workloads/savina*.c does them: the same work, the same checks.
#pragma once

#include "peer.hpp"

#include <caf/all.hpp>

// Runs the program that the cell names; gives what is printed.
std::string savina(const peer::Cell &cell, caf::actor_system &system, const std::string &version);
