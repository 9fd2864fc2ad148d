
/*
 * Copyright (C) Ficus authors
 */


/*
 * Brings the ledger to the disk, so that it outlives a restart.  It is written
 * by whoever locks the temporary file first, without the lock that a change of
 * weights takes.  During an upgrade of the binary there are two instances; the
 * one that began later writes.
 */


#include "ngx_http_strangler_files.h"
#include "ngx_http_strangler_ledger.h"
#include <sys/file.h>


static void ngx_http_strangler_save_task(void *data, ngx_log_t *log);
static ngx_uint_t ngx_http_strangler_is_later(
    ngx_http_strangler_split_t *split, ngx_log_t *log);
static ngx_int_t ngx_http_strangler_write_ledger(
    ngx_http_strangler_split_t *split, u_char *text, size_t len, char **what);
static ngx_int_t ngx_http_strangler_open_temp(ngx_str_t *name, ngx_fd_t *fd);
static ngx_int_t ngx_http_strangler_sync_dir(ngx_str_t *name);

#if (NGX_THREADS)
static void ngx_http_strangler_save_done(ngx_event_t *ev);
#endif


/* if it is time, and anything has changed since */

void
ngx_http_strangler_ledger_tick(ngx_http_strangler_split_t *split)
{
    ngx_uint_t                i;
    ngx_atomic_uint_t         requests;
    ngx_http_strangler_sh_t  *sh;

    sh = split->sh;

    if (split->ledger_file.len == 0 || split->saving
        || ngx_current_msec - sh->saved < split->ledger.every)
    {
        return;
    }

    sh->saved = ngx_current_msec;
    requests = 0;

    for (i = 0; i < split->narms; i++) {
        requests += ngx_http_strangler_requests(split, i);
    }

    if (requests == sh->saved_requests) {
        return;
    }

    sh->saved_requests = requests;

#if (NGX_THREADS)

    split->save_task->handler = ngx_http_strangler_save_task;
    split->save_task->event.handler = ngx_http_strangler_save_done;
    split->save_task->event.data = split;

    *(ngx_http_strangler_split_t **) split->save_task->ctx = split;

    if (ngx_http_strangler_task_post(split, split->save_task) == NGX_OK) {
        split->saving = 1;

    } else {
        sh->saved_requests = 0;
    }

#else
    ngx_http_strangler_save_task(&split, ngx_cycle->log);
#endif
}


static void
ngx_http_strangler_save_task(void *data, ngx_log_t *log)
{
    ngx_http_strangler_split_t **split = data;

    ngx_http_strangler_save_ledger(*split, log);
}


#if (NGX_THREADS)

static void
ngx_http_strangler_save_done(ngx_event_t *ev)
{
    ngx_http_strangler_split_t *split = ev->data;

    if (ngx_http_strangler_task_done(ev) == NGX_OK) {
        split->saving = 0;
    }
}

#endif


/* may be called in a thread; what goes wrong is logged once */

void
ngx_http_strangler_save_ledger(ngx_http_strangler_split_t *split,
    ngx_log_t *log)
{
    char                     *what;
    u_char                    text[NGX_HTTP_STRANGLER_FILE_MAX];
    size_t                    len;
    ngx_int_t                 rc;
    ngx_http_strangler_sh_t  *sh;

    sh = split->sh;

    if (split->ledger_file.len == 0 || sh == NULL || sh->since == 0
        || ngx_http_strangler_is_later(split, log))
    {
        return;
    }

    len = ngx_http_strangler_encode_ledger(split, text, text + sizeof(text));

    rc = ngx_http_strangler_write_ledger(split, text, len, &what);

    if (rc == NGX_AGAIN) {
        return;
    }

    if (rc == NGX_ERROR) {
        sh->saved_requests = 0;

        if (!sh->save_failed) {
            ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                          "ledger \"%V\" could not be written, requests are "
                          "counted nevertheless: %s failed",
                          &split->ledger_file, what);
        }

    } else if (sh->save_failed) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "ledger \"%V\" is written again", &split->ledger_file);
    }

    sh->save_failed = (rc == NGX_ERROR);
}


