
/*
 * Copyright (C) Ficus authors
 */


#include "fcgi_client.h"
#include "unit.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>


#define SECONDS  10


const char *__tsan_default_suppressions(void);


static bool read_all(int fd, void *data, size_t len);


/*
 * The epoll_ctl() that arms a connection may return after another thread got
 * the event and closed it; the kernel had looked the descriptor up before.
 */

const char *
__tsan_default_suppressions(void)
{
    return "race_top:close\n";
}


void
fcgi_place(fcgi_place_t *place)
{
    const char  *tmp;

    tmp = getenv("TMPDIR");

    (void) snprintf(place->directory, sizeof(place->directory),
                    "%s/ficus-XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(place->directory));
    (void) snprintf(place->path, sizeof(place->path), "%s/sock",
                    place->directory);
}


void
fcgi_place_remove(const fcgi_place_t *place)
{
    (void) unlink(place->path);
    (void) rmdir(place->directory);
}


void
fcgi_record(fig_buf_t *out, unsigned type, unsigned id, const void *data,
    size_t len)
{
    unsigned char  header[FIG_FCGI_HEADER];

    fig_fcgi_record_encode(header, type, id, len);
    fig_buf_append(out, header, sizeof(header));
    fig_buf_append(out, data, len);
}


void
fcgi_begin(fig_buf_t *out, unsigned id, unsigned role, unsigned flags)
{
    unsigned char  content[8];

    memset(content, 0, sizeof(content));
    content[0] = (unsigned char) (role >> 8);
    content[1] = (unsigned char) role;
    content[2] = (unsigned char) flags;

    fcgi_record(out, FIG_FCGI_BEGIN_REQUEST, id, content, sizeof(content));
}


void
fcgi_param(fig_buf_t *params, const char *name, const char *value)
{
    fig_fcgi_pair_encode(params, fig_str_from(name), fig_str_from(value));
}


void
fcgi_params(fig_buf_t *out, unsigned id, const fig_buf_t *params)
{
    size_t  i, n;

    for (i = 0; i < params->len; i += n) {
        n = params->len - i;
        n = n < FIG_FCGI_CONTENT_MAX ? n : FIG_FCGI_CONTENT_MAX;
        fcgi_record(out, FIG_FCGI_PARAMS, id, params->data + i, n);
    }

    fcgi_record(out, FIG_FCGI_PARAMS, id, NULL, 0);
}


void
fcgi_body(fig_buf_t *out, unsigned id, const char *data, size_t len)
{
    size_t  i, n;

    for (i = 0; i < len; i += n) {
        n = len - i < FIG_FCGI_CONTENT_MAX ? len - i : FIG_FCGI_CONTENT_MAX;
        fcgi_record(out, FIG_FCGI_STDIN, id, data + i, n);
    }

    fcgi_record(out, FIG_FCGI_STDIN, id, NULL, 0);
}


void
fcgi_request(fig_buf_t *out, unsigned keep, const char *method,
    const char *path, const char *body, size_t len)
{
    char       length[32];
    fig_buf_t  params;

    (void) snprintf(length, sizeof(length), "%zu", len);

    fig_buf_init(&params, 65536);
    fcgi_param(&params, "QUERY_STRING", "");
    fcgi_param(&params, "REQUEST_METHOD", method);
    fcgi_param(&params, "CONTENT_LENGTH", body ? length : "");
    fcgi_param(&params, "SCRIPT_NAME", path);

    fcgi_begin(out, 1, FIG_FCGI_RESPONDER, keep);
    fcgi_params(out, 1, &params);
    fcgi_body(out, 1, body, body ? len : 0);

    ck_assert(fig_buf_ok(out));
    fig_buf_clear(&params);
}


int
fcgi_connect(const char *path)
{
    int                 fd;
    struct timeval      patience;
    struct sockaddr_un  sun;

    memset(&sun, 0, sizeof(sun));
    sun.sun_family = AF_UNIX;
    memcpy(sun.sun_path, path, strlen(path));

    fd = socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0);
    ck_assert_int_ne(fd, -1);

    patience.tv_sec = SECONDS;
    patience.tv_usec = 0;
    (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
                      sizeof(patience));
    (void) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
                      sizeof(patience));

    if (connect(fd, (struct sockaddr *) &sun, sizeof(sun)) == -1) {
        (void) close(fd);
        return -1;
    }

    return fd;
}


