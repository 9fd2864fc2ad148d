
/*
 * Copyright (C) Ficus authors
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "run.h"


static int run_find_self(run_conf_t *conf);
static int run_find_conf(run_conf_t *conf);
static int run_find_module(run_conf_t *conf);
static int run_find_nginx(run_conf_t *conf);
static int run_find_nats(run_conf_t *conf);
static int run_find_workers(run_conf_t *conf);
static bool run_find_path(const char *name, char *path);
static bool run_find_at(const char *file, char *path);


int
run_find(run_conf_t *conf)
{
    if (run_find_self(conf) != RUN_OK
        || run_find_conf(conf) != RUN_OK
        || run_find_module(conf) != RUN_OK
        || run_find_nginx(conf) != RUN_OK
        || run_find_nats(conf) != RUN_OK)
    {
        return RUN_ERROR;
    }

    return run_find_workers(conf);
}


static int
run_find_self(run_conf_t *conf)
{
    char     *slash;
    ssize_t   n;

    n = readlink("/proc/self/exe", conf->build, sizeof(conf->build) - 1);

    if (n <= 0) {
        run_error("/proc/self/exe can't be read; is /proc mounted?");
        return RUN_ERROR;
    }

    conf->build[n] = '\0';
    slash = strrchr(conf->build, '/');
    *slash = '\0';

    return RUN_OK;
}


/* build/ and build/sanitize/ are in the tree; others are run from its top */

static int
run_find_conf(run_conf_t *conf)
{
    size_t              i;
    char                file[PATH_MAX + 64];
    static const char  *up[] = { "/../conf", "/../../conf" };

    for (i = 0; i < sizeof(up) / sizeof(up[0]); i++) {
        (void) snprintf(file, sizeof(file), "%s%s/nginx.conf.in", conf->build,
                        up[i]);

        if (access(file, R_OK) == 0) {
            *strrchr(file, '/') = '\0';
            return realpath(file, conf->conf) != NULL ? RUN_OK : RUN_ERROR;
        }
    }

    if (access("conf/nginx.conf.in", R_OK) == 0
        && realpath("conf", conf->conf) != NULL)
    {
        return RUN_OK;
    }

    run_error("conf/nginx.conf.in was not found; run this from the top of "
              "the source tree");

    return RUN_ERROR;
}


static int
run_find_module(run_conf_t *conf)
{
    const char  *module;

    module = getenv("FICUS_MODULE");

    if (module == NULL) {
        if (run_path(conf->module, sizeof(conf->module),
                     "%s/ngx_http_strangler_module.so", conf->build)
            != RUN_OK)
        {
            return RUN_ERROR;
        }

        module = conf->module;

    } else if (run_path(conf->module, sizeof(conf->module), "%s", module)
               != RUN_OK)
    {
        return RUN_ERROR;
    }

    if (access(module, R_OK) == 0) {
        return RUN_OK;
    }

    run_error("there is no gateway module %s; type: make", module);

    return RUN_ERROR;
}


/* one that was built beside us fits the module best */

static int
run_find_nginx(run_conf_t *conf)
{
    char         file[PATH_MAX + 64];
    const char  *set;

    set = getenv("FICUS_NGINX");

    if (set != NULL && set[0] != '\0') {
        if (run_find_at(set, conf->nginx)) {
            return RUN_OK;
        }

        run_error("FICUS_NGINX is \"%s\", which is no program", set);
        return RUN_ERROR;
    }

    (void) snprintf(file, sizeof(file), "%s/nginx-asan", conf->build);

    if (run_find_at(file, conf->nginx)) {
        return RUN_OK;
    }

    (void) snprintf(file, sizeof(file), "%s/nginx/objs/nginx", conf->build);

    if (run_find_at(file, conf->nginx)
        || run_find_at(FICUS_NGINX, conf->nginx)
        || run_find_path("nginx", conf->nginx))
    {
        return RUN_OK;
    }

    run_error("nginx was not found; type: apt-get install nginx "
              "(or ./configure --install-deps)");

    return RUN_ERROR;
}


static int
run_find_nats(run_conf_t *conf)
{
    const char  *set;

    if (!conf->own_nats) {
        return RUN_OK;
    }

    set = getenv("FICUS_NATS_SERVER");

    if (set != NULL && set[0] != '\0') {
        if (run_find_at(set, conf->nats_server)) {
            return RUN_OK;
        }

        run_error("FICUS_NATS_SERVER is \"%s\", which is no program", set);
        return RUN_ERROR;
    }

    if (run_find_at(FICUS_NATS_SERVER, conf->nats_server)
        || run_find_path("nats-server", conf->nats_server))
    {
        return RUN_OK;
    }

    run_error("nats-server was not found; type: apt-get install nats-server "
              "(or ./configure --install-deps), or set FICUS_NATS_URL to one "
              "that runs");

    return RUN_ERROR;
}


static int
run_find_workers(run_conf_t *conf)
{
    char                  file[PATH_MAX + 64], path[PATH_MAX];
    const run_service_t  *worker;

    for (worker = run_worker(run_services); worker != NULL;
         worker = run_worker(worker + 1))
    {
        (void) snprintf(file, sizeof(file), "%s/%s", conf->build,
                        worker->name);

        if (!run_find_at(file, path)) {
            run_error("there is no program %s; type: make", file);
            return RUN_ERROR;
        }
    }

    return RUN_OK;
}


/* sbin is not in everyone's PATH */

static bool
run_find_path(const char *name, char *path)
{
    char         file[PATH_MAX + 64];
    size_t       i, n;
    const char  *dirs[2], *p, *end;

    dirs[0] = getenv("PATH");
    dirs[1] = "/usr/local/sbin:/usr/sbin:/sbin";

    for (i = 0; i < 2; i++) {
        for (p = dirs[i]; p != NULL; p = (*end == ':') ? end + 1 : NULL) {
            end = strchrnul(p, ':');
            n = (size_t) (end - p);

            (void) snprintf(file, sizeof(file), "%.*s/%s", (int) n, p, name);

            if (n > 0 && run_find_at(file, path)) {
                return true;
            }
        }
    }

    return false;
}


static bool
run_find_at(const char *file, char *path)
{
    struct stat  st;

    return strlen(file) < PATH_MAX
           && stat(file, &st) == 0 && S_ISREG(st.st_mode)
           && access(file, X_OK) == 0 && realpath(file, path) != NULL;
}
