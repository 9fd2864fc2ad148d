
/*
 * Copyright (C) Ficus authors
 */


#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "run.h"


#define RUN_DYING  2000     /* ms */


static int run_port_free(const run_conf_t *conf, unsigned port,
    const char *variable);
static int run_port_try(unsigned port);


int
run_ports(const run_conf_t *conf)
{
    if (run_port_free(conf, conf->http_port, "FICUS_HTTP_PORT") != RUN_OK
        || run_port_free(conf, conf->admin_port, "FICUS_ADMIN_PORT") != RUN_OK)
    {
        return RUN_ERROR;
    }

    if (!conf->own_nats) {
        return RUN_OK;
    }

    return run_port_free(conf, conf->nats_port, "FICUS_NATS_PORT");
}


/*
 * A process that was killed has its ports for an instant longer than its
 * working directory, by which run_left() knows it.
 */

static int
run_port_free(const run_conf_t *conf, unsigned port, const char *variable)
{
    int       error;
    uint64_t  until;

    until = run_now() + (conf->unclean ? RUN_DYING : 0);
    error = run_port_try(port);

    while (error == EADDRINUSE && run_now() < until) {
        usleep(10000);
        error = run_port_try(port);
    }

    switch (error) {

    case 0:
        return RUN_OK;

    case EADDRINUSE:
        run_error("port %u of 127.0.0.1 is taken; set %s to another one",
                  port, variable);
        break;

    case EACCES:
        run_error("port %u needs root; set %s to one from 1024 on", port,
                  variable);
        break;

    default:
        run_error("port %u of 127.0.0.1 can't be used: %s", port,
                  strerror(error));
    }

    return RUN_ERROR;
}


/* 0, or an errno */

static int
run_port_try(unsigned port)
{
    int                 fd, on, error;
    struct sockaddr_in  address;

    fd = socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, 0);

    if (fd == -1) {
        return errno;
    }

    on = 1;
    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_port = htons((in_port_t) port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    error = 0;

    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0
        || bind(fd, (struct sockaddr *) &address, sizeof(address)) != 0
        || listen(fd, 1) != 0)
    {
        error = errno;
    }

    close(fd);

    return error;
}
