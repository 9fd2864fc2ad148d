
/*
 * Copyright (C) Ficus authors
 */


#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "run.h"


static const char *run_hints_build(const run_conf_t *conf);


void
run_hints(const run_conf_t *conf)
{
    char         env[64];
    const char  *build;

    build = run_hints_build(conf);
    env[0] = '\0';

    if (conf->admin_port != 8081) {
        (void) snprintf(env, sizeof(env), "FICUS_ADMIN_PORT=%u ",
                        conf->admin_port);
    }

    run_say("ready http://127.0.0.1:%u", conf->http_port);

    printf("\n"
           "Try, in another terminal:\n"
           "\n"
           "  make demo\n"
           "  %s%s/ficusctl status\n"
           "  %s%s/ficusctl set users v1=40 v2=60\n"
           "  curl -i http://127.0.0.1:%u/api/users -H "
           "'Content-Type: application/json' \\\n"
           "    -d '{\"userId\": \"ann\", \"email\": \"ann@example.org\", "
           "\"deliveryAddress\": \"1 Elm Street\"}'\n"
           "  curl -i http://127.0.0.1:%u/api/users/ann\n"
           "\n"
           "Data and logs are in %s.  Ctrl-C stops everything.\n"
           "\n",
           env, build, env, build, conf->http_port, conf->http_port,
           conf->asked);
    fflush(stdout);
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
