
/*
 * Copyright (C) Ficus authors
 */


/*
 * One change of weights: lock, compare, compute, make durable, publish.  The
 * lock is flock() on the state directory; while another process has it, a
 * timer tries again.  Writing and waiting for the disk happen in a thread.  A
 * split without a state file has nothing to wait for.
 */


#include "ngx_http_strangler_api.h"
#include "ngx_http_strangler_files.h"


#define NGX_HTTP_STRANGLER_RETRY    10
#define NGX_HTTP_STRANGLER_PATIENCE 2000


static ngx_int_t ngx_http_strangler_try(ngx_http_strangler_call_t *call);
static ngx_int_t ngx_http_strangler_unavailable(
    ngx_http_strangler_call_t *call);
static ngx_int_t ngx_http_strangler_retry_later(
    ngx_http_strangler_call_t *call);
static void ngx_http_strangler_retry_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_strangler_prepare(ngx_http_strangler_call_t *call);
static ngx_int_t ngx_http_strangler_volatile(ngx_http_strangler_call_t *call);
static ngx_int_t ngx_http_strangler_durable(ngx_http_strangler_call_t *call);
static void ngx_http_strangler_write_task(void *data, ngx_log_t *log);
static ngx_int_t ngx_http_strangler_written(ngx_http_strangler_call_t *call);
static void ngx_http_strangler_release(ngx_http_strangler_call_t *call);

#if (NGX_THREADS)
static ngx_int_t ngx_http_strangler_post(ngx_http_strangler_call_t *call);
static void ngx_http_strangler_write_done(ngx_event_t *ev);
#endif


/* what the answer came to; NGX_DONE when it is still to come */

ngx_int_t
ngx_http_strangler_change(ngx_http_strangler_call_t *call)
{
    ngx_pool_t  *pool;

    pool = call->request->pool;

    call->started = ngx_current_msec;

    call->table = ngx_palloc(pool, sizeof(ngx_http_strangler_table_t));
    if (call->table == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    call->target = call->weights;

    if (call->split->state_file.len == 0) {
        return ngx_http_strangler_volatile(call);
    }

    call->text = ngx_palloc(pool, NGX_HTTP_STRANGLER_FILE_MAX);
    if (call->text == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_strangler_try(call);
}


static ngx_int_t
ngx_http_strangler_volatile(ngx_http_strangler_call_t *call)
{
    ngx_int_t  rc;

    do {
        rc = ngx_http_strangler_prepare(call);

        if (rc != NGX_OK) {
            return rc;
        }

    } while (ngx_http_strangler_publish(call->split, call->word, call->table)
             != NGX_OK);

    return ngx_http_strangler_answer(call);
}


static ngx_int_t
ngx_http_strangler_try(ngx_http_strangler_call_t *call)
{
    ngx_int_t   rc;
    ngx_log_t  *log;

    log = call->request->connection->log;

    rc = ngx_http_strangler_lock(call->split, &call->dir, log);

    if (rc == NGX_AGAIN) {
        call->dir = NGX_INVALID_FILE;

        if (ngx_current_msec - call->started >= NGX_HTTP_STRANGLER_PATIENCE) {
            return ngx_http_strangler_unavailable(call);
        }

        return ngx_http_strangler_retry_later(call);
    }

    if (rc != NGX_OK) {
        call->dir = NGX_INVALID_FILE;
        call->split->sh->write_failed = 1;

        return ngx_http_strangler_problem(call,
                                          NGX_HTTP_INTERNAL_SERVER_ERROR,
                                          "the state file cannot be written, "
                                          "nothing was changed");
    }

    ngx_http_strangler_sync(call->split, log);

    rc = ngx_http_strangler_prepare(call);

    if (rc != NGX_OK) {
        ngx_http_strangler_release(call);
        return rc;
    }

    return ngx_http_strangler_durable(call);
}


static ngx_int_t
ngx_http_strangler_unavailable(ngx_http_strangler_call_t *call)
{
    ngx_str_t  seconds;

    ngx_str_set(&seconds, "1");

    if (ngx_http_strangler_set_header(call->request, "Retry-After", &seconds)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_strangler_problem(call, NGX_HTTP_SERVICE_UNAVAILABLE,
                                      "no change can be made at this moment, "
                                      "nothing was changed");
}


static ngx_int_t
ngx_http_strangler_retry_later(ngx_http_strangler_call_t *call)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = call->request;
    c = r->connection;

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);

    } else if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_strangler_retry_handler;

    c->write->delayed = 1;
    ngx_add_timer(c->write, NGX_HTTP_STRANGLER_RETRY);

    return NGX_DONE;
}


