#include "caf_savina.hpp"

#include <cmath>
#include <deque>
#include <future>
#include <memory>
#include <vector>

namespace {

enum { ROOM = 50, BLOCK = 50, COLOURS = 3 };

using self_ptr = caf::event_based_actor *;
using begin_atom = caf::atom_constant<caf::atom("begin")>;
using add_atom = caf::atom_constant<caf::atom("add")>;
using count_atom = caf::atom_constant<caf::atom("count")>;
using ping_atom = caf::atom_constant<caf::atom("ping")>;
using pong_atom = caf::atom_constant<caf::atom("pong")>;
using token_atom = caf::atom_constant<caf::atom("token")>;
using done_atom = caf::atom_constant<caf::atom("done")>;
using meet_atom = caf::atom_constant<caf::atom("meet")>;
using change_atom = caf::atom_constant<caf::atom("change")>;
using make_atom = caf::atom_constant<caf::atom("make")>;
using item_atom = caf::atom_constant<caf::atom("item")>;
using taken_atom = caf::atom_constant<caf::atom("taken")>;
using block_atom = caf::atom_constant<caf::atom("block")>;

// What all actors of a program know. Written before it begins, and by the referee.
struct Run {
    uint64_t scale = 100;
    std::vector<caf::actor> workers;
    caf::actor referee;
    std::promise<std::string> finished; // an error, or ""
    bool over = false;                  // the referee's
    uint64_t begin_ns = 0, took_ns = 0, messages = 0;

    uint64_t scaled(uint64_t amount) const {
        return std::max<uint64_t>(1, amount * scale / 100);
    }

    void stop() {
        took_ns = peer::now_ns() - begin_ns;
    }

    void end(bool right, uint64_t count, const std::string &fault) {
        messages = count;
        if (!over) {
            over = true;
            finished.set_value(right ? "" : fault);
        }
    }

