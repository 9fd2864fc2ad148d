
/*
 * Copyright (C) Ficus authors
 */


#include "fig_bus_nats.h"
#include "fig_log.h"
#include <stdlib.h>
#include <string.h>


/* ms */
#define FIG_NATS_CONNECT  2000
#define FIG_NATS_PING     1000
#define FIG_NATS_WRITE    2000

#define FIG_NATS_PINGS    2


static fig_status_t fig_nats_servers(fig_nats_t *nats);
static fig_status_t fig_nats_server(fig_nats_t *nats, char *url);
static natsStatus fig_nats_set(fig_nats_t *nats);
static void fig_nats_on_error(natsConnection *nc, natsSubscription *sub,
    natsStatus s, void *data);


fig_status_t
fig_nats_options(fig_nats_t *nats, const fig_bus_conf_t *conf)
{
    natsStatus    s;
    fig_status_t  rc;

    fig_buf_init(&nats->where, 4096);

    nats->servers = strdup(conf->url);
    nats->name = strdup(conf->name ? conf->name : "ficus");

    if (nats->servers == NULL || nats->name == NULL) {
        return FIG_ERROR;
    }

    nats->conf.url = NULL;
    nats->conf.name = nats->name;

    s = natsOptions_Create(&nats->options);

    if (s == NATS_OK) {
        rc = fig_nats_servers(nats);

        if (rc != FIG_OK) {
            return rc;
        }

        s = fig_nats_set(nats);
    }

    if (s != NATS_OK) {
        fig_log_error("can't set up the NATS client: %s",
                      natsStatus_GetText(s));
        return FIG_ERROR;
    }

    return FIG_OK;
}


void
fig_nats_options_free(fig_nats_t *nats)
{
    natsOptions_Destroy(nats->options);
    fig_buf_clear(&nats->where);
    free(nats->servers);
    free(nats->name);
}


/* URL[,URL]... */

static fig_status_t
fig_nats_servers(fig_nats_t *nats)
{
    int          n;
    char        *url, *next;
    const char  *servers[FIG_NATS_SERVERS];

    n = 0;

    for (url = nats->servers; url; url = next) {
        next = strchr(url, ',');

        if (next) {
            *next++ = '\0';
        }

        url += strspn(url, " ");

        if (n == FIG_NATS_SERVERS) {
            fig_log_error("more than %d servers in the NATS URL",
                          FIG_NATS_SERVERS);
            return FIG_INVALID;
        }

        if (fig_nats_server(nats, url) != FIG_OK) {
            fig_log_error("server %d of the NATS URL is not "
                          "nats://[USER:PASSWORD@]HOST[:PORT]", n + 1);
            return FIG_INVALID;
        }

        servers[n++] = url;
    }

    if (!fig_buf_ok(&nats->where)
        || natsOptions_SetServers(nats->options, servers, n) != NATS_OK)
    {
        return FIG_ERROR;
    }

    return FIG_OK;
}


/* checks one server and adds it to the text for the log, without password */

static fig_status_t
fig_nats_server(fig_nats_t *nats, char *url)
{
    uint64_t     port;
    fig_str_t    text;
    const char  *at, *host, *colon;

    if (strncmp(url, "nats://", 7) != 0) {
        return FIG_INVALID;
    }

    at = strrchr(url, '@');
    host = at ? at + 1 : url + 7;
    colon = strrchr(host, ':');

    if (colon && strchr(colon, ']')) {
        /* the last colon of an IPv6 address */
        colon = NULL;
    }

    text.data = host;
    text.len = colon ? (size_t) (colon - host) : strlen(host);

    if (text.len == 0 || strpbrk(host, "/ \t\r\n")) {
        return FIG_INVALID;
    }

    if (colon
        && (fig_str_uint(fig_str_from(colon + 1), 65535, &port) != FIG_OK
            || port == 0))
    {
        return FIG_INVALID;
    }

    if (nats->where.len != 0) {
        fig_buf_puts(&nats->where, ", ");
    }

    fig_buf_puts(&nats->where, host);

    return FIG_OK;
}


static natsStatus
fig_nats_set(fig_nats_t *nats)
{
    natsStatus    s;
    natsOptions  *options;

    options = nats->options;

    s = natsOptions_SetName(options, nats->name);

    if (s == NATS_OK) {
        s = natsOptions_SetAllowReconnect(options, false);
    }

    if (s == NATS_OK) {
        s = natsOptions_SetTimeout(options, FIG_NATS_CONNECT);
    }

    if (s == NATS_OK) {
        s = natsOptions_SetPingInterval(options, FIG_NATS_PING);
    }

    if (s == NATS_OK) {
        s = natsOptions_SetMaxPingsOut(options, FIG_NATS_PINGS);
    }

    if (s == NATS_OK) {
        /* a server that is stopped must not hold who writes to it */
        s = natsOptions_SetWriteDeadline(options, FIG_NATS_WRITE);
    }

    if (s == NATS_OK) {
        s = natsOptions_SetSendAsap(options, true);
    }

    if (s == NATS_OK) {
        s = natsOptions_SetErrorHandler(options, fig_nats_on_error, nats);
    }

    return s;
}


/* may be called for a subscription that was freed already: keep off it */

static void
fig_nats_on_error(natsConnection *nc, natsSubscription *sub, natsStatus s,
    void *data)
{
    if (s == NATS_NOT_PERMITTED) {
        fig_nats_complain(data, "nats-server does not permit this user what "
                          "we need");
    }
}
