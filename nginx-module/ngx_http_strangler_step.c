
/*
 * Copyright (C) Ficus authors
 */


/*
 * A change that the ramp makes: like that of an operator, but without a
 * request.  When something is in its way nothing is changed, and the ramp
 * tries again later.
 */


#include "ngx_http_strangler_ramp.h"
#include "ngx_http_strangler_files.h"


typedef struct {
    ngx_pool_t                  *pool;
    ngx_http_strangler_split_t  *split;
    ngx_http_strangler_table_t   table;
    ngx_atomic_uint_t            word;
    ngx_fd_t                     dir;
    size_t                       text_len;
    ngx_int_t                    written;
    u_char                       text[NGX_HTTP_STRANGLER_FILE_MAX];
} ngx_http_strangler_job_t;


static ngx_int_t ngx_http_strangler_step_prepare(
    ngx_http_strangler_job_t *job, ngx_uint_t verdict,
    ngx_http_strangler_why_t *why);
static void ngx_http_strangler_step_table(ngx_http_strangler_job_t *job,
    ngx_uint_t verdict, ngx_http_strangler_why_t *why);
static size_t ngx_http_strangler_step_back(ngx_http_strangler_split_t *split,
    ngx_http_strangler_ramp_t *ramp, ngx_http_strangler_why_t *why,
    ngx_http_strangler_weights_t *weights, u_char *text);
static ngx_int_t ngx_http_strangler_step_write(ngx_http_strangler_job_t *job);
static void ngx_http_strangler_step_task(void *data, ngx_log_t *log);
static void ngx_http_strangler_step_end(ngx_http_strangler_job_t *job);

#if (NGX_THREADS)
static void ngx_http_strangler_step_done(ngx_event_t *ev);
#endif


/* NGX_OK when it is made or under way, NGX_AGAIN when another change is */

ngx_int_t
ngx_http_strangler_step_start(ngx_http_strangler_split_t *split,
    ngx_uint_t verdict, ngx_http_strangler_why_t *why)
{
    ngx_int_t                  rc;
    ngx_pool_t                *pool;
    ngx_http_strangler_job_t  *job;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    job = ngx_palloc(pool, sizeof(ngx_http_strangler_job_t));
    if (job == NULL) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    job->pool = pool;
    job->split = split;
    job->dir = NGX_INVALID_FILE;
    job->written = NGX_OK;

    rc = ngx_http_strangler_step_prepare(job, verdict, why);

    if (rc != NGX_OK) {

        if (job->dir != NGX_INVALID_FILE) {
            ngx_http_strangler_unlock(job->dir, ngx_cycle->log);
        }

        ngx_destroy_pool(pool);
        return rc;
    }

    split->stepping = 1;

    if (split->state_file.len == 0) {
        ngx_http_strangler_step_end(job);
        return NGX_OK;
    }

    return ngx_http_strangler_step_write(job);
}


/* from the weights that the verdict was about, or not at all */

static ngx_int_t
ngx_http_strangler_step_prepare(ngx_http_strangler_job_t *job,
    ngx_uint_t verdict, ngx_http_strangler_why_t *why)
{
    ngx_int_t                    rc;
    ngx_http_strangler_split_t  *split;

    split = job->split;

    if (split->state_file.len) {
        rc = ngx_http_strangler_lock(split, &job->dir, ngx_cycle->log);

        if (rc != NGX_OK) {
            job->dir = NGX_INVALID_FILE;
            return rc;
        }

        ngx_http_strangler_sync(split, ngx_cycle->log);
    }

    job->word = ngx_http_strangler_snapshot(split->sh, &job->table);

    if (job->word != split->local->word) {
        return NGX_AGAIN;
    }

    ngx_http_strangler_step_table(job, verdict, why);

    return NGX_OK;
}


static void
ngx_http_strangler_step_table(ngx_http_strangler_job_t *job,
    ngx_uint_t verdict, ngx_http_strangler_why_t *why)
{
    u_char                         text[NGX_HTTP_STRANGLER_REASON_LEN];
    uint64_t                       generation;
    ngx_str_t                      by, reason;
    ngx_uint_t                     level;
    ngx_http_strangler_ramp_t      ramp;
    ngx_http_strangler_split_t    *split;
    ngx_http_strangler_weights_t   weights;

    split = job->split;
    ramp = job->table.ramp;
    generation = job->table.record[0].generation + 1;

    reason.data = text;
    ngx_str_set(&by, "ramp");

    if (verdict == ngx_http_strangler_roll_back) {
        reason.len = ngx_http_strangler_step_back(split, &ramp, why, &weights,
                                                  text);

    } else if (ramp.n < ramp.of) {
        ramp.n++;

        ngx_http_strangler_ramp_weights(split, &ramp, ramp.n, &weights);

        reason.len = ngx_snprintf(text, sizeof(text), "ramp step %ui of %ui",
                                  (ngx_uint_t) ramp.n, (ngx_uint_t) ramp.of)
                     - text;

    } else {
        ramp.state = ngx_http_strangler_done;

        ngx_http_strangler_ramp_weights(split, &ramp, ramp.n, &weights);

        reason.len = ngx_snprintf(text, sizeof(text), "ramp done") - text;
    }

    ngx_http_strangler_make(split, &job->table, &weights, generation, &by,
                            &reason);
    job->table.ramp = ramp;

    level = (verdict == ngx_http_strangler_roll_back) ? NGX_LOG_ERR
                                                      : NGX_LOG_NOTICE;

    ngx_log_error(level, ngx_cycle->log, 0, "split \"%V\": %V", &split->name,
                  &reason);
}


