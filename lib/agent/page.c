#include "page.h"

#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096 };

enum corps_err agent_page_make(int *fd, agent_page **page) {
    int made = memfd_create("corps-grant", MFD_CLOEXEC);
    void *mapped = made >= 0 && ftruncate(made, PAGE_BYTES) == 0
                       ? mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, made, 0)
                       : MAP_FAILED;
    if (mapped == MAP_FAILED) {
        enum corps_err err = corps_error_system("cannot make a page of grants");
        if (made >= 0) {
            close(made);
        }
        return err;
    }
    *fd = made;
    *page = mapped;
    return CORPS_OK;
}

void agent_page_free(int fd, agent_page *page) {
    munmap((void *)page, PAGE_BYTES);
    close(fd);
}
