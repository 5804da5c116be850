#include <corps.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

/* corps-env: the process of an Env whose classes come from a shared object (corps_options.module) instead of the
 * program itself. Only a Corps starts it; CORPS_MODULE, set by the parent, says which object. */
int main(void) {
    const char *path = getenv("CORPS_MODULE");
    if (path == NULL || getenv("CORPS_BOOT_FD") == NULL) {
        fprintf(stderr, "corps-env: this program is started by corps_create (option module), not by hand\n");
        return 2;
    }
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (module == NULL) {
        fprintf(stderr, "corps-env: cannot load %s: %s\n", path, dlerror());
        return 1;
    }
    const struct corps_class *const *classes = dlsym(module, "corps_classes");
    if (classes == NULL) {
        fprintf(stderr, "corps-env: %s has no symbol corps_classes (an array of classes that ends with NULL)\n", path);
        return 1;
    }
    corps_start(classes);
    return 1;
}
