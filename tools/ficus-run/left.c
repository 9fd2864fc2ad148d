
/*
 * Copyright (C) Ficus authors
 */


#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fig_buf.h"
#include "run.h"


static bool run_left_ours(const run_conf_t *conf, pid_t pid);
static pid_t run_left_pid(const run_conf_t *conf, const char *name);
static unsigned run_left_kill(const run_conf_t *conf);


/*
 * The children of a supervisor that was killed end with it, but those of
 * nginx's master do not if both were killed at once.  What belongs to the
 * group of a pid file and has the run directory as its own is one of ours.
 */

void
run_left(const run_conf_t *conf)
{
    unsigned        tries;
    run_service_t  *service;

    for (tries = 0; conf->unclean && tries < 200; tries++) {

        if (run_left_kill(conf) == 0) {
            break;
        }

        usleep(10000);
    }

    for (service = run_services; service->name != NULL; service++) {
        run_pid_file(conf, service->name, 0);
    }
}


static unsigned
run_left_kill(const run_conf_t *conf)
{
    DIR            *dir;
    pid_t           pid;
    unsigned        n;
    struct dirent  *entry;

    dir = opendir("/proc");

    if (dir == NULL) {
        return 0;
    }

    n = 0;

    for (entry = readdir(dir); entry != NULL; entry = readdir(dir)) {

        if (!isdigit((unsigned char) entry->d_name[0])) {
            continue;
        }

        pid = (pid_t) strtol(entry->d_name, NULL, 10);

        if (run_left_ours(conf, pid)) {
            (void) kill(pid, SIGKILL);
            n++;
        }
    }

    closedir(dir);

    return n;
}


static bool
run_left_ours(const run_conf_t *conf, pid_t pid)
{
    char            link[64], cwd[PATH_MAX];
    pid_t           group;
    ssize_t         n;
    run_service_t  *service;

    (void) snprintf(link, sizeof(link), "/proc/%d/cwd", (int) pid);
    n = readlink(link, cwd, sizeof(cwd) - 1);

    if (n <= 0) {
        return false;
    }

    cwd[n] = '\0';
    group = getpgid(pid);

    if (strcmp(cwd, conf->dir) != 0 || group <= 0) {
        return false;
    }

    for (service = run_services; service->name != NULL; service++) {

        if (run_left_pid(conf, service->name) == group) {
            return true;
        }
    }

    return false;
}


static pid_t
run_left_pid(const run_conf_t *conf, const char *name)
{
    int       fd;
    char      path[RUN_PATH], text[32];
    ssize_t   n;
    uint64_t  pid;

    if (run_path(path, sizeof(path), "%s/pids/%s.pid", conf->dir, name)
        != RUN_OK)
    {
        return 0;
    }

    fd = open(path, O_RDONLY|O_CLOEXEC);

    if (fd == -1) {
        return 0;
    }

    n = read(fd, text, sizeof(text) - 1);
    close(fd);

    text[n > 0 ? n : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';

    if (fig_str_uint(fig_str_from(text), INT_MAX, &pid) != FIG_OK) {
        return 0;
    }

    return (pid_t) pid;
}
