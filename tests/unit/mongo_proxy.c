
/*
 * Copyright (C) Ficus authors
 */


#include "mongo_proxy.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>


/* an OP_MSG begins with its header, flags, kind and size, and a type */

#define PROXY_NAME  (16 + 4 + 1 + 4 + 1)
#define PROXY_MAX   (48U * 1024 * 1024)


typedef struct {
    int             client;
    int             server;
    mongo_proxy_t  *proxy;
} link_t;


static void *proxy_accept(void *data);
static void *proxy_link(void *data);
static bool proxy_pass(link_t *l);
static bool proxy_is_cut(link_t *l, const char *message, size_t size);
static char *proxy_read(int fd, size_t *size);
static bool proxy_all(int fd, char *p, size_t size, bool out);
static int proxy_connect(const char *address);
static void proxy_thread(void *(*run)(void *), void *data);
static void proxy_fail(const char *what);


void
mongo_proxy(mongo_proxy_t *proxy, const char *server)
{
    socklen_t           len;
    struct sockaddr_in  addr;

    memset(proxy, 0, sizeof(mongo_proxy_t));
    (void) snprintf(proxy->server, sizeof(proxy->server), "%s", server);

    memset(&addr, 0, sizeof(addr));
    addr.sin_family = AF_INET;
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    len = sizeof(addr);

    proxy->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (proxy->fd == -1
        || bind(proxy->fd, (struct sockaddr *) &addr, len) == -1
        || listen(proxy->fd, 128) == -1
        || getsockname(proxy->fd, (struct sockaddr *) &addr, &len) == -1)
    {
        proxy_fail("listen");
    }

    (void) snprintf(proxy->address, sizeof(proxy->address), "127.0.0.1:%u",
                    ntohs(addr.sin_port));

    proxy_thread(proxy_accept, proxy);
}


static void *
proxy_accept(void *data)
{
    int             client;
    link_t         *l;
    mongo_proxy_t  *proxy = data;

    while ((client = accept(proxy->fd, NULL, NULL)) != -1) {
        l = calloc(1, sizeof(link_t));

        if (l == NULL) {
            proxy_fail("memory");
        }

        l->proxy = proxy;
        l->client = client;
        l->server = proxy_connect(proxy->server);
        proxy_thread(proxy_link, l);
    }

    return NULL;
}


static void *
proxy_link(void *data)
{
    link_t  *l = data;

    while (l->server != -1 && proxy_pass(l)) {
        /* until one side ends it */
    }

    (void) close(l->client);
    (void) close(l->server);
    free(l);

    return NULL;
}


static bool
proxy_pass(link_t *l)
{
    bool     ok, cut;
    char    *request, *answer;
    size_t   size;

    request = proxy_read(l->client, &size);

    if (request == NULL) {
        return false;
    }

    cut = proxy_is_cut(l, request, size);
    ok = cut && atomic_load(&l->proxy->cut) == MONGO_CUT_REQUEST ? false
         : proxy_all(l->server, request, size, true);
    free(request);

    if (!ok) {
        return false;
    }

    answer = proxy_read(l->server, &size);

    if (cut && l->proxy->before != NULL) {
        l->proxy->before();
    }

    ok = answer != NULL && !cut && proxy_all(l->client, answer, size, true);
    free(answer);

    return ok;
}


static bool
proxy_is_cut(link_t *l, const char *message, size_t size)
{
    int          left;
    const char  *name;

    name = size > PROXY_NAME + 8 ? message + PROXY_NAME : "";

    if (strncmp(name, "find", 5) == 0) {
        (void) atomic_fetch_add(&l->proxy->reads, 1);
        return false;
    }

    if (strncmp(name, "insert", 7) != 0 && strncmp(name, "update", 7) != 0) {
        return false;
    }

    (void) atomic_fetch_add(&l->proxy->writes, 1);
    left = atomic_fetch_sub(&l->proxy->cuts, 1);

    if (left > 0) {
        return true;
    }

    (void) atomic_fetch_add(&l->proxy->cuts, 1);

    return false;
}


static char *
proxy_read(int fd, size_t *size)
{
    char      head[4], *message;
    uint32_t  len;

    if (!proxy_all(fd, head, sizeof(head), false)) {
        return NULL;
    }

    memcpy(&len, head, sizeof(head));

    if (len < 16 || len > PROXY_MAX) {
        return NULL;
    }

    message = malloc(len);

    if (message == NULL) {
        return NULL;
    }

    memcpy(message, head, sizeof(head));
    *size = len;

    if (!proxy_all(fd, message + 4, len - 4, false)) {
        free(message);
        return NULL;
    }

    return message;
}


static bool
proxy_all(int fd, char *p, size_t size, bool out)
{
    ssize_t  n;

    while (size != 0) {
        n = out ? send(fd, p, size, MSG_NOSIGNAL) : recv(fd, p, size, 0);

        if (n <= 0) {
            return false;
        }

        p += n;
        size -= (size_t) n;
    }

    return true;
}


static int
proxy_connect(const char *address)
{
    int               fd;
    char              host[256];
    const char       *port;
    struct addrinfo  *info, hints = { .ai_socktype = SOCK_STREAM };

    port = strrchr(address, ':');
    (void) snprintf(host, sizeof(host), "%.*s",
                    (int) (port ? port - address : 255), address);

    if (getaddrinfo(host, port ? port + 1 : "27017", &hints, &info) != 0) {
        return -1;
    }

    fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd != -1 && connect(fd, info->ai_addr, info->ai_addrlen) == -1) {
        (void) close(fd);
        fd = -1;
    }

    freeaddrinfo(info);

    return fd;
}


static void
proxy_thread(void *(*run)(void *), void *data)
{
    pthread_t  thread;

    if (pthread_create(&thread, NULL, run, data) != 0) {
        proxy_fail("a thread");
    }

    (void) pthread_detach(thread);
}


static void
proxy_fail(const char *what)
{
    (void) fprintf(stderr, "mongo_proxy: %s\n", what);
    exit(EXIT_FAILURE);
}
