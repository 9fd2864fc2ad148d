
/*
 * Copyright (C) Ficus authors
 */


#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "run.h"


static int run_dir_make(const char *path);
static int run_dir_parents(const char *path);
static int run_dir_name(run_conf_t *conf);
static int run_dir_parts(const run_conf_t *conf);
static int run_dir_lock(run_conf_t *conf);
static int run_dir_busy(const run_conf_t *conf, int fd);
static bool run_dir_has_pids(const run_conf_t *conf);
static void run_dir_sockets(const run_conf_t *conf);


/* what is in the run directory, all for its owner alone */

static const char  *run_dir_names[] = {
    "pids", "logs", "data", "state", "sock", "conf", "temp", NULL
};


/*
 * Makes it, moves into it, and holds a lock on pids/ficus.pid from then on,
 * which the kernel gives up when this process dies, however that happens.
 */

int
run_dir(run_conf_t *conf)
{
    (void) umask(077);

    if (run_dir_parents(conf->asked) != RUN_OK
        || run_dir_name(conf) != RUN_OK
        || run_dir_parts(conf) != RUN_OK
        || run_dir_lock(conf) != RUN_OK)
    {
        return RUN_ERROR;
    }

    run_dir_sockets(conf);

    return RUN_OK;
}


static int
run_dir_parents(const char *path)
{
    char  *p, copy[PATH_MAX];

    if (run_path(copy, sizeof(copy), "%s", path) != RUN_OK) {
        return RUN_ERROR;
    }

    for (p = copy + 1; *p != '\0'; p++) {

        if (*p == '/') {
            *p = '\0';
            (void) mkdir(copy, 0700);
            *p = '/';
        }
    }

    return run_dir_make(path);
}


static int
run_dir_make(const char *path)
{
    struct stat  st;

    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        run_error("directory %s can't be made: %s; set FICUS_RUN_DIR to one "
                  "that you may write to", path, strerror(errno));
        return RUN_ERROR;
    }

    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        run_error("%s is no directory; set FICUS_RUN_DIR to one", path);
        return RUN_ERROR;
    }

    if (st.st_uid != geteuid() || access(path, R_OK|W_OK|X_OK) != 0) {
        run_error("directory %s is not yours; set FICUS_RUN_DIR to one that "
                  "you may write to", path);
        return RUN_ERROR;
    }

    return RUN_OK;
}


/* the name goes into configuration files, and in front of each socket's */

static int
run_dir_name(run_conf_t *conf)
{
    char                  path[PATH_MAX];
    size_t                len, longest;
    const char           *p;
    struct sockaddr_un    address;
    const run_service_t  *worker;

    if (realpath(conf->asked, path) == NULL) {
        run_error("directory %s can't be used: %s", conf->asked,
                  strerror(errno));
        return RUN_ERROR;
    }

    for (p = path; *p != '\0'; p++) {

        if ((unsigned char) *p < ' ' || strchr("\"'\\$%?#;{}", *p) != NULL) {
            run_error("the path of directory %s has a character that "
                      "configuration files can't take; set FICUS_RUN_DIR to "
                      "another", conf->asked);
            return RUN_ERROR;
        }
    }

    longest = 0;

    for (worker = run_worker(run_services); worker != NULL;
         worker = run_worker(worker + 1))
    {
        len = strlen(worker->name);
        longest = len > longest ? len : longest;
    }

    len = strlen(path) + sizeof("/sock/.sock") - 1 + longest;

    if (len >= sizeof(address.sun_path)) {
        run_error("the path of directory %s is %zu bytes too long for the "
                  "sockets in it; set FICUS_RUN_DIR to a shorter one",
                  conf->asked, len - (sizeof(address.sun_path) - 1));
        return RUN_ERROR;
    }

    return run_path(conf->dir, sizeof(conf->dir), "%s", path);
}


static int
run_dir_parts(const run_conf_t *conf)
{
    char          path[RUN_PATH];
    const char  **name;

    for (name = run_dir_names; *name != NULL; name++) {

        if (run_path(path, sizeof(path), "%s/%s", conf->dir, *name) != RUN_OK
            || run_dir_make(path) != RUN_OK)
        {
            return RUN_ERROR;
        }

        if (chmod(path, 0700) != 0) {
            run_error("the mode of %s can't be set: %s", path,
                      strerror(errno));
            return RUN_ERROR;
        }
    }

    return RUN_OK;
}


