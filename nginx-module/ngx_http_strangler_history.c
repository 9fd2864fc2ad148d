
/*
 * Copyright (C) Ficus authors
 */


/*
 * The history: every change of weights, one line each, oldest first, in a file
 * that is only ever appended to:
 *
 *     record 7 1795250055 by=127.0.0.1 reason=operator hash=01ef... v1=4000 ...
 *
 * The hash is the SHA-256 of that of the line before (64 zeros for the first
 * one), a space, and the line without its hash.  The state file holds the same
 * lines for the last changes, and is written first; so what a crash keeps from
 * this file is caught up with at the next change.
 */


#include "ngx_http_strangler_files.h"


#define NGX_HTTP_STRANGLER_TAIL      8192
#define NGX_HTTP_STRANGLER_HEX_LEN   (2 * FIPS180_SHA256)
#define NGX_HTTP_STRANGLER_HASH_AT   (sizeof(" hash=") - 1)


static u_char *ngx_http_strangler_record_weights(ngx_http_strangler_sh_t *sh,
    ngx_http_strangler_record_t *record, u_char *p, u_char *end);
static ngx_int_t ngx_http_strangler_open_history(
    ngx_http_strangler_split_t *split, ngx_fd_t *fd, ngx_log_t *log);
static ngx_int_t ngx_http_strangler_tail(ngx_fd_t fd, ngx_str_t *name,
    ngx_str_t *line, u_char *buf, off_t *end, ngx_log_t *log);
static ngx_int_t ngx_http_strangler_cut(ngx_fd_t fd, ngx_str_t *name,
    off_t end, ngx_log_t *log);
static size_t ngx_http_strangler_news(u_char *text, size_t len,
    uint64_t generation, u_char *buf, u_char *end);
static uint64_t ngx_http_strangler_line_generation(u_char *p, u_char *end);
static u_char *ngx_http_strangler_line_hash(u_char *p, u_char *end);


/* with the hash, if that is wanted, and without a line feed */

u_char *
ngx_http_strangler_record_text(ngx_http_strangler_sh_t *sh,
    ngx_http_strangler_record_t *record, ngx_uint_t hash, u_char *p,
    u_char *end)
{
    p = ngx_slprintf(p, end, "record %uL %uL by=", record->generation,
                     record->changed_at);
    p = ngx_http_strangler_escape(p, end, record->by, record->by_len);
    p = ngx_slprintf(p, end, " reason=");
    p = ngx_http_strangler_escape(p, end, record->reason, record->reason_len);

    if (hash) {
        p = ngx_slprintf(p, end, " hash=");
        p = ngx_hex_dump(p, record->hash, FIPS180_SHA256);
    }

    return ngx_http_strangler_record_weights(sh, record, p, end);
}


/* by name, so that the text does not depend on the numbers of the arms */

static u_char *
ngx_http_strangler_record_weights(ngx_http_strangler_sh_t *sh,
    ngx_http_strangler_record_t *record, u_char *p, u_char *end)
{
    size_t                      len;
    uint32_t                    rest;
    ngx_int_t                   rc;
    ngx_uint_t                  i, first;
    ngx_http_strangler_name_t  *a, *b;

    for (rest = record->arms; rest; rest &= ~(1u << first)) {

        first = NGX_HTTP_STRANGLER_NAMES;

        for (i = 0; i < NGX_HTTP_STRANGLER_NAMES; i++) {

            if (!(rest & (1u << i))) {
                continue;
            }

            if (first == NGX_HTTP_STRANGLER_NAMES) {
                first = i;
                continue;
            }

            a = &sh->arm[i];
            b = &sh->arm[first];
            len = ngx_min(a->len, b->len);
            rc = ngx_memcmp(a->data, b->data, len);

            if (rc < 0 || (rc == 0 && a->len < b->len)) {
                first = i;
            }
        }

        p = ngx_slprintf(p, end, " %*s=%ud", (size_t) sh->arm[first].len,
                         sh->arm[first].data,
                         (ngx_uint_t) record->weight[first]);
    }

    return p;
}


/* previous is the hash of the record before, or NULL */

void
ngx_http_strangler_chain(ngx_http_strangler_sh_t *sh,
    ngx_http_strangler_record_t *record, u_char *previous)
{
    u_char   text[NGX_HTTP_STRANGLER_LINE_MAX];
    u_char  *p, zeros[FIPS180_SHA256];

    ngx_memzero(zeros, sizeof(zeros));

    p = ngx_hex_dump(text, previous ? previous : zeros,
                     FIPS180_SHA256);
    *p++ = ' ';

    p = ngx_http_strangler_record_text(sh, record, 0, p, text + sizeof(text));

    fips180_sha256(text, p - text, record->hash);
}


