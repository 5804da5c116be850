// The peer program of the C++ Actor Framework (0.17); experiments/cell/peers.h tells how it is called and what it prints.
// Messages are sent, not requested: a request of CAF costs more, and nothing here needs one.
#include "caf_savina.hpp"
#include "peer.hpp"

#include <array>
#include <future>
#include <iostream>
#include <memory>
#include <utility>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <caf/all.hpp>
#include <caf/io/all.hpp>

namespace {

enum { BURST = 1000 }; // messages between two answers of the counting actor; two bursts are under way

// 64 bytes, of which the first eight are the number.
struct token {
    std::array<uint64_t, 8> words;
};

template <class Inspector> typename Inspector::result_type inspect(Inspector &f, token &t) {
    return f(caf::meta::type_name("token"), t.words);
}

token make_token(uint64_t number) {
    return token{{number, 1, 2, 3, 4, 5, 6, 7}};
}

bool whole(const token &t, uint64_t number) {
    return t.words == make_token(number).words;
}

std::string version() {
    return "CAF " + std::to_string(CAF_VERSION / 10000) + "." + std::to_string(CAF_VERSION / 100 % 100) + "." +
           std::to_string(CAF_VERSION % 100);
}

struct Trial {
    const peer::Cell &cell;
    peer::Meter meter;
    std::promise<std::string> finished; // an error, or ""
    uint64_t next = 0;                  // number of the next message
    uint64_t begin_ns = 0;
    uint64_t left = 0; // of a round

    void fault(caf::event_based_actor *self, const std::string &text) {
        finished.set_value(text);
        self->quit();
    }

