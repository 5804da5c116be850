// What a peer program in C++ is told, measures with and prints; experiments/cell/peers.h is the contract.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <sched.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

namespace peer {

inline uint64_t clock_ns(clockid_t clock) {
    timespec now;
    return clock_gettime(clock, &now) == 0 ? uint64_t(now.tv_sec) * 1000000000u + uint64_t(now.tv_nsec) : 0;
}

inline uint64_t now_ns() {
    return clock_ns(CLOCK_MONOTONIC);
}

class Cell {
  public:
    Cell(int argc, char **argv) {
        for (int i = 1; i < argc; i++) {
            std::string pair = argv[i];
            size_t end = pair.find('=');
            values_[pair.substr(0, end)] = end == std::string::npos ? "" : pair.substr(end + 1);
        }
    }

    const std::string &text(const std::string &key) const {
        auto found = values_.find(key);
        if (found == values_.end()) {
            throw std::runtime_error("the cell has no key " + key);
        }
        return found->second;
    }

    uint64_t number(const std::string &key) const {
        return std::stoull(text(key));
    }

    bool is(const std::string &key, const std::string &value) const {
        return text(key) == value;
    }

    uint64_t bytes() const {
        return std::stoull(text("payload").substr(std::string("bytes:").size()));
    }

    // The processors that may be used.
    std::vector<int> cpus() const {
        std::vector<int> found;
        std::istringstream list(text("cpus"));
        for (std::string cpu; std::getline(list, cpu, ',');) {
            found.push_back(std::stoi(cpu));
        }
        return found;
    }

  private:
    std::map<std::string, std::string> values_;
};

// Puts this process, and every thread that it will start, where that side of the talk belongs.
inline void pin(const Cell &cell, size_t side) {
    if (cell.is("placement", "unpinned")) {
        return;
    }
    std::vector<int> cpus = cell.cpus();
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpus[cell.is("placement", "same") ? 0 : side % cpus.size()], &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) {
        throw std::runtime_error("cannot choose a processor");
    }
}

// Processor time of processes. A zero stands for this one.
inline uint64_t cpu_ns(const std::vector<pid_t> &pids) {
    uint64_t sum = 0;
    for (pid_t pid : pids) {
        clockid_t clock;
        sum += clock_getcpuclockid(pid, &clock) == 0 ? clock_ns(clock) : 0;
    }
    return sum;
}

// A figure of /proc/PID/status in bytes, such as VmHWM.
inline uint64_t memory_bytes(pid_t pid, const std::string &key) {
    std::ifstream file("/proc/" + (pid == 0 ? "self" : std::to_string(pid)) + "/status");
    for (std::string line; std::getline(file, line);) {
        if (line.compare(0, key.size() + 1, key + ":") == 0) {
            return std::stoull(line.substr(key.size() + 1)) * 1024;
        }
    }
    return 0;
}

// The clock of a trial: warm-up, then the timed section, as long as the cell says.
class Meter {
  public:
    Meter(const Cell &cell, uint64_t warmup_min = 0)
        : warmup_(std::max(cell.number("warmup_count"), warmup_min)), min_count_(cell.number("min_count")),
          min_ns_(cell.number("min_ms") * 1000000), max_ns_(cell.number("max_ms") * 1000000), size_(cell.bytes()) {
        times_.reserve(1 << 20);
    }

    // Besides this process, whose use of the machine counts.
    void add_process(pid_t pid) {
        pids_.push_back(pid);
    }

    // A step of so many messages took so long. Is there to be another?
    bool step(uint64_t took_ns, uint64_t messages) {
        uint64_t now = now_ns();
        if (begin_ns_ == 0) {
            begin_ns_ = now;
        }
        if (!timed_) {
            warmed_ += messages;
            if (warmed_ >= warmup_ || now - begin_ns_ >= max_ns_) {
                timed_ = true;
                cpu_before_ = cpu_ns(pids_);
                begin_ns_ = now_ns();
            }
            return true;
        }
        times_.push_back(took_ns);
        messages_ += messages;
        total_ns_ += took_ns;
        uint64_t passed = now - begin_ns_;
        bool enough = passed >= max_ns_ || (messages_ >= min_count_ && passed >= min_ns_);
        if (enough) {
            cpu_ns_ = cpu_ns(pids_) - cpu_before_;
        }
        return !enough;
    }

    // One thing that was done once, without a warm-up.
    void only(uint64_t took_ns, uint64_t messages) {
        times_.push_back(took_ns);
        messages_ = messages;
        total_ns_ = took_ns;
    }

    // What is printed. A step's time is divided by `divide` to be the latency of `weight` messages.
    std::string json(const std::string &version, uint64_t divide, uint64_t weight, const std::string &note,
                     const std::string &more = "") const {
        std::ostringstream out;
        std::map<uint64_t, uint64_t> buckets;
        uint64_t longest = 0;
        for (uint64_t time : times_) {
            longest = std::max(longest, time / divide);
            buckets[low_of(time / divide)] += weight;
        }
        uint64_t peak = 0;
        for (pid_t pid : pids_) {
            peak += memory_bytes(pid, "VmHWM");
        }
        out.precision(12);
        out << "{\"version\": \"" << version << "\", \"messages\": " << messages_
            << ", \"seconds\": " << double(total_ns_) / 1e9 << ", \"max_ns\": " << longest
            << ", \"latencies\": " << times_.size()
            << ", \"size_bytes\": " << size_ << ", \"peak_rss_bytes\": " << peak;
        if (timed_) {
            out << ", \"cpu_ns\": " << cpu_ns_;
        }
        if (!note.empty()) {
            out << ", \"notes\": [\"" << note << "\"]";
        }
        out << more << ", \"histogram\": [";
        const char *comma = "";
        for (auto [low, count] : buckets) {
            out << comma << "[" << low << ", " << count << "]";
            comma = ", ";
        }
        out << "]}";
        return out.str();
    }

  private:
    // Buckets as in experiments/measure/histogram.c: 2048 values one by one, above that 1024 to each power of two.
    static uint64_t low_of(uint64_t value) {
        unsigned shift = 0;
        while (value >> shift >= 2048) {
            shift++;
        }
        return value >> shift << shift;
    }

    uint64_t warmup_, min_count_, min_ns_, max_ns_, size_;
    uint64_t warmed_ = 0, messages_ = 0, total_ns_ = 0, begin_ns_ = 0, cpu_before_ = 0, cpu_ns_ = 0;
    bool timed_ = false;
    std::vector<uint64_t> times_;
    std::vector<pid_t> pids_{0};
};

} // namespace peer
