
/*
 * Copyright (C) Ficus authors
 */


#include "fig_app_parts.h"
#include "fig_fcgi_listen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define FIG_APP_MODE  07777

#define FIG_APP_FIELD(field)  offsetof(fig_app_conf_t, field)


static size_t fig_app_count(const fig_setting_t *settings);
static fig_status_t fig_app_verify_listen(const char *name,
    fig_app_conf_t *conf);
static fig_status_t fig_app_verify_mode(const char *name,
    fig_app_conf_t *conf);
static fig_status_t fig_app_verify_store(const char *name,
    const fig_app_conf_t *conf);
static fig_status_t fig_app_verify_bus(const char *name,
    fig_app_conf_t *conf);
static fig_status_t fig_app_verify_log(const char *name,
    const fig_app_conf_t *conf);
static fig_status_t fig_app_log_format(const char *s,
    fig_log_format_t *format);
static fig_status_t fig_app_bad(const char *name, const char *option,
    const char *value, const char *why);


static const fig_setting_t  fig_app_common[] = {

    { "listen", "FICUS_LISTEN", FIG_CONFIG_STRING,
      FIG_APP_FIELD(fcgi.listen), NULL, 0, 0,
      "where nginx finds the worker: a path with a \"/\" in it, or HOST:PORT" },

    { "listen-mode", NULL, FIG_CONFIG_STRING,
      FIG_APP_FIELD(listen_mode), "0600", 0, 0,
      "permissions of the socket, octal" },

    { "threads", NULL, FIG_CONFIG_NUMBER,
      FIG_APP_FIELD(fcgi.threads), "64", 1, 1024,
      "requests that can be answered at once" },

    { "max-body", NULL, FIG_CONFIG_SIZE,
      FIG_APP_FIELD(fcgi.max_body), "8m", 1, 1073741824,
      "largest body of a request" },

    { "max-connections", NULL, FIG_CONFIG_NUMBER,
      FIG_APP_FIELD(fcgi.max_connections), "1024", 1, 65536,
      "connections, most of them idle, that are served" },

    { "max-wait", NULL, FIG_CONFIG_MSEC,
      FIG_APP_FIELD(fcgi.max_wait), "250ms", 1, 3600000,
      "time that requests may wait for a thread before some are shed" },

    { "read-timeout", NULL, FIG_CONFIG_MSEC,
      FIG_APP_FIELD(fcgi.read_timeout), "10s", 1, 3600000,
      "time that a request may take to come" },

    { "store", "FICUS_STORE", FIG_CONFIG_STRING,
      FIG_APP_FIELD(store.uri), NULL, 0, 0,
      "where the documents are: sqlite:PATH or mongodb://HOST/DATABASE" },

    { "store-lock-timeout", NULL, FIG_CONFIG_MSEC,
      FIG_APP_FIELD(store.lock_timeout), "1s", 1, 60000,
      "time to wait for the write lock, or for a free connection" },

    { "store-cache", NULL, FIG_CONFIG_SIZE,
      FIG_APP_FIELD(store.cache), "256k", 1, 1073741824,
      "memory that a connection to the store may cache in" },

    { "nats-url", "FICUS_NATS_URL", FIG_CONFIG_STRING,
      FIG_APP_FIELD(bus.url), "nats://127.0.0.1:4222", 0, 0,
      "the NATS server, or several with commas between them" },

    { "stream-max-bytes", NULL, FIG_CONFIG_SIZE,
      FIG_APP_FIELD(bus.stream_max_bytes), "1g", 1, 0,
      "size of a stream, of which the oldest messages go first" },

    { "stream-max-age", NULL, FIG_CONFIG_MSEC,
      FIG_APP_FIELD(bus.stream_max_age), "168h", 1000, 0,
      "age up to which a stream keeps messages" },

    { "max-payload", NULL, FIG_CONFIG_SIZE,
      FIG_APP_FIELD(bus.max_payload), "16m", 1024, 1073741824,
      "largest message, until the NATS server has said what it takes" },

    { "publish-pending", NULL, FIG_CONFIG_NUMBER,
      FIG_APP_FIELD(bus.publish_pending), "4096", 1, 1048576,
      "messages that may wait for the server's answer" },

    { "ack-wait", NULL, FIG_CONFIG_MSEC,
      FIG_APP_FIELD(bus.ack_wait), "30s", 100, 3600000,
      "time after which a message that was not acknowledged comes again" },

    { "ack-pending", NULL, FIG_CONFIG_NUMBER,
      FIG_APP_FIELD(bus.ack_pending), "1000", 1, 1048576,
      "messages that may wait for an acknowledgement" },

    { "stop-timeout", NULL, FIG_CONFIG_MSEC,
      FIG_APP_FIELD(stop_timeout), "10s", 0, 3600000,
      "time that running requests have to end" },

    { "log-level", NULL, FIG_CONFIG_STRING,
      FIG_APP_FIELD(log_level), "info", 0, 0,
      "error, warn, info or debug" },

    { "log-format", NULL, FIG_CONFIG_STRING,
      FIG_APP_FIELD(log_format), "auto", 0, 0,
      "text, json, or auto: text on a terminal" }
};


/* of those that follow another service */

static const fig_setting_t  fig_app_follows[] = {

    { "sync-interval", NULL, FIG_CONFIG_MSEC,
      FIG_APP_FIELD(sync_interval), "30s", 100, 86400000,
      "time between two compares of replica and source" },

    { "sync-delete", NULL, FIG_CONFIG_NUMBER,
      FIG_APP_FIELD(sync_delete), "10", 0, 100,
      "per cent of the replica that a compare may delete unasked" },

    { "dead-letters", NULL, FIG_CONFIG_NUMBER,
      FIG_APP_FIELD(dead_letters), "10000", 1, 1000000000,
      "dead letters kept; with as many the consumer waits" }
};