/* the length of the reason, which has room for REASON_LEN bytes */

static size_t
ngx_http_strangler_step_back(ngx_http_strangler_split_t *split,
    ngx_http_strangler_ramp_t *ramp, ngx_http_strangler_why_t *why,
    ngx_http_strangler_weights_t *weights, u_char *text)
{
    char        *what;
    u_char      *p, *end;
    ngx_uint_t   n;

    if (ramp->end == 0) {
        ngx_http_strangler_ramp_why(ramp, why->text, why->len);
    }

    n = ngx_http_strangler_ramp_down(ramp, ramp->end ? ramp->end
                                            : ngx_http_strangler_rolled_back);
    ngx_http_strangler_ramp_weights(split, ramp, n, weights);

    what = ramp->state == ngx_http_strangler_running
           ? "ramp goes back"
           : ramp->down == ngx_http_strangler_down_keep
           ? "ramp ended, weights kept"
           : ramp->state == ngx_http_strangler_rolled_back
           ? "ramp rolled back" : "ramp aborted";

    end = text + NGX_HTTP_STRANGLER_REASON_LEN;
    p = ngx_slprintf(text, end, "%s: ", what);

    return ngx_slprintf(p, end, "%*s", (size_t) ramp->why_len, ramp->why)
           - text;
}


static ngx_int_t
ngx_http_strangler_step_write(ngx_http_strangler_job_t *job)
{
#if (NGX_THREADS)
    ngx_thread_task_t  *task;
#endif

    job->text_len = ngx_http_strangler_encode(job->split, &job->table,
                                              job->text,
                                              job->text + sizeof(job->text));

#if (NGX_THREADS)

    task = ngx_thread_task_alloc(job->pool, 0);

    if (task) {
        task->ctx = job;
        task->handler = ngx_http_strangler_step_task;
        task->event.data = job;
        task->event.handler = ngx_http_strangler_step_done;
    }

    if (task == NULL
        || ngx_http_strangler_task_post(job->split, task) != NGX_OK)
    {
        job->written = NGX_ERROR;
        ngx_http_strangler_step_end(job);
        return NGX_ERROR;
    }

#else

    ngx_http_strangler_step_task(job, ngx_cycle->log);
    ngx_http_strangler_step_end(job);

#endif

    return NGX_OK;
}


static void
ngx_http_strangler_step_task(void *data, ngx_log_t *log)
{
    ngx_http_strangler_job_t *job = data;

    job->written = ngx_http_strangler_write(job->split, job->dir, job->text,
                                            job->text_len, log);
}


#if (NGX_THREADS)

static void
ngx_http_strangler_step_done(ngx_event_t *ev)
{
    ngx_http_strangler_job_t *job = ev->data;

    ngx_http_strangler_main_conf_t  *mcf;

    if (ngx_http_strangler_task_done(ev) != NGX_OK) {
        return;
    }

    mcf = job->split->main;

    ngx_http_strangler_step_end(job);

    /* the directory is free for a ramp of another split */

    if (!ngx_exiting && !ngx_terminate) {
        mcf->stepped = 1;
        ngx_post_event(&mcf->tick, &ngx_posted_events);
    }
}

#endif


static void
ngx_http_strangler_step_end(ngx_http_strangler_job_t *job)
{
    ngx_int_t                    rc;
    ngx_http_strangler_split_t  *split;

    split = job->split;
    rc = job->written;

    if (rc == NGX_OK) {
        rc = ngx_http_strangler_publish(split, job->word, &job->table);
    }

    if (split->state_file.len) {
        split->sh->write_failed = (rc != NGX_OK);
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "split \"%V\": the ramp could not make a step, the "
                      "weights stay as they are", &split->name);

        split->sh->progress.retry = ngx_current_msec
                                    + NGX_HTTP_STRANGLER_STEP_RETRY;
    }

    split->stepping = 0;

    if (job->dir != NGX_INVALID_FILE) {
        ngx_http_strangler_unlock(job->dir, ngx_cycle->log);
    }

    ngx_destroy_pool(job->pool);
}