void
fcgi_send(int fd, const fig_buf_t *bytes)
{
    size_t   i;
    ssize_t  n;

    ck_assert(fig_buf_ok(bytes));

    for (i = 0; i < bytes->len; i += (size_t) n) {
        n = send(fd, bytes->data + i, bytes->len - i, MSG_NOSIGNAL);
        ck_assert_msg(n > 0, "send: %s", strerror(errno));
    }
}


void
fcgi_answer(int fd, fcgi_answer_t *answer)
{
    char               *end;
    fig_fcgi_record_t   record;
    unsigned char       header[FIG_FCGI_HEADER];
    unsigned char       content[65535 + 255];

    memset(answer, 0, sizeof(fcgi_answer_t));
    fig_buf_init(&answer->out, FCGI_CLIENT_MAX);

    while (!answer->ended) {

        if (!read_all(fd, header, sizeof(header))) {
            answer->eof = true;
            return;
        }

        fig_fcgi_record_decode(header, &record);
        ck_assert_uint_eq(record.version, 1);

        if (!read_all(fd, content, record.length + record.padding)) {
            answer->eof = true;
            return;
        }

        answer->id = record.id;

        if (record.type == FIG_FCGI_STDOUT) {
            fig_buf_append(&answer->out, content, record.length);
            answer->records += record.length != 0;

        } else {
            ck_assert_uint_eq(record.type, FIG_FCGI_END_REQUEST);
            answer->ended = true;
            answer->protocol_status = content[4];
        }
    }

    if (answer->out.len == 0) {
        return;
    }

    end = memmem(answer->out.data, answer->out.len, "\r\n\r\n", 4);
    ck_assert_ptr_nonnull(end);
    ck_assert_int_eq(strncmp(answer->out.data, "Status: ", 8), 0);

    answer->status = (unsigned) strtoul(answer->out.data + 8, NULL, 10);
    answer->body.data = end + 4;
    answer->body.len = answer->out.len
                       - (size_t) (end + 4 - answer->out.data);
}


static bool
read_all(int fd, void *data, size_t len)
{
    size_t   i;
    ssize_t  n;

    for (i = 0; i < len; i += (size_t) n) {
        n = recv(fd, (char *) data + i, len - i, 0);

        if (n == 0 || (n == -1 && errno == ECONNRESET)) {
            return false;
        }

        ck_assert_msg(n > 0, "recv: %s", strerror(errno));
    }

    return true;
}


bool
fcgi_has_header(const fcgi_answer_t *answer, const char *line)
{
    char       *found;
    fig_buf_t   wanted;

    fig_buf_init(&wanted, 4096);
    fig_buf_printf(&wanted, "\r\n%s\r\n", line);
    found = memmem(answer->out.data, answer->out.len - answer->body.len,
                   wanted.data, wanted.len);
    fig_buf_clear(&wanted);

    return found != NULL;
}


void
fcgi_answer_clear(fcgi_answer_t *answer)
{
    fig_buf_clear(&answer->out);
}


void
fcgi_exchange(int fd, unsigned keep, const char *method, const char *path,
    fcgi_answer_t *answer)
{
    fig_buf_t  request;

    fig_buf_init(&request, FCGI_CLIENT_MAX);
    fcgi_request(&request, keep, method, path, NULL, 0);
    fcgi_send(fd, &request);
    fig_buf_clear(&request);

    fcgi_answer(fd, answer);
}


bool
fcgi_is_closed(int fd)
{
    char     c;
    ssize_t  n;

    n = recv(fd, &c, 1, 0);

    return n == 0 || (n == -1 && errno == ECONNRESET);
}