/* whether an instance that began after this one has written the file */

static ngx_uint_t
ngx_http_strangler_is_later(ngx_http_strangler_split_t *split, ngx_log_t *log)
{
    u_char                     text[NGX_HTTP_STRANGLER_FILE_MAX];
    size_t                     len;
    uint64_t                   since, writer;
    ngx_http_strangler_text_t  t;

    if (ngx_http_strangler_read_text(&split->ledger_file, "ledger", text, &len,
                                     log)
        != NGX_OK)
    {
        return 0;
    }

    t.pos = text;
    t.end = text + len;

    return ngx_http_strangler_decode_ledger(split, &t, &since, &writer)
           == NGX_OK
           && writer > split->sh->writer;
}


/* NGX_AGAIN when another process is at it; NGX_ERROR with what has failed */

static ngx_int_t
ngx_http_strangler_write_ledger(ngx_http_strangler_split_t *split,
    u_char *text, size_t len, char **what)
{
    ngx_fd_t    fd;
    ngx_err_t   err;
    ngx_int_t   rc;

    rc = ngx_http_strangler_open_temp(&split->ledger_temp, &fd);

    if (rc != NGX_OK) {
        *what = "open()";
        return rc;
    }

    if (ftruncate(fd, 0) == -1
        || ngx_http_strangler_write_all(fd, text, len) != NGX_OK)
    {
        *what = "write()";
        rc = NGX_ERROR;

    } else if (fsync(fd) == -1) {
        *what = "fsync()";
        rc = NGX_ERROR;

    } else if (ngx_rename_file(split->ledger_temp.data,
                               split->ledger_file.data)
               == NGX_FILE_ERROR
               || ngx_http_strangler_sync_dir(&split->state_dir) != NGX_OK)
    {
        *what = "rename()";
        rc = NGX_ERROR;
    }

    err = ngx_errno;

    if (rc != NGX_OK) {
        (void) ngx_delete_file(split->ledger_temp.data);
    }

    (void) ngx_close_file(fd);
    ngx_set_errno(err);

    return rc;
}


/* whoever has renamed the file that we opened meanwhile was quicker */

static ngx_int_t
ngx_http_strangler_open_temp(ngx_str_t *name, ngx_fd_t *fd)
{
    ngx_uint_t       i;
    ngx_file_info_t  fi, now;

    for (i = 0; i < 2; i++) {
        *fd = open((char *) name->data,
                   O_WRONLY|O_CREAT|O_CLOEXEC|O_NOFOLLOW, 0644);

        /* another user's, if the master was killed */

        if (*fd != NGX_INVALID_FILE || ngx_errno != NGX_EACCES
            || ngx_delete_file(name->data) == NGX_FILE_ERROR)
        {
            break;
        }
    }

    if (*fd == NGX_INVALID_FILE) {
        return NGX_ERROR;
    }

    if (flock(*fd, LOCK_EX|LOCK_NB) == -1
        || ngx_fd_info(*fd, &fi) == NGX_FILE_ERROR
        || ngx_file_info(name->data, &now) == NGX_FILE_ERROR
        || ngx_file_uniq(&fi) != ngx_file_uniq(&now))
    {
        (void) ngx_close_file(*fd);
        return NGX_AGAIN;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_strangler_sync_dir(ngx_str_t *name)
{
    int        rc;
    ngx_fd_t   fd;
    ngx_err_t  err;

    fd = open((char *) name->data, O_RDONLY|O_DIRECTORY|O_CLOEXEC);

    if (fd == NGX_INVALID_FILE) {
        return NGX_ERROR;
    }

    rc = fsync(fd);
    err = ngx_errno;

    (void) ngx_close_file(fd);
    ngx_set_errno(err);

    return rc == 0 ? NGX_OK : NGX_ERROR;
}
