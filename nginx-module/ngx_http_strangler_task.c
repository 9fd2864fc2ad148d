
/*
 * Copyright (C) Ficus authors
 */


/*
 * Tasks in threads.  A timer runs with each, since a worker process that is to
 * end does so when there are no timers left, whatever its threads do: the file
 * would be written then, but the weights not be published, and nobody answered.
 */


#include "ngx_http_strangler_files.h"


/* however long it takes: then it is set again */
#define NGX_HTTP_STRANGLER_TASK_TIME  60000


#if (NGX_THREADS)

ngx_int_t
ngx_http_strangler_task_post(ngx_http_strangler_split_t *split,
    ngx_thread_task_t *task)
{
    task->event.log = ngx_cycle->log;

    if (ngx_thread_task_post(split->thread_pool, task) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_add_timer(&task->event, NGX_HTTP_STRANGLER_TASK_TIME);

    return NGX_OK;
}


ngx_int_t
ngx_http_strangler_task_done(ngx_event_t *ev)
{
    if (ev->timedout) {
        ev->timedout = 0;
        ngx_add_timer(ev, NGX_HTTP_STRANGLER_TASK_TIME);

        return NGX_AGAIN;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    return NGX_OK;
}

#endif