static int
run_dir_lock(run_conf_t *conf)
{
    int          fd;
    char         path[RUN_PATH];
    struct stat  ours, theirs;

    if (run_path(path, sizeof(path), "%s/pids/ficus.pid", conf->dir)
        != RUN_OK)
    {
        return RUN_ERROR;
    }

    for ( ;; ) {
        fd = open(path, O_RDWR|O_CREAT|O_CLOEXEC, 0600);

        if (fd == -1) {
            run_error("%s can't be opened: %s", path, strerror(errno));
            return RUN_ERROR;
        }

        if (flock(fd, LOCK_EX|LOCK_NB) != 0) {
            return run_dir_busy(conf, fd);
        }

        /* the one before us may have removed it in between */

        if (fstat(fd, &ours) == 0 && stat(path, &theirs) == 0
            && ours.st_ino == theirs.st_ino)
        {
            break;
        }

        close(fd);
    }

    conf->unclean = run_dir_has_pids(conf);

    if (ftruncate(fd, 0) != 0 || dprintf(fd, "%d\n", (int) getpid()) < 0) {
        run_error("%s can't be written: %s", path, strerror(errno));
        return RUN_ERROR;
    }

    /* fd stays open, and with it the lock */

    return RUN_OK;
}


static int
run_dir_busy(const run_conf_t *conf, int fd)
{
    char     pid[32];
    ssize_t  n;

    n = pread(fd, pid, sizeof(pid) - 1, 0);
    pid[n > 0 ? n : 0] = '\0';
    pid[strcspn(pid, "\n")] = '\0';

    run_error("it runs already in %s, process %s; make stop ends it, another "
              "FICUS_RUN_DIR and other ports run a second one", conf->asked,
              pid);
    close(fd);

    return RUN_ERROR;
}


static bool
run_dir_has_pids(const run_conf_t *conf)
{
    char            path[RUN_PATH];
    run_service_t  *service;

    for (service = run_services; service->name != NULL; service++) {

        if (run_path(path, sizeof(path), "%s/pids/%s.pid", conf->dir,
                     service->name)
            == RUN_OK
            && access(path, F_OK) == 0)
        {
            return true;
        }
    }

    return false;
}


static void
run_dir_sockets(const run_conf_t *conf)
{
    DIR            *dir;
    char            path[RUN_PATH];
    struct stat     st;
    struct dirent  *entry;

    if (run_path(path, sizeof(path), "%s/sock", conf->dir) != RUN_OK) {
        return;
    }

    dir = opendir(path);

    if (dir == NULL) {
        return;
    }

    for (entry = readdir(dir); entry != NULL; entry = readdir(dir)) {

        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0
            && S_ISSOCK(st.st_mode))
        {
            (void) unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }

    closedir(dir);
}


/*
 * After an orderly end; while a pid file is there the end was none.
 */

void
run_dir_leave(const run_conf_t *conf)
{
    run_service_t  *service;

    for (service = run_services; service->name != NULL; service++) {
        run_pid_file(conf, service->name, 0);
    }

    run_pid_file(conf, "ficus", 0);
}


/* pid 0 removes it */

void
run_pid_file(const run_conf_t *conf, const char *name, pid_t pid)
{
    int   fd;
    char  path[RUN_PATH], new[RUN_PATH + 4];

    if (run_path(path, sizeof(path), "%s/pids/%s.pid", conf->dir, name)
        != RUN_OK)
    {
        return;
    }

    if (pid == 0) {
        (void) unlink(path);
        return;
    }

    (void) snprintf(new, sizeof(new), "%s.new", path);
    fd = open(new, O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0600);

    if (fd == -1 || dprintf(fd, "%d\n", (int) pid) < 0
        || rename(new, path) != 0)
    {
        run_error("%s can't be written: %s", path, strerror(errno));
    }

    if (fd != -1) {
        close(fd);
    }
}
