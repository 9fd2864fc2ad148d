
/*
 * Copyright (C) Ficus authors
 */


/*
 * Which weights hold after a start or a reload: those of the running segment,
 * of the state file, or of the configuration.
 */


#include "ngx_http_strangler_files.h"
#include "ngx_http_strangler_ledger.h"
#include <ngx_md5.h>


#define NGX_HTTP_STRANGLER_LOCK_TRIES  100
#define NGX_HTTP_STRANGLER_LOCK_MSEC   50


static ngx_int_t ngx_http_strangler_check_dir(
    ngx_http_strangler_split_t *split, ngx_log_t *log);
static ngx_int_t ngx_http_strangler_wait(ngx_http_strangler_split_t *split,
    ngx_fd_t *fd, ngx_log_t *log);
static ngx_int_t ngx_http_strangler_settle_file(
    ngx_http_strangler_split_t *split, ngx_log_t *log);
static ngx_int_t ngx_http_strangler_settle_table(
    ngx_http_strangler_split_t *split, ngx_http_strangler_table_t *table,
    ngx_int_t file, ngx_log_t *log);
static ngx_uint_t ngx_http_strangler_settle_shadow(
    ngx_http_strangler_split_t *split, ngx_http_strangler_table_t *table);
static void ngx_http_strangler_log_weights(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table, ngx_log_t *log, char *what);


/*
 * In ngx_init_cycle(), where a failure still keeps the old configuration and
 * "nginx -t" comes by: reads, changes nothing but a segment nobody uses yet.
 */