/*
 * Appends the records of a state file's text that are not there yet, and
 * brings them to the disk.  May be called in a thread: no pool, no request.
 */

ngx_int_t
ngx_http_strangler_append(ngx_http_strangler_split_t *split, ngx_fd_t dir,
    u_char *text, size_t len, ngx_log_t *log)
{
    u_char     tail[NGX_HTTP_STRANGLER_TAIL];
    u_char     news[NGX_HTTP_STRANGLER_FILE_MAX];
    off_t      end;
    size_t     n;
    uint64_t   generation;
    ngx_fd_t   fd;
    ngx_int_t  rc;
    ngx_str_t  line;

    if (ngx_http_strangler_open_history(split, &fd, log) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_strangler_tail(fd, &split->history_file, &line, tail, &end,
                                 log);

    if (rc == NGX_OK) {
        rc = ngx_http_strangler_cut(fd, &split->history_file, end, log);
    }

    if (rc == NGX_OK) {
        generation = ngx_http_strangler_line_generation(line.data,
                                                        line.data + line.len);

        n = ngx_http_strangler_news(text, len, generation, news,
                                    news + sizeof(news));

        if (n && (ngx_http_strangler_write_all(fd, news, n) != NGX_OK
                  || fsync(fd) == -1
                  || (line.len == 0 && fsync(dir) == -1)))
        {
            ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                          "history \"%V\" could not be written, the next "
                          "change will catch up", &split->history_file);
            rc = NGX_ERROR;
        }
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed",
                      &split->history_file);
    }

    return rc;
}


static ngx_int_t
ngx_http_strangler_open_history(ngx_http_strangler_split_t *split,
    ngx_fd_t *fd, ngx_log_t *log)
{
    ngx_core_conf_t  *ccf;

    *fd = open((char *) split->history_file.data,
               O_RDWR|O_CREAT|O_APPEND|O_CLOEXEC, 0644);

    if (*fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      ngx_open_file_n " \"%V\" failed",
                      &split->history_file);
        return NGX_ERROR;
    }

    ccf = split->main->core;

    /* the master's file has to be the worker processes' as well */

    if (geteuid() == 0 && fchown(*fd, ccf->user, ccf->group) == -1) {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno, "fchown() \"%V\" failed",
                      &split->history_file);
    }

    return NGX_OK;
}


/* the last whole line, empty if there is none, and where it ends */

static ngx_int_t
ngx_http_strangler_tail(ngx_fd_t fd, ngx_str_t *name, ngx_str_t *line,
    u_char *buf, off_t *end, ngx_log_t *log)
{
    off_t    size, from;
    u_char  *p, *last;
    ssize_t  n;

    line->len = 0;
    line->data = buf;

    size = lseek(fd, 0, SEEK_END);
    from = ngx_max(size - NGX_HTTP_STRANGLER_TAIL, 0);

    n = pread(fd, buf, (size_t) (size - from), from);

    if (size == -1 || n != size - from) {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      ngx_read_fd_n " history \"%V\" failed", name);
        return NGX_ERROR;
    }

    for (last = buf + n; last > buf && last[-1] != LF; last--) { /* void */ }

    *end = from + (last - buf);

    if (last == buf) {
        return NGX_OK;
    }

    for (p = last - 1; p > buf && p[-1] != LF; p--) { /* void */ }

    line->data = p;
    line->len = last - 1 - p;

    return NGX_OK;
}


/* what a crash has left behind the last whole line; with the lock */

