
/*
 * Copyright (C) Ficus authors
 */


/*
 * Preloaded into a program by tests: the disk that databases are on (files with
 * ".db" in their names) is as the file says that DISK_TROUBLE names, whenever
 * it is looked at: "read-only", "slow MS", which is the time that a sync takes,
 * or anything else.  What has been opened stays so when it gets read-only, as
 * after an error of the disk.
 */


#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>


#define TEXT  4096


static bool trouble(int fd, const char *word, unsigned *ms);
static bool database(int fd);
static int synced(int fd, long call);
static int opened(const char *path, int flags, mode_t mode);


/* whether fd is of a database, and the disk has this trouble */

static bool
trouble(int fd, const char *word, unsigned *ms)
{
    int          file;
    ssize_t      n;
    const char  *name;
    char         text[64];

    name = getenv("DISK_TROUBLE");

    if (name == NULL) {
        return false;
    }

    file = (int) syscall(SYS_openat, AT_FDCWD, name, O_RDONLY|O_CLOEXEC);
    n = syscall(SYS_read, file, text, sizeof(text) - 1);
    (void) syscall(SYS_close, file);

    text[n > 0 ? n : 0] = '\0';

    if (strncmp(text, word, strlen(word)) != 0 || (fd != -1 && !database(fd))) {
        return false;
    }

    if (ms != NULL) {
        *ms = (unsigned) strtoul(text + strlen(word), NULL, 10);
    }

    return true;
}


static bool
database(int fd)
{
    ssize_t  n;
    char     link[64], path[TEXT];

    (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);

    if (n <= 0) {
        return false;
    }

    path[n] = '\0';

    return strstr(path, ".db") != NULL;
}


static int
synced(int fd, long call)
{
    unsigned         ms;
    struct timespec  time;

    if (trouble(fd, "slow", &ms)) {
        time.tv_sec = ms / 1000;
        time.tv_nsec = (long) (ms % 1000) * 1000000;
        (void) nanosleep(&time, NULL);
    }

    if (trouble(fd, "read-only", NULL)) {
        errno = EROFS;
        return -1;
    }

    return (int) syscall(call, fd);
}


static int
opened(const char *path, int flags, mode_t mode)
{
    if (strstr(path, ".db") != NULL
        && ((flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT) != 0)
        && trouble(-1, "read-only", NULL))
    {
        errno = EROFS;
        return -1;
    }

    return (int) syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}


int
fsync(int fd)
{
    return synced(fd, SYS_fsync);
}


int
fdatasync(int fd)
{
    return synced(fd, SYS_fdatasync);
}


ssize_t
write(int fd, const void *data, size_t n)
{
    if (trouble(fd, "read-only", NULL)) {
        errno = EROFS;
        return -1;
    }

    return syscall(SYS_write, fd, data, n);
}


ssize_t
pwrite(int fd, const void *data, size_t n, off_t offset)
{
    if (trouble(fd, "read-only", NULL)) {
        errno = EROFS;
        return -1;
    }

    return syscall(SYS_pwrite64, fd, data, n, offset);
}


ssize_t
pwrite64(int fd, const void *data, size_t n, off64_t offset)
{
    return pwrite(fd, data, n, offset);
}


int
open(const char *path, int flags, ...)
{
    mode_t   mode;
    va_list  args;

    va_start(args, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);

    return opened(path, flags, mode);
}


int
open64(const char *path, int flags, ...)
{
    mode_t   mode;
    va_list  args;

    va_start(args, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);

    return opened(path, flags, mode);
}