ngx_int_t
ngx_http_strangler_load(ngx_http_strangler_split_t *split, ngx_log_t *log)
{
    ngx_int_t                    rc;
    ngx_http_strangler_sh_t     *sh;
    ngx_http_strangler_image_t   image;

    if (split->state_file.len
        && ngx_http_strangler_check_dir(split, log) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* a segment that the split has come back to has what it was left with */

    sh = ngx_http_strangler_old_sh(split);

    if (split->sh->word && (sh == NULL || sh->word <= split->sh->word)) {
        return NGX_OK;
    }

    if (sh) {
        ngx_http_strangler_image(sh, &image);

        if (ngx_http_strangler_adopt(split, &image) != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_http_strangler_breaker_adopt(split, sh);
    }

    if (split->state_file.len == 0) {
        return NGX_OK;
    }

    rc = ngx_http_strangler_read(split, &image, log);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_ABORT) {
        if (ngx_test_config) {
            ngx_log_error(NGX_LOG_ERR, log, 0,
                          "state file \"%V\" is corrupt", &split->state_file);
        }

        return NGX_OK;
    }

    if (rc == NGX_OK
        && image.table.record[0].generation > split->sh->word >> 1)
    {
        return ngx_http_strangler_adopt(split, &image);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_strangler_check_dir(ngx_http_strangler_split_t *split,
    ngx_log_t *log)
{
    ngx_uint_t        level;
    ngx_file_info_t   fi;
    ngx_core_conf_t  *ccf;

    if (access((char *) split->state_dir.data, R_OK|W_OK|X_OK) == -1
        || ngx_file_info(split->state_dir.data, &fi) == NGX_FILE_ERROR)
    {
        level = ngx_test_config ? NGX_LOG_ERR : NGX_LOG_EMERG;

        ngx_log_error(level, log, ngx_errno,
                      "state directory \"%V\" of split \"%V\" is not writable",
                      &split->state_dir, &split->name);

        return ngx_test_config ? NGX_OK : NGX_ERROR;
    }

    ccf = split->main->core;

    if (geteuid() != 0 || ccf->user == 0
        || (fi.st_uid == ccf->user && (fi.st_mode & S_IRWXU) == S_IRWXU)
        || (fi.st_mode & S_IRWXO) == S_IRWXO
        || (fi.st_gid == ccf->group && (fi.st_mode & S_IRWXG) == S_IRWXG))
    {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "state directory \"%V\" of split \"%V\" is not writable by "
                  "the user of worker processes", &split->state_dir,
                  &split->name);

    return NGX_OK;
}


/* in the master, once the configuration is certain; cannot fail any more */

void
ngx_http_strangler_settle(ngx_http_strangler_split_t *split, ngx_log_t *log)
{
    u_char                       text[NGX_HTTP_STRANGLER_FILE_MAX];
    size_t                       len;
    ngx_fd_t                     fd;
    ngx_int_t                    rc, file;
    ngx_atomic_uint_t            word;
    ngx_http_strangler_table_t   table;

    fd = NGX_INVALID_FILE;
    file = NGX_OK;

    ngx_memzero(&table.ramp, sizeof(ngx_http_strangler_ramp_t));

    if (split->state_file.len) {
        rc = ngx_http_strangler_wait(split, &fd, log);
        file = ngx_http_strangler_settle_file(split, log);

        if (rc != NGX_OK) {
            fd = NGX_INVALID_FILE;
        }
    }

    word = ngx_http_strangler_snapshot(split->sh, &table);

    rc = ngx_http_strangler_settle_table(split, &table, file, log);

    if (split->state_file.len && (rc == NGX_OK || file != NGX_OK)) {

        len = ngx_http_strangler_encode(split, &table, text,
                                        text + sizeof(text));

        if (fd == NGX_INVALID_FILE
            || ngx_http_strangler_write(split, fd, text, len, log) != NGX_OK)
        {
            split->sh->write_failed = 1;

            ngx_log_error(NGX_LOG_ALERT, log, 0,
                          "state file \"%V\" could not be written%s",
                          &split->state_file,
                          word ? ", the weights stay as they were" : "");

            if (word) {
                rc = NGX_DECLINED;
            }

        } else {
            split->sh->write_failed = 0;
        }
    }

    if (rc == NGX_OK
        && ngx_http_strangler_publish(split, word, &table) != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ALERT, log, 0,
                      "weights of split \"%V\" changed meanwhile, those of "
                      "the configuration are not used", &split->name);
    }

    if (fd != NGX_INVALID_FILE) {
        ngx_http_strangler_unlock(fd, log);
    }

    ngx_http_strangler_load_ledger(split, log);
}


static ngx_int_t
ngx_http_strangler_wait(ngx_http_strangler_split_t *split, ngx_fd_t *fd,
    ngx_log_t *log)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_STRANGLER_LOCK_TRIES; i++) {

        rc = ngx_http_strangler_lock(split, fd, log);

        if (rc != NGX_AGAIN) {
            return rc;
        }

        ngx_msleep(NGX_HTTP_STRANGLER_LOCK_MSEC);
    }

    ngx_log_error(NGX_LOG_ALERT, log, 0,
                  "state directory \"%V\" is locked by another process",
                  &split->state_dir);

    return NGX_AGAIN;
}


/* adopts a newer state file; NGX_OK, NGX_DECLINED for none, NGX_ABORT */

static ngx_int_t
ngx_http_strangler_settle_file(ngx_http_strangler_split_t *split,
    ngx_log_t *log)
{
    ngx_int_t                    rc;
    ngx_http_strangler_image_t   image;

    rc = ngx_http_strangler_read(split, &image, log);

    if (rc == NGX_ABORT) {
        ngx_http_strangler_set_aside(&split->state_file, "state file", log);
        return NGX_ABORT;
    }

    if (rc == NGX_OK
        && image.table.record[0].generation > split->sh->word >> 1)
    {
        if (ngx_http_strangler_adopt(split, &image) != NGX_OK) {
            ngx_log_error(NGX_LOG_ALERT, log, 0,
                          "state file \"%V\" could not be used",
                          &split->state_file);
        }
    }

    return rc;
}


/* NGX_OK when table was changed and is to be written and published */

