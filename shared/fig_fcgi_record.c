
/*
 * Copyright (C) Ficus authors
 */


#include "fig_fcgi_record.h"
#include <string.h>


static fig_status_t fig_fcgi_length_decode(fig_str_t *rest, size_t *length);
static void fig_fcgi_length_encode(fig_buf_t *out, size_t length);


void
fig_fcgi_record_decode(const unsigned char *p, fig_fcgi_record_t *record)
{
    record->version = p[0];
    record->type = p[1];
    record->id = (unsigned) p[2] << 8 | p[3];
    record->length = (size_t) p[4] << 8 | p[5];
    record->padding = p[6];
}


void
fig_fcgi_record_encode(unsigned char *p, unsigned type, unsigned id,
    size_t length)
{
    p[0] = FIG_FCGI_VERSION;
    p[1] = (unsigned char) type;
    p[2] = (unsigned char) (id >> 8);
    p[3] = (unsigned char) id;
    p[4] = (unsigned char) (length >> 8);
    p[5] = (unsigned char) length;
    p[6] = 0;
    p[7] = 0;
}


/* the application's own status, the first four bytes, is always 0 */

void
fig_fcgi_end_encode(unsigned char *p, unsigned id,
    fig_fcgi_protocol_status_t status)
{
    memset(p, 0, FIG_FCGI_END);
    fig_fcgi_record_encode(p, FIG_FCGI_END_REQUEST, id,
                           FIG_FCGI_END - FIG_FCGI_HEADER);
    p[FIG_FCGI_HEADER + 4] = (unsigned char) status;
}


fig_status_t
fig_fcgi_pair_decode(fig_str_t *rest, fig_param_t *pair)
{
    if (rest->len == 0) {
        return FIG_DECLINED;
    }

    if (fig_fcgi_length_decode(rest, &pair->name.len) != FIG_OK
        || fig_fcgi_length_decode(rest, &pair->value.len) != FIG_OK)
    {
        return FIG_INVALID;
    }

    if (pair->name.len > rest->len
        || pair->value.len > rest->len - pair->name.len)
    {
        return FIG_INVALID;
    }

    pair->name.data = rest->data;
    pair->value.data = rest->data + pair->name.len;

    rest->data += pair->name.len + pair->value.len;
    rest->len -= pair->name.len + pair->value.len;

    return FIG_OK;
}


/* one byte below 128, else four with the highest bit set */

static fig_status_t
fig_fcgi_length_decode(fig_str_t *rest, size_t *length)
{
    size_t         used;
    unsigned char  p[4];

    if (rest->len == 0) {
        return FIG_INVALID;
    }

    used = ((unsigned char) rest->data[0] & 0x80) ? 4 : 1;

    if (used > rest->len) {
        return FIG_INVALID;
    }

    memcpy(p, rest->data, used);

    *length = used == 1 ? p[0]
              : (size_t) (p[0] & 0x7f) << 24 | (size_t) p[1] << 16
              | (size_t) p[2] << 8 | p[3];

    rest->data += used;
    rest->len -= used;

    return FIG_OK;
}


void
fig_fcgi_pair_encode(fig_buf_t *out, fig_str_t name, fig_str_t value)
{
    fig_fcgi_length_encode(out, name.len);
    fig_fcgi_length_encode(out, value.len);
    fig_buf_str(out, name);
    fig_buf_str(out, value);
}


static void
fig_fcgi_length_encode(fig_buf_t *out, size_t length)
{
    unsigned char  p[4];

    if (length < 0x80) {
        p[0] = (unsigned char) length;
        fig_buf_append(out, p, 1);
        return;
    }

    p[0] = (unsigned char) (length >> 24 | 0x80);
    p[1] = (unsigned char) (length >> 16);
    p[2] = (unsigned char) (length >> 8);
    p[3] = (unsigned char) length;

    fig_buf_append(out, p, sizeof(p));
}
