
/*
 * Copyright (C) Ficus authors
 */


/*
 * The files of the state directory: state, history, ledger.  What writes
 * takes no pool and no request, and may be called in a thread; but for the
 * ledger, with the directory locked.
 */


#ifndef NGX_HTTP_STRANGLER_FILES_H_INCLUDED
#define NGX_HTTP_STRANGLER_FILES_H_INCLUDED


#include "ngx_http_strangler.h"


#define NGX_HTTP_STRANGLER_FILE_MAX     65536
#define NGX_HTTP_STRANGLER_LINE_MAX     2048

#define NGX_HTTP_STRANGLER_CRC_LEN      (sizeof("crc 01234567\n") - 1)


/* what is left of the text of a file */

typedef struct {
    u_char                         *pos;
    u_char                         *end;
} ngx_http_strangler_text_t;


/* state */

ngx_int_t ngx_http_strangler_check_crc(u_char *p, u_char *end);
u_char *ngx_http_strangler_add_crc(u_char *buf, u_char *p, u_char *end);
ngx_int_t ngx_http_strangler_expect(ngx_http_strangler_text_t *t,
    char *expected);
ngx_int_t ngx_http_strangler_word(ngx_http_strangler_text_t *t,
    ngx_str_t *word);
ngx_int_t ngx_http_strangler_number(ngx_http_strangler_text_t *t, uint64_t *n);
ngx_int_t ngx_http_strangler_escaped(ngx_http_strangler_text_t *t, char *name,
    u_char *data, u_char *len, size_t max);
ngx_int_t ngx_http_strangler_line_end(ngx_http_strangler_text_t *t);
size_t ngx_http_strangler_encode(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table, u_char *buf, u_char *end);
u_char *ngx_http_strangler_escape(u_char *p, u_char *end, u_char *data,
    size_t len);
ngx_int_t ngx_http_strangler_decode(ngx_str_t *name, u_char *p, u_char *end,
    ngx_http_strangler_image_t *image);

/* file */

ngx_int_t ngx_http_strangler_lock(ngx_http_strangler_split_t *split,
    ngx_fd_t *fd, ngx_log_t *log);
void ngx_http_strangler_unlock(ngx_fd_t fd, ngx_log_t *log);
ngx_int_t ngx_http_strangler_read(ngx_http_strangler_split_t *split,
    ngx_http_strangler_image_t *image, ngx_log_t *log);
ngx_int_t ngx_http_strangler_read_text(ngx_str_t *name, char *what,
    u_char *text, size_t *len, ngx_log_t *log);
void ngx_http_strangler_set_aside(ngx_str_t *file, char *what,
    ngx_log_t *log);
ngx_int_t ngx_http_strangler_write_all(ngx_fd_t fd, u_char *p, size_t len);
ngx_int_t ngx_http_strangler_write(ngx_http_strangler_split_t *split,
    ngx_fd_t dir, u_char *text, size_t len, ngx_log_t *log);

/*
 * Task: post is as ngx_thread_task_post().  The event's handler asks done
 * first, and returns on NGX_AGAIN: the task goes on.
 */

#if (NGX_THREADS)
ngx_int_t ngx_http_strangler_task_post(ngx_http_strangler_split_t *split,
    ngx_thread_task_t *task);
ngx_int_t ngx_http_strangler_task_done(ngx_event_t *ev);
#endif

/* history */

u_char *ngx_http_strangler_record_text(ngx_http_strangler_sh_t *sh,
    ngx_http_strangler_record_t *record, ngx_uint_t hash, u_char *p,
    u_char *end);
void ngx_http_strangler_chain(ngx_http_strangler_sh_t *sh,
    ngx_http_strangler_record_t *record, u_char *previous);
ngx_int_t ngx_http_strangler_append(ngx_http_strangler_split_t *split,
    ngx_fd_t dir, u_char *text, size_t len, ngx_log_t *log);
ngx_int_t ngx_http_strangler_check_line(u_char *p, u_char *end, u_char *hash,
    uint64_t *generation);
uint64_t ngx_http_strangler_history_end(ngx_http_strangler_split_t *split,
    u_char *hash, ngx_log_t *log);

/* ledger_file */

ngx_int_t ngx_http_strangler_decode_ledger(ngx_http_strangler_split_t *split,
    ngx_http_strangler_text_t *t, uint64_t *since, uint64_t *writer);
size_t ngx_http_strangler_encode_ledger(ngx_http_strangler_split_t *split,
    u_char *buf, u_char *end);

/* ramp_text */

u_char *ngx_http_strangler_encode_ramp(ngx_http_strangler_sh_t *sh,
    ngx_http_strangler_ramp_t *ramp, u_char *p, u_char *end);
ngx_int_t ngx_http_strangler_decode_ramp(ngx_http_strangler_text_t *t,
    ngx_http_strangler_image_t *image);


#endif /* NGX_HTTP_STRANGLER_FILES_H_INCLUDED */