static ngx_int_t
ngx_http_strangler_settle_table(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table, ngx_int_t file, ngx_log_t *log)
{
    uint64_t                        generation, last;
    ngx_str_t                       by;
    ngx_uint_t                      share;
    ngx_http_strangler_ramp_t       ramp;
    ngx_http_strangler_weights_t    weights;

    ngx_str_set(&by, "configuration");

    ngx_http_strangler_configured(split, &weights);

    share = ngx_http_strangler_settle_shadow(split, table);
    last = 0;

    /* it becomes the worker processes' file, too, if it was another user's */

    if (split->state_file.len) {
        last = ngx_http_strangler_history_end(split, split->chain, log);
    }

    if (split->sh->word == 0) {

        /* above every generation there can have been, if any was */

        generation = ngx_http_strangler_msec();

        if (split->state_file.len && file == NGX_DECLINED) {
            generation = 1;
        }

        generation = ngx_max(generation, last + 1);

        ngx_memset(table->slot, NGX_HTTP_STRANGLER_NONE,
                   NGX_HTTP_STRANGLER_SLOTS);

        ngx_http_strangler_make(split, table, &weights, generation, &by, &by);
        ngx_memcpy(table->hash, split->hash, NGX_HTTP_STRANGLER_HASH_LEN);

        ngx_http_strangler_log_weights(split, table, log,
                                       file == NGX_ABORT
                                       ? "of the configuration are used, the "
                                         "state file is corrupt"
                                       : "of the configuration are used, "
                                         "there is no earlier state");
        return NGX_OK;
    }

    if (ngx_memcmp(table->hash, split->hash, NGX_HTTP_STRANGLER_HASH_LEN)
        == 0)
    {
        if (share) {
            ramp = table->ramp;
            ngx_http_strangler_keep_weights(split, table, &weights);
            ngx_http_strangler_make(split, table, &weights,
                                    table->record[0].generation + 1, &by,
                                    &by);
            table->ramp = ramp;

            ngx_http_strangler_log_weights(split, table, log,
                                           "are as they were, the "
                                           "configuration has another share "
                                           "of shadow requests");
            return NGX_OK;
        }

        ngx_http_strangler_log_weights(split, table, log,
                                       "of the earlier state are used, those "
                                       "of the configuration have not "
                                       "changed");
        return NGX_DECLINED;
    }

    ngx_http_strangler_make(split, table, &weights,
                            table->record[0].generation + 1, &by, &by);
    ngx_memcpy(table->hash, split->hash, NGX_HTTP_STRANGLER_HASH_LEN);

    ngx_http_strangler_log_weights(split, table, log,
                                   "of the configuration are used, they have "
                                   "changed");
    return NGX_OK;
}


/* whether the configuration's share wins, since it has changed */

static ngx_uint_t
ngx_http_strangler_settle_shadow(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table)
{
    ngx_uint_t  share;

    share = split->shadow ? split->shadow->share : 0;

    if (table->shadow.configured == share) {
        return 0;
    }

    table->shadow.configured = (uint16_t) share;
    table->shadow.share = (uint16_t) share;

    return 1;
}


static void
ngx_http_strangler_log_weights(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table, ngx_log_t *log, char *what)
{
    u_char                    *p, *last;
    u_char                     text[NGX_HTTP_STRANGLER_ARMS * 32];
    ngx_uint_t                 i, weight;
    ngx_http_strangler_arm_t  *arm;

    p = text;
    last = text + sizeof(text);
    arm = split->arm;

    for (i = 0; i < split->narms; i++) {
        weight = table->record[0].weight[arm[i].id];

        p = ngx_slprintf(p, last, " %V=%ui.%02ui", &arm[i].name,
                         weight / 100, weight % 100);
    }

    ngx_log_error(NGX_LOG_NOTICE, log, 0,
                  "split \"%V\": weights %s:%*s, generation %uL",
                  &split->name, what, (size_t) (p - text), text,
                  table->record[0].generation);
}


/* with the directory locked */

void
ngx_http_strangler_sync(ngx_http_strangler_split_t *split, ngx_log_t *log)
{
    ngx_http_strangler_image_t  image;

    if (ngx_http_strangler_read(split, &image, log) == NGX_OK
        && image.table.record[0].generation > split->sh->word >> 1
        && ngx_http_strangler_adopt(split, &image) == NGX_OK)
    {
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "split \"%V\": took generation %uL from state file "
                      "\"%V\", it was not published when it was written",
                      &split->name, image.table.record[0].generation,
                      &split->state_file);
    }
}


