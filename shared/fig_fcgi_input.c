
/*
 * Copyright (C) Ficus authors
 */


#include "fig_fcgi_input.h"
#include <string.h>


#define FIG_FCGI_REPLY_MAX  65536
#define FIG_FCGI_BEGIN      8            /* bytes of a BEGIN_REQUEST */


static fig_fcgi_event_t fig_fcgi_input_start(fig_fcgi_input_t *input);
static void fig_fcgi_input_content(fig_fcgi_input_t *input,
    const unsigned char *p, size_t n);
static void fig_fcgi_input_params(fig_fcgi_input_t *input,
    const unsigned char *p, size_t n);
static void fig_fcgi_input_body(fig_fcgi_input_t *input,
    const unsigned char *p, size_t n);
static fig_fcgi_event_t fig_fcgi_input_end(fig_fcgi_input_t *input);
static fig_fcgi_event_t fig_fcgi_input_begin(fig_fcgi_input_t *input);
static fig_fcgi_event_t fig_fcgi_input_abort(fig_fcgi_input_t *input);
static void fig_fcgi_input_reply_end(fig_fcgi_input_t *input, unsigned id,
    fig_fcgi_protocol_status_t status);


void
fig_fcgi_input_init(fig_fcgi_input_t *input, uint64_t max_body,
    uint64_t max_connections)
{
    memset(input, 0, sizeof(fig_fcgi_input_t));

    input->max_body = max_body;
    input->max_connections = max_connections;

    fig_buf_init(&input->params, FIG_FCGI_PARAMS_MAX);
    fig_buf_init(&input->body, max_body < SIZE_MAX ? max_body : SIZE_MAX);
    fig_buf_init(&input->values, FIG_FCGI_CONTENT_MAX);
    fig_buf_init(&input->reply, FIG_FCGI_REPLY_MAX);
}


void
fig_fcgi_input_clear(fig_fcgi_input_t *input)
{
    fig_buf_clear(&input->params);
    fig_buf_clear(&input->body);
    fig_buf_clear(&input->values);
    fig_buf_clear(&input->reply);
}


fig_fcgi_event_t
fig_fcgi_input(fig_fcgi_input_t *input, const unsigned char **p,
    const unsigned char *last)
{
    size_t            n;
    fig_fcgi_event_t  event;

    event = FIG_FCGI_MORE;

    while (event == FIG_FCGI_MORE && *p < last) {
        n = (size_t) (last - *p);

        if (input->nheader < FIG_FCGI_HEADER) {
            input->header[input->nheader++] = *(*p)++;

            if (input->nheader < FIG_FCGI_HEADER) {
                continue;
            }

            event = fig_fcgi_input_start(input);

        } else if (input->left != 0) {
            n = n < input->left ? n : input->left;
            fig_fcgi_input_content(input, *p, n);
            input->left -= n;
            *p += n;

        } else {
            n = n < input->padding ? n : input->padding;
            input->padding -= n;
            *p += n;
        }

        if (event == FIG_FCGI_MORE && input->left == 0
            && input->padding == 0)
        {
            event = fig_fcgi_input_end(input);
        }
    }

    return fig_buf_ok(&input->reply) ? event : FIG_FCGI_BROKEN;
}


/* a record's header is there */

static fig_fcgi_event_t
fig_fcgi_input_start(fig_fcgi_input_t *input)
{
    fig_fcgi_record_t  *record;

    record = &input->record;

    fig_fcgi_record_decode(input->header, record);

    input->left = record->length;
    input->padding = record->padding;
    fig_buf_reset(&input->values);

    if (record->version != FIG_FCGI_VERSION) {
        return FIG_FCGI_BROKEN;
    }

    if (record->id == 0) {
        return FIG_FCGI_MORE;
    }

    if (record->type == FIG_FCGI_BEGIN_REQUEST) {
        return record->length == FIG_FCGI_BEGIN && record->id != input->id
               ? FIG_FCGI_MORE : FIG_FCGI_BROKEN;
    }

    /* parameters after their end, a body before it */

    if (record->id == input->id
        && ((record->type == FIG_FCGI_PARAMS && input->has_params)
            || (record->type == FIG_FCGI_STDIN && !input->has_params)))
    {
        return FIG_FCGI_BROKEN;
    }

    return FIG_FCGI_MORE;
}


