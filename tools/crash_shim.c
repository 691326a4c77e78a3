/* Counts the calls by which a process changes files below one folder, and at the n-th of them kills it or answers "no space left".
 *
 * Loaded by LD_PRELOAD; nothing happens until crash_arm is called. Built and used by tools/crash.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BEFORE, AFTER, MIDDLE, FULL_ONCE, FULL_FROM_HERE };

static char home[PATH_MAX];
static size_t home_length;
static long at, seen;
static int mode, armed;

void crash_arm(const char *folder, long nth, int how) {
    strncpy(home, folder, sizeof home - 1);
    home_length = strlen(home);
    at = nth, mode = how, seen = 0, armed = 1;
}

long crash_seen(void) { return seen; }

static void die(void) { kill(getpid(), SIGKILL); for (;;) pause(); }

static int below(const char *path) {
    char whole[PATH_MAX];
    if (!path) return 0;
    if (path[0] != '/') {
        char here[PATH_MAX];
        if (!getcwd(here, sizeof here) || snprintf(whole, sizeof whole, "%s/%s", here, path) >= (int)sizeof whole) return 0;
        path = whole;
    }
    return strncmp(path, home, home_length) == 0;
}

static int below_fd(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

/* 0: go on; 1: go on, and die after; 2: half of a write, and die; -1: the disk is full. */
static int turn(int ours) {
    if (!armed || !ours) return 0;
    long now = __sync_add_and_fetch(&seen, 1);
    if (mode == FULL_FROM_HERE && now >= at) { errno = ENOSPC; return -1; }
    if (now != at) return 0;
    if (mode == BEFORE) die();
    if (mode == FULL_ONCE) { errno = ENOSPC; return -1; }
    return mode == MIDDLE ? 2 : 1;
}

#define NEXT(name) __typeof__(name) *next = dlsym(RTLD_NEXT, #name)
#define DONE(result) do { __typeof__(result) _r = (result); if (what > 0) die(); return _r; } while (0)

#define OPENER(name) \
int name(const char *path, int flags, ...) { \
    va_list rest; va_start(rest, flags); mode_t bits = va_arg(rest, mode_t); va_end(rest); \
    int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, #name); \
    int what = turn(armed && (flags & O_CREAT) && below(path)); \
    if (what < 0) return -1; \
    DONE(next(path, flags, bits)); \
}
OPENER(open)
OPENER(open64)

ssize_t write(int fd, const void *bytes, size_t length) {
    NEXT(write);
    int what = armed ? turn(below_fd(fd)) : 0;
    if (what < 0) return -1;
    if (what == 2) { next(fd, bytes, length / 2); die(); }
    DONE(next(fd, bytes, length));
}

#define PWRITER(name, offset_type) \
ssize_t name(int fd, const void *bytes, size_t length, offset_type offset) { \
    ssize_t (*next)(int, const void *, size_t, offset_type) = dlsym(RTLD_NEXT, #name); \
    int what = armed ? turn(below_fd(fd)) : 0; \
    if (what < 0) return -1; \
    if (what == 2) { next(fd, bytes, length / 2, offset); die(); } \
    DONE(next(fd, bytes, length, offset)); \
}
PWRITER(pwrite, off_t)
PWRITER(pwrite64, off64_t)

int rename(const char *from, const char *to) { NEXT(rename); int what = armed ? turn(below(to)) : 0; if (what < 0) return -1; DONE(next(from, to)); }
int link(const char *from, const char *to) { NEXT(link); int what = armed ? turn(below(to)) : 0; if (what < 0) return -1; DONE(next(from, to)); }
int linkat(int a, const char *from, int b, const char *to, int flags) { NEXT(linkat); int what = armed ? turn(below(to)) : 0; if (what < 0) return -1; DONE(next(a, from, b, to, flags)); }
int unlink(const char *path) { NEXT(unlink); int what = armed ? turn(below(path)) : 0; if (what < 0) return -1; DONE(next(path)); }
int mkdir(const char *path, mode_t bits) { NEXT(mkdir); int what = armed ? turn(below(path)) : 0; if (what < 0) return -1; DONE(next(path, bits)); }
int fsync(int fd) { NEXT(fsync); int what = armed ? turn(below_fd(fd)) : 0; if (what < 0) return -1; DONE(next(fd)); }
int fdatasync(int fd) { NEXT(fdatasync); int what = armed ? turn(below_fd(fd)) : 0; if (what < 0) return -1; DONE(next(fd)); }
int ftruncate(int fd, off_t length) { NEXT(ftruncate); int what = armed ? turn(below_fd(fd)) : 0; if (what < 0) return -1; DONE(next(fd, length)); }
int ftruncate64(int fd, off64_t length) { NEXT(ftruncate64); int what = armed ? turn(below_fd(fd)) : 0; if (what < 0) return -1; DONE(next(fd, length)); }