    void wrong(const std::string &fault) { // of the referee too
        end(false, 0, fault);
    }
};

unsigned random_of(unsigned &state) {
    return state = (1309 * state + 13849) & 65535;
}

// ---- ping-pong ----

caf::behavior pong(self_ptr) {
    return {[](ping_atom, uint64_t number, const std::array<uint64_t, 8> &body) {
        return std::make_tuple(pong_atom::value, number, body);
    }};
}

caf::behavior ping(self_ptr self, Run *run) {
    const std::array<uint64_t, 8> body{{0, 1, 2, 3, 4, 5, 6, 7}};
    uint64_t count = run->scaled(40000);
    return {[=](begin_atom) { self->send(run->workers[0], ping_atom::value, uint64_t(0), body); },
            [=](pong_atom, uint64_t number, const std::array<uint64_t, 8> &got) {
                if (got != body || number != run->messages) {
                    run->wrong("a pong is not that of its ping");
                } else if (number + 1 == count) {
                    run->stop();
                    run->end(true, count, "");
                } else {
                    run->messages++;
                    self->send(run->workers[0], ping_atom::value, number + 1, body);
                }
            }};
}

// ---- counting, fork-join ----

caf::behavior counter(self_ptr) {
    auto count = std::make_shared<uint64_t>(0);
    return {[=](add_atom) { ++*count; }, [=](count_atom) { return *count; }};
}

caf::behavior flood(self_ptr self, Run *run, uint64_t each) {
    auto told = std::make_shared<size_t>(0);
    return {[=](begin_atom) {
                for (uint64_t i = 0; i < each; i++) {
                    for (auto &worker : run->workers) {
                        self->send(worker, add_atom::value);
                    }
                }
                for (auto &worker : run->workers) {
                    self->send(worker, count_atom::value);
                }
            },
            [=](uint64_t count) {
                if (count != each) {
                    run->wrong("a Worker has not counted all");
                } else if (++*told == run->workers.size()) {
                    run->stop();
                    run->end(true, each * *told, "");
                }
            }};
}

// ---- ring ----

caf::behavior member(self_ptr self, Run *run, size_t index) {
    return {[=](token_atom, uint64_t left) {
        if (left == 0) {
            self->send(run->referee, done_atom::value, uint64_t(index));
        } else {
            self->send(run->workers[index + 1 < run->workers.size() ? index + 1 : 0], token_atom::value, left - 1);
        }
    }};
}

caf::behavior ring(self_ptr self, Run *run) {
    uint64_t hops = run->scaled(100000);
    return {[=](begin_atom) { self->send(run->workers[0], token_atom::value, hops); },
            [=](done_atom, uint64_t index) {
                run->stop();
                run->end(index == hops % run->workers.size(), hops, "the token ended at another Worker");
            }};
}

// ---- chameneos ----

caf::behavior chameneos(self_ptr self, Run *run, int first) {
    auto colour = std::make_shared<int>(first);
    auto meetings = std::make_shared<uint64_t>(0);
    auto ask = [=] { self->send(run->referee, meet_atom::value, caf::actor_cast<caf::actor>(self), *colour); };
    return {[=](begin_atom) { ask(); },
            [=](meet_atom, const caf::actor &other, int theirs) {
                *colour = *colour == theirs ? theirs : COLOURS - *colour - theirs;
                ++*meetings;
                self->send(other, change_atom::value, *colour);
                ask();
            },
            [=](change_atom, int changed) {
                *colour = changed;
                ++*meetings;
                ask();
            },
            [=](count_atom) { return *meetings; }};
}

struct Mall {
    caf::actor waiting;
    uint64_t left, sum = 0;
    size_t refused = 0, told = 0;
};

caf::behavior mall(self_ptr self, Run *run) {
    auto state = std::make_shared<Mall>();
    uint64_t meetings = run->scaled(200000);
    state->left = meetings;
    return {[=](begin_atom) {
                for (auto &worker : run->workers) {
                    self->send(worker, begin_atom::value);
                }
            },
            [=](meet_atom, const caf::actor &who, int colour) {
                if (state->left == 0) {
                    if (++state->refused == run->workers.size()) { // none is on its way
                        run->stop();
                        for (auto &worker : run->workers) {
                            self->send(worker, count_atom::value);
                        }
                    }
                } else if (!state->waiting) {
                    state->waiting = who;
                } else {
                    self->send(state->waiting, meet_atom::value, who, colour);
                    state->waiting = nullptr;
                    state->left--;
                }
            },
            [=](uint64_t count) {
                state->sum += count;
                if (++state->told == run->workers.size()) {
                    run->end(state->sum == 2 * meetings, meetings, "the meetings do not sum up");
                }
            }};
}

// ---- big ----

struct Talker {
    unsigned random;
    size_t pinged = 0;
    uint64_t left, pings = 0, pongs = 0;
};

caf::behavior talker(self_ptr self, Run *run, size_t index) {
    auto state = std::make_shared<Talker>();
    state->random = unsigned(index) + 1;
    state->left = run->scaled(20000);
    auto next = [=] {
        size_t drawn = random_of(state->random) % (run->workers.size() - 1);
        state->pinged = drawn < index ? drawn : drawn + 1;
        self->send(run->workers[state->pinged], ping_atom::value, uint64_t(index));
    };
    return {[=](begin_atom) { next(); },
            [=](ping_atom, uint64_t from) {
                state->pings++;
                self->send(run->workers[from], pong_atom::value, uint64_t(index));
            },
            [=](pong_atom, uint64_t from) {
                state->pongs += from == state->pinged; // another's is missing in the end
                if (--state->left > 0) {
                    next();
                } else {
                    self->send(run->referee, done_atom::value, uint64_t(index));
                }
            },
            [=](count_atom) { return std::make_tuple(count_atom::value, state->pings, state->pongs); }};
}

struct Sink {
    size_t done = 0, told = 0;
    uint64_t pings = 0;
    bool right = true;
};

caf::behavior big(self_ptr self, Run *run) {
    auto state = std::make_shared<Sink>();
    uint64_t each = run->scaled(20000);
    return {[=](begin_atom) {
                for (auto &worker : run->workers) {
                    self->send(worker, begin_atom::value);
                }
            },
            [=](done_atom, uint64_t) {
                if (++state->done == run->workers.size()) {
                    run->stop();
                    for (auto &worker : run->workers) {
                        self->send(worker, count_atom::value);
                    }
                }
            },
            [=](count_atom, uint64_t pings, uint64_t pongs) {
                state->pings += pings;
                state->right = state->right && pongs == each;
                if (++state->told == run->workers.size()) {
                    run->end(state->right && state->pings == each * state->told, each * state->told,
                             "a ping or a pong is missing, or came from another");
                }
            }};
}

// ---- bounded buffer ----

caf::behavior producer(self_ptr self, Run *run, size_t index) {
    auto made = std::make_shared<uint64_t>(0);
    uint64_t each = run->scaled(1000);
    return {[=](make_atom) {
        if (*made < each) {
            self->send(run->referee, item_atom::value, uint64_t(index), (*made)++);
        }
    }};
}

caf::behavior consumer(self_ptr self, Run *run, size_t index) {
    return {[=](item_atom, uint64_t from, uint64_t number) {
        self->send(run->referee, taken_atom::value, uint64_t(index), from, number);
    }};
}

struct Manager {
    std::deque<std::pair<uint64_t, uint64_t>> items;
    std::deque<uint64_t> producers, consumers; // that wait
    std::vector<bool> taken;
    uint64_t done = 0;
};

template <class T> T first_of(std::deque<T> &queue) {
    T first = queue.front();
    queue.pop_front();
    return first;
}

caf::behavior manager(self_ptr self, Run *run) {
    auto state = std::make_shared<Manager>();
    size_t count = run->workers.size() / 2;
    uint64_t each = run->scaled(1000);
    state->taken.resize(count * each);
    return {[=](begin_atom) {
                for (size_t i = 0; i < run->workers.size(); i++) {
                    if (i < count) {
                        self->send(run->workers[i], make_atom::value);
                    } else {
                        state->consumers.push_back(i);
                    }
                }
            },
            [=](item_atom, uint64_t from, uint64_t number) {
                if (!state->consumers.empty()) {
                    self->send(run->workers[first_of(state->consumers)], item_atom::value, from, number);
                } else {
                    state->items.emplace_back(from, number);
                }
                if (state->items.size() > ROOM) {
                    run->wrong("more than 50 items wait");
                } else if (state->items.size() + count >= ROOM) {
                    state->producers.push_back(from);
                } else {
                    self->send(run->workers[from], make_atom::value);
                }
            },
            [=](taken_atom, uint64_t who, uint64_t from, uint64_t number) {
                if (state->taken[from * each + number]) {
                    run->wrong("an item was taken twice");
                }
                state->taken[from * each + number] = true;
                if (++state->done == count * each) {
                    run->stop();
                    run->end(true, state->done, "");
                    return;
                }
                if (!state->items.empty()) {
                    auto item = first_of(state->items);
                    self->send(run->workers[who], item_atom::value, item.first, item.second);
                } else {
                    state->consumers.push_back(who);
                }
                if (!state->producers.empty()) {
                    self->send(run->workers[first_of(state->producers)], make_atom::value);
                }
            }};
}

// ---- all pairs' shortest paths ----

using rows = std::vector<int64_t>;

rows graph(size_t nodes) {
    rows weights(nodes * nodes);
    unsigned random = 1;
    for (size_t i = 0; i < weights.size(); i++) {
        weights[i] = i % (nodes + 1) == 0 ? 0 : 1 + random_of(random) % 100;
    }
    return weights;
}

struct Round {
    size_t came = 0;
    rows row, column; // of node k, where they cross the block
};

struct Block {
    size_t index, side, width, round = 0;
    bool begun = false; // others may begin before, and all their blocks come
    rows distances;
    Round rounds[2]; // this and the next, by parity

