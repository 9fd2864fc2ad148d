
/*
 * Copyright (C) Ficus authors
 */


/*
 * The text of a state file.  Lines of words; the last line is the CRC-32 of
 * everything before it.  Arms are lettered in the order of the "arms" line,
 * from A, one letter for each slot:
 *
 *     ficus-split-state 1
 *     split users
 *     configuration 0123456789abcdef0123456789abcdef
 *     arms v1 v2
 *     record 7 1795250055 by=127.0.0.1 reason=operator hash=01ef... v1=4000 ...
 *     ramp 1 6 1000 1000 3 10 10001 1500 990000 100 why= v1=10000:0 v2=0:10000
 *     shadow 1000 0
 *     slots BBBB...AAAA
 *     crc 01234567
 */


#include "ngx_http_strangler_files.h"


static ngx_int_t ngx_http_strangler_decode_arms(ngx_http_strangler_text_t *t,
    ngx_http_strangler_image_t *image);
static ngx_int_t ngx_http_strangler_decode_record(
    ngx_http_strangler_text_t *t, ngx_http_strangler_image_t *image);
static ngx_int_t ngx_http_strangler_decode_hash(ngx_http_strangler_text_t *t,
    ngx_http_strangler_record_t *record);
static ngx_int_t ngx_http_strangler_decode_weights(
    ngx_http_strangler_text_t *t, ngx_http_strangler_image_t *image,
    ngx_http_strangler_record_t *record);
static ngx_int_t ngx_http_strangler_decode_shadow(
    ngx_http_strangler_text_t *t, ngx_http_strangler_image_t *image);
static ngx_int_t ngx_http_strangler_decode_slots(ngx_http_strangler_text_t *t,
    ngx_http_strangler_image_t *image);
static ngx_int_t ngx_http_strangler_hash_word(ngx_http_strangler_text_t *t,
    u_char *hash);
static ngx_int_t ngx_http_strangler_hex(u_char *text, u_char *hash,
    size_t len);


/* the length of the text in buf; it always fits in FILE_MAX bytes */

size_t
ngx_http_strangler_encode(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table, u_char *buf, u_char *end)
{
    u_char                   *p;
    ngx_uint_t                i;
    ngx_http_strangler_sh_t  *sh;

    sh = split->sh;

    p = ngx_slprintf(buf, end, "ficus-split-state 1\nsplit %V\n"
                     "configuration ", &split->name);
    p = ngx_hex_dump(p, table->hash, NGX_HTTP_STRANGLER_HASH_LEN);
    p = ngx_slprintf(p, end, "\narms");

    for (i = 0; i < sh->nnames; i++) {
        p = ngx_slprintf(p, end, " %*s", (size_t) sh->arm[i].len,
                         sh->arm[i].data);
    }

    *p++ = LF;

    for (i = 0; i < table->nrecords; i++) {
        p = ngx_http_strangler_record_text(sh, &table->record[i], 1, p, end);
        *p++ = LF;
    }

    if (table->ramp.state != ngx_http_strangler_no_ramp) {
        p = ngx_http_strangler_encode_ramp(sh, &table->ramp, p, end);
    }

    if (table->shadow.share || table->shadow.configured) {
        p = ngx_slprintf(p, end, "shadow %ui %ui\n",
                         (ngx_uint_t) table->shadow.share,
                         (ngx_uint_t) table->shadow.configured);
    }

    p = ngx_slprintf(p, end, "slots ");

    for (i = 0; i < NGX_HTTP_STRANGLER_SLOTS; i++) {
        *p++ = (u_char) ('A' + table->slot[i]);
    }

    *p++ = LF;

    return ngx_http_strangler_add_crc(buf, p, end) - buf;
}


u_char *
ngx_http_strangler_add_crc(u_char *buf, u_char *p, u_char *end)
{
    uint32_t  crc;

    crc = ngx_crc32_long(buf, p - buf);

    return ngx_slprintf(p, end, "crc %08xD\n", crc);
}


