
/*
 * Copyright (C) Ficus authors
 */


#include "fig_fcgi_answer.h"
#include "fig_metrics.h"
#include "fig_problem.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>


/* besides the worker's own headers: status, type, length */
#define FIG_FCGI_HEAD     512

#define FIG_FCGI_RECORDS  16           /* at once */
#define FIG_FCGI_MIB      1048576

/* a multiple of 8: the next record is aligned without padding */
#define FIG_FCGI_CHUNK    65528


typedef struct {
    size_t         n;
    size_t         nheaders;
    struct iovec   iov[2 * FIG_FCGI_RECORDS + 2];
    unsigned char  headers[FIG_FCGI_RECORDS][FIG_FCGI_HEADER];
} fig_fcgi_batch_t;


static fig_status_t fig_fcgi_answer_head(const fig_response_t *response,
    char *data, size_t size, fig_str_t *head);
static bool fig_fcgi_answer_bare(unsigned status);
static fig_status_t fig_fcgi_answer_records(const fig_fcgi_peer_t *peer,
    unsigned id, fig_str_t head, fig_str_t body);
static void fig_fcgi_batch_add(fig_fcgi_batch_t *batch, const void *data,
    size_t len);
static void fig_fcgi_batch_header(fig_fcgi_batch_t *batch, unsigned id,
    size_t length);
static fig_status_t fig_fcgi_batch_send(const fig_fcgi_peer_t *peer,
    fig_fcgi_batch_t *batch, uint64_t deadline);
static void fig_fcgi_batch_skip(struct msghdr *message, size_t sent);
static uint64_t fig_fcgi_deadline(const fig_fcgi_peer_t *peer, size_t len);
static fig_status_t fig_fcgi_wait(int fd, uint64_t deadline);


fig_status_t
fig_fcgi_answer(const fig_fcgi_peer_t *peer, unsigned id,
    const fig_request_t *request, fig_response_t *response)
{
    fig_str_t  head, body;
    char       data[FIG_HTTP_HEADERS + FIG_FCGI_HEAD];

    if (!fig_buf_ok(&response->headers)) {
        fig_buf_reset(&response->headers);
        fig_problem_status(request, response, FIG_ERROR);
    }

    if (fig_fcgi_answer_head(response, data, sizeof(data), &head) != FIG_OK) {
        return FIG_ERROR;
    }

    body = response->body;

    if (fig_fcgi_answer_bare(response->status)
        || fig_str_eq(request->method, FIG_STR("HEAD")))
    {
        body.len = 0;
    }

    return fig_fcgi_answer_records(peer, id, head, body);
}


/* a header block as CGI has it, RFC 3875, section 6 */

static fig_status_t
fig_fcgi_answer_head(const fig_response_t *response, char *data, size_t size,
    fig_str_t *head)
{
    int          n;
    const char  *headers;

    headers = response->headers.data ? response->headers.data : "";

    if (fig_fcgi_answer_bare(response->status)) {
        n = snprintf(data, size, "Status: %u %s\r\n%s\r\n", response->status,
                     fig_http_reason(response->status), headers);

    } else {
        n = snprintf(data, size, "Status: %u %s\r\nContent-Type: %s\r\n"
                     "Content-Length: %zu\r\n%s\r\n", response->status,
                     fig_http_reason(response->status), response->type,
                     response->body.len, headers);
    }

    if (n < 0 || (size_t) n >= size) {
        return FIG_ERROR;
    }

    head->len = (size_t) n;
    head->data = data;

    return FIG_OK;
}


static bool
fig_fcgi_answer_bare(unsigned status)
{
    return status == 204 || status == 304;
}


