
/*
 * Copyright (C) Ficus authors
 */


#include "fig_fcgi_input.h"
#include <stdio.h>
#include <string.h>


static void fig_fcgi_input_values(fig_fcgi_input_t *input);
static void fig_fcgi_input_value(fig_fcgi_input_t *input, fig_buf_t *out,
    fig_str_t name);


void
fig_fcgi_input_management(fig_fcgi_input_t *input)
{
    unsigned char  record[FIG_FCGI_END];

    if (input->record.type == FIG_FCGI_GET_VALUES) {
        fig_fcgi_input_values(input);
        fig_buf_clear(&input->values);
        return;
    }

    memset(record, 0, sizeof(record));
    fig_fcgi_record_encode(record, FIG_FCGI_UNKNOWN_TYPE, 0,
                           sizeof(record) - FIG_FCGI_HEADER);
    record[FIG_FCGI_HEADER] = (unsigned char) input->record.type;

    fig_buf_append(&input->reply, record, sizeof(record));
}


static void
fig_fcgi_input_values(fig_fcgi_input_t *input)
{
    fig_buf_t      out;
    fig_str_t      rest;
    fig_param_t    pair;
    unsigned char  header[FIG_FCGI_HEADER];

    fig_buf_init(&out, FIG_FCGI_CONTENT_MAX);
    rest = fig_buf_view(&input->values);

    while (fig_fcgi_pair_decode(&rest, &pair) == FIG_OK) {
        fig_fcgi_input_value(input, &out, pair.name);
    }

    if (fig_buf_ok(&out)) {
        fig_fcgi_record_encode(header, FIG_FCGI_GET_VALUES_RESULT, 0, out.len);
        fig_buf_append(&input->reply, header, sizeof(header));
        fig_buf_append(&input->reply, out.data, out.len);
    }

    fig_buf_clear(&out);
}


/* a name that is not known is left out of the answer */

static void
fig_fcgi_input_value(fig_fcgi_input_t *input, fig_buf_t *out, fig_str_t name)
{
    char  value[32];

    if (fig_str_eq(name, FIG_STR("FCGI_MPXS_CONNS"))) {
        fig_fcgi_pair_encode(out, name, FIG_STR("0"));

    } else if (fig_str_eq(name, FIG_STR("FCGI_MAX_CONNS"))
               || fig_str_eq(name, FIG_STR("FCGI_MAX_REQS")))
    {
        (void) snprintf(value, sizeof(value), "%llu",
                        (unsigned long long) input->max_connections);
        fig_fcgi_pair_encode(out, name, fig_str_from(value));
    }
}