/* the next table, from the present one in place; its hash stays */

void
ngx_http_strangler_make(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table, ngx_http_strangler_weights_t *weights,
    uint64_t generation, ngx_str_t *by, ngx_str_t *reason)
{
    u_char                        number[256];
    ngx_uint_t                    i;
    ngx_http_strangler_record_t  *record;

    ngx_memset(number, NGX_HTTP_STRANGLER_NONE, sizeof(number));

    for (i = 0; i < split->narms; i++) {
        number[split->arm[i].id] = (u_char) i;
    }

    for (i = 0; i < NGX_HTTP_STRANGLER_SLOTS; i++) {
        table->slot[i] = number[table->slot[i]];
    }

    ngx_http_strangler_table_apply(table->slot, weights);

    for (i = 0; i < NGX_HTTP_STRANGLER_SLOTS; i++) {
        table->slot[i] = (u_char) split->arm[table->slot[i]].id;
    }

    record = table->record;

    ngx_memmove(&record[1], record, (NGX_HTTP_STRANGLER_HISTORY - 1)
                                    * sizeof(ngx_http_strangler_record_t));

    if (table->nrecords < NGX_HTTP_STRANGLER_HISTORY) {
        table->nrecords++;
    }

    ngx_memzero(record, sizeof(ngx_http_strangler_record_t));

    record->generation = generation;
    record->changed_at = (uint64_t) ngx_time();

    for (i = 0; i < split->narms; i++) {
        record->arms |= 1u << split->arm[i].id;
        record->weight[split->arm[i].id] = weights->weight[i];
    }

    record->by_len = (u_char) ngx_min(by->len, NGX_HTTP_STRANGLER_BY_LEN);
    ngx_memcpy(record->by, by->data, record->by_len);

    record->reason_len = (u_char) ngx_min(reason->len,
                                          NGX_HTTP_STRANGLER_REASON_LEN);
    ngx_memcpy(record->reason, reason->data, record->reason_len);

    ngx_http_strangler_chain(split->sh, record,
                             table->nrecords > 1 ? record[1].hash
                                                 : split->chain);

    ngx_http_strangler_ramp_end(&table->ramp, ngx_http_strangler_aborted,
                                "the weights were changed");
}


uint64_t
ngx_http_strangler_msec(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (uint64_t) tp->sec * 1000 + tp->msec;
}


void
ngx_http_strangler_configured(ngx_http_strangler_split_t *split,
    ngx_http_strangler_weights_t *weights)
{
    ngx_uint_t  i;

    ngx_memzero(weights, sizeof(ngx_http_strangler_weights_t));

    weights->narms = (unsigned) split->narms;
    weights->baseline = (unsigned) split->baseline;

    for (i = 0; i < split->narms; i++) {
        weights->weight[i] = (uint16_t) split->arm[i].weight;
    }
}


/* those of the present, for a change of something else */

void
ngx_http_strangler_keep_weights(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table, ngx_http_strangler_weights_t *weights)
{
    ngx_uint_t  i;

    ngx_http_strangler_configured(split, weights);

    for (i = 0; i < split->narms; i++) {
        weights->weight[i] = table->record[0].weight[split->arm[i].id];
    }
}


/* of the arms as configured; a change of it lets the configuration win */

void
ngx_http_strangler_hash(ngx_http_strangler_split_t *split)
{
    u_char                     text[64];
    u_char                    *p;
    ngx_md5_t                  md5;
    ngx_uint_t                 i;
    ngx_http_strangler_arm_t  *arm;

    ngx_md5_init(&md5);

    arm = split->arm;

    for (i = 0; i < split->narms; i++) {
        p = ngx_snprintf(text, sizeof(text), "%V=%i%s;", &arm[i].name,
                         arm[i].weight, i == split->baseline ? "*" : "");
        ngx_md5_update(&md5, text, p - text);
    }

    ngx_md5_final(split->hash, &md5);
}
