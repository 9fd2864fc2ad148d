
/*
 * Copyright (C) Ficus authors
 */


#include <errno.h>
#include <fcntl.h>
#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"


#define RUN_AGAIN_MIN  100       /* ms */
#define RUN_AGAIN_MAX  1000
#define RUN_STEADY     5000      /* up so long, the delay begins anew */

#define RUN_TAIL       8192


static int run_open_log(const run_conf_t *conf, run_service_t *service);
static void run_child(const run_conf_t *conf, const run_service_t *service,
    pid_t parent, int log) __attribute__((noreturn));
static void run_how(const run_service_t *service, char *buf, size_t size);
static void run_last_line(const run_conf_t *conf,
    const run_service_t *service, char *buf, size_t size);
static void run_message(char *line, size_t size);


int
run_start(const run_conf_t *conf, run_service_t *service)
{
    int    log;
    pid_t  pid, parent;

    log = run_open_log(conf, service);

    if (log == -1) {
        return RUN_ERROR;
    }

    parent = getpid();
    pid = fork();

    if (pid == 0) {
        run_child(conf, service, parent, log);
    }

    close(log);

    if (pid == -1) {
        run_error("%s can't be started: %s", service->name, strerror(errno));
        return RUN_ERROR;
    }

    (void) setpgid(pid, pid);
    run_pid_file(conf, service->name, pid);

    service->pid = pid;
    service->state = RUN_STARTING;
    service->started = run_now();

    return RUN_OK;
}


static int
run_open_log(const run_conf_t *conf, run_service_t *service)
{
    int   fd;
    char  path[RUN_PATH];

    if (run_path(path, sizeof(path), "%s/logs/%s.log", conf->dir,
                 service->name)
        != RUN_OK)
    {
        return -1;
    }

    fd = open(path, O_WRONLY|O_APPEND|O_CREAT|O_CLOEXEC, 0600);

    if (fd == -1) {
        run_error("%s can't be opened: %s", path, strerror(errno));
        return -1;
    }

    service->log_start = lseek(fd, 0, SEEK_END);

    return fd;
}


/* MongoDB's driver leaves counters in /dev/shm when its process is killed */

static void
run_child(const run_conf_t *conf, const run_service_t *service, pid_t parent,
    int log)
{
    int            null;
    sigset_t       none;
    run_command_t  command;

    (void) setpgid(0, 0);
    (void) prctl(PR_SET_PDEATHSIG, service->death);

    if (getppid() != parent) {
        _exit(1);
    }

    null = open("/dev/null", O_RDONLY|O_CLOEXEC);

    if (null == -1 || dup2(null, 0) == -1 || dup2(log, 1) == -1
        || dup2(log, 2) == -1 || chdir(conf->dir) != 0
        || setenv("FICUS_NATS_URL", conf->nats_url, 1) != 0
        || setenv("MONGOC_DISABLE_SHM", "1", 1) != 0)
    {
        _exit(127);
    }

    memset(&command, 0, sizeof(run_command_t));
    service->command(conf, service, &command);

    (void) signal(SIGPIPE, SIG_DFL);
    (void) sigemptyset(&none);
    (void) sigprocmask(SIG_SETMASK, &none, NULL);

    (void) execv(command.argv[0], (char *const *) (uintptr_t) command.argv);

    (void) dprintf(2, "%s can't be executed: %s\n", command.argv[0],
                   strerror(errno));
    _exit(127);
}


/*
 * Takes note of all children that have ended, and ends what is left of their
 * groups.  Orphans of theirs are ours, too.
 */

void
run_reap(const run_conf_t *conf)
{
    int             status;
    pid_t           pid;
    run_service_t  *service;

    for ( ;; ) {
        pid = waitpid(-1, &status, WNOHANG);

        if (pid <= 0) {
            return;
        }

        for (service = run_services; service->name != NULL; service++) {

            if (service->pid == pid) {
                (void) kill(-pid, SIGKILL);
                run_pid_file(conf, service->name, 0);

                service->pid = 0;
                service->state = RUN_DOWN;
                service->ended = true;
                service->status = status;
                break;
            }
        }
    }
}


/* says that it ended, and when it will be started again */

void
run_again(run_service_t *service)
{
    char      how[128];
    uint64_t  now;

    now = run_now();

    if (service->delay == 0 || now - service->started >= RUN_STEADY) {
        service->delay = RUN_AGAIN_MIN;

    } else {
        service->delay *= 2;

        if (service->delay > RUN_AGAIN_MAX) {
            service->delay = RUN_AGAIN_MAX;
        }
    }

    service->ended = false;
    service->again = now + service->delay;

    run_how(service, how, sizeof(how));
    run_error("%s %s, will be started again in %.1f s", service->name, how,
              (double) service->delay / 1000);
}


/* one line about a service that ended before it was ready */

void
run_why(const run_conf_t *conf, const run_service_t *service)
{
    char  how[128], line[RUN_TAIL];

    run_how(service, how, sizeof(how));
    run_last_line(conf, service, line, sizeof(line));

    run_error("%s %s before it was ready%s%.500s; see %s/logs/%s.log",
              service->name, how, line[0] != '\0' ? ": " : "", line,
              conf->asked, service->name);
}


static void
run_how(const run_service_t *service, char *buf, size_t size)
{
    if (WIFSIGNALED(service->status)) {
        (void) snprintf(buf, size, "was ended by signal %d (%s)",
                        WTERMSIG(service->status),
                        strsignal(WTERMSIG(service->status)));
        return;
    }

    (void) snprintf(buf, size, "ended with status %d",
                    WEXITSTATUS(service->status));
}


static void
run_last_line(const run_conf_t *conf, const run_service_t *service, char *buf,
    size_t size)
{
    int      fd;
    char     path[RUN_PATH], *line;
    off_t    end, from;
    ssize_t  n;

    buf[0] = '\0';

    if (run_path(path, sizeof(path), "%s/logs/%s.log", conf->dir,
                 service->name)
        != RUN_OK)
    {
        return;
    }

    fd = open(path, O_RDONLY|O_CLOEXEC);

    if (fd == -1) {
        return;
    }

    end = lseek(fd, 0, SEEK_END);
    from = end - (off_t) size + 1;

    if (from < service->log_start) {
        from = service->log_start;
    }

    n = pread(fd, buf, size - 1, from);
    close(fd);

    if (n < 0) {
        n = 0;
    }

    while (n > 0 && buf[n - 1] == '\n') {
        n--;
    }

    buf[n] = '\0';
    line = strrchr(buf, '\n');

    if (line != NULL) {
        memmove(buf, line + 1, strlen(line + 1) + 1);
    }

    run_message(buf, size);
}


/* the workers write their logs as JSON */

static void
run_message(char *line, size_t size)
{
    json_object  *object, *msg, *error;

    object = json_tokener_parse(line);

    if (object != NULL && json_object_object_get_ex(object, "msg", &msg)) {

        if (json_object_object_get_ex(object, "error", &error)) {
            (void) snprintf(line, size, "%s: %s", json_object_get_string(msg),
                            json_object_get_string(error));

        } else {
            (void) snprintf(line, size, "%s", json_object_get_string(msg));
        }
    }

    json_object_put(object);
}