static void
ngx_http_strangler_retry_handler(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_event_t                *wev;
    ngx_http_strangler_call_t  *call;

    wev = r->connection->write;

    if (wev->delayed) {

        if (ngx_handle_write_event(wev, 0) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        }

        return;
    }

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    call = ngx_http_strangler_find_call(r);
    rc = ngx_http_strangler_try(call);

    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, ngx_http_strangler_finish(call, rc));
    }
}


/* compares with what is valid now and makes the next table of it */

static ngx_int_t
ngx_http_strangler_prepare(ngx_http_strangler_call_t *call)
{
    uint64_t                     generation;
    ngx_int_t                    rc;
    ngx_http_strangler_ramp_t    ramp;
    ngx_http_strangler_table_t  *table;

    /* a process of the old configuration leaves changes to the new ones */

    if (ngx_exiting || ngx_terminate) {
        return ngx_http_strangler_unavailable(call);
    }

    table = call->table;
    call->word = ngx_http_strangler_snapshot(call->split->sh, table);
    generation = table->record[0].generation;

    if (call->if_match
        && ngx_http_strangler_if_match(call->if_match, generation) != NGX_OK)
    {
        return ngx_http_strangler_problem(call, NGX_HTTP_PRECONDITION_FAILED,
                                          "the split has another generation "
                                          "now");
    }

    if (call->rollback) {
        rc = ngx_http_strangler_rollback(call);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (call->shadow) {
        ngx_http_strangler_keep_weights(call->split, table, &call->weights);
    }

    ramp = table->ramp;

    if (call->course) {
        rc = ngx_http_strangler_ramp_prepare(call, &ramp);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (call->reason.len == 0) {
        ngx_str_set(&call->reason, "operator");
    }

    ngx_http_strangler_make(call->split, table, &call->weights,
                            generation + 1, &call->by, &call->reason);

    if (call->course || call->shadow) {
        table->ramp = ramp;
    }

    if (call->shadow) {
        table->shadow.share = call->share;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_strangler_durable(ngx_http_strangler_call_t *call)
{
    u_char  *end;

    end = call->text + NGX_HTTP_STRANGLER_FILE_MAX;

    call->text_len = ngx_http_strangler_encode(call->split, call->table,
                                               call->text, end);

#if (NGX_THREADS)
    return ngx_http_strangler_post(call);
#else
    ngx_http_strangler_write_task(call, call->request->connection->log);
    return ngx_http_strangler_written(call);
#endif
}


/* in a thread, or without threads in the event loop */

static void
ngx_http_strangler_write_task(void *data, ngx_log_t *log)
{
    ngx_http_strangler_call_t *call = data;

    call->written = ngx_http_strangler_write(call->split, call->dir,
                                             call->text, call->text_len, log);
}


#if (NGX_THREADS)

static ngx_int_t
ngx_http_strangler_post(ngx_http_strangler_call_t *call)
{
    ngx_thread_task_t   *task;
    ngx_http_request_t  *r;

    r = call->request;

    task = ngx_thread_task_alloc(r->pool, 0);
    if (task == NULL) {
        ngx_http_strangler_release(call);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    task->ctx = call;
    task->handler = ngx_http_strangler_write_task;
    task->event.data = call;
    task->event.handler = ngx_http_strangler_write_done;

    if (ngx_http_strangler_task_post(call->split, task) != NGX_OK) {
        ngx_http_strangler_release(call);
        return ngx_http_strangler_unavailable(call);
    }

    r->main->blocked++;
    r->aio = 1;

    return NGX_DONE;
}


static void
ngx_http_strangler_write_done(ngx_event_t *ev)
{
    ngx_http_strangler_call_t *call = ev->data;

    ngx_int_t            rc;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    if (ngx_http_strangler_task_done(ev) != NGX_OK) {
        return;
    }

    r = call->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    r->main->blocked--;
    r->aio = 0;

    rc = ngx_http_strangler_written(call);
    ngx_http_finalize_request(r, ngx_http_strangler_finish(call, rc));

    ngx_http_run_posted_requests(c);
}

#endif


static ngx_int_t
ngx_http_strangler_written(ngx_http_strangler_call_t *call)
{
    ngx_int_t                    rc;
    ngx_http_strangler_split_t  *split;

    split = call->split;
    rc = call->written;

    if (rc == NGX_OK) {
        rc = ngx_http_strangler_publish(split, call->word, call->table);
    }

    split->sh->write_failed = (rc != NGX_OK);

    ngx_http_strangler_release(call);

    if (rc != NGX_OK) {
        return ngx_http_strangler_problem(call,
                                          NGX_HTTP_INTERNAL_SERVER_ERROR,
                                          "the state file cannot be written, "
                                          "nothing was changed");
    }

    return ngx_http_strangler_answer(call);
}


static void
ngx_http_strangler_release(ngx_http_strangler_call_t *call)
{
    ngx_http_strangler_unlock(call->dir, call->request->connection->log);

    call->dir = NGX_INVALID_FILE;
}
