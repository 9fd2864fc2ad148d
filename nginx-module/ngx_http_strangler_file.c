
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler_files.h"
#include <sys/file.h>


static ngx_int_t ngx_http_strangler_read_all(ngx_fd_t fd, u_char *text,
    size_t *len);
static ngx_int_t ngx_http_strangler_write_temp(
    ngx_http_strangler_split_t *split, u_char *text, size_t len,
    ngx_log_t *log);
static void ngx_http_strangler_put_back(ngx_http_strangler_split_t *split,
    u_char *text, size_t len, ngx_log_t *log);


/*
 * Between processes a change holds flock() on the state directory.  Every
 * holder opens it anew, so two changes of one process exclude each other too,
 * and the kernel frees it when a process dies.
 *
 * NGX_OK with *fd set, NGX_AGAIN when somebody has it, NGX_ERROR.
 */

ngx_int_t
ngx_http_strangler_lock(ngx_http_strangler_split_t *split, ngx_fd_t *fd,
    ngx_log_t *log)
{
    *fd = open((char *) split->state_dir.data,
               O_RDONLY|O_DIRECTORY|O_CLOEXEC);

    if (*fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      ngx_open_file_n " \"%V\" failed", &split->state_dir);
        return NGX_ERROR;
    }

    if (flock(*fd, LOCK_EX|LOCK_NB) == 0) {
        return NGX_OK;
    }

    if (ngx_errno == NGX_EAGAIN) {
        ngx_http_strangler_unlock(*fd, log);
        return NGX_AGAIN;
    }

    ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                  "flock() \"%V\" failed", &split->state_dir);

    ngx_http_strangler_unlock(*fd, log);

    return NGX_ERROR;
}


void
ngx_http_strangler_unlock(ngx_fd_t fd, ngx_log_t *log)
{
    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      ngx_close_file_n " of a state directory failed");
    }
}


/*
 * NGX_OK, NGX_DECLINED when there is no file, NGX_ABORT when it is corrupt,
 * NGX_ERROR when it cannot be read.
 */

ngx_int_t
ngx_http_strangler_read(ngx_http_strangler_split_t *split,
    ngx_http_strangler_image_t *image, ngx_log_t *log)
{
    u_char     text[NGX_HTTP_STRANGLER_FILE_MAX];
    size_t     len;
    ngx_int_t  rc;

    rc = ngx_http_strangler_read_text(&split->state_file, "state file", text,
                                      &len, log);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_strangler_decode(&split->name, text, text + len, image);

    if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "state file \"%V\" was written by another version",
                      &split->state_file);
        return NGX_ERROR;
    }

    return rc == NGX_OK ? NGX_OK : NGX_ABORT;
}


/* the same of the text alone, which has room for FILE_MAX bytes */

ngx_int_t
ngx_http_strangler_read_text(ngx_str_t *name, char *what, u_char *text,
    size_t *len, ngx_log_t *log)
{
    ngx_fd_t   fd;
    ngx_int_t  rc;

    fd = open((char *) name->data, O_RDONLY|O_CLOEXEC);

    if (fd == NGX_INVALID_FILE) {

        if (ngx_errno == NGX_ENOENT) {
            return NGX_DECLINED;
        }

        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      ngx_open_file_n " %s \"%V\" failed", what, name);
        return NGX_ERROR;
    }

    rc = ngx_http_strangler_read_all(fd, text, len);

    if (rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      ngx_read_fd_n " %s \"%V\" failed", what, name);
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", name);
    }

    return rc;
}


static ngx_int_t
ngx_http_strangler_read_all(ngx_fd_t fd, u_char *text, size_t *len)
{
    ssize_t  n;

    *len = 0;

    for ( ;; ) {
        n = ngx_read_fd(fd, text + *len, NGX_HTTP_STRANGLER_FILE_MAX - *len);

        if (n == -1) {

            if (ngx_errno == NGX_EINTR) {
                continue;
            }

            return NGX_ERROR;
        }

        if (n == 0) {
            return NGX_OK;
        }

        *len += n;

        if (*len == NGX_HTTP_STRANGLER_FILE_MAX) {
            return NGX_ABORT;
        }
    }
}


/* a damaged file is kept, under another name */

