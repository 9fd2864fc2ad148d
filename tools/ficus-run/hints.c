
/*
 * Copyright (C) Ficus authors
 */


#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "run.h"


static void run_hints_port(char *buf, size_t size, const char *name,
    unsigned port, unsigned usual);
static const char *run_hints_build(const run_conf_t *conf);


void
run_hints(const run_conf_t *conf)
{
    char         http[64], admin[64];
    const char  *build;

    build = run_hints_build(conf);
    run_hints_port(admin, sizeof(admin), "FICUS_ADMIN_PORT", conf->admin_port,
                   8081);
    run_hints_port(http, sizeof(http), "FICUS_HTTP_PORT", conf->http_port,
                   8080);

    run_say("ready http://127.0.0.1:%u", conf->http_port);

    printf("\n"
           "Try, in another terminal:\n"
           "\n"
           "  %s%smake demo\n"
           "  %s%s/ficusctl status\n"
           "  %s%s/ficusctl set users v1=40 v2=60\n"
           "  curl -i http://127.0.0.1:%u/api/users -H "
           "'Content-Type: application/json' \\\n"
           "    -d '{\"userId\": \"ann\", \"email\": \"ann@example.org\", "
           "\"deliveryAddress\": \"1 Elm Street\"}'\n"
           "  curl -i http://127.0.0.1:%u/api/users/ann\n"
           "\n"
           "The dashboard is at http://127.0.0.1:%u/ for a browser.\n"
           "Data and logs are in %s.  Ctrl-C stops everything.\n"
           "\n",
           http, admin, admin, build, admin, build, conf->http_port,
           conf->http_port, conf->admin_port, conf->asked);
    fflush(stdout);
}


/* what a command has to be told if it is not the default */

static void
run_hints_port(char *buf, size_t size, const char *name, unsigned port,
    unsigned usual)
{
    buf[0] = '\0';

    if (port != usual) {
        (void) snprintf(buf, size, "%s=%u ", name, port);
    }
}


/* as one would type it */

static const char *
run_hints_build(const run_conf_t *conf)
{
    char    cwd[PATH_MAX];
    size_t  len;

    if (getcwd(cwd, sizeof(cwd)) == NULL) {
        return conf->build;
    }

    len = strlen(cwd);

    if (strncmp(conf->build, cwd, len) == 0 && conf->build[len] == '/') {
        return conf->build + len + 1;
    }

    return conf->build;
}
