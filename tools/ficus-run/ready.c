
/*
 * Copyright (C) Ficus authors
 */


#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "run.h"


static int run_connect(unsigned port);
static bool run_read(int fd, char *buf, size_t size, const char *until);


/* whether the answer is 200, and has text in it; NULL: any will do */

bool
run_http_ok(unsigned port, const char *path, const char *text)
{
    int   fd;
    bool  ok;
    char  buf[4096];

    fd = run_connect(port);

    if (fd == -1) {
        return false;
    }

    (void) snprintf(buf, sizeof(buf), "GET %s HTTP/1.0\r\n"
                    "Host: 127.0.0.1\r\n\r\n", path);

    ok = send(fd, buf, strlen(buf), MSG_NOSIGNAL) == (ssize_t) strlen(buf)
         && run_read(fd, buf, sizeof(buf), NULL)
         && strncmp(buf, "HTTP/1.1 200", 12) == 0
         && (text == NULL || strstr(buf, text) != NULL);

    close(fd);

    return ok;
}


/* the first line that a server says tells whether it has JetStream */

bool
run_nats_ok(unsigned port)
{
    int   fd;
    bool  ok;
    char  buf[4096];

    fd = run_connect(port);

    if (fd == -1) {
        return false;
    }

    ok = run_read(fd, buf, sizeof(buf), "\r\n")
         && strncmp(buf, "INFO ", 5) == 0
         && strstr(buf, "\"jetstream\":true") != NULL;

    close(fd);

    return ok;
}


static int
run_connect(unsigned port)
{
    int                 fd;
    struct timeval      limit;
    struct sockaddr_in  address;

    fd = socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, 0);

    if (fd == -1) {
        return -1;
    }

    limit.tv_sec = 0;
    limit.tv_usec = 500000;

    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_port = htons((in_port_t) port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0
        || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0
        || connect(fd, (struct sockaddr *) &address, sizeof(address)) != 0)
    {
        close(fd);
        return -1;
    }

    return fd;
}


/*
 * Reads until there is what is looked for, or to the end (NULL), into a
 * string; what does not fit is left out.
 */

static bool
run_read(int fd, char *buf, size_t size, const char *until)
{
    size_t   len;
    ssize_t  n;

    for (len = 0; len < size - 1; len += (size_t) n) {
        n = recv(fd, buf + len, size - 1 - len, 0);

        if (n <= 0) {
            buf[len] = '\0';
            return n == 0 && until == NULL;
        }

        buf[len + (size_t) n] = '\0';

        if (until != NULL && strstr(buf, until) != NULL) {
            return true;
        }
    }

    return until == NULL;
}