static fig_status_t
fig_fcgi_answer_records(const fig_fcgi_peer_t *peer, unsigned id,
    fig_str_t head, fig_str_t body)
{
    size_t            n;
    uint64_t          deadline;
    fig_fcgi_batch_t  batch;
    unsigned char     tail[FIG_FCGI_HEADER + FIG_FCGI_END];

    deadline = fig_fcgi_deadline(peer, body.len);

    batch.n = 0;
    batch.nheaders = 0;

    n = FIG_FCGI_CHUNK - head.len;
    n = n < body.len ? n : body.len;

    fig_fcgi_batch_header(&batch, id, head.len + n);
    fig_fcgi_batch_add(&batch, head.data, head.len);
    fig_fcgi_batch_add(&batch, body.data, n);

    for (body.len -= n; body.len != 0; body.len -= n) {
        body.data += n;

        if (batch.nheaders == FIG_FCGI_RECORDS
            && fig_fcgi_batch_send(peer, &batch, deadline) != FIG_OK)
        {
            return FIG_ERROR;
        }

        n = body.len < FIG_FCGI_CHUNK ? body.len : FIG_FCGI_CHUNK;

        fig_fcgi_batch_header(&batch, id, n);
        fig_fcgi_batch_add(&batch, body.data, n);
    }

    fig_fcgi_record_encode(tail, FIG_FCGI_STDOUT, id, 0);
    fig_fcgi_end_encode(tail + FIG_FCGI_HEADER, id, FIG_FCGI_REQUEST_COMPLETE);
    fig_fcgi_batch_add(&batch, tail, sizeof(tail));

    return fig_fcgi_batch_send(peer, &batch, deadline);
}


static void
fig_fcgi_batch_add(fig_fcgi_batch_t *batch, const void *data, size_t len)
{
    struct iovec  *iov;

    if (len != 0) {
        iov = &batch->iov[batch->n++];
        iov->iov_base = (void *) (uintptr_t) data;
        iov->iov_len = len;
    }
}


static void
fig_fcgi_batch_header(fig_fcgi_batch_t *batch, unsigned id, size_t length)
{
    unsigned char  *header;

    header = batch->headers[batch->nheaders++];

    fig_fcgi_record_encode(header, FIG_FCGI_STDOUT, id, length);
    fig_fcgi_batch_add(batch, header, FIG_FCGI_HEADER);
}


static fig_status_t
fig_fcgi_batch_send(const fig_fcgi_peer_t *peer, fig_fcgi_batch_t *batch,
    uint64_t deadline)
{
    ssize_t        n;
    struct msghdr  message;

    memset(&message, 0, sizeof(message));
    message.msg_iov = batch->iov;
    message.msg_iovlen = batch->n;

    while (message.msg_iovlen != 0) {
        n = sendmsg(peer->fd, &message, MSG_NOSIGNAL|MSG_DONTWAIT);

        if (n >= 0) {
            fig_fcgi_batch_skip(&message, (size_t) n);

        } else if (errno == EAGAIN) {
            if (fig_fcgi_wait(peer->fd, deadline) != FIG_OK) {
                return FIG_ERROR;
            }

        } else if (errno != EINTR) {
            return FIG_ERROR;
        }
    }

    batch->n = 0;
    batch->nheaders = 0;

    return FIG_OK;
}


static void
fig_fcgi_batch_skip(struct msghdr *message, size_t sent)
{
    struct iovec  *iov;

    while (message->msg_iovlen != 0) {
        iov = message->msg_iov;

        if (sent < iov->iov_len) {
            iov->iov_base = (char *) iov->iov_base + sent;
            iov->iov_len -= sent;
            return;
        }

        sent -= iov->iov_len;
        message->msg_iov++;
        message->msg_iovlen--;
    }
}


fig_status_t
fig_fcgi_send(const fig_fcgi_peer_t *peer, fig_str_t bytes)
{
    fig_fcgi_batch_t  batch;

    batch.n = 0;
    batch.nheaders = 0;
    fig_fcgi_batch_add(&batch, bytes.data, bytes.len);

    return fig_fcgi_batch_send(peer, &batch,
                               fig_fcgi_deadline(peer, bytes.len));
}


static uint64_t
fig_fcgi_deadline(const fig_fcgi_peer_t *peer, size_t len)
{
    return fig_clock_us() + peer->timeout * 1000 * (1 + len / FIG_FCGI_MIB);
}


static fig_status_t
fig_fcgi_wait(int fd, uint64_t deadline)
{
    int            n;
    uint64_t       now, left;
    struct pollfd  pollfd;

    pollfd.fd = fd;
    pollfd.events = POLLOUT;

    for ( ;; ) {
        now = fig_clock_us();

        if (now >= deadline) {
            return FIG_AGAIN;
        }

        left = (deadline - now) / 1000 + 1;
        n = poll(&pollfd, 1, left < INT_MAX ? (int) left : INT_MAX);

        if (n == 1) {
            return FIG_OK;
        }

        if (n == -1 && errno != EINTR) {
            return FIG_ERROR;
        }
    }
}
