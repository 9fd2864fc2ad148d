
/*
 * Copyright (C) Ficus authors
 */


#include "mongo_server.h"
#include <fcntl.h>
#include <ftw.h>
#include <mongoc/mongoc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>


static const char *mongo_hosts(const char *uri);
static char *mongo_format(const char *fmt, ...) FIG_PRINTF(1, 2);
static const char *mongo_program(void);
static void mongo_exec(const mongo_server_t *server, int fd);
static void mongo_read_uri(mongo_server_t *server, int fd);
static void mongo_end(void);
static int mongo_remove(const char *path, const struct stat *st, int type,
    struct FTW *ftw);
static void mongo_change(const char *uri, const char *collection,
    const char *id, const bson_t *change);
static mongoc_client_t *mongo_client(const char *uri, const char **database);
static void mongo_fail(const char *what);


static pid_t           shared_owner;
static mongo_server_t  shared;


bool
mongo_there(void)
{
    return !mongo_ours() ? getenv("MONGODB_URI") != NULL : true;
}


bool
mongo_ours(void)
{
    return getenv("MONGODB_URI") == NULL && access(mongo_program(), X_OK) == 0;
}


void
mongo_open(mongo_server_t *server)
{
    int          n;
    const char  *tmp;

    memset(server, 0, sizeof(mongo_server_t));

    tmp = getenv("TMPDIR");
    n = snprintf(server->dir, sizeof(server->dir), "%s/ficus-mongo-XXXXXX",
                 tmp && *tmp ? tmp : "/tmp");

    if (n < 0 || (size_t) n >= sizeof(server->dir)
        || mkdtemp(server->dir) == NULL)
    {
        mongo_fail("a directory");
    }

    (void) snprintf(server->address, sizeof(server->address), "127.0.0.1:0");

    mongo_start(server);
}


void
mongo_close(mongo_server_t *server)
{
    mongo_kill(server);
    (void) nftw(server->dir, mongo_remove, 16, FTW_DEPTH | FTW_PHYS);
}


void
mongo_kill(mongo_server_t *server)
{
    if (server->pid != 0) {
        (void) kill(server->pid, SIGKILL);
        (void) waitpid(server->pid, NULL, 0);
        server->pid = 0;
    }
}


void
mongo_start(mongo_server_t *server)
{
    int  fds[2];

    if (pipe2(fds, O_CLOEXEC) == -1) {
        mongo_fail("a pipe");
    }

    server->pid = fork();

    if (server->pid == 0) {
        mongo_exec(server, fds[1]);
    }

    if (server->pid == -1) {
        mongo_fail("fork");
    }

    (void) close(fds[1]);
    mongo_read_uri(server, fds[0]);
    (void) close(fds[0]);
}


const char *
mongo_shared_uri(void)
{
    if (!mongo_there()) {
        return NULL;
    }

    if (!mongo_ours()) {
        return getenv("MONGODB_URI");
    }

    if (shared.pid == 0) {
        shared_owner = getpid();
        mongo_open(&shared);
        (void) atexit(mongo_end);
    }

    return shared.uri;
}


char *
mongo_uri(const char *uri, const char *database)
{
    const char  *rest, *options;

    rest = mongo_hosts(uri);
    rest += strcspn(rest, "/?");
    options = strchr(rest, '?');

    return mongo_format("%.*s/%s%s", (int) (rest - uri), uri, database,
                        options ? options : "");
}


char *
mongo_uri_through(const char *uri, const char *address)
{
    char        *made, *set;
    const char  *hosts, *rest;

    hosts = mongo_hosts(uri);
    rest = hosts + strcspn(hosts, "/?");

    made = mongo_format("%.*s%s%s%sdirectConnection=true&retryWrites=false"
                        "&socketTimeoutMS=20000",
                        (int) (hosts - uri), uri, address, *rest ? rest : "/",
                        strchr(rest, '?') ? "&" : "?");

    /* it would have the driver look for the hosts themselves */
    set = strcasestr(made, "replicaSet=");

    if (set != NULL) {
        memcpy(set, "appName=___", 11);
    }

    return made;
}


char *
mongo_uri_host(const char *uri)
{
    const char  *hosts;

    hosts = mongo_hosts(uri);

    return mongo_format("%.*s", (int) strcspn(hosts, ",/?"), hosts);
}


char *
mongo_uri_as(const char *uri, const char *credentials)
{
    return mongo_format("mongodb://%s@%s", credentials, mongo_hosts(uri));
}


void
mongo_drop(const char *uri)
{
    const char         *name;
    bson_error_t        error;
    mongoc_client_t    *client;
    mongoc_database_t  *database;

    client = mongo_client(uri, &name);
    database = mongoc_client_get_database(client, name);

    if (!mongoc_database_drop(database, &error)) {
        mongo_fail(error.message);
    }

    mongoc_database_destroy(database);
    mongoc_client_destroy(client);
}