void
ngx_http_strangler_set_aside(ngx_str_t *file, char *what, ngx_log_t *log)
{
    u_char  *p, name[NGX_MAX_PATH + 1];

    p = ngx_snprintf(name, NGX_MAX_PATH, "%V.corrupt-%T", file, ngx_time());
    *p = '\0';

    if (ngx_rename_file(file->data, name) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      "%s \"%V\" is corrupt, and "
                      ngx_rename_file_n " to \"%s\" failed", what, file, name);
        return;
    }

    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "%s \"%V\" is corrupt, it was renamed to \"%s\"", what,
                  file, name);
}


/*
 * Durable when it returns NGX_OK.  Called in a thread: no pool, no request.
 * dir is the directory that ngx_http_strangler_lock() opened.
 */

ngx_int_t
ngx_http_strangler_write(ngx_http_strangler_split_t *split, ngx_fd_t dir,
    u_char *text, size_t len, ngx_log_t *log)
{
    u_char  old[NGX_HTTP_STRANGLER_FILE_MAX];
    size_t  old_len;

    if (ngx_http_strangler_read_text(&split->state_file, "state file", old,
                                     &old_len, log)
        != NGX_OK)
    {
        old_len = 0;
    }

    if (ngx_http_strangler_write_temp(split, text, len, log) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_rename_file(split->temp_file.data, split->state_file.data)
        == NGX_FILE_ERROR)
    {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      ngx_rename_file_n " \"%V\" to \"%V\" failed",
                      &split->temp_file, &split->state_file);
        (void) ngx_delete_file(split->temp_file.data);
        return NGX_ERROR;
    }

    if (fsync(dir) == -1) {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      "fsync() \"%V\" failed", &split->state_dir);
        ngx_http_strangler_put_back(split, old, old_len, log);
        return NGX_ERROR;
    }

    /* the change is made already, and its record is in the state file */

    split->sh->history_failed = (ngx_http_strangler_append(split, dir, text,
                                                           len, log)
                                 != NGX_OK);

    return NGX_OK;
}


static ngx_int_t
ngx_http_strangler_write_temp(ngx_http_strangler_split_t *split, u_char *text,
    size_t len, ngx_log_t *log)
{
    char       *what;
    ngx_fd_t    fd;
    ngx_err_t   err;

    /* another user's, if the master or an earlier run was killed */

    if (ngx_delete_file(split->temp_file.data) == NGX_FILE_ERROR
        && ngx_errno != NGX_ENOENT)
    {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      ngx_delete_file_n " \"%V\" failed", &split->temp_file);
        return NGX_ERROR;
    }

    fd = open((char *) split->temp_file.data,
              O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0644);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      ngx_open_file_n " \"%V\" failed", &split->temp_file);
        return NGX_ERROR;
    }

    if (ngx_http_strangler_write_all(fd, text, len) != NGX_OK) {
        what = ngx_write_fd_n;
        goto failed;
    }

    if (fsync(fd) == -1) {
        what = "fsync()";
        goto failed;
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &split->temp_file);
        return NGX_ERROR;
    }

    return NGX_OK;

failed:

    err = ngx_errno;

    ngx_log_error(NGX_LOG_CRIT, log, err, "%s \"%V\" failed", what,
                  &split->temp_file);

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &split->temp_file);
    }

    (void) ngx_delete_file(split->temp_file.data);

    return NGX_ERROR;
}


/* nobody may find a change there that was answered with a failure */

static void
ngx_http_strangler_put_back(ngx_http_strangler_split_t *split, u_char *text,
    size_t len, ngx_log_t *log)
{
    ngx_int_t   rc;
    ngx_str_t  *file;

    file = &split->state_file;

    if (len == 0) {
        rc = ngx_delete_file(file->data);

    } else {
        rc = ngx_http_strangler_write_temp(split, text, len, log);

        if (rc == NGX_OK) {
            rc = ngx_rename_file(split->temp_file.data, file->data);
        }
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      "state file \"%V\" has a change that was not made", file);
    }
}


ngx_int_t
ngx_http_strangler_write_all(ngx_fd_t fd, u_char *p, size_t len)
{
    ssize_t  n;

    while (len) {
        n = ngx_write_fd(fd, p, len);

        if (n == -1) {

            if (ngx_errno == NGX_EINTR) {
                continue;
            }

            return NGX_ERROR;
        }

        p += n;
        len -= n;
    }

    return NGX_OK;
}
