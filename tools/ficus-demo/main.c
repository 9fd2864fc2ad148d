
/*
 * Copyright (C) Ficus authors
 */


#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "demo.h"


static int demo_args(int argc, char **argv);
static void demo_terminal(demo_t *demo);
static const char *demo_url(const char *name, const char *port,
    const char *value, char *buf, size_t size);
static void demo_names(demo_t *demo);
static void demo_signals(void);
static void demo_signal(int number);
static int demo_run(demo_t *demo);


volatile sig_atomic_t  demo_interrupted;


int
main(int argc, char **argv)
{
    int            rc;
    char           gateway[64], admin[64];
    static demo_t  demo;

    rc = demo_args(argc, argv);

    if (rc != -1) {
        return rc;
    }

    demo_terminal(&demo);
    demo_names(&demo);
    demo.step = -1;
    demo.gateway = demo_url(NULL, "FICUS_HTTP_PORT", "8080", gateway,
                            sizeof(gateway));
    demo.admin = demo_url("FICUS_ADMIN_URL", "FICUS_ADMIN_PORT", "8081",
                          admin, sizeof(admin));

    (void) curl_global_init(CURL_GLOBAL_DEFAULT);

    if (demo_open(&demo) != 0) {
        fputs("ficus-demo: out of memory\n", stderr);
        return 1;
    }

    rc = demo_run(&demo);

    demo_close(&demo);
    curl_global_cleanup();

    return rc;
}


/* -1, or what to exit with */

static int
demo_args(int argc, char **argv)
{
    if (argc == 1) {
        return -1;
    }

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("ficus-demo " FICUS_VERSION);
        return 0;
    }

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        puts("Usage: ficus-demo\n"
             "\n"
             "Shows on a Ficus that runs what it is for, in 20 seconds, and\n"
             "removes what it made.\n"
             "\n"
             "  FICUS_HTTP_PORT   8080  the gateway\n"
             "  FICUS_ADMIN_PORT  8081  the admin port");
        return 0;
    }

    fprintf(stderr, "ficus-demo: \"%s\" is no argument; ficus-demo --help "
            "tells what it goes by\n", argv[1]);

    return 2;
}


static void
demo_terminal(demo_t *demo)
{
    const char  *none, *term;

    none = getenv("NO_COLOR");
    term = getenv("TERM");

    (void) setlocale(LC_CTYPE, "");

    demo->terminal = isatty(STDOUT_FILENO)
                     && term != NULL && strcmp(term, "dumb") != 0;
    demo->color = demo->terminal && (none == NULL || none[0] == '\0');
    demo->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}


static const char *
demo_url(const char *name, const char *port, const char *value, char *buf,
    size_t size)
{
    const char  *set;

    set = (name != NULL) ? getenv(name) : NULL;

    if (set != NULL && set[0] != '\0') {
        return set;
    }

    set = getenv(port);

    (void) snprintf(buf, size, "http://127.0.0.1:%.32s",
                    (set != NULL && set[0] != '\0') ? set : value);

    return buf;
}


/* no two demonstrations have the same */

static void
demo_names(demo_t *demo)
{
    int              i;
    unsigned         run;
    demo_user_t     *user;
    struct timespec  ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);
    run = (unsigned) ts.tv_sec ^ ((unsigned) getpid() << 20);
    srand48(ts.tv_nsec ^ getpid());

    for (i = 0; i < DEMO_USERS; i++) {
        user = &demo->users[i];

        (void) snprintf(user->id, sizeof(user->id), "demo-%08x-%03d", run, i);
        (void) snprintf(user->email, sizeof(user->email), "%s@example.org",
                        user->id);
        (void) snprintf(user->address, sizeof(user->address),
                        "%d Elm Street", i + 1);
    }
}


static void
demo_signals(void)
{
    struct sigaction  action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = demo_signal;

    (void) sigaction(SIGINT, &action, NULL);
    (void) sigaction(SIGTERM, &action, NULL);
}


/* the second time nothing is tidied up */

static void
demo_signal(int number)
{
    if (demo_interrupted) {
        _exit(128 + number);
    }

    demo_interrupted = 1;
}


static int
demo_run(demo_t *demo)
{
    bool  clean;

    if (demo_split_save(demo) != 0) {
        return 1;
    }

    demo_signals();
    demo_show_start(demo);

    (void) demo_load(demo);

    clean = demo_clean(demo) == 0;
    clean = demo_split_restore(demo) == 0 && clean;

    demo_show_end(demo, clean);

    if (demo_interrupted) {
        return 130;
    }

    return (clean && demo->errors == 0 && demo->behind == 0) ? 0 : 1;
}