static void
fig_fcgi_input_content(fig_fcgi_input_t *input, const unsigned char *p,
    size_t n)
{
    unsigned  type;

    type = input->record.type;

    if (input->record.id == 0) {
        if (type == FIG_FCGI_GET_VALUES) {
            fig_buf_append(&input->values, p, n);
        }

    } else if (type == FIG_FCGI_BEGIN_REQUEST) {
        fig_buf_append(&input->values, p, n);

    } else if (input->record.id == input->id) {
        if (type == FIG_FCGI_PARAMS) {
            fig_fcgi_input_params(input, p, n);

        } else if (type == FIG_FCGI_STDIN) {
            fig_fcgi_input_body(input, p, n);
        }
    }
}


static void
fig_fcgi_input_params(fig_fcgi_input_t *input, const unsigned char *p,
    size_t n)
{
    if (n > input->params.max - input->params.len) {
        input->refuse = 431;
    }

    if (input->refuse == 0) {
        fig_buf_append(&input->params, p, n);

        if (!fig_buf_ok(&input->params)) {
            input->refuse = 503;
        }
    }
}


static void
fig_fcgi_input_body(fig_fcgi_input_t *input, const unsigned char *p, size_t n)
{
    input->received += n;

    if (input->received > input->max_body) {
        input->too_large = true;
        fig_buf_clear(&input->body);
    }

    if (input->too_large || input->refuse) {
        return;
    }

    fig_buf_append(&input->body, p, n);

    if (!fig_buf_ok(&input->body)) {
        input->refuse = 503;
    }
}


/* a record, with its padding, was taken */

static fig_fcgi_event_t
fig_fcgi_input_end(fig_fcgi_input_t *input)
{
    fig_fcgi_record_t  *record;

    record = &input->record;
    input->nheader = 0;

    if (record->id == 0) {
        fig_fcgi_input_management(input);
        return FIG_FCGI_MORE;
    }

    if (record->type == FIG_FCGI_BEGIN_REQUEST) {
        return fig_fcgi_input_begin(input);
    }

    if (record->id != input->id) {
        return FIG_FCGI_MORE;
    }

    switch (record->type) {

    case FIG_FCGI_ABORT_REQUEST:
        return fig_fcgi_input_abort(input);

    case FIG_FCGI_PARAMS:
        input->has_params = record->length == 0;
        return FIG_FCGI_MORE;

    case FIG_FCGI_STDIN:
        if (input->received > input->max_body
            && input->received - input->max_body > FIG_FCGI_DISCARD)
        {
            input->keep = false;
            return FIG_FCGI_READY;
        }

        return record->length == 0 ? FIG_FCGI_READY : FIG_FCGI_MORE;

    default:
        return FIG_FCGI_MORE;
    }
}


static fig_fcgi_event_t
fig_fcgi_input_begin(fig_fcgi_input_t *input)
{
    bool           keep;
    unsigned       role;
    unsigned char  content[FIG_FCGI_BEGIN];

    if (input->values.len != sizeof(content)) {
        return FIG_FCGI_BROKEN;
    }

    memcpy(content, input->values.data, sizeof(content));

    role = (unsigned) content[0] << 8 | content[1];
    keep = content[2] & FIG_FCGI_KEEP_CONN;

    if (input->id != 0) {
        fig_fcgi_input_reply_end(input, input->record.id,
                                 FIG_FCGI_CANT_MPX_CONN);
        return FIG_FCGI_MORE;
    }

    if (role != FIG_FCGI_RESPONDER) {
        fig_fcgi_input_reply_end(input, input->record.id,
                                 FIG_FCGI_UNKNOWN_ROLE);
        return keep ? FIG_FCGI_MORE : FIG_FCGI_CLOSED;
    }

    input->id = input->record.id;
    input->keep = keep;

    return FIG_FCGI_MORE;
}


static fig_fcgi_event_t
fig_fcgi_input_abort(fig_fcgi_input_t *input)
{
    bool  keep;

    keep = input->keep;

    fig_fcgi_input_reply_end(input, input->id, FIG_FCGI_REQUEST_COMPLETE);
    fig_fcgi_input_drop(input);

    return keep ? FIG_FCGI_MORE : FIG_FCGI_CLOSED;
}


static void
fig_fcgi_input_reply_end(fig_fcgi_input_t *input, unsigned id,
    fig_fcgi_protocol_status_t status)
{
    unsigned char  record[FIG_FCGI_END];

    fig_fcgi_end_encode(record, id, status);
    fig_buf_append(&input->reply, record, sizeof(record));
}
