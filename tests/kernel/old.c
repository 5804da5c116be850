/* Runs a program as if on Linux 5.4, the oldest kernel promised: what came later is refused as that kernel would.
 *   old PROGRAM [ARGUMENT …]
 * System calls after number 435 are ENOSYS: close_range, openat2, pidfd_getfd, faccessat2, epoll_pwait2, futex_waitv
 * and all since (new calls have one number on all machines). Flags that came later are EINVAL: of memfd_create, its
 * seals, pidfd_open and madvise. What programs do without such calls is this kernel's own way nevertheless. Exit
 * status: the program's; 77 with a reason where the kernel lets nobody filter; 2 when it cannot be run. */

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    LAST_CALL = 435, /* clone3, Linux 5.3 */
    MEMFD_FLAGS = 0x7 | (int)(0x3fu << 26),
    SEAL_COMMAND = 1033, /* F_ADD_SEALS */
    SEALS = 0x1f,
    ADVICE_MAX = 21,     /* MADV_PAGEOUT */
    ADVICE_POISON = 100, /* for tests of the memory's failure, as ever */
};

#define ARGUMENT(n) ((unsigned)(offsetof(struct seccomp_data, args) + (n) * sizeof(__u64))) /* its lower half */
#define LOAD(at) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (at))
#define REFUSE(err) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (err))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define IF_ABOVE(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (value), (yes), (no))
#define IF_ANY_BIT(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (value), (yes), (no))

static struct sock_filter filter[] = {
    LOAD(offsetof(struct seccomp_data, nr)),
    IF_ABOVE(LAST_CALL, 0, 1),
    REFUSE(ENOSYS),
    IF_EQUAL(SYS_memfd_create, 0, 4),
    LOAD(ARGUMENT(1)),
    IF_ANY_BIT(~(unsigned)MEMFD_FLAGS, 0, 1),
    REFUSE(EINVAL),
    ALLOW,
    IF_EQUAL(SYS_pidfd_open, 0, 4),
    LOAD(ARGUMENT(1)),
    IF_EQUAL(0, 1, 0),
    REFUSE(EINVAL),
    ALLOW,
    IF_EQUAL(SYS_madvise, 0, 5),
    LOAD(ARGUMENT(2)),
    IF_ABOVE(ADVICE_MAX, 0, 2),
    IF_ABOVE(ADVICE_POISON - 1, 1, 0),
    REFUSE(EINVAL),
    ALLOW,
    IF_EQUAL(SYS_fcntl, 0, 5),
    LOAD(ARGUMENT(1)),
    IF_EQUAL(SEAL_COMMAND, 0, 3),
    LOAD(ARGUMENT(2)),
    IF_ANY_BIT(~(unsigned)SEALS, 0, 1),
    REFUSE(EINVAL),
    ALLOW,
};

/* Is it so? */
static const char *not_refused(void) {
    if (syscall(LAST_CALL + 1, 1000000, 1000000, 0) == 0 || errno != ENOSYS) {
        return "close_range";
    }
    if (memfd_create("old", 0x8 /* MFD_NOEXEC_SEAL */) >= 0) {
        return "a memfd that is sealed against execution";
    }
    int memory = memfd_create("old", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memory < 0 || close(memory) != 0) {
        return "nothing: also what there was";
    }
    return NULL;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: %s PROGRAM [ARGUMENT ...]\n", argv[0]);
        return 2;
    }
    const struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        printf("skipped: system calls cannot be filtered here: %s\n", strerror(errno));
        return 77;
    }
    const char *wrong = not_refused();
    if (wrong != NULL) {
        fprintf(stderr, "%s: the filter does not refuse %s\n", argv[0], wrong);
        return 2;
    }
    execvp(argv[1], argv + 1);
    fprintf(stderr, "%s: cannot run %s: %s\n", argv[0], argv[1], strerror(errno));
    return 2;
}
