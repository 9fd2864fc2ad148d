
/*
 * Copyright (C) Ficus authors
 */


/* A ramp in the state file and in the state that the API shows. */


#include "ngx_http_strangler_api.h"
#include "ngx_http_strangler_ramp.h"
#include "ngx_http_strangler_files.h"


static ngx_int_t ngx_http_strangler_decode_numbers(
    ngx_http_strangler_text_t *t, ngx_http_strangler_ramp_t *ramp);
static ngx_int_t ngx_http_strangler_decode_down(ngx_http_strangler_text_t *t,
    ngx_http_strangler_ramp_t *ramp);
static void ngx_http_strangler_show_ramp_why(
    ngx_http_strangler_split_t *split, ngx_http_strangler_table_t *table,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_show_ramp_weights(
    ngx_http_strangler_split_t *split, ngx_http_strangler_ramp_t *ramp,
    const uint16_t *weight, ngx_http_strangler_out_t *out);


static const char  *ngx_http_strangler_ramp_states[] = {
    "", "running", "paused", "done", "rolled-back", "aborted"
};


const char *const  ngx_http_strangler_downs[] = {
    "snap", "release", "keep", NULL
};


u_char *
ngx_http_strangler_encode_ramp(ngx_http_strangler_sh_t *sh,
    ngx_http_strangler_ramp_t *ramp, u_char *p, u_char *end)
{
    ngx_uint_t  i;

    p = ngx_slprintf(p, end, "ramp %uD %uL %uD %uD %uD %uD %uD %uD %uD %uD "
                     "%uD why=", ramp->state, ramp->id, ramp->step, ramp->every,
                     ramp->n, ramp->of, ramp->error_ratio,
                     ramp->latency_ratio, ramp->quantile, ramp->requests,
                     ramp->mismatch_ratio);
    p = ngx_http_strangler_escape(p, end, ramp->why, ramp->why_len);

    for (i = 0; i < NGX_HTTP_STRANGLER_NAMES; i++) {
        if (ramp->arms & (1u << i)) {
            p = ngx_slprintf(p, end, " %*s=%ud:%ud", (size_t) sh->arm[i].len,
                             sh->arm[i].data, (ngx_uint_t) ramp->from[i],
                             (ngx_uint_t) ramp->to[i]);
        }
    }

    *p++ = LF;

    if (ramp->down || ramp->end) {
        p = ngx_slprintf(p, end, "down %uD %uD\n", ramp->down, ramp->end);
    }

    return p;
}


/* after the word "ramp" */

ngx_int_t
ngx_http_strangler_decode_ramp(ngx_http_strangler_text_t *t,
    ngx_http_strangler_image_t *image)
{
    u_char                     *eq, *colon, *last;
    ngx_int_t                   from, to;
    ngx_str_t                   word;
    ngx_uint_t                  i;
    ngx_http_strangler_ramp_t  *ramp;

    ramp = &image->table.ramp;

    if (ngx_http_strangler_decode_numbers(t, ramp) != NGX_OK
        || ramp->state > ngx_http_strangler_aborted || ramp->of == 0
        || ramp->n > ramp->of
        || ngx_http_strangler_escaped(t, "why=", ramp->why, &ramp->why_len,
                                      NGX_HTTP_STRANGLER_REASON_LEN)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    while (ngx_http_strangler_word(t, &word) == NGX_OK) {

        last = word.data + word.len;
        eq = ngx_strlchr(word.data, last, '=');
        colon = eq ? ngx_strlchr(eq, last, ':') : NULL;

        if (colon == NULL) {
            return NGX_ERROR;
        }

        from = ngx_atoi(eq + 1, colon - eq - 1);
        to = ngx_atoi(colon + 1, last - colon - 1);

        for (i = 0; i < image->nnames; i++) {
            if (image->name[i].len == eq - word.data
                && ngx_memcmp(image->name[i].data, word.data, eq - word.data)
                   == 0)
            {
                break;
            }
        }

        if (i == image->nnames || from < 0 || from > NGX_HTTP_STRANGLER_SLOTS
            || to < 0 || to > NGX_HTTP_STRANGLER_SLOTS)
        {
            return NGX_ERROR;
        }

        ramp->arms |= 1u << i;
        ramp->from[i] = (uint16_t) from;
        ramp->to[i] = (uint16_t) to;
    }

    if (ngx_http_strangler_line_end(t) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_strangler_decode_down(t, ramp);
}


static ngx_int_t
ngx_http_strangler_decode_numbers(ngx_http_strangler_text_t *t,
    ngx_http_strangler_ramp_t *ramp)
{
    uint64_t     n;
    uint32_t    *field[10];
    ngx_uint_t   i;

    field[0] = &ramp->state;
    field[1] = &ramp->step;
    field[2] = &ramp->every;
    field[3] = &ramp->n;
    field[4] = &ramp->of;
    field[5] = &ramp->error_ratio;
    field[6] = &ramp->latency_ratio;
    field[7] = &ramp->quantile;
    field[8] = &ramp->requests;
    field[9] = &ramp->mismatch_ratio;

    for (i = 0; i < 10; i++) {

        /* earlier versions had not the last one */

        if (i == 9 && ngx_strncmp(t->pos, " why=", 5) == 0) {
            break;
        }

        if (ngx_http_strangler_number(t, &n) != NGX_OK || n > 0xffffffff) {
            return NGX_ERROR;
        }

        *field[i] = (uint32_t) n;

        if (i == 0 && ngx_http_strangler_number(t, &ramp->id) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* a line of its own, which need not be there */

static ngx_int_t
ngx_http_strangler_decode_down(ngx_http_strangler_text_t *t,
    ngx_http_strangler_ramp_t *ramp)
{
    uint64_t  down, end;

    if (ngx_http_strangler_expect(t, "down") != NGX_OK) {
        return NGX_OK;
    }

    if (ngx_http_strangler_number(t, &down) != NGX_OK
        || ngx_http_strangler_number(t, &end) != NGX_OK
        || down > ngx_http_strangler_down_keep
        || end > ngx_http_strangler_aborted)
    {
        return NGX_ERROR;
    }

    ramp->down = (uint32_t) down;
    ramp->end = (uint32_t) end;

    return ngx_http_strangler_line_end(t);
}


void
ngx_http_strangler_show_ramp(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table, ngx_http_strangler_out_t *out)
{
    ngx_http_strangler_ramp_t  *ramp;

    ramp = &table->ramp;

    if (ramp->state == ngx_http_strangler_no_ramp) {
        ngx_http_strangler_out(out, ",\"ramp\":null");
        return;
    }

    ngx_http_strangler_out(out, ",\"ramp\":{\"state\":\"%s\",\"step\":%uD,"
                           "\"of\":%uD,\"down\":\"%s\","
                           "\"going_back\":%s,",
                           ngx_http_strangler_ramp_states[ramp->state],
                           ramp->n, ramp->of,
                           ngx_http_strangler_downs[ramp->down],
                           ramp->end && ramp->n ? "true" : "false");

    ngx_http_strangler_show_ramp_why(split, table, out);

    ngx_http_strangler_out(out, ",\"points\":%uD.%02uD,\"every\":%uD.%03uD,"
                           "\"from\":{", ramp->step / 100, ramp->step % 100,
                           ramp->every / 1000, ramp->every % 1000);
    ngx_http_strangler_show_ramp_weights(split, ramp, ramp->from, out);
    ngx_http_strangler_out(out, "},\"to\":{");
    ngx_http_strangler_show_ramp_weights(split, ramp, ramp->to, out);
    ngx_http_strangler_out(out, "},\"guards\":{\"min_requests\":%uD",
                           ramp->requests);

    if (ramp->error_ratio) {
        ngx_http_strangler_out(out, ",\"max_error_ratio\":%uD.%06uD",
                               (ramp->error_ratio - 1) / 1000000,
                               (ramp->error_ratio - 1) % 1000000);
    }

    if (ramp->latency_ratio) {
        ngx_http_strangler_out(out, ",\"max_latency_ratio\":%uD.%03uD,"
                               "\"quantile\":%uD.%06uD",
                               ramp->latency_ratio / 1000,
                               ramp->latency_ratio % 1000,
                               ramp->quantile / 1000000,
                               ramp->quantile % 1000000);
    }

    if (ramp->mismatch_ratio) {
        ngx_http_strangler_out(out, ",\"max_mismatch_ratio\":%uD.%06uD",
                               (ramp->mismatch_ratio - 1) / 1000000,
                               (ramp->mismatch_ratio - 1) % 1000000);
    }

    ngx_http_strangler_out(out, "}}");
}


static void
ngx_http_strangler_show_ramp_why(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table, ngx_http_strangler_out_t *out)
{
    char                       *text;
    ngx_uint_t                  verdict;
    ngx_http_strangler_why_t    why;
    ngx_http_strangler_ramp_t  *ramp;

    ramp = &table->ramp;
    verdict = ngx_http_strangler_wait_on;
    text = NULL;

    why.len = ngx_min(ramp->why_len, sizeof(why.text));
    ngx_memcpy(why.text, ramp->why, why.len);

    switch (ramp->state) {

    case ngx_http_strangler_running:

        if (ramp->end) {
            verdict = ngx_http_strangler_roll_back;

        } else if (ngx_http_strangler_ramp_told(split,
                                                table->record[0].generation,
                                                &verdict, &why)
                   != NGX_OK)
        {
            text = "the step has begun";
        }

        break;

    case ngx_http_strangler_paused:
        text = "paused";
        break;

    case ngx_http_strangler_done:
        verdict = ngx_http_strangler_advance;
        text = "all steps were made";
        break;

    case ngx_http_strangler_rolled_back:
        verdict = ngx_http_strangler_roll_back;
        break;

    default: /* ngx_http_strangler_aborted */
        break;
    }

    ngx_http_strangler_out(out, "\"verdict\":\"%s\",\"why\":",
                           ngx_http_strangler_verdict(verdict));

    if (text) {
        ngx_http_strangler_out_json(out, (u_char *) text, ngx_strlen(text));

    } else {
        ngx_http_strangler_out_json(out, why.text, why.len);
    }
}


static void
ngx_http_strangler_show_ramp_weights(ngx_http_strangler_split_t *split,
    ngx_http_strangler_ramp_t *ramp, const uint16_t *weight,
    ngx_http_strangler_out_t *out)
{
    ngx_uint_t                  i, n;
    ngx_http_strangler_name_t  *name;

    n = 0;
    name = split->sh->arm;

    for (i = 0; i < NGX_HTTP_STRANGLER_NAMES; i++) {
        if (ramp->arms & (1u << i)) {
            ngx_http_strangler_out(out, "%s\"%*s\":%ui.%02ui", n++ ? "," : "",
                                   (size_t) name[i].len, name[i].data,
                                   (ngx_uint_t) weight[i] / 100,
                                   (ngx_uint_t) weight[i] % 100);
        }
    }
}
