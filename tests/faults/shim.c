/* Lets one call on a file of the quarantine fail: which, how and at which turn stands in a shared page.
   Loaded with LD_PRELOAD into a node whose variable CORELAB_FAULTS names the page's file. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WRITE = 1, FDATASYNC = 2, FSYNC = 3, RENAME = 4 };

struct page {
    int call;
    int error;
    atomic_int turns; /* the call fails that takes the last one */
};

static struct page *page;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("CORELAB_FAULTS");
    int file = path ? open(path, O_RDWR) : -1;
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    page = mapped == MAP_FAILED ? NULL : mapped;
    close(file);
}

static int fails(int call, const char *path) {
    if (!page || page->call != call || !strstr(path, "/quarantine/"))
        return 0;
    if (atomic_load(&page->turns) <= 0 || atomic_fetch_sub(&page->turns, 1) != 1)
        return 0;
    errno = page->error;
    return 1;
}

static int fails_on(int call, int file) {
    char link[64], path[4096];
    if (!page || page->call != call)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0)
        return 0;
    path[size] = 0;
    return fails(call, path);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int file, const void *data, size_t size) { return fails_on(WRITE, file) ? -1 : NEXT(write)(file, data, size); }

int fdatasync(int file) { return fails_on(FDATASYNC, file) ? -1 : NEXT(fdatasync)(file); }

int fsync(int file) { return fails_on(FSYNC, file) ? -1 : NEXT(fsync)(file); }

int rename(const char *from, const char *to) { return fails(RENAME, to) ? -1 : NEXT(rename)(from, to); }