void
mongo_drop_collection(const char *uri, const char *collection)
{
    const char           *name;
    bson_error_t          error;
    mongoc_client_t      *client;
    mongoc_collection_t  *c;

    client = mongo_client(uri, &name);
    c = mongoc_client_get_collection(client, name, collection);

    if (!mongoc_collection_drop(c, &error)) {
        mongo_fail(error.message);
    }

    mongoc_collection_destroy(c);
    mongoc_client_destroy(client);
}


void
mongo_set(const char *uri, const char *collection, const char *id,
    const char *field, int64_t value)
{
    bson_t  change, fields;

    bson_init(&change);
    (void) bson_append_document_begin(&change, "$set", -1, &fields);
    (void) bson_append_int64(&fields, field, -1, value);
    (void) bson_append_document_end(&change, &fields);

    mongo_change(uri, collection, id, &change);
    bson_destroy(&change);
}


void
mongo_unset(const char *uri, const char *collection, const char *id,
    const char *field)
{
    bson_t  change, fields;

    bson_init(&change);
    (void) bson_append_document_begin(&change, "$unset", -1, &fields);
    (void) bson_append_utf8(&fields, field, -1, "", -1);
    (void) bson_append_document_end(&change, &fields);

    mongo_change(uri, collection, id, &change);
    bson_destroy(&change);
}


/* behind user and password */

static const char *
mongo_hosts(const char *uri)
{
    size_t       len;
    const char  *at;

    uri += strlen("mongodb://");
    len = strcspn(uri, "/?");
    at = memchr(uri, '@', len);

    return at ? at + 1 : uri;
}


static char *
mongo_format(const char *fmt, ...)
{
    int       n;
    char     *text;
    va_list   args;

    va_start(args, fmt);
    n = vasprintf(&text, fmt, args);
    va_end(args);

    if (n == -1) {
        mongo_fail("memory");
    }

    return text;
}


static const char *
mongo_program(void)
{
    const char  *program;

    program = getenv("FICUS_FERRETDB");

    return program && *program ? program : "build/ferretdb";
}


static void
mongo_exec(const mongo_server_t *server, int fd)
{
    int  null;

    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);

    null = open("/dev/null", O_RDWR);
    (void) dup2(null, STDIN_FILENO);
    (void) dup2(fd, STDOUT_FILENO);

    (void) execl(mongo_program(), "ferretdb", server->dir, server->address,
                 NULL);
    _exit(127);
}


static void
mongo_read_uri(mongo_server_t *server, int fd)
{
    char     *end;
    size_t    len;
    ssize_t   n;

    len = 0;

    do {
        n = read(fd, server->uri + len, sizeof(server->uri) - 1 - len);
        len += n > 0 ? (size_t) n : 0;
        server->uri[len] = '\0';
        end = strchr(server->uri, '\n');

    } while (n > 0 && end == NULL);

    if (end == NULL || strncmp(server->uri, "mongodb://", 10) != 0) {
        mongo_fail("FerretDB did not start");
    }

    *end = '\0';

    (void) snprintf(server->address, sizeof(server->address), "%.*s",
                    (int) strcspn(server->uri + 10, "/"), server->uri + 10);
}


static void
mongo_end(void)
{
    if (getpid() == shared_owner) {
        mongo_close(&shared);
    }
}


static int
mongo_remove(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
    return remove(path);
}


static void
mongo_change(const char *uri, const char *collection, const char *id,
    const bson_t *change)
{
    bson_t                selector;
    const char           *database;
    bson_error_t          error;
    mongoc_client_t      *client;
    mongoc_collection_t  *c;

    bson_init(&selector);
    (void) bson_append_utf8(&selector, "_id", -1, id, -1);

    client = mongo_client(uri, &database);
    c = mongoc_client_get_collection(client, database, collection);

    if (!mongoc_collection_update_one(c, &selector, change, NULL, NULL,
                                      &error))
    {
        mongo_fail(error.message);
    }

    mongoc_collection_destroy(c);
    mongoc_client_destroy(client);
    bson_destroy(&selector);
}


static mongoc_client_t *
mongo_client(const char *uri, const char **database)
{
    bson_error_t      error;
    mongoc_uri_t     *parsed;
    mongoc_client_t  *client;

    mongoc_init();

    parsed = mongoc_uri_new_with_error(uri, &error);

    if (parsed == NULL) {
        mongo_fail(error.message);
    }

    client = mongoc_client_new_from_uri(parsed);
    *database = mongoc_uri_get_database(mongoc_client_get_uri(client));
    mongoc_uri_destroy(parsed);

    return client;
}


static void
mongo_fail(const char *what)
{
    (void) fprintf(stderr, "mongo_server: %s\n", what);
    exit(EXIT_FAILURE);
}
