
/*
 * Copyright (C) Ficus authors
 */


/*
 * GET history?verify=1: follows the chain from the first line to the present
 * state.  The file may be long, so a thread reads it.
 */


#include "ngx_http_strangler_api.h"
#include "ngx_http_strangler_files.h"


#define NGX_HTTP_STRANGLER_READ     65536
#define NGX_HTTP_STRANGLER_HEX_LEN  (2 * FIPS180_SHA256)


typedef struct {
    ngx_http_strangler_call_t   *call;
    ngx_http_strangler_sh_t     *sh;

    u_char                       hash[NGX_HTTP_STRANGLER_HEX_LEN];
    uint64_t                     first;
    uint64_t                     last;
    ngx_uint_t                   records;
    char                        *error;

    u_char                       expected[NGX_HTTP_STRANGLER_HEX_LEN];
    ngx_uint_t                   chained;

    size_t                       len;
    u_char                       buf[NGX_HTTP_STRANGLER_READ];
} ngx_http_strangler_verify_t;


static void ngx_http_strangler_verify_task(void *data, ngx_log_t *log);
static void ngx_http_strangler_verify_lines(ngx_http_strangler_verify_t *v);
static void ngx_http_strangler_verify_text(ngx_http_strangler_verify_t *v,
    ngx_http_strangler_out_t *out);

#if (NGX_THREADS)
static void ngx_http_strangler_verify_done(ngx_event_t *ev);
#endif


/* NGX_DONE when the answer is still to come */

ngx_int_t
ngx_http_strangler_verify(ngx_http_strangler_call_t *call,
    ngx_http_strangler_out_t *out)
{
    ngx_http_request_t           *r;
    ngx_http_strangler_table_t   *table;
    ngx_http_strangler_verify_t  *v;
#if (NGX_THREADS)
    ngx_thread_task_t            *task;
#endif

    r = call->request;

    if (call->split->state_file.len == 0) {
        return ngx_http_strangler_problem(call, NGX_HTTP_NOT_FOUND,
                                          "this split has no state file, and "
                                          "so no history to verify");
    }

    v = ngx_palloc(r->pool, sizeof(ngx_http_strangler_verify_t));
    table = ngx_palloc(r->pool, sizeof(ngx_http_strangler_table_t));

    if (v == NULL || table == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(v, offsetof(ngx_http_strangler_verify_t, buf));

    /* a change that comes now makes the file longer, never shorter */

    (void) ngx_http_strangler_snapshot(call->split->sh, table);

    v->call = call;
    v->sh = call->split->sh;

    ngx_hex_dump(v->expected, table->record[0].hash,
                 FIPS180_SHA256);
    ngx_memset(v->hash, '0', sizeof(v->hash));

#if (NGX_THREADS)

    task = ngx_thread_task_alloc(r->pool, 0);
    if (task == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    task->ctx = v;
    task->handler = ngx_http_strangler_verify_task;
    task->event.data = v;
    task->event.handler = ngx_http_strangler_verify_done;

    if (ngx_http_strangler_task_post(call->split, task) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->main->count++;
    r->main->blocked++;
    r->aio = 1;

    return NGX_DONE;

#else

    ngx_http_strangler_verify_task(v, r->connection->log);
    ngx_http_strangler_verify_text(v, out);

    return NGX_OK;

#endif
}


static void
ngx_http_strangler_verify_task(void *data, ngx_log_t *log)
{
    ngx_http_strangler_verify_t *v = data;

    ssize_t     n;
    ngx_fd_t    fd;
    ngx_str_t  *name;

    name = &v->call->split->history_file;

    fd = open((char *) name->data, O_RDONLY|O_CLOEXEC);

    if (fd == NGX_INVALID_FILE) {
        v->error = "the history cannot be read";
        return;
    }

    while (v->error == NULL) {

        n = ngx_read_fd(fd, v->buf + v->len, NGX_HTTP_STRANGLER_READ - v->len);

        if (n == 0) {
            break;
        }

        if (n == -1) {
            v->error = "the history cannot be read";
            break;
        }

        v->len += n;

        ngx_http_strangler_verify_lines(v);

        if (v->len == NGX_HTTP_STRANGLER_READ) {
            v->error = "the history has a line that is too long";
        }
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", name);
    }

    if (v->error == NULL && !v->chained) {
        v->error = "the present weights are not in the history";
    }
}


static void
ngx_http_strangler_verify_lines(ngx_http_strangler_verify_t *v)
{
    u_char    *p, *lf, *end;
    uint64_t   generation;

    end = v->buf + v->len;

    for (p = v->buf; v->error == NULL; p = lf + 1) {

        lf = ngx_strlchr(p, end, LF);
        if (lf == NULL) {
            break;
        }

        if (ngx_http_strangler_check_line(p, lf, v->hash, &generation)
            != NGX_OK)
        {
            v->error = "a record does not follow from the one before it";

        } else if (generation <= v->last) {
            v->error = "a generation is not above the one before it";

        } else if (ngx_memcmp(v->hash, v->expected, sizeof(v->hash)) == 0) {
            v->chained = 1;
        }

        if (v->records++ == 0) {
            v->first = generation;
        }

        v->last = generation;
    }

    v->len = end - p;
    ngx_memmove(v->buf, p, v->len);
}


#if (NGX_THREADS)

static void
ngx_http_strangler_verify_done(ngx_event_t *ev)
{
    ngx_http_strangler_verify_t *v = ev->data;

    ngx_int_t                  rc;
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_strangler_out_t   out;

    if (ngx_http_strangler_task_done(ev) != NGX_OK) {
        return;
    }

    r = v->call->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    r->main->blocked--;
    r->aio = 0;

    ngx_http_strangler_out_init(&out, r->pool);
    ngx_http_strangler_verify_text(v, &out);

    rc = ngx_http_strangler_send(r, NGX_HTTP_OK, "application/json", &out);
    ngx_http_finalize_request(r, rc);

    ngx_http_run_posted_requests(c);
}

#endif


static void
ngx_http_strangler_verify_text(ngx_http_strangler_verify_t *v,
    ngx_http_strangler_out_t *out)
{
    ngx_http_strangler_out(out, "{\"verified\":%s,\"algorithm\":\"sha256\","
                           "\"records\":%ui,\"first\":%uL,\"last\":%uL,",
                           v->error ? "false" : "true", v->records, v->first,
                           v->last);

    if (v->error) {
        ngx_http_strangler_out(out, "\"error\":\"%s\"}\n", v->error);
        return;
    }

    ngx_http_strangler_out(out, "\"hash\":\"%*s\"}\n", sizeof(v->hash),
                           v->hash);
}