fig_setting_t *
fig_app_settings(const fig_worker_t *worker)
{
    size_t          own, common, follows;
    fig_setting_t  *settings;

    common = sizeof(fig_app_common) / sizeof(fig_app_common[0]);
    follows = sizeof(fig_app_follows) / sizeof(fig_app_follows[0]);
    own = fig_app_count(worker->settings);

    /* zeroed: the last ends the table */

    settings = calloc(common + follows + own + 1, sizeof(fig_setting_t));

    if (settings == NULL) {
        return NULL;
    }

    memcpy(settings, fig_app_common, sizeof(fig_app_common));

    if (worker->follows) {
        memcpy(settings + common, fig_app_follows, sizeof(fig_app_follows));
        common += follows;
    }

    if (own != 0) {
        memcpy(settings + common, worker->settings,
               own * sizeof(fig_setting_t));
    }

    return settings;
}


static size_t
fig_app_count(const fig_setting_t *settings)
{
    size_t  n;

    for (n = 0; settings && settings[n].name; n++) { /* void */ }

    return n;
}


fig_status_t
fig_app_verify(const char *name, fig_app_conf_t *conf)
{
    if (fig_app_verify_listen(name, conf) != FIG_OK
        || fig_app_verify_mode(name, conf) != FIG_OK
        || fig_app_verify_store(name, conf) != FIG_OK
        || fig_app_verify_bus(name, conf) != FIG_OK
        || fig_app_verify_log(name, conf) != FIG_OK)
    {
        return FIG_INVALID;
    }

    return FIG_OK;
}


static fig_status_t
fig_app_verify_listen(const char *name, fig_app_conf_t *conf)
{
    const char  *why;

    if (conf->fcgi.listen == NULL) {
        return fig_app_bad(name, "listen", NULL, "must be set");
    }

    if (fig_fcgi_address_check(conf->fcgi.listen, &why) != FIG_OK) {
        return fig_app_bad(name, "listen", conf->fcgi.listen, why);
    }

    return FIG_OK;
}


static fig_status_t
fig_app_verify_mode(const char *name, fig_app_conf_t *conf)
{
    char        *end;
    uint64_t     value;
    const char  *mode;

    mode = conf->listen_mode;
    value = strtoul(mode, &end, 8);

    if (*mode < '0' || *mode > '7' || *end != '\0' || value > FIG_APP_MODE) {
        return fig_app_bad(name, "listen-mode", mode,
                           "it must be octal, as 0600");
    }

    conf->fcgi.mode = value;

    return FIG_OK;
}


static fig_status_t
fig_app_verify_store(const char *name, const fig_app_conf_t *conf)
{
    const char    *uri, *why;
    fig_status_t   rc;

    uri = conf->store.uri;

    if (uri == NULL) {
        return fig_app_bad(name, "store", NULL, "must be set");
    }

    rc = fig_store_verify(uri, &why);

    return rc == FIG_OK ? FIG_OK
           : fig_app_bad(name, "store", rc == FIG_INVALID ? NULL : uri, why);
}


/* a URL may hold a password, so it is not shown */

static fig_status_t
fig_app_verify_bus(const char *name, fig_app_conf_t *conf)
{
    const char  *why;

    if (fig_bus_verify(conf->bus.url, &why) != FIG_OK) {
        return fig_app_bad(name, "nats-url", NULL, why);
    }

    conf->bus.name = name;

    return FIG_OK;
}


static fig_status_t
fig_app_verify_log(const char *name, const fig_app_conf_t *conf)
{
    fig_log_level_t   level;
    fig_log_format_t  format;

    if (fig_log_level_parse(fig_str_from(conf->log_level), &level) != FIG_OK) {
        return fig_app_bad(name, "log-level", conf->log_level,
                           "it must be error, warn, info or debug");
    }

    if (fig_app_log_format(conf->log_format, &format) != FIG_OK) {
        return fig_app_bad(name, "log-format", conf->log_format,
                           "it must be text, json or auto");
    }

    return FIG_OK;
}


/* verified */

void
fig_app_log(const char *name, const fig_app_conf_t *conf)
{
    fig_log_level_t   level;
    fig_log_format_t  format;

    if (fig_log_level_parse(fig_str_from(conf->log_level), &level) == FIG_OK
        && fig_app_log_format(conf->log_format, &format) == FIG_OK)
    {
        fig_log_init(name, level, format);
    }
}


static fig_status_t
fig_app_log_format(const char *s, fig_log_format_t *format)
{
    if (strcmp(s, "auto") == 0) {
        *format = FIG_LOG_AUTO;

    } else if (strcmp(s, "text") == 0) {
        *format = FIG_LOG_TEXT;

    } else if (strcmp(s, "json") == 0) {
        *format = FIG_LOG_JSON;

    } else {
        return FIG_INVALID;
    }

    return FIG_OK;
}


static fig_status_t
fig_app_bad(const char *name, const char *option, const char *value,
    const char *why)
{
    if (value) {
        (void) fprintf(stderr, "%s: --%s \"%s\": %s\n", name, option, value,
                       why);

    } else {
        (void) fprintf(stderr, "%s: --%s %s\n", name, option, why);
    }

    return FIG_INVALID;
}
