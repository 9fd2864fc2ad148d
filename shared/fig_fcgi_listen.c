
/*
 * Copyright (C) Ficus authors
 */


#include "fig_fcgi_listen.h"
#include "fig_log.h"
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>


#define FIG_FCGI_BACKLOG  511
#define FIG_FCGI_HOST     256


typedef struct {
    const char  *port;
    char         host[FIG_FCGI_HOST];      /* empty: any */
} fig_fcgi_host_t;


static fig_status_t fig_fcgi_listen_path(fig_fcgi_listener_t *listener,
    unsigned mode);
static fig_status_t fig_fcgi_bind_path(int fd, const char *path);
static fig_status_t fig_fcgi_remove_stale(const char *path,
    const struct sockaddr_un *sun);
static fig_status_t fig_fcgi_listen_host(fig_fcgi_listener_t *listener,
    const char *address);
static fig_status_t fig_fcgi_bind_host(fig_fcgi_listener_t *listener,
    const struct addrinfo *info);
static fig_status_t fig_fcgi_host(const char *address, fig_fcgi_host_t *host);


fig_status_t
fig_fcgi_listen(fig_fcgi_listener_t *listener, const char *address,
    unsigned mode)
{
    const char    *why;
    fig_status_t   rc;

    listener->fd = -1;
    listener->path = NULL;

    if (fig_fcgi_address_check(address, &why) != FIG_OK) {
        fig_log_error("cannot listen on \"%s\": %s", address, why);
        return FIG_ERROR;
    }

    if (strchr(address, '/')) {
        listener->path = address;
        rc = fig_fcgi_listen_path(listener, mode);

    } else {
        rc = fig_fcgi_listen_host(listener, address);
    }

    if (rc != FIG_OK) {
        fig_fcgi_unlisten(listener);
    }

    return rc;
}


fig_status_t
fig_fcgi_address_check(const char *address, const char **why)
{
    uint64_t         port;
    fig_fcgi_host_t  host;

    if (strchr(address, '/')) {
        *why = "a socket's path has at most 107 bytes";
        return strlen(address) < sizeof(((struct sockaddr_un *) 0)->sun_path)
               ? FIG_OK : FIG_INVALID;
    }

    *why = "it must be a path with a \"/\" in it, or HOST:PORT";

    if (fig_fcgi_host(address, &host) != FIG_OK) {
        return FIG_INVALID;
    }

    if (fig_str_uint(fig_str_from(host.port), 65535, &port) != FIG_OK) {
        return FIG_INVALID;
    }

    return port != 0 ? FIG_OK : FIG_INVALID;
}


/* nobody can connect before listen(), when the mode is right */

static fig_status_t
fig_fcgi_listen_path(fig_fcgi_listener_t *listener, unsigned mode)
{
    int          fd;
    const char  *path;
    struct stat  st;

    path = listener->path;
    fd = socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0);
    listener->fd = fd;

    if (fd == -1) {
        fig_log_errno("socket() failed");
        return FIG_ERROR;
    }

    if (fig_fcgi_bind_path(fd, path) != FIG_OK) {
        return FIG_ERROR;
    }

    if (stat(path, &st) == -1) {
        fig_log_errno("cannot listen on \"%s\"", path);
        return FIG_ERROR;
    }

    listener->dev = st.st_dev;
    listener->ino = st.st_ino;

    if (chmod(path, mode) == -1 || listen(fd, FIG_FCGI_BACKLOG) == -1) {
        fig_log_errno("cannot listen on \"%s\"", path);
        fig_fcgi_hide(listener);
        return FIG_ERROR;
    }

    return FIG_OK;
}


static fig_status_t
fig_fcgi_bind_path(int fd, const char *path)
{
    struct sockaddr_un  sun;

    memset(&sun, 0, sizeof(sun));
    sun.sun_family = AF_UNIX;
    memcpy(sun.sun_path, path, strlen(path));

    if (bind(fd, (struct sockaddr *) &sun, sizeof(sun)) == 0) {
        return FIG_OK;
    }

    if (errno != EADDRINUSE) {
        fig_log_errno("cannot listen on \"%s\"", path);
        return FIG_ERROR;
    }

    if (fig_fcgi_remove_stale(path, &sun) != FIG_OK) {
        return FIG_ERROR;
    }

    if (bind(fd, (struct sockaddr *) &sun, sizeof(sun)) == -1) {
        fig_log_errno("cannot listen on \"%s\"", path);
        return FIG_ERROR;
    }

    return FIG_OK;
}


