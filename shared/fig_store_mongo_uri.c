
/*
 * Copyright (C) Ficus authors
 */


/*
 * The URI of a store on MongoDB.  What it says of times and sizes counts; what
 * makes a write safe and a read true is set here, whatever it says.
 */


#include "fig_store_mongo.h"
#include "fig_log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define URI_DATABASE  "ficus"

/* connections of a process; ms that the server may take */

#define URI_POOL      32
#define URI_CONNECT   1000
#define URI_SELECT    1500
#define URI_SOCKET    2000


static mongoc_uri_t *uri_parse(const char *text);
static bool uri_is_plain(const char *text);
static void uri_numbers(mongoc_uri_t *uri, const fig_store_conf_t *conf);
static void uri_concerns(mongoc_uri_t *uri);
static char *uri_name(const mongoc_uri_t *uri, const char *database);


mongoc_uri_t *
fig_mongo_uri(const fig_store_conf_t *conf, char **name, char **database)
{
    mongoc_uri_t  *uri;

    *name = NULL;
    *database = NULL;

    uri = uri_parse(conf->uri);

    if (uri == NULL) {
        return NULL;
    }

    *database = strdup(mongoc_uri_get_database(uri)
                       ? mongoc_uri_get_database(uri) : URI_DATABASE);

    if (*database != NULL) {
        *name = uri_name(uri, *database);
    }

    if (*name == NULL) {
        fig_log_error("store: out of memory");
        free(*database);
        *database = NULL;
        mongoc_uri_destroy(uri);
        return NULL;
    }

    uri_numbers(uri, conf);
    uri_concerns(uri);

    return uri;
}


/*
 * The driver's message may have a part of the password in it.
 */

static mongoc_uri_t *
uri_parse(const char *text)
{
    bson_error_t   error;
    mongoc_uri_t  *uri;

    uri = uri_is_plain(text) ? mongoc_uri_new_with_error(text, &error) : NULL;

    if (uri == NULL) {
        fig_log_error("store: the URI is not right, want mongodb://"
                      "[USER:PASSWORD@]HOST[:PORT][,...]/[DATABASE]: %s",
                      strchr(text, '@')
                      ? "what is special in user or password must be %-encoded"
                      : error.message);
    }

    return uri;
}


/*
 * The driver would take what is behind the first @ or / of a password for the
 * server's name, and everybody would read it in the log.
 */

static bool
uri_is_plain(const char *text)
{
    const char  *at, *hosts;

    at = strchr(text, '@');
    hosts = strstr(text, "://");

    return at == NULL
           || (strchr(at + 1, '@') == NULL && hosts != NULL
               && at < hosts + 3 + strcspn(hosts + 3, "/?"));
}


static void
uri_numbers(mongoc_uri_t *uri, const fig_store_conf_t *conf)
{
    size_t  i;

    const struct {
        const char  *option;
        int32_t      value;

    } numbers[] = {
        { MONGOC_URI_CONNECTTIMEOUTMS, URI_CONNECT },
        { MONGOC_URI_SERVERSELECTIONTIMEOUTMS, URI_SELECT },
        { MONGOC_URI_SOCKETTIMEOUTMS, URI_SOCKET },
        { MONGOC_URI_WAITQUEUETIMEOUTMS, (int32_t) conf->lock_timeout },
        { MONGOC_URI_MAXPOOLSIZE, URI_POOL }
    };

    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {

        if (!mongoc_uri_has_option(uri, numbers[i].option)) {
            (void) mongoc_uri_set_option_as_int32(uri, numbers[i].option,
                                                  numbers[i].value);
        }
    }

    if (mongoc_uri_get_appname(uri) == NULL) {
        (void) mongoc_uri_set_appname(uri, "ficus");
    }
}


/*
 * A read that is tried again by the driver would take twice its time.
 */

static void
uri_concerns(mongoc_uri_t *uri)
{
    mongoc_read_prefs_t     *primary;
    mongoc_read_concern_t   *read;
    mongoc_write_concern_t  *write;

    write = mongoc_write_concern_new();
    mongoc_write_concern_set_w(write, MONGOC_WRITE_CONCERN_W_MAJORITY);
    mongoc_write_concern_set_journal(write, true);
    mongoc_uri_set_write_concern(uri, write);
    mongoc_write_concern_destroy(write);

    read = mongoc_read_concern_new();
    (void) mongoc_read_concern_set_level(read,
                                         MONGOC_READ_CONCERN_LEVEL_MAJORITY);
    mongoc_uri_set_read_concern(uri, read);
    mongoc_read_concern_destroy(read);

    primary = mongoc_read_prefs_new(MONGOC_READ_PRIMARY);
    mongoc_uri_set_read_prefs_t(uri, primary);
    mongoc_read_prefs_destroy(primary);

    (void) mongoc_uri_set_option_as_bool(uri, MONGOC_URI_RETRYREADS, false);
}


static char *
uri_name(const mongoc_uri_t *uri, const char *database)
{
    char                      *name;
    fig_buf_t                  buf;
    const mongoc_host_list_t  *host;

    fig_buf_init(&buf, 4096);
    fig_buf_puts(&buf, "mongodb://");

    for (host = mongoc_uri_get_hosts(uri); host != NULL; host = host->next) {
        fig_buf_puts(&buf, host->host_and_port);
        fig_buf_puts(&buf, host->next ? "," : "/");
    }

    fig_buf_puts(&buf, database);

    name = fig_buf_ok(&buf) ? strdup(buf.data) : NULL;
    fig_buf_clear(&buf);

    return name;
}
