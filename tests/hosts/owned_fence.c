#include "owned.h"

#include "load.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct owned_fence *owned_fences_open(const char *path, bool make) {
    const size_t bytes = OWNED_CORPS_MAX * sizeof(struct owned_fence);
    int fd = open(path, O_RDWR | O_CLOEXEC | (make ? O_CREAT | O_EXCL : 0), 0600);
    void *fences = MAP_FAILED;
    if (fd >= 0 && (!make || ftruncate(fd, (off_t)bytes) == 0)) {
        fences = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    if (fences == MAP_FAILED) {
        perror(path);
    }
    if (fd >= 0) {
        close(fd);
    }
    return fences != MAP_FAILED ? fences : NULL;
}

/* Hosts are called h1, h2 …; 0: another name. */
static uint32_t host_number(void) {
    char name[32] = "";
    (void)gethostname(name, sizeof name - 1);
    return name[0] == 'h' ? (uint32_t)atoi(name + 1) : 0;
}

uint64_t owned_fence_begin(struct owned_fence *fence, uint64_t epoch) {
    uint64_t index = atomic_fetch_add(&fence->begun, 1);
    if (index >= OWNED_LIVES_MAX) {
        return 0;
    }
    fence->lives[index] =
        (struct owned_life){.epoch = epoch, .born_ns = load_real_ns(), .pid = getpid(), .host = host_number()};
    uint64_t newest = atomic_load(&fence->newest); /* whoever reads the new value reads the life behind it too */
    do {
        if (newest != 0 && fence->lives[newest - 1].epoch == epoch) {
            atomic_fetch_add(&fence->doubled, 1);
            return index + 1;
        }
        if (newest != 0 && fence->lives[newest - 1].epoch > epoch) {
            return index + 1; /* it is refused with its first act */
        }
    } while (!atomic_compare_exchange_weak(&fence->newest, &newest, index + 1));
    return index + 1;
}

bool owned_fence_act(struct owned_fence *fence, uint64_t life) {
    int64_t now_ns = load_real_ns(); /* before the newest is read: a life that begins later is nobody's fault */
    uint64_t newest = atomic_load(&fence->newest);
    if (newest == life) {
        atomic_store(&fence->acted_ns, now_ns);
        atomic_fetch_add(&fence->acts, 1);
        return true;
    }
    if (newest != 0) {
        atomic_store(&fence->overlap_ns, now_ns - fence->lives[newest - 1].born_ns);
    }
    atomic_fetch_add(&fence->refused, 1);
    return false;
}

bool owned_fence_write(struct owned_fence *fence, uint64_t life, unsigned caller, int64_t number) {
    if (!owned_fence_act(fence, life)) {
        return false;
    }
    int64_t last = atomic_exchange(&fence->written[caller], number);
    if (number == last) {
        atomic_fetch_add(&fence->repeated, 1);
    } else if (number != last + 1) {
        fprintf(stderr, "the store has effect %lld of caller %u after effect %lld\n", (long long)number, caller,
                (long long)last);
        atomic_fetch_add(&fence->skipped, 1);
    }
    return true;
}

static void print_fence(const struct owned_fence *fence) {
    static const struct owned_life none;
    uint64_t newest = fence->newest;
    const struct owned_life *life = newest != 0 ? &fence->lives[newest - 1] : &none;
    printf("{\"life\": %llu, \"begun\": %llu, \"epoch\": %llu, \"host\": %u, \"pid\": %d, \"born_s\": %.6f, "
           "\"acted_s\": %.6f, \"acts\": %llu, \"refused\": %llu, \"overlap_s\": %.3f, \"doubled\": %llu, "
           "\"repeated\": %llu, \"skipped\": %llu}",
           (unsigned long long)newest, (unsigned long long)fence->begun, (unsigned long long)life->epoch, life->host,
           life->pid, (double)life->born_ns / 1e9, (double)fence->acted_ns / 1e9, (unsigned long long)fence->acts,
           (unsigned long long)fence->refused, (double)fence->overlap_ns / 1e9, (unsigned long long)fence->doubled,
           (unsigned long long)fence->repeated, (unsigned long long)fence->skipped);
}

void owned_fences_print(const struct owned_fence *fences, unsigned count) {
    printf("[");
    for (unsigned i = 0; i < count; i++) {
        printf("%s", i > 0 ? ", " : "");
        print_fence(&fences[i]);
    }
    printf("]\n");
}
