
/*
 * Copyright (C) Ficus authors
 */


#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "config.h"
#include "run.h"


#define RUN_FILES  65536


static int run_args(int argc, char **argv);
static void run_help(void);
static void run_signals(sigset_t *signals);
static void run_files(void);


int
main(int argc, char **argv)
{
    int                rc;
    sigset_t           signals;
    static run_conf_t  conf;

    rc = run_args(argc, argv);

    if (rc != -1) {
        return rc;
    }

    run_signals(&signals);
    run_files();

    if (run_settings(&conf) != RUN_OK
        || run_find(&conf) != RUN_OK
        || run_dir(&conf) != RUN_OK)
    {
        return 1;
    }

    run_table(&conf);
    run_left(&conf);

    if (run_ports(&conf) != RUN_OK || run_templates(&conf) != RUN_OK) {
        run_dir_leave(&conf);
        return 1;
    }

    rc = run_loop(&conf, &signals);
    run_dir_leave(&conf);

    return rc;
}


/* -1, or what to exit with */

static int
run_args(int argc, char **argv)
{
    if (argc == 1) {
        return -1;
    }

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        run_help();
        return 0;
    }

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("ficus-run " FICUS_VERSION);
        return 0;
    }

    run_error("\"%s\" is no argument of ficus-run; ficus-run --help tells "
              "what it goes by", argv[1]);

    return 2;
}


static void
run_help(void)
{
    puts("Usage: ficus-run\n"
         "\n"
         "Runs nats-server, the workers and nginx until SIGINT or SIGTERM.\n"
         "\n"
         "  FICUS_RUN_DIR     ./run   data, logs, sockets, state, pid files\n"
         "  FICUS_HTTP_PORT   8080    the gateway\n"
         "  FICUS_ADMIN_PORT  8081    admin API and metrics\n"
         "  FICUS_NATS_PORT   4222    the nats-server that it starts\n"
         "  FICUS_NATS_URL            one that runs already\n"
         "  FICUS_STORE       sqlite  or mongodb://HOST/NAME: the databases\n"
         "                            NAME_users and NAME_orders there");
}


/*
 * They wait until they are asked for.  Somebody who ignores hang-ups, as nohup
 * does, goes on doing so.
 */

static void
run_signals(sigset_t *signals)
{
    struct sigaction  hangup;

    (void) signal(SIGPIPE, SIG_IGN);
    (void) signal(SIGCHLD, SIG_DFL);

    (void) sigemptyset(signals);
    (void) sigaddset(signals, SIGINT);
    (void) sigaddset(signals, SIGTERM);
    (void) sigaddset(signals, SIGCHLD);

    if (sigaction(SIGHUP, NULL, &hangup) == 0
        && hangup.sa_handler != SIG_IGN)
    {
        (void) sigaddset(signals, SIGHUP);
    }

    (void) sigprocmask(SIG_BLOCK, signals, NULL);

    /* what nginx leaves behind when its master is killed comes to us */

    (void) prctl(PR_SET_CHILD_SUBREAPER, 1);
}


/* nginx takes a file for each connection, and one more to the worker */

static void
run_files(void)
{
    struct rlimit  limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < RUN_FILES) {
        limit.rlim_cur = (limit.rlim_max < RUN_FILES) ? limit.rlim_max
                                                      : RUN_FILES;
        (void) setrlimit(RLIMIT_NOFILE, &limit);
    }
}
