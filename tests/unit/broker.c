
/*
 * Copyright (C) Ficus authors
 */


#include "broker.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <nats/nats.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>


/* until a server listens, ms */
#define BROKER_START  15000

#define BROKER_PATH   4200


typedef struct {
    uint64_t  messages;
    int64_t   max_bytes;
} broker_info_t;

typedef bool (*broker_call_pt)(jsCtx *js, const char *stream,
    const char *more, void *data);


static const char *broker_program(void);
static unsigned broker_port(void);
static bool broker_listens(const broker_t *broker);
static void broker_exec(const broker_t *broker);
static void broker_config(const broker_t *broker);
static void broker_path(const broker_t *broker, const char *name, char *path);
static void broker_remove(const char *path);
static int broker_remove_one(const char *path, const struct stat *st,
    int type, struct FTW *ftw);
static bool broker_call(broker_t *broker, broker_call_pt call,
    const char *stream, const char *more, void *data);
static bool broker_call_delete(jsCtx *js, const char *stream,
    const char *more, void *data);
static bool broker_call_durable(jsCtx *js, const char *stream,
    const char *more, void *data);
static bool broker_call_publish(jsCtx *js, const char *stream,
    const char *more, void *data);
static bool broker_call_purge(jsCtx *js, const char *stream,
    const char *more, void *data);
static bool broker_call_info(jsCtx *js, const char *stream,
    const char *more, void *data);
static bool broker_call_add(jsCtx *js, const char *stream,
    const char *subjects, void *data);
static void broker_fail(const char *what);


static const char *
broker_program(void)
{
    const char  *program;

    program = getenv("FICUS_NATS_SERVER");

    return program && *program ? program : "nats-server";
}


bool
broker_there(void)
{
    int    status, null;
    pid_t  pid;

    pid = fork();

    if (pid == 0) {
        null = open("/dev/null", O_WRONLY);
        (void) dup2(null, STDOUT_FILENO);
        (void) dup2(null, STDERR_FILENO);
        (void) execlp(broker_program(), "nats-server", "--version", NULL);
        _exit(127);
    }

    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}


void
broker_open(broker_t *broker, const char *config)
{
    const char  *tmp;

    memset(broker, 0, sizeof(broker_t));

    tmp = getenv("TMPDIR");
    (void) snprintf(broker->dir, sizeof(broker->dir), "%s/ficus-nats-XXXXXX",
                    tmp && *tmp ? tmp : "/tmp");

    if (mkdtemp(broker->dir) == NULL) {
        broker_fail("mkdtemp");
    }

    broker->config = config;
    broker->jetstream = true;
    broker->port = broker_port();

    (void) snprintf(broker->url, sizeof(broker->url), "nats://127.0.0.1:%u",
                    broker->port);
}


static unsigned
broker_port(void)
{
    int                 fd;
    socklen_t           len;
    struct sockaddr_in  addr;

    memset(&addr, 0, sizeof(addr));
    addr.sin_family = AF_INET;
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    len = sizeof(addr);

    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd == -1
        || bind(fd, (struct sockaddr *) &addr, len) == -1
        || getsockname(fd, (struct sockaddr *) &addr, &len) == -1)
    {
        broker_fail("a free port");
    }

    (void) close(fd);

    return ntohs(addr.sin_port);
}


void
broker_start(broker_t *broker)
{
    unsigned  i;

    broker_config(broker);
    broker->pid = fork();

    if (broker->pid == -1) {
        broker_fail("fork");
    }

    if (broker->pid == 0) {
        broker_exec(broker);
    }

    for (i = 0; i < BROKER_START / 10; i++) {
        if (broker_listens(broker)) {
            return;
        }

        if (waitpid(broker->pid, NULL, WNOHANG) != 0) {
            break;
        }

        broker_sleep(10);
    }

    broker_fail("nats-server does not start");
}


static void
broker_config(const broker_t *broker)
{
    FILE  *file;
    char   path[BROKER_PATH];

    broker_path(broker, "conf", path);
    file = fopen(path, "we");

    if (file == NULL) {
        broker_fail(path);
    }

    (void) fprintf(file, "host: 127.0.0.1\nport: %u\nlog_file: \"%s/log\"\n",
                   broker->port, broker->dir);

    if (broker->jetstream) {
        (void) fprintf(file, "jetstream { store_dir: \"%s/data\" }\n",
                       broker->dir);
    }

    if (broker->config) {
        (void) fprintf(file, "%s\n", broker->config);
    }

    if (fclose(file) != 0) {
        broker_fail(path);
    }
}


static void
broker_exec(const broker_t *broker)
{
    int   null;
    char  path[BROKER_PATH];

    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
    broker_path(broker, "conf", path);

    null = open("/dev/null", O_WRONLY);
    (void) dup2(null, STDOUT_FILENO);
    (void) dup2(null, STDERR_FILENO);

    (void) execlp(broker_program(), "nats-server", "-c", path, NULL);
    _exit(127);
}


static bool
broker_listens(const broker_t *broker)
{
    int                 fd;
    bool                listens;
    struct sockaddr_in  addr;

    memset(&addr, 0, sizeof(addr));
    addr.sin_family = AF_INET;
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    addr.sin_port = htons((uint16_t) broker->port);

    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    listens = fd != -1
              && connect(fd, (struct sockaddr *) &addr, sizeof(addr)) == 0;
    (void) close(fd);

    return listens;
}


void
broker_kill(broker_t *broker, int sig)
{
    if (broker->pid > 0) {
        (void) kill(broker->pid, sig);
        (void) waitpid(broker->pid, NULL, 0);
        broker->pid = 0;
    }
}