    void done(caf::event_based_actor *self) {
        finished.set_value("");
        self->quit();
    }
};

caf::behavior echo(caf::event_based_actor *) {
    return {[](token &t) { return t; }};
}

using start_atom = caf::atom_constant<caf::atom("start")>;

caf::behavior ping(caf::event_based_actor *self, Trial *trial, caf::actor server) {
    auto send = [=] {
        trial->begin_ns = peer::now_ns();
        self->send(server, make_token(trial->next));
    };
    return {[=](start_atom) { send(); },
            [=](const token &t) {
                uint64_t took = peer::now_ns() - trial->begin_ns;
                if (!whole(t, trial->next)) {
                    trial->fault(self, "an answer is not that to its message");
                    return;
                }
                trial->next++;
                trial->meter.step(took, 1) ? send() : trial->done(self);
            }};
}

caf::behavior scatter(caf::event_based_actor *self, Trial *trial, std::vector<caf::actor> servers) {
    auto send = [=] {
        trial->begin_ns = peer::now_ns();
        trial->left = servers.size();
        for (auto &server : servers) {
            self->send(server, make_token(trial->next++));
        }
    };
    auto sum = std::make_shared<uint64_t>(0);
    return {[=](start_atom) { send(); },
            [=](const token &t) {
                *sum += t.words[0];
                if (!whole(t, t.words[0])) {
                    trial->fault(self, "an answer has other content");
                } else if (--trial->left == 0) {
                    uint64_t took = peer::now_ns() - trial->begin_ns;
                    if (*sum != trial->next * (trial->next - 1) / 2) {
                        trial->fault(self, "the answers to a round are not its own");
                    } else {
                        trial->meter.step(took, servers.size()) ? send() : trial->done(self);
                    }
                }
            }};
}

caf::behavior counting(caf::event_based_actor *self) {
    auto count = std::make_shared<uint64_t>(0);
    return {[=](const token &t) {
        if (t.words[0] != *count) { // only the number is looked at, as our own counting Conc does
            self->send(caf::actor_cast<caf::actor>(self->current_sender()), make_token(UINT64_MAX));
        } else if (++*count % BURST == 0) {
            self->send(caf::actor_cast<caf::actor>(self->current_sender()), make_token(*count));
        }
    }};
}

caf::behavior sending(caf::event_based_actor *self, Trial *trial, caf::actor counter) {
    auto burst = [=] {
        for (unsigned i = 0; i < BURST; i++) {
            self->send(counter, make_token(trial->next++));
        }
    };
    return {[=](start_atom) {
                burst();
                burst();
                trial->begin_ns = peer::now_ns();
            },
            [=](const token &t) {
                if (!whole(t, trial->next - BURST)) {
                    trial->fault(self, "the counter has not counted every message, once and in order");
                    return;
                }
                uint64_t now = peer::now_ns();
                if (trial->meter.step(now - trial->begin_ns, BURST)) {
                    trial->begin_ns = now;
                    burst();
                } else {
                    trial->done(self);
                }
            }};
}

caf::behavior station(caf::event_based_actor *self, Trial *trial, caf::actor next, uint64_t index) {
    auto hop = std::make_shared<uint64_t>(index);
    return {[=](const token &t) {
        if (!whole(t, *hop)) {
            trial->fault(self, "the token is another than that of the hop");
            return;
        }
        self->send(next, make_token(*hop + 1));
        *hop += trial->cell.number("concs");
    }};
}

caf::behavior keeper(caf::event_based_actor *self, Trial *trial, uint64_t width) {
    auto first = std::make_shared<caf::actor>();
    auto send = [=] {
        trial->begin_ns = peer::now_ns();
        self->send(*first, make_token(trial->next + 1));
    };
    return {[=](start_atom, const caf::actor &whom) {
                *first = whom;
                send();
            },
            [=](const token &t) {
                uint64_t took = peer::now_ns() - trial->begin_ns;
                trial->next += width;
                if (!whole(t, trial->next)) {
                    trial->fault(self, "the token is another at the end of a lap");
                } else if (trial->meter.step(took, width)) {
                    send();
                } else {
                    *first = nullptr; // the ring holds itself alive otherwise
                    trial->done(self);
                }
            }};
}

struct Config : caf::actor_system_config {
    Config(const peer::Cell &cell, size_t threads) {
        add_message_type<token>("token");
        if (threads > 0) {
            set("scheduler.max-threads", threads);
        }
        // Work stealing, the default, looks for work for a while and then at intervals; work sharing sleeps until it is
        // woken.
        set("scheduler.policy", cell.is("wake", "block") ? caf::atom("sharing") : caf::atom("stealing"));
        set("logger.verbosity", caf::atom("quiet"));
    }
};

std::string await(Trial &trial) {
    std::future<std::string> outcome = trial.finished.get_future();
    if (outcome.wait_for(std::chrono::seconds(30)) != std::future_status::ready) {
        return "no end within 30 s: a message is lost";
    }
    return outcome.get();
}

// One worker for each processor that the actors may use; as many as CAF wants where nothing is said.
size_t workers(const peer::Cell &cell) {
    return cell.is("placement", "same") ? 1 : cell.is("placement", "cross") ? 2 : 0;
}

std::string outcome(Trial &trial, const std::string &error, uint64_t divide, uint64_t weight, const char *note) {
    return error.empty() ? trial.meter.json(version(), divide, weight, note) : "{\"error\": \"" + error + "\"}";
}

std::string within(const peer::Cell &cell) {
    Config config(cell, workers(cell));
    caf::actor_system system(config);
    uint64_t concs = cell.number("concs");
    if (cell.text("workload").rfind("savina-", 0) == 0) {
        return savina(cell, system, version());
    }
    if (cell.is("workload", "count")) {
        Trial trial{cell, peer::Meter(cell, BURST), {}};
        caf::anon_send(system.spawn(sending, &trial, system.spawn(counting)), start_atom::value);
        return outcome(trial, await(trial), BURST, BURST,
                       "latency is a message's share of the time for 1000; two such bursts are under way at most");
    }
    Trial trial{cell, peer::Meter(cell), {}};
    if (cell.is("workload", "echo")) {
        caf::anon_send(system.spawn(ping, &trial, system.spawn(echo)), start_atom::value);
        return outcome(trial, await(trial), 1, 1, "");
    }
    if (cell.is("workload", "fanout")) {
        std::vector<caf::actor> servers(concs);
        std::generate(servers.begin(), servers.end(), [&] { return system.spawn(echo); });
        caf::anon_send(system.spawn(scatter, &trial, servers), start_atom::value);
        return outcome(trial, await(trial), 1, 1, "latency is of a round: from the first request to the last reply");
    }
    caf::actor first = system.spawn(keeper, &trial, concs);
    caf::actor next = first;
    for (uint64_t index = concs - 1; index > 0; index--) {
        next = system.spawn(station, &trial, next, index);
    }
    caf::anon_send(first, start_atom::value, next);
    return outcome(trial, await(trial), concs, concs,
                   "a message is one hop; latency is a lap's time divided by its hops");
}

// Asks in groups, so that the questions take no memory that would count as the actors'.
bool all_answer(caf::actor_system &system, const std::vector<caf::actor> &actors) {
    caf::scoped_actor self{system};
    uint64_t sum = 0;
    for (size_t first = 0; first < actors.size(); first += BURST) {
        size_t left = std::min<size_t>(BURST, actors.size() - first);
        for (size_t i = first; i < first + left; i++) {
            self->send(actors[i], make_token(i));
        }
        bool late = false;
        while (left > 0 && !late) {
            self->receive([&](const token &t) { sum += t.words[0], left--; },
                          caf::after(std::chrono::seconds(30)) >> [&] { late = true; });
        }
    }
    return sum == actors.size() * (actors.size() - 1) / 2;
}

std::string spawn_many(const peer::Cell &cell) {
    Config config(cell, workers(cell));
    caf::actor_system system(config);
    uint64_t count = cell.number("concs");
    Trial trial{cell, peer::Meter(cell), {}};
    std::vector<caf::actor> actors(count);
    uint64_t before = peer::memory_bytes(0, "VmRSS");
    uint64_t begin = peer::now_ns();
    for (auto &actor : actors) {
        actor = system.spawn(echo);
    }
    trial.meter.only(peer::now_ns() - begin, count);
    if (!all_answer(system, actors)) {
        return "{\"error\": \"not all actors answer\"}";
    }
    uint64_t grown = peer::memory_bytes(0, "VmRSS") - before; // now that each has its behaviour
    return trial.meter.json(version(), count, count,
                            "a message is the creation of an actor; bytes_each is the growth of resident memory",
                            ", \"bytes_each\": " + std::to_string(grown / count));
}

// ---- two processes ----

// The other process: publishes an echo, tells its port, and lives until the pipe says that the first has ended.
[[noreturn]] void serve(const peer::Cell &cell, int told, int ended) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
        peer::pin(cell, 1);
        Config config(cell, cell.is("placement", "unpinned") ? 0 : 1);
        config.load<caf::io::middleman>();
        caf::actor_system system(config);
        caf::actor server = system.spawn(echo);
        auto port = system.middleman().publish(server, 0, "127.0.0.1");
        uint16_t number = port ? *port : 0;
        char end;
        if (write(told, &number, sizeof number) == sizeof number) {
            (void)!read(ended, &end, 1);
        }
        _exit(0); // the system would wait for its actors, and what is published does not end
    } catch (const std::exception &error) {
        std::cerr << error.what() << std::endl;
    }
    _exit(1);
}

