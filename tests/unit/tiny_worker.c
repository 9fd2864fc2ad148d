
/*
 * Copyright (C) Ficus authors
 */


#include "tiny_worker.h"
#include "unit.h"
#include "fig_app.h"
#include "fig_log.h"
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>


#define ARGS_MAX  16

/* ms that a worker may take to start: sanitizers are slow */
#define PATIENCE  20000


typedef struct {
    fig_app_conf_t   app;
    const char      *greeting;
} tiny_conf_t;

typedef struct {
    const char      *greeting;
} tiny_data_t;


fcgi_place_t   tiny_place;
char           tiny_listen[128];
char           tiny_store[128];
char           tiny_database[112];
const char    *tiny_not_well;


static const fig_collection_t  things = {
    "things", { NULL, NULL, NULL }, { false, false, false }
};

static const fig_collection_t *const  all[] = { &things, NULL };

static const fig_topic_t  topic = {
    .stream = { "THINGS", "things.>" },
    .name = "things",
    .id_name = "id",
    .collection = &things
};

static fig_resource_t  resource = { .topic = &topic, .path = "/things" };


static const char *
check_mood(void *data)
{
    return tiny_not_well;
}


static fig_status_t
begin(fig_app_t *app, void *data)
{
    tiny_data_t        *tiny = data;
    const tiny_conf_t  *conf;

    conf = fig_app_conf(app);

    if (strcmp(conf->greeting, "none") == 0) {
        fig_log_error("there is no greeting");
        return FIG_ERROR;
    }

    if (strcmp(conf->greeting, "resource") == 0) {
        return fig_app_resource(app, &resource);
    }

    ck_assert_ptr_nonnull(fig_app_store(app));
    ck_assert_ptr_nonnull(fig_app_bus(app));

    fig_app_check(app, "mood", check_mood, NULL);
    tiny->greeting = conf->greeting;

    return FIG_OK;
}


static void
end(void *data)
{
    tiny_data_t  *tiny = data;

    fig_log_info("goodbye after %s", tiny->greeting);
}


static void
get_greeting(fig_request_t *request, fig_response_t *response)
{
    tiny_data_t  *tiny = request->data;

    fig_log_info("greeted");
    response->body = fig_str_from(tiny->greeting);
}


static void
get_slow(fig_request_t *request, fig_response_t *response)
{
    fig_log_info("slow begins");
    (void) poll(NULL, 0, 400);
    response->body = FIG_STR("slow");
}


static void
get_stuck(fig_request_t *request, fig_response_t *response)
{
    fig_log_info("stuck");
    (void) poll(NULL, 0, 10000);
}


static const fig_route_t  routes[] = {
    { "GET", "/greeting", get_greeting, 0 },
    { "GET", "/slow", get_slow, 0 },
    { "GET", "/stuck", get_stuck, 0 },
    { NULL, NULL, NULL, 0 }
};

static const fig_setting_t  settings[] = {
    { "greeting", NULL, FIG_CONFIG_STRING, offsetof(tiny_conf_t, greeting),
      "hello", 0, 0, "what to say" },
    { NULL, NULL, FIG_CONFIG_STRING, 0, NULL, 0, 0, NULL }
};

static const fig_worker_t  tiny = {
    .name = "tiny",
    .routes = routes,
    .collections = all,
    .settings = settings,
    .conf_size = sizeof(tiny_conf_t),
    .data_size = sizeof(tiny_data_t),
    .start = begin,
    .stop = end
};


/* args end with NULL */

void
tiny_run(tiny_t *process, const char *const *args)
{
    int    argc;
    char  *argv[ARGS_MAX];

    process->out = tmpfile();
    ck_assert_ptr_nonnull(process->out);
    (void) fflush(NULL);

    process->pid = fork();
    ck_assert_int_ne(process->pid, -1);

    if (process->pid != 0) {
        return;
    }

    (void) dup2(fileno(process->out), STDOUT_FILENO);
    (void) dup2(fileno(process->out), STDERR_FILENO);

    argv[0] = strdup("tiny");

    for (argc = 1; args[argc - 1]; argc++) {
        argv[argc] = strdup(args[argc - 1]);
    }

    argv[argc] = NULL;
    exit(fig_main(&tiny, argc, argv));
}


/* what it returned; a signal is no way to end */

int
tiny_result(tiny_t *process)
{
    int  status;

    ck_assert_int_eq(waitpid(process->pid, &status, 0), process->pid);
    ck_assert_msg(WIFEXITED(status), "status %x", (unsigned) status);

    return WEXITSTATUS(status);
}


void
tiny_close(tiny_t *process)
{
    (void) fclose(process->out);
    process->out = NULL;
}


/* what it has written so far, for the caller to free */

char *
tiny_output(tiny_t *process)
{
    char         *text;
    size_t        size;
    struct stat   st;

    ck_assert_int_eq(fstat(fileno(process->out), &st), 0);
    size = (size_t) st.st_size;
    text = malloc(size + 1);
    ck_assert_ptr_nonnull(text);
    ck_assert_int_eq(pread(fileno(process->out), text, size, 0),
                     (ssize_t) size);
    text[size] = '\0';

    return text;
}


bool
tiny_said(tiny_t *process, const char *what)
{
    bool   found;
    char  *text;

    text = tiny_output(process);
    found = strstr(text, what) != NULL;
    free(text);

    return found;
}


void
tiny_wait_for(tiny_t *process, const char *what)
{
    int  i;

    for (i = 0; i < PATIENCE / 10 && !tiny_said(process, what); i++) {
        (void) poll(NULL, 0, 10);
    }

    ck_assert_msg(tiny_said(process, what), "it never said %s: %s", what,
                  tiny_output(process));
}


void
tiny_setup(void)
{
    fcgi_place(&tiny_place);
    (void) snprintf(tiny_listen, sizeof(tiny_listen), "--listen=%s",
                    tiny_place.path);
    (void) snprintf(tiny_database, sizeof(tiny_database), "%s/db",
                    tiny_place.directory);
    (void) snprintf(tiny_store, sizeof(tiny_store), "--store=sqlite:%s",
                    tiny_database);
    (void) unsetenv("FICUS_LISTEN");
    (void) unsetenv("FICUS_STORE");
    (void) unsetenv("FICUS_NATS_URL");
}


void
tiny_teardown(void)
{
    char  name[160];

    (void) unlink(tiny_database);
    (void) snprintf(name, sizeof(name), "%s-wal", tiny_database);
    (void) unlink(name);
    (void) snprintf(name, sizeof(name), "%s-shm", tiny_database);
    (void) unlink(name);
    (void) snprintf(name, sizeof(name), "%s.lock", tiny_database);
    (void) unlink(name);
    fcgi_place_remove(&tiny_place);
}


/* nobody listens on port 1: NATS is away */

void
tiny_start(tiny_t *process, const char *extra)
{
    const char *const args[] = {
        tiny_listen, tiny_store, "--nats-url=nats://127.0.0.1:1", "--threads=4",
        "--log-format=json", extra, NULL
    };

    tiny_run(process, args);
    tiny_wait_for(process, "started: ");
}


void
tiny_stop(tiny_t *process)
{
    ck_assert_int_eq(kill(process->pid, SIGTERM), 0);
    ck_assert_int_eq(tiny_result(process), 0);
    ck_assert(tiny_said(process, "goodbye after hello"));
    ck_assert(tiny_said(process, "stopped by SIGTERM"));
    ck_assert_int_eq(access(tiny_place.path, F_OK), -1);
    tiny_close(process);
    tiny_teardown();
}