void
broker_wipe(broker_t *broker)
{
    char  path[BROKER_PATH];

    broker_path(broker, "data", path);
    broker_remove(path);
}


void
broker_keep(broker_t *broker)
{
    int    status;
    pid_t  pid;
    char   data[BROKER_PATH], kept[BROKER_PATH];

    broker_path(broker, "data", data);
    broker_path(broker, "kept", kept);
    broker_remove(kept);

    pid = fork();

    if (pid == 0) {
        (void) execlp("cp", "cp", "-a", data, kept, NULL);
        _exit(127);
    }

    if (pid == -1 || waitpid(pid, &status, 0) != pid || status != 0) {
        broker_fail("cp");
    }
}


void
broker_restore(broker_t *broker)
{
    char  data[BROKER_PATH], kept[BROKER_PATH];

    broker_path(broker, "data", data);
    broker_path(broker, "kept", kept);
    broker_remove(data);

    if (rename(kept, data) != 0) {
        broker_fail(kept);
    }
}


static void
broker_path(const broker_t *broker, const char *name, char *path)
{
    (void) snprintf(path, BROKER_PATH, "%s/%s", broker->dir, name);
}


void
broker_close(broker_t *broker)
{
    broker_kill(broker, SIGKILL);
    broker_remove(broker->dir);
}


static void
broker_remove(const char *path)
{
    (void) nftw(path, broker_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}


static int
broker_remove_one(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
    return remove(path);
}


static bool
broker_call(broker_t *broker, broker_call_pt call, const char *stream,
    const char *more, void *data)
{
    bool             ok;
    jsCtx           *js;
    natsOptions     *options;
    natsConnection  *nc;

    ok = false;
    js = NULL;
    nc = NULL;
    options = NULL;

    if (natsOptions_Create(&options) == NATS_OK
        && natsOptions_SetURL(options, broker->url) == NATS_OK
        && natsConnection_Connect(&nc, options) == NATS_OK
        && natsConnection_JetStream(&js, nc, NULL) == NATS_OK)
    {
        ok = call(js, stream, more, data);
    }

    jsCtx_Destroy(js);
    natsConnection_Destroy(nc);
    natsOptions_Destroy(options);

    return ok;
}


bool
broker_delete_stream(broker_t *broker, const char *stream)
{
    return broker_call(broker, broker_call_delete, stream, NULL, NULL);
}


static bool
broker_call_delete(jsCtx *js, const char *stream, const char *more,
    void *data)
{
    return js_DeleteStream(js, stream, NULL, NULL) == NATS_OK;
}


bool
broker_delete_durable(broker_t *broker, const char *stream,
    const char *durable)
{
    return broker_call(broker, broker_call_durable, stream, durable, NULL);
}


static bool
broker_call_durable(jsCtx *js, const char *stream, const char *more,
    void *data)
{
    return js_DeleteConsumer(js, stream, more, NULL, NULL) == NATS_OK;
}


bool
broker_publish(broker_t *broker, const char *subject, const char *text)
{
    return broker_call(broker, broker_call_publish, subject, text, NULL);
}


static bool
broker_call_publish(jsCtx *js, const char *subject, const char *text,
    void *data)
{
    return js_Publish(NULL, js, subject, text, (int) strlen(text), NULL, NULL)
           == NATS_OK;
}


bool
broker_purge(broker_t *broker, const char *stream)
{
    return broker_call(broker, broker_call_purge, stream, NULL, NULL);
}


static bool
broker_call_purge(jsCtx *js, const char *stream, const char *more,
    void *data)
{
    return js_PurgeStream(js, stream, NULL, NULL) == NATS_OK;
}


bool
broker_add_stream(broker_t *broker, const char *stream, const char *subjects,
    bool memory, bool queue)
{
    jsStreamConfig  config;

    (void) jsStreamConfig_Init(&config);

    config.Storage = memory ? js_MemoryStorage : js_FileStorage;
    config.Retention = queue ? js_WorkQueuePolicy : js_LimitsPolicy;

    return broker_call(broker, broker_call_add, stream, subjects, &config);
}


static bool
broker_call_add(jsCtx *js, const char *stream, const char *subjects,
    void *data)
{
    jsStreamConfig  *config;

    config = data;
    config->Name = stream;
    config->Subjects = &subjects;
    config->SubjectsLen = 1;

    return js_AddStream(NULL, js, config, NULL, NULL) == NATS_OK;
}


uint64_t
broker_messages(broker_t *broker, const char *stream)
{
    broker_info_t  info;

    memset(&info, 0, sizeof(info));
    (void) broker_call(broker, broker_call_info, stream, NULL, &info);

    return info.messages;
}


int64_t
broker_max_bytes(broker_t *broker, const char *stream)
{
    broker_info_t  info;

    memset(&info, 0, sizeof(info));
    (void) broker_call(broker, broker_call_info, stream, NULL, &info);

    return info.max_bytes;
}


static bool
broker_call_info(jsCtx *js, const char *stream, const char *more, void *data)
{
    jsStreamInfo   *is;
    broker_info_t  *info;

    info = data;
    is = NULL;

    if (js_GetStreamInfo(&is, js, stream, NULL, NULL) != NATS_OK) {
        return false;
    }

    info->messages = is->State.Msgs;
    info->max_bytes = is->Config->MaxBytes;
    jsStreamInfo_Destroy(is);

    return true;
}


void
broker_sleep(unsigned ms)
{
    struct timespec  time;

    time.tv_sec = ms / 1000;
    time.tv_nsec = (long) (ms % 1000) * 1000000;

    while (nanosleep(&time, &time) == -1) {
        /* void */
    }
}


static void
broker_fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}
