
/*
 * Copyright (C) Ficus authors
 */


#include <inttypes.h>
#include <stdio.h>

#include "fig_resource_change.h"


static fig_status_t tag_list(fig_str_t list, const fig_doc_t *stored,
    bool weak, bool *match);
static fig_status_t tag_next(fig_str_t *rest, fig_str_t *tag, bool *weak);
static void tag_skip(fig_str_t *rest, const char *set);


fig_status_t
fig_change_condition(const fig_request_t *request, const fig_doc_t *stored,
    const char **name)
{
    bool       match;
    fig_str_t  list;

    *name = "If-Match";
    list = fig_request_param(request, "HTTP_IF_MATCH");

    if (list.data != NULL) {
        if (tag_list(list, stored, false, &match) != FIG_OK) {
            return FIG_INVALID;
        }

        if (!match) {
            return FIG_CONFLICT;
        }
    }

    *name = "If-None-Match";
    list = fig_request_param(request, "HTTP_IF_NONE_MATCH");

    if (list.data != NULL) {
        if (tag_list(list, stored, true, &match) != FIG_OK) {
            return FIG_INVALID;
        }

        if (match) {
            return FIG_CONFLICT;
        }
    }

    return FIG_OK;
}


static fig_status_t
tag_list(fig_str_t list, const fig_doc_t *stored, bool weak, bool *match)
{
    int        len;
    bool       is_weak;
    char       own[24];
    fig_str_t  tag;

    *match = false;
    tag_skip(&list, " \t");

    if (list.len != 0 && list.data[0] == '*') {
        list.data++;
        list.len--;
        tag_skip(&list, " \t");
        *match = (stored != NULL);

        return list.len == 0 ? FIG_OK : FIG_INVALID;
    }

    len = snprintf(own, sizeof(own), "%" PRIu64,
                   stored != NULL ? stored->ver : 0);

    do {
        if (tag_next(&list, &tag, &is_weak) != FIG_OK) {
            return FIG_INVALID;
        }

        if (stored != NULL && (weak || !is_weak)
            && fig_str_eq(tag, (fig_str_t) { (size_t) len, own }))
        {
            *match = true;
        }

    } while (list.len != 0);

    return FIG_OK;
}


/*
 * Takes one entity-tag and what separates it from the next: RFC 9110, 8.8.3.
 */

static fig_status_t
tag_next(fig_str_t *rest, fig_str_t *tag, bool *weak)
{
    size_t  i;

    tag_skip(rest, " \t,");

    *weak = (rest->len > 2 && rest->data[0] == 'W' && rest->data[1] == '/');

    if (*weak) {
        rest->data += 2;
        rest->len -= 2;
    }

    if (rest->len < 2 || rest->data[0] != '"') {
        return FIG_INVALID;
    }

    for (i = 1; i < rest->len && rest->data[i] != '"'; i++) {
        if ((unsigned char) rest->data[i] <= ' ' || rest->data[i] == 0x7f) {
            return FIG_INVALID;
        }
    }

    if (i == rest->len) {
        return FIG_INVALID;
    }

    tag->data = rest->data + 1;
    tag->len = i - 1;
    rest->data += i + 1;
    rest->len -= i + 1;

    tag_skip(rest, " \t");

    if (rest->len != 0 && rest->data[0] != ',') {
        return FIG_INVALID;
    }

    tag_skip(rest, " \t,");

    return FIG_OK;
}


static void
tag_skip(fig_str_t *rest, const char *set)
{
    const char  *c;

    while (rest->len != 0) {
        for (c = set; *c != '\0' && *c != rest->data[0]; c++) { /* void */ }

        if (*c == '\0') {
            return;
        }

        rest->data++;
        rest->len--;
    }
}
