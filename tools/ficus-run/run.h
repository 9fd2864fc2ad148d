
/*
 * Copyright (C) Ficus authors
 */


/*
 * The supervisor of `make run`: one thread, a table of services, and a loop
 * that waits for signals.
 */


#ifndef FICUS_RUN_H_INCLUDED
#define FICUS_RUN_H_INCLUDED


#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fig_status.h"


#define RUN_OK     0
#define RUN_ERROR  (-1)      /* a line on stderr has said why */

#define RUN_PATH   256       /* of what is in the run directory */
#define RUN_ARGS   16


typedef struct {
    bool         own_nats;
    unsigned     http_port;
    unsigned     admin_port;
    unsigned     nats_port;
    const char  *asked;             /* the run directory as it was typed */
    char         dir[RUN_PATH];     /* the same, absolute */
    char         nats_url[1024];
    char         store[1024];       /* a URI; empty: SQLite, in data/ */

    char         build[PATH_MAX];   /* where this program is */
    char         conf[PATH_MAX];    /* the templates */
    char         module[PATH_MAX];
    char         nginx[PATH_MAX];
    char         nats_server[PATH_MAX];

    bool         unclean;           /* the last run did not end well */
} run_conf_t;


typedef struct {
    size_t       n;
    const char  *argv[RUN_ARGS + 1];
    char         text[RUN_ARGS][PATH_MAX + 64];
} run_command_t;


typedef struct run_service_s  run_service_t;

typedef void (*run_command_pt)(const run_conf_t *conf,
    const run_service_t *service, run_command_t *command);
typedef bool (*run_ready_pt)(const run_conf_t *conf,
    const run_service_t *service);

typedef enum {
    RUN_DOWN,
    RUN_STARTING,
    RUN_READY
} run_state_t;

/* a row of the table in table.c; what is below it changes */

struct run_service_s {
    const char     *name;           /* of its log, pid file and socket */
    run_command_pt  command;
    run_ready_pt    ready;
    const char     *data;           /* database of a worker, else NULL */
    unsigned        level;          /* 0 starts first; the last stop first */
    int             stop;           /* signal that ends it in good order */
    int             death;          /* signal when the supervisor is killed */
    unsigned        patience;       /* ms between stop and SIGKILL */

    run_state_t     state;
    int             status;         /* of the one that ended */
    pid_t           pid;            /* leads a process group; 0: none */
    bool            ended;          /* nobody has looked at status yet */
    bool            skip;           /* somebody else runs one */
    uint64_t        started;        /* ms */
    uint64_t        again;          /* ms; when to start it again */
    uint64_t        delay;          /* ms */
    off_t           log_start;
};


/* say.c */

void run_error(const char *fmt, ...) FIG_PRINTF(1, 2);
void run_say(const char *fmt, ...) FIG_PRINTF(1, 2);
uint64_t run_now(void);                                    /* ms */
int run_path(char *buf, size_t size, const char *fmt, ...)
    FIG_PRINTF(3, 4);

/* settings.c: the environment */

int run_settings(run_conf_t *conf);
int run_store_uri(const run_conf_t *conf, const char *name, char *uri,
    size_t size);

/* find.c: programs, module and templates */

int run_find(run_conf_t *conf);

/* dir.c: the run directory */

int run_dir(run_conf_t *conf);
void run_dir_leave(const run_conf_t *conf);
void run_pid_file(const run_conf_t *conf, const char *name, pid_t pid);

/* left.c: what a run that was killed left behind */

void run_left(const run_conf_t *conf);

/* ports.c */

int run_ports(const run_conf_t *conf);

/* template.c */

int run_templates(const run_conf_t *conf);

/* ready.c: none of them waits longer than a second */

bool run_http_ok(unsigned port, const char *path, const char *text);
bool run_nats_ok(unsigned port);

/* table.c */

extern run_service_t  run_services[];                /* ends with no name */

void run_table(const run_conf_t *conf);

/* the first worker of these services; NULL: there is none */
const run_service_t *run_worker(const run_service_t *service);

/* service.c */

int run_start(const run_conf_t *conf, run_service_t *service);
void run_reap(const run_conf_t *conf);
void run_again(run_service_t *service);
void run_why(const run_conf_t *conf, const run_service_t *service);

/* loop.c: what main() returns */

int run_loop(const run_conf_t *conf, const sigset_t *signals);

/* stop.c */

bool run_wait(const run_conf_t *conf, const sigset_t *signals, uint64_t ms);
void run_stop(const run_conf_t *conf, const sigset_t *signals);

/* hints.c */

void run_hints(const run_conf_t *conf);


#endif /* FICUS_RUN_H_INCLUDED */