static ngx_int_t
ngx_http_strangler_cut(ngx_fd_t fd, ngx_str_t *name, off_t end, ngx_log_t *log)
{
    if (lseek(fd, 0, SEEK_END) == end) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_WARN, log, 0,
                  "history \"%V\" ends in the middle of a line, which is "
                  "cut off", name);

    if (ftruncate(fd, end) == -1) {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      "ftruncate() \"%V\" failed", name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* in the state file the newest record comes first */

static size_t
ngx_http_strangler_news(u_char *text, size_t len, uint64_t generation,
    u_char *buf, u_char *end)
{
    u_char  *p, *lf, *last, *to;

    last = text + len;
    to = end;

    for (p = text; p < last; p = lf + 1) {

        lf = ngx_strlchr(p, last, LF);
        if (lf == NULL) {
            break;
        }

        if (ngx_strncmp(p, "record ", 7) != 0
            || ngx_http_strangler_line_hash(p, lf) == NULL)
        {
            continue;
        }

        if (ngx_http_strangler_line_generation(p, lf) <= generation
            || lf + 1 - p > to - buf)
        {
            break;
        }

        to -= lf + 1 - p;
        ngx_memcpy(to, p, lf + 1 - p);
    }

    len = end - to;
    ngx_memmove(buf, to, len);

    return len;
}


/* 0 if it has none */

static uint64_t
ngx_http_strangler_line_generation(u_char *p, u_char *end)
{
    off_t    generation;
    u_char  *space;

    if (end - p < 8 || ngx_strncmp(p, "record ", 7) != 0) {
        return 0;
    }

    p += 7;
    space = ngx_strlchr(p, end, ' ');

    generation = space ? ngx_atoof(p, space - p) : (off_t) NGX_ERROR;

    return generation == (off_t) NGX_ERROR ? 0 : (uint64_t) generation;
}


/* where " hash=" begins, or NULL; it is the fifth word after "record" */

static u_char *
ngx_http_strangler_line_hash(u_char *p, u_char *end)
{
    ngx_uint_t  i;

    for (i = 0; p && i < 5; i++) {
        p = ngx_strlchr(p + (i != 0), end, ' ');
    }

    if (p == NULL
        || (size_t) (end - p) < NGX_HTTP_STRANGLER_HASH_AT
                                + NGX_HTTP_STRANGLER_HEX_LEN
        || ngx_strncmp(p, " hash=", NGX_HTTP_STRANGLER_HASH_AT) != 0)
    {
        return NULL;
    }

    return p;
}


/*
 * Whether a line follows from the hash before it, 64 hexadecimal digits, which
 * is replaced by that of the line.
 */

ngx_int_t
ngx_http_strangler_check_line(u_char *p, u_char *end, u_char *hash,
    uint64_t *generation)
{
    u_char   sum[FIPS180_SHA256];
    u_char   hex[NGX_HTTP_STRANGLER_HEX_LEN];
    u_char   text[NGX_HTTP_STRANGLER_LINE_MAX];
    u_char  *at, *to;

    at = ngx_http_strangler_line_hash(p, end);
    *generation = ngx_http_strangler_line_generation(p, end);

    if (at == NULL
        || (size_t) (end - p) > sizeof(text) - NGX_HTTP_STRANGLER_HEX_LEN)
    {
        return NGX_ERROR;
    }

    to = ngx_cpymem(text, hash, NGX_HTTP_STRANGLER_HEX_LEN);
    *to++ = ' ';
    to = ngx_cpymem(to, p, at - p);

    at += NGX_HTTP_STRANGLER_HASH_AT;
    ngx_memcpy(hash, at, NGX_HTTP_STRANGLER_HEX_LEN);

    at += NGX_HTTP_STRANGLER_HEX_LEN;
    to = ngx_cpymem(to, at, end - at);

    fips180_sha256(text, to - text, sum);
    ngx_hex_dump(hex, sum, sizeof(sum));

    return ngx_memcmp(hex, hash, sizeof(hex)) == 0 ? NGX_OK : NGX_ERROR;
}


/* what to go on from when the state file is lost; 0 and zeros without one */

uint64_t
ngx_http_strangler_history_end(ngx_http_strangler_split_t *split,
    u_char *hash, ngx_log_t *log)
{
    u_char      tail[NGX_HTTP_STRANGLER_TAIL];
    off_t       end;
    u_char     *at;
    ngx_fd_t    fd;
    uint64_t    generation;
    ngx_str_t   line;
    ngx_uint_t  i;

    ngx_memzero(hash, FIPS180_SHA256);

    if (ngx_http_strangler_open_history(split, &fd, log) != NGX_OK) {
        return 0;
    }

    generation = 0;

    if (ngx_http_strangler_tail(fd, &split->history_file, &line, tail, &end,
                                log)
        == NGX_OK)
    {
        at = ngx_http_strangler_line_hash(line.data, line.data + line.len);
        generation = ngx_http_strangler_line_generation(line.data,
                                                        line.data + line.len);

        for (i = 0; at && i < FIPS180_SHA256; i++) {
            hash[i] = (u_char) ngx_hextoi(at + NGX_HTTP_STRANGLER_HASH_AT
                                          + 2 * i, 2);
        }
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed",
                      &split->history_file);
    }

    return generation;
}
