
/*
 * Copyright (C) Ficus authors
 */


/*
 * Preloaded into nginx by 440_state_steps.t: ends the process with SIGKILL at
 * one step of the writing of a state file.  The file that KILL_AT names holds
 * the step, a letter: o before the first write(), w after half of a
 * write(), s before and S after fsync() of a file, r before and R after
 * rename(), d before and D after fsync() of a directory; and of a history a
 * before its write(), b after half of it, c before and C after fsync().  Only
 * what lies in KILL_DIR counts.  The file is removed before the end, so that
 * the step is taken once.  With a digit behind the letter the disk is so many
 * seconds slow there instead; fsync() fails with an x behind s, d or c.
 */


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
#include <unistd.h>


static int kill_armed(char step);
static int kill_read(char text[2]);
static int kill_ours(int fd);
static int kill_history(int fd);
static void kill_at(char step);


int
rename(const char *old, const char *new)
{
    int  rc, ours;
    int  (*next)(const char *, const char *);

    *(void **) &next = dlsym(RTLD_NEXT, "rename");

    ours = strstr(new, ".state") != NULL && strstr(new, "corrupt") == NULL;

    if (ours) {
        kill_at('r');
    }

    rc = next(old, new);

    if (ours) {
        kill_at('R');
    }

    return rc;
}


int
renameat(int olddir, const char *old, int newdir, const char *new)
{
    int  rc, ours;
    int  (*next)(int, const char *, int, const char *);

    *(void **) &next = dlsym(RTLD_NEXT, "renameat");

    ours = strstr(new, ".state") != NULL && strstr(new, "corrupt") == NULL;

    if (ours) {
        kill_at('r');
    }

    rc = next(olddir, old, newdir, new);

    if (ours) {
        kill_at('R');
    }

    return rc;
}


int
fsync(int fd)
{
    int          rc, directory, history;
    int          (*next)(int);
    char         step, text[2];
    struct stat  st;

    *(void **) &next = dlsym(RTLD_NEXT, "fsync");

    directory = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);

    history = kill_history(fd);

    step = directory ? 'd' : history ? 'c' : 's';

    if (kill_read(text) && text[0] == step && text[1] == 'x') {
        unlink(getenv("KILL_AT"));
        errno = EIO;
        return -1;
    }

    kill_at(step);
    rc = next(fd);
    kill_at(directory ? 'D' : history ? 'C' : 'S');

    return rc;
}


ssize_t
write(int fd, const void *buf, size_t n)
{
    ssize_t  (*next)(int, const void *, size_t);

    *(void **) &next = dlsym(RTLD_NEXT, "write");

    if (kill_history(fd)) {
        kill_at('a');

        if (kill_armed('b')) {
            (void) !next(fd, buf, n / 2);
            kill_at('b');
        }

    } else if (kill_ours(fd)) {
        kill_at('o');

        if (kill_armed('w')) {
            (void) !next(fd, buf, n / 2);
            kill_at('w');
        }
    }

    return next(fd, buf, n);
}


ssize_t
pwrite(int fd, const void *buf, size_t n, off_t offset)
{
    ssize_t  (*next)(int, const void *, size_t, off_t);

    *(void **) &next = dlsym(RTLD_NEXT, "pwrite");

    if (kill_ours(fd)) {
        kill_at('o');

        if (kill_armed('w')) {
            (void) !next(fd, buf, n / 2, offset);
            kill_at('w');
        }
    }

    return next(fd, buf, n, offset);
}


ssize_t
pwrite64(int fd, const void *buf, size_t n, off_t offset)
{
    return pwrite(fd, buf, n, offset);
}


static int
kill_ours(int fd)
{
    char         link[64], path[PATH_MAX];
    ssize_t      n;
    const char  *dir;

    dir = getenv("KILL_DIR");
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);

    if (dir == NULL || n < 0) {
        return 0;
    }

    path[n] = '\0';

    return strncmp(path, dir, strlen(dir)) == 0
           && strstr(path, "/step") == NULL;
}


static int
kill_history(int fd)
{
    char     link[64], path[PATH_MAX];
    ssize_t  n;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);

    if (n < 0) {
        return 0;
    }

    path[n] = '\0';

    return kill_ours(fd) && strstr(path, ".history") != NULL;
}


static int
kill_armed(char step)
{
    char  text[2];

    return kill_read(text) && text[0] == step;
}


static int
kill_read(char text[2])
{
    FILE        *fp;
    const char  *name;

    name = getenv("KILL_AT");
    fp = (name != NULL) ? fopen(name, "r") : NULL;

    if (fp == NULL) {
        return 0;
    }

    text[0] = (char) fgetc(fp);
    text[1] = (char) fgetc(fp);
    fclose(fp);

    return 1;
}


static void
kill_at(char step)
{
    char  text[2];

    if (!kill_read(text) || text[0] != step) {
        return;
    }

    unlink(getenv("KILL_AT"));

    if (text[1] >= '0' && text[1] <= '9') {
        sleep((unsigned) (text[1] - '0'));

    } else {
        raise(SIGKILL);
    }
}