static fig_status_t
fig_fcgi_remove_stale(const char *path, const struct sockaddr_un *sun)
{
    int          fd, rc, error;
    struct stat  st;

    if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
        fig_log_error("cannot listen on \"%s\": it exists and is no socket",
                      path);
        return FIG_ERROR;
    }

    fd = socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK, 0);

    if (fd == -1) {
        fig_log_errno("socket() failed");
        return FIG_ERROR;
    }

    rc = connect(fd, (const struct sockaddr *) sun, sizeof(*sun));
    error = errno;
    (void) close(fd);

    if (rc == 0 || (error != ECONNREFUSED && error != ENOENT)) {
        fig_log_error("cannot listen on \"%s\": another process does", path);
        return FIG_ERROR;
    }

    if (unlink(path) == -1 && errno != ENOENT) {
        fig_log_errno("cannot remove the stale socket \"%s\"", path);
        return FIG_ERROR;
    }

    return FIG_OK;
}


static fig_status_t
fig_fcgi_listen_host(fig_fcgi_listener_t *listener, const char *address)
{
    int               rc;
    fig_status_t      status;
    fig_fcgi_host_t   host;
    struct addrinfo   hints, *info;

    if (fig_fcgi_host(address, &host) != FIG_OK) {
        return FIG_ERROR;
    }

    memset(&hints, 0, sizeof(hints));
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE|AI_NUMERICSERV;

    rc = getaddrinfo(host.host, host.port, &hints, &info);

    if (rc != 0) {
        fig_log_error("cannot listen on \"%s\": %s", address,
                      gai_strerror(rc));
        return FIG_ERROR;
    }

    status = fig_fcgi_bind_host(listener, info);

    if (status != FIG_OK) {
        fig_log_errno("cannot listen on \"%s\"", address);
    }

    freeaddrinfo(info);

    return status;
}


/* the first address of the host */

static fig_status_t
fig_fcgi_bind_host(fig_fcgi_listener_t *listener, const struct addrinfo *info)
{
    int  one;

    one = 1;
    listener->fd = socket(info->ai_family, SOCK_STREAM|SOCK_CLOEXEC, 0);

    if (listener->fd == -1
        || setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &one,
                      sizeof(one)) == -1
        || bind(listener->fd, info->ai_addr, info->ai_addrlen) == -1
        || listen(listener->fd, FIG_FCGI_BACKLOG) == -1)
    {
        return FIG_ERROR;
    }

    return FIG_OK;
}


/* HOST:PORT or [ADDRESS]:PORT */

static fig_status_t
fig_fcgi_host(const char *address, fig_fcgi_host_t *host)
{
    size_t       len;
    const char  *colon;

    colon = strrchr(address, ':');
    if (colon == NULL) {
        return FIG_INVALID;
    }

    len = (size_t) (colon - address);

    if (len > 2 && address[0] == '[' && address[len - 1] == ']') {
        address++;
        len -= 2;
    }

    if (len == 0 || len >= sizeof(host->host)) {
        return FIG_INVALID;
    }

    memcpy(host->host, address, len);
    host->host[len] = '\0';
    host->port = colon + 1;

    return FIG_OK;
}


void
fig_fcgi_hide(fig_fcgi_listener_t *listener)
{
    struct stat  st;

    if (listener->path && lstat(listener->path, &st) == 0
        && st.st_dev == listener->dev && st.st_ino == listener->ino)
    {
        (void) unlink(listener->path);
    }

    listener->path = NULL;
}


void
fig_fcgi_unlisten(fig_fcgi_listener_t *listener)
{
    if (listener->fd != -1) {
        (void) close(listener->fd);
        listener->fd = -1;
    }
}
