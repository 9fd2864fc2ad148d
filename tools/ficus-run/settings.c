
/*
 * Copyright (C) Ficus authors
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fig_buf.h"
#include "run.h"


static int run_port(const char *name, unsigned value, unsigned *port);
static int run_ports_differ(const run_conf_t *conf);
static int run_nats_url(run_conf_t *conf);
static int run_store(run_conf_t *conf);


int
run_settings(run_conf_t *conf)
{
    const char  *dir;

    dir = getenv("FICUS_RUN_DIR");

    if (dir != NULL && dir[0] == '\0') {
        run_error("FICUS_RUN_DIR is empty; set it to a directory, or unset it");
        return RUN_ERROR;
    }

    conf->asked = (dir != NULL) ? dir : "run";

    if (run_port("FICUS_HTTP_PORT", 8080, &conf->http_port) != RUN_OK
        || run_port("FICUS_ADMIN_PORT", 8081, &conf->admin_port) != RUN_OK
        || run_port("FICUS_NATS_PORT", 4222, &conf->nats_port) != RUN_OK
        || run_nats_url(conf) != RUN_OK
        || run_ports_differ(conf) != RUN_OK)
    {
        return RUN_ERROR;
    }

    return run_store(conf);
}


static int
run_port(const char *name, unsigned value, unsigned *port)
{
    uint64_t     n;
    const char  *text;

    text = getenv(name);

    if (text == NULL) {
        *port = value;
        return RUN_OK;
    }

    if (fig_str_uint(fig_str_from(text), 65535, &n) != FIG_OK || n == 0) {
        run_error("%s is \"%s\"; it must be a port, 1 to 65535", name, text);
        return RUN_ERROR;
    }

    *port = (unsigned) n;

    return RUN_OK;
}


static int
run_ports_differ(const run_conf_t *conf)
{
    if (conf->http_port == conf->admin_port) {
        run_error("FICUS_HTTP_PORT and FICUS_ADMIN_PORT are both %u",
                  conf->http_port);
        return RUN_ERROR;
    }

    if (conf->own_nats && (conf->nats_port == conf->http_port
                           || conf->nats_port == conf->admin_port))
    {
        run_error("FICUS_NATS_PORT is %u, which the gateway has already",
                  conf->nats_port);
        return RUN_ERROR;
    }

    return RUN_OK;
}


/* it may hold a password, so no message shows it */

static int
run_nats_url(run_conf_t *conf)
{
    const char  *url;

    url = getenv("FICUS_NATS_URL");
    conf->own_nats = (url == NULL);

    if (url == NULL) {
        return run_path(conf->nats_url, sizeof(conf->nats_url),
                        "nats://127.0.0.1:%u", conf->nats_port);
    }

    if (strncmp(url, "tls://", 6) == 0) {
        run_error("FICUS_NATS_URL is tls://, but workers speak plain nats:// "
                  "only; a tunnel such as stunnel can encrypt it");
        return RUN_ERROR;
    }

    if (strncmp(url, "nats://", 7) != 0 || url[7] == '\0') {
        run_error("FICUS_NATS_URL is no URL such as nats://127.0.0.1:4222");
        return RUN_ERROR;
    }

    if (strlen(url) >= sizeof(conf->nats_url)) {
        run_error("FICUS_NATS_URL is longer than %zu bytes",
                  sizeof(conf->nats_url) - 1);
        return RUN_ERROR;
    }

    memcpy(conf->nats_url, url, strlen(url) + 1);

    return RUN_OK;
}


/* a URI may hold a password, too */

static int
run_store(run_conf_t *conf)
{
    const char  *store, *hosts;

    store = getenv("FICUS_STORE");

    if (store == NULL || strcmp(store, "sqlite") == 0) {
        return RUN_OK;
    }

    if (strncmp(store, "mongodb", 7) != 0) {
        run_error("FICUS_STORE is \"%s\"; it must be sqlite, or a URI such as "
                  "mongodb://127.0.0.1:27017/ficus", store);
        return RUN_ERROR;
    }

    hosts = strncmp(store, "mongodb://", 10) == 0 ? store + 10 : "";

    if (strcspn(hosts, "/?") == 0) {
        run_error("FICUS_STORE is no URI such as "
                  "mongodb://127.0.0.1:27017/ficus");
        return RUN_ERROR;
    }

    if (strlen(store) >= sizeof(conf->store)) {
        run_error("FICUS_STORE is longer than %zu bytes",
                  sizeof(conf->store) - 1);
        return RUN_ERROR;
    }

    memcpy(conf->store, store, strlen(store) + 1);

    return RUN_OK;
}


/*
 * The driver looks for the user in the database of the URI, which is another
 * one now, or in admin.
 */

int
run_store_uri(const run_conf_t *conf, const char *name, char *uri, size_t size)
{
    int          n, hosts, database, found;
    const char  *p, *options;

    hosts = 10 + (int) strcspn(conf->store + 10, "/?");
    p = conf->store + hosts;
    p += (*p == '/');
    database = (int) strcspn(p, "?");
    options = p + database;
    found = memchr(conf->store, '@', (size_t) hosts) == NULL
            || strcasestr(options, "authsource=") != NULL;

    n = snprintf(uri, size, "%.*s/%.*s_%s%s%s%.*s", hosts, conf->store,
                 database ? database : 5, database ? p : "ficus", name,
                 *options ? options : found ? "" : "?",
                 found ? "" : *options ? "&authSource=" : "authSource=",
                 found ? 0 : database ? database : 5, database ? p : "admin");

    return n < 0 || (size_t) n >= size ? RUN_ERROR : RUN_OK;
}