    Block(Run *run, size_t number) : index(number), side(size_t(std::lround(std::sqrt(run->workers.size())))),
                                     width(run->scaled(BLOCK)) {
        size_t nodes = side * width;
        rows whole = graph(nodes);
        for (size_t i = 0; i < width; i++) {
            auto begin = whole.begin() + long((index / side * width + i) * nodes + index % side * width);
            distances.insert(distances.end(), begin, begin + long(width));
        }
        for (auto &kept : rounds) {
            kept.row.resize(width);
            kept.column.resize(width);
        }
    }

    void keep(size_t k, size_t from, const rows &other) {
        Round &kept = rounds[k & 1];
        size_t at = k % width;
        if (from % side == index % side && from / side == k / width) {
            std::copy_n(other.begin() + long(at * width), width, kept.row.begin());
        }
        for (size_t i = 0; from / side == index / side && from % side == k / width && i < width; i++) {
            kept.column[i] = other[i * width + at];
        }
    }

    void shorten() {
        Round &over = rounds[round & 1];
        for (size_t i = 0; i < width; i++) {
            for (size_t j = 0; j < width; j++) {
                distances[i * width + j] = std::min(distances[i * width + j], over.column[i] + over.row[j]);
            }
        }
        over.came = 0;
        round++;
    }
};

caf::behavior block(self_ptr self, Run *run, std::shared_ptr<Block> state) {
    auto tell = [=] { // one message, which all share
        auto message = caf::make_message(block_atom::value, uint64_t(state->round), uint64_t(state->index), state->distances);
        for (size_t i = 0; i < state->side; i++) {
            size_t in_row = state->index / state->side * state->side + i, in_column = i * state->side + state->index % state->side;
            for (size_t other : {in_row, in_column}) {
                if (other != state->index) {
                    self->send(run->workers[other], message);
                }
            }
        }
        state->keep(state->round, state->index, state->distances);
    };
    auto go_on = [=] {
        while (state->begun && state->round < state->side * state->width && state->rounds[state->round & 1].came == 2 * (state->side - 1)) {
            state->shorten();
            if (state->round < state->side * state->width) {
                tell();
            } else {
                self->send(run->referee, block_atom::value, uint64_t(0), uint64_t(state->index), state->distances);
            }
        }
    };
    return {[=](begin_atom) {
                state->begun = true;
                tell();
                go_on();
            },
            [=](block_atom, uint64_t round, uint64_t from, const rows &other) {
                state->keep(round, from, other);
                state->rounds[round & 1].came++;
                go_on();
            }};
}

rows serial(rows distances, size_t nodes) {
    for (size_t k = 0; k < nodes; k++) {
        for (size_t i = 0; i < nodes; i++) {
            for (size_t j = 0; j < nodes; j++) {
                distances[i * nodes + j] = std::min(distances[i * nodes + j], distances[i * nodes + k] + distances[k * nodes + j]);
            }
        }
    }
    return distances;
}

caf::behavior atlas(self_ptr self, Run *run, size_t side) {
    size_t width = run->scaled(BLOCK), nodes = width * side;
    auto found = std::make_shared<rows>(nodes * nodes);
    auto done = std::make_shared<size_t>(0);
    return {[=](begin_atom) {
                for (auto &worker : run->workers) {
                    self->send(worker, begin_atom::value);
                }
            },
            [=](block_atom, uint64_t, uint64_t from, const rows &part) {
                for (size_t i = 0; i < width; i++) {
                    std::copy_n(part.begin() + long(i * width), width,
                                found->begin() + long((from / side * width + i) * nodes + from % side * width));
                }
                if (++*done == run->workers.size()) {
                    run->stop();
                    run->end(*found == serial(graph(nodes), nodes), nodes * *done * 2 * (side - 1),
                             "the distances are not those of a serial Floyd-Warshall");
                }
            }};
}

// ---- the program ----

// The Workers, and who begins and checks.
void spawn_program(const std::string &name, size_t count, Run &run, caf::actor_system &system) {
    run.workers.resize(count);
    for (size_t i = 0; i < count; i++) {
        run.workers[i] = name == "pingpong"    ? system.spawn(pong)
                         : name == "ring"      ? system.spawn(member, &run, i)
                         : name == "chameneos" ? system.spawn(chameneos, &run, int((i + 1) % COLOURS))
                         : name == "big"       ? system.spawn(talker, &run, i)
                         : name == "apsp"      ? system.spawn(block, &run, std::make_shared<Block>(&run, i))
                         : name != "buffer"    ? system.spawn(counter)
                         : i < count / 2       ? system.spawn(producer, &run, i)
                                               : system.spawn(consumer, &run, i);
    }
    run.referee = name == "pingpong"    ? system.spawn(ping, &run)
                  : name == "counting"  ? system.spawn(flood, &run, run.scaled(1000000))
                  : name == "forkjoin"  ? system.spawn(flood, &run, run.scaled(10000))
                  : name == "ring"      ? system.spawn(ring, &run)
                  : name == "chameneos" ? system.spawn(mall, &run)
                  : name == "big"       ? system.spawn(big, &run)
                  : name == "buffer"    ? system.spawn(manager, &run)
                                        : system.spawn(atlas, &run, size_t(std::lround(std::sqrt(count))));
}

} // namespace

std::string savina(const peer::Cell &cell, caf::actor_system &system, const std::string &version) {
    Run run;
    peer::Meter meter(cell);
    run.scale = cell.number("scale");
    spawn_program(cell.text("workload").substr(std::string("savina-").size()), cell.number("concs"), run, system);
    auto outcome = run.finished.get_future();
    run.begin_ns = peer::now_ns();
    caf::anon_send(run.referee, begin_atom::value);
    bool late = outcome.wait_for(std::chrono::seconds(40)) != std::future_status::ready;
    std::string error = late ? "no end within 40 s: a message is lost" : outcome.get();
    run.workers.push_back(run.referee); // they know each other, and would not end by themselves
    for (auto &actor : run.workers) {
        caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    }
    system.await_all_actors_done();
    if (!error.empty()) {
        return "{\"error\": \"" + error + "\"}";
    }
    meter.only(run.took_ns, run.messages);
    return meter.json(version, run.messages, run.messages,
                      "one run of the whole program; latency is its time divided by its messages");
}