u_char *
ngx_http_strangler_escape(u_char *p, u_char *end, u_char *data, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {

        if (data[i] <= 0x20 || data[i] >= 0x7f || data[i] == '%') {
            p = ngx_slprintf(p, end, "%%%02Xd", (ngx_uint_t) data[i]);
            continue;
        }

        *p++ = data[i];
    }

    return p;
}


/* NGX_OK, NGX_ERROR when corrupt, NGX_DECLINED for another version's file */

ngx_int_t
ngx_http_strangler_decode(ngx_str_t *name, u_char *p, u_char *end,
    ngx_http_strangler_image_t *image)
{
    ngx_str_t                    word;
    ngx_http_strangler_text_t    t;
    ngx_http_strangler_table_t  *table;

    ngx_memzero(image, sizeof(ngx_http_strangler_image_t));

    if (ngx_http_strangler_check_crc(p, end) != NGX_OK) {
        return NGX_ERROR;
    }

    t.pos = p;
    t.end = end - NGX_HTTP_STRANGLER_CRC_LEN;

    if (ngx_http_strangler_expect(&t, "ficus-split-state") != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_strangler_expect(&t, "1") != NGX_OK) {
        return NGX_DECLINED;
    }

    table = &image->table;

    if (ngx_http_strangler_line_end(&t) != NGX_OK
        || ngx_http_strangler_expect(&t, "split") != NGX_OK
        || ngx_http_strangler_word(&t, &word) != NGX_OK
        || word.len != name->len
        || ngx_memcmp(word.data, name->data, name->len) != 0
        || ngx_http_strangler_line_end(&t) != NGX_OK
        || ngx_http_strangler_expect(&t, "configuration") != NGX_OK
        || ngx_http_strangler_hash_word(&t, table->hash) != NGX_OK
        || ngx_http_strangler_line_end(&t) != NGX_OK
        || ngx_http_strangler_decode_arms(&t, image) != NGX_OK)
    {
        return NGX_ERROR;
    }

    while (ngx_http_strangler_expect(&t, "record") == NGX_OK) {
        if (ngx_http_strangler_decode_record(&t, image) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (table->nrecords == 0) {
        return NGX_ERROR;
    }

    if (ngx_http_strangler_expect(&t, "ramp") == NGX_OK
        && ngx_http_strangler_decode_ramp(&t, image) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_strangler_expect(&t, "shadow") == NGX_OK
        && ngx_http_strangler_decode_shadow(&t, image) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_strangler_decode_slots(&t, image);
}


ngx_int_t
ngx_http_strangler_check_crc(u_char *p, u_char *end)
{
    u_char     *last;
    uint32_t    crc;
    ngx_int_t   n;

    if ((size_t) (end - p) <= NGX_HTTP_STRANGLER_CRC_LEN) {
        return NGX_ERROR;
    }

    last = end - NGX_HTTP_STRANGLER_CRC_LEN;

    if (ngx_strncmp(last, "crc ", 4) != 0 || end[-1] != LF) {
        return NGX_ERROR;
    }

    n = ngx_hextoi(last + 4, 8);

    if (n == NGX_ERROR) {
        return NGX_ERROR;
    }

    crc = ngx_crc32_long(p, last - p);

    return (ngx_int_t) crc == n ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_strangler_decode_arms(ngx_http_strangler_text_t *t,
    ngx_http_strangler_image_t *image)
{
    ngx_str_t                   word;
    ngx_http_strangler_name_t  *name;

    if (ngx_http_strangler_expect(t, "arms") != NGX_OK) {
        return NGX_ERROR;
    }

    while (ngx_http_strangler_word(t, &word) == NGX_OK) {

        if (image->nnames == NGX_HTTP_STRANGLER_NAMES
            || !ngx_http_strangler_is_name(&word, NGX_HTTP_STRANGLER_NAME_LEN))
        {
            return NGX_ERROR;
        }

        name = &image->name[image->nnames++];
        name->len = (u_char) word.len;
        ngx_memcpy(name->data, word.data, word.len);
    }

    return ngx_http_strangler_line_end(t);
}


static ngx_int_t
ngx_http_strangler_decode_record(ngx_http_strangler_text_t *t,
    ngx_http_strangler_image_t *image)
{
    ngx_http_strangler_table_t   *table;
    ngx_http_strangler_record_t  *record;

    table = &image->table;

    if (table->nrecords == NGX_HTTP_STRANGLER_HISTORY) {
        return NGX_ERROR;
    }

    record = &table->record[table->nrecords++];

    if (ngx_http_strangler_number(t, &record->generation) != NGX_OK
        || ngx_http_strangler_number(t, &record->changed_at) != NGX_OK
        || ngx_http_strangler_escaped(t, "by=", record->by, &record->by_len,
                                      NGX_HTTP_STRANGLER_BY_LEN)
           != NGX_OK
        || ngx_http_strangler_escaped(t, "reason=", record->reason,
                                      &record->reason_len,
                                      NGX_HTTP_STRANGLER_REASON_LEN)
           != NGX_OK
        || ngx_http_strangler_decode_hash(t, record) != NGX_OK
        || ngx_http_strangler_decode_weights(t, image, record) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (record->generation == 0
        || (table->nrecords > 1
            && record->generation >= record[-1].generation))
    {
        return NGX_ERROR;
    }

    return ngx_http_strangler_line_end(t);
}


/* an arm may be called "hash", but has no weight that long */

static ngx_int_t
ngx_http_strangler_decode_hash(ngx_http_strangler_text_t *t,
    ngx_http_strangler_record_t *record)
{
    u_char     *pos;
    ngx_str_t   word;

    pos = t->pos;

    if (ngx_http_strangler_word(t, &word) != NGX_OK
        || ngx_strncmp(word.data, "hash=", 5) != 0
        || word.len != 5 + 2 * sizeof(record->hash))
    {
        t->pos = pos;
        return NGX_OK;
    }

    return ngx_http_strangler_hex(word.data + 5, record->hash,
                                  sizeof(record->hash));
}


static ngx_int_t
ngx_http_strangler_decode_weights(ngx_http_strangler_text_t *t,
    ngx_http_strangler_image_t *image, ngx_http_strangler_record_t *record)
{
    u_char      *p;
    ngx_int_t    weight, sum;
    ngx_str_t    word;
    ngx_uint_t   i;

    sum = 0;

    while (ngx_http_strangler_word(t, &word) == NGX_OK) {

        p = ngx_strlchr(word.data, word.data + word.len, '=');
        if (p == NULL) {
            return NGX_ERROR;
        }

        weight = ngx_atoi(p + 1, word.data + word.len - p - 1);

        if (weight == NGX_ERROR || weight > NGX_HTTP_STRANGLER_SLOTS) {
            return NGX_ERROR;
        }

        for (i = 0; i < image->nnames; i++) {
            if (image->name[i].len == p - word.data
                && ngx_memcmp(image->name[i].data, word.data, p - word.data)
                   == 0)
            {
                break;
            }
        }

        if (i == image->nnames || (record->arms & (1u << i))) {
            return NGX_ERROR;
        }

        record->arms |= 1u << i;
        record->weight[i] = (uint16_t) weight;
        sum += weight;
    }

    return sum == NGX_HTTP_STRANGLER_SLOTS ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_strangler_decode_shadow(ngx_http_strangler_text_t *t,
    ngx_http_strangler_image_t *image)
{
    uint64_t                     share, configured;
    ngx_http_strangler_share_t  *shadow;

    if (ngx_http_strangler_number(t, &share) != NGX_OK
        || ngx_http_strangler_number(t, &configured) != NGX_OK
        || share > NGX_HTTP_STRANGLER_SLOTS
        || configured > NGX_HTTP_STRANGLER_SLOTS)
    {
        return NGX_ERROR;
    }

    shadow = &image->table.shadow;

    shadow->share = (uint16_t) share;
    shadow->configured = (uint16_t) configured;

    return ngx_http_strangler_line_end(t);
}


static ngx_int_t
ngx_http_strangler_decode_slots(ngx_http_strangler_text_t *t,
    ngx_http_strangler_image_t *image)
{
    ngx_str_t                     word;
    ngx_uint_t                    i, arm, owned[NGX_HTTP_STRANGLER_NAMES];
    ngx_http_strangler_table_t   *table;

    table = &image->table;

    if (ngx_http_strangler_expect(t, "slots") != NGX_OK
        || ngx_http_strangler_word(t, &word) != NGX_OK
        || word.len != NGX_HTTP_STRANGLER_SLOTS
        || ngx_http_strangler_line_end(t) != NGX_OK
        || t->pos != t->end)
    {
        return NGX_ERROR;
    }

    ngx_memzero(owned, sizeof(owned));

    for (i = 0; i < NGX_HTTP_STRANGLER_SLOTS; i++) {
        arm = (ngx_uint_t) word.data[i] - 'A';

        if (arm >= image->nnames) {
            return NGX_ERROR;
        }

        table->slot[i] = (u_char) arm;
        owned[arm]++;
    }

    for (i = 0; i < image->nnames; i++) {
        if (owned[i] != table->record[0].weight[i]) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_strangler_word(ngx_http_strangler_text_t *t, ngx_str_t *word)
{
    u_char  *p;

    p = t->pos;

    if (p < t->end && *p == ' ') {
        p++;
    }

    word->data = p;

    while (p < t->end && *p > ' ') {
        p++;
    }

    word->len = p - word->data;

    if (word->len == 0) {
        return NGX_DECLINED;
    }

    t->pos = p;

    return NGX_OK;
}


ngx_int_t
ngx_http_strangler_expect(ngx_http_strangler_text_t *t, char *expected)
{
    u_char     *pos;
    ngx_str_t   word;

    pos = t->pos;

    if (ngx_http_strangler_word(t, &word) == NGX_OK
        && word.len == ngx_strlen(expected)
        && ngx_memcmp(word.data, expected, word.len) == 0)
    {
        return NGX_OK;
    }

    t->pos = pos;

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_strangler_number(ngx_http_strangler_text_t *t, uint64_t *n)
{
    off_t      value;
    ngx_str_t  word;

    if (ngx_http_strangler_word(t, &word) != NGX_OK) {
        return NGX_ERROR;
    }

    value = ngx_atoof(word.data, word.len);

    if (value == (off_t) NGX_ERROR) {
        return NGX_ERROR;
    }

    *n = (uint64_t) value;

    return NGX_OK;
}


static ngx_int_t
ngx_http_strangler_hash_word(ngx_http_strangler_text_t *t, u_char *hash)
{
    ngx_str_t  word;

    if (ngx_http_strangler_word(t, &word) != NGX_OK
        || word.len != 2 * NGX_HTTP_STRANGLER_HASH_LEN)
    {
        return NGX_ERROR;
    }

    return ngx_http_strangler_hex(word.data, hash,
                                  NGX_HTTP_STRANGLER_HASH_LEN);
}


static ngx_int_t
ngx_http_strangler_hex(u_char *text, u_char *hash, size_t len)
{
    size_t     i;
    ngx_int_t  n;

    for (i = 0; i < len; i++) {
        n = ngx_hextoi(text + 2 * i, 2);

        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        hash[i] = (u_char) n;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_strangler_escaped(ngx_http_strangler_text_t *t, char *name,
    u_char *data, u_char *len, size_t max)
{
    u_char     *p, *end;
    ngx_int_t   n;
    ngx_str_t   word;

    if (ngx_http_strangler_word(t, &word) != NGX_OK
        || word.len < ngx_strlen(name)
        || ngx_strncmp(word.data, name, ngx_strlen(name)) != 0)
    {
        return NGX_ERROR;
    }

    p = word.data + ngx_strlen(name);
    end = word.data + word.len;

    for (*len = 0; p < end; (*len)++) {

        if (*len == max) {
            return NGX_ERROR;
        }

        n = *p++;

        if (n == '%') {
            n = (end - p < 2) ? NGX_ERROR : ngx_hextoi(p, 2);

            if (n == NGX_ERROR) {
                return NGX_ERROR;
            }

            p += 2;
        }

        data[*len] = (u_char) n;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_strangler_line_end(ngx_http_strangler_text_t *t)
{
    if (t->pos == t->end || *t->pos != LF) {
        return NGX_ERROR;
    }

    t->pos++;

    return NGX_OK;
}