std::string between(const peer::Cell &cell) {
    int told[2], ended[2];
    if (pipe(told) != 0 || pipe(ended) != 0) {
        throw std::runtime_error("cannot make a pipe");
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(ended[1]);
        serve(cell, told[1], ended[0]);
    }
    close(told[1]);
    close(ended[0]);
    peer::pin(cell, 0);
    uint16_t port = 0;
    if (pid < 0 || read(told[0], &port, sizeof port) != sizeof port || port == 0) {
        throw std::runtime_error("the other process has published no actor");
    }
    std::string answer;
    {
        Config config(cell, cell.is("placement", "unpinned") ? 0 : 1);
        config.load<caf::io::middleman>();
        caf::actor_system system(config);
        auto server = system.middleman().remote_actor("127.0.0.1", port);
        if (!server) {
            throw std::runtime_error("the other process cannot be reached");
        }
        Trial trial{cell, peer::Meter(cell), {}};
        trial.meter.add_process(pid);
        caf::anon_send(system.spawn(ping, &trial, *server), start_atom::value);
        answer = outcome(trial, await(trial), 1, 1, "");
    }
    close(ended[1]);
    waitpid(pid, nullptr, 0);
    return answer;
}

} // namespace

int main(int argc, char **argv) {
    std::string answer;
    try {
        peer::Cell cell(argc, argv);
        if (argc == 2 && std::string(argv[1]) == "--version") {
            answer = "{\"version\": \"" + version() + "\"}";
        } else if (cell.number("envs") == 2) {
            answer = between(cell);
        } else {
            answer = cell.is("workload", "spawn") ? spawn_many(cell) : within(cell);
        }
    } catch (const std::exception &error) {
        answer = "{\"error\": \"" + std::string(error.what()) + "\"}";
    }
    puts(answer.c_str());
    return answer.find("{\"error") == 0 ? 1 : 0;
}
