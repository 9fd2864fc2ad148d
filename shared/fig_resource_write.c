
/*
 * Copyright (C) Ficus authors
 */


#include <string.h>

#include "fig_resource_change.h"


typedef fig_status_t (*step_pt)(const fig_resource_t *resource,
    fig_request_t *request, fig_response_t *response, fig_change_t *change);


static void write_body(const fig_resource_t *resource, fig_request_t *request,
    fig_response_t *response, step_pt step);
static void write_until_done(const fig_resource_t *resource,
    fig_request_t *request, fig_response_t *response, step_pt step,
    fig_json_t *sent);
static fig_status_t create_once(const fig_resource_t *resource,
    fig_request_t *request, fig_response_t *response, fig_change_t *change);
static void create_location(const fig_resource_t *resource,
    fig_response_t *response, fig_str_t id);
static fig_status_t update_once(const fig_resource_t *resource,
    fig_request_t *request, fig_response_t *response, fig_change_t *change);
static fig_status_t update_check(const fig_resource_t *resource,
    const fig_request_t *request, fig_change_t *change);
static fig_status_t delete_once(const fig_resource_t *resource,
    fig_request_t *request, fig_response_t *response, fig_change_t *change);


void
fig_resource_create(const fig_resource_t *resource, fig_request_t *request,
    fig_response_t *response)
{
    write_body(resource, request, response, create_once);
}


void
fig_resource_update(const fig_resource_t *resource, fig_request_t *request,
    fig_response_t *response)
{
    write_body(resource, request, response, update_once);
}


void
fig_resource_delete(const fig_resource_t *resource, fig_request_t *request,
    fig_response_t *response)
{
    write_until_done(resource, request, response, delete_once, NULL);
}


static void
write_body(const fig_resource_t *resource, fig_request_t *request,
    fig_response_t *response, step_pt step)
{
    fig_json_t  *sent;

    if (fig_request_json(request, response, json_type_object, &sent)
        == FIG_OK)
    {
        write_until_done(resource, request, response, step, sent);
        json_object_put(sent);
    }
}


/*
 * A step answers and returns FIG_OK, or FIG_CONFLICT when somebody else was
 * faster and it has to be taken again on what is there now.
 */

static void
write_until_done(const fig_resource_t *resource, fig_request_t *request,
    fig_response_t *response, step_pt step, fig_json_t *sent)
{
    unsigned      n;
    fig_change_t  change;
    fig_status_t  rc;

    rc = FIG_CONFLICT;

    for (n = 0; rc == FIG_CONFLICT && n < FIG_CHANGE_TRIES; n++) {
        fig_change_open(&change, request->arena);
        change.sent = sent;

        rc = step(resource, request, response, &change);

        if (rc == FIG_INVALID) {
            fig_reply_errors(request, response, change.refused,
                             &change.errors);
            rc = FIG_OK;

        } else if (rc == FIG_TAKEN) {
            fig_reply_errors(request, response, 409, &change.conflicts);
            rc = FIG_OK;
        }

        fig_change_close(&change);
    }

    if (rc != FIG_OK) {
        fig_problem_status(request, response,
                           rc == FIG_CONFLICT ? FIG_BUSY : rc);
    }
}


static fig_status_t
create_once(const fig_resource_t *resource, fig_request_t *request,
    fig_response_t *response, fig_change_t *change)
{
    fig_str_t      key;
    const char    *name;
    fig_status_t   rc;

    rc = fig_once_read(request, response, &key);
    if (rc == FIG_INVALID) {
        return FIG_OK;
    }

    if (rc == FIG_OK) {
        rc = fig_once_mark(change, key, 0);
    }

    if (rc == FIG_OK) {
        rc = fig_change_draft(resource, change, fig_trace_parent(request));
    }

    if (rc == FIG_OK) {
        rc = fig_change_condition(request, NULL, &name);

        if (rc != FIG_OK) {
            fig_reply_condition(request, response, rc, name);
            return FIG_OK;
        }

        rc = fig_change_write(resource, change, fig_trace_parent(request));
    }

    rc = fig_once_settle(resource, change, rc);
    if (rc != FIG_OK) {
        return rc;
    }

    create_location(resource, response, change->doc.id);
    fig_reply_doc(response, 201, &change->doc);

    return FIG_OK;
}


static void
create_location(const fig_resource_t *resource, fig_response_t *response,
    fig_str_t id)
{
    fig_buf_t  location;

    fig_buf_init(&location, 4096);
    fig_buf_printf(&location, "%s/", resource->path);
    fig_percent_encode(&location, id);

    if (fig_buf_ok(&location)) {
        fig_response_header(response, "Location", "%s", location.data);
    }

    fig_buf_clear(&location);
}


static fig_status_t
update_once(const fig_resource_t *resource, fig_request_t *request,
    fig_response_t *response, fig_change_t *change)
{
    const char    *name;
    fig_status_t   rc;

    rc = fig_change_load(resource, change, request->args[0]);

    if (rc == FIG_DECLINED) {
        fig_reply_missing(resource, request, response);
        return FIG_OK;
    }

    if (rc != FIG_OK) {
        return rc;
    }

    rc = update_check(resource, request, change);
    if (rc != FIG_OK) {
        return rc;
    }

    rc = fig_change_condition(request, change->stored, &name);
    if (rc != FIG_OK) {
        fig_reply_condition(request, response, rc, name);
        return FIG_OK;
    }

    if (change->conflicts.n != 0) {
        return FIG_TAKEN;
    }

    rc = (resource->complete != NULL) ? resource->complete(resource, change)
                                      : FIG_OK;
    if (rc == FIG_OK) {
        rc = fig_change_finish(resource, change, request->args[0]);
    }

    if (rc == FIG_DECLINED) {
        fig_reply_doc(response, 200, change->stored);
        return FIG_OK;
    }

    if (rc == FIG_OK) {
        rc = fig_change_fits(resource, change, fig_trace_parent(request));
    }

    if (rc == FIG_OK) {
        rc = fig_change_write(resource, change, fig_trace_parent(request));
    }

    if (rc == FIG_OK) {
        fig_reply_doc(response, 200, &change->doc);
    }

    return rc;
}


static fig_status_t
update_check(const fig_resource_t *resource, const fig_request_t *request,
    fig_change_t *change)
{
    bool           patch;
    fig_str_t      id;
    const char    *id_name;
    fig_status_t   rc;

    id_name = resource->topic->id_name;

    if (fig_json_has(change->sent, id_name)) {
        id = fig_json_string(change->sent, id_name);

        if (!fig_str_eq(id, request->args[0])) {
            fig_errors_add(&change->errors, fig_str_from(id_name), "mismatch",
                           "must be that of the path");
        }
    }

    patch = fig_str_eq(request->method, FIG_STR("PATCH"));

    rc = fig_change_merge(change, patch);
    if (rc != FIG_OK) {
        return rc;
    }

    fig_change_check(resource, change);

    return change->errors.n != 0 ? FIG_INVALID : FIG_OK;
}


static fig_status_t
delete_once(const fig_resource_t *resource, fig_request_t *request,
    fig_response_t *response, fig_change_t *change)
{
    const char    *name;
    fig_status_t   rc;

    rc = fig_change_load(resource, change, request->args[0]);

    if (rc == FIG_DECLINED) {
        fig_reply_missing(resource, request, response);
        return FIG_OK;
    }

    if (rc != FIG_OK) {
        return rc;
    }

    rc = fig_change_condition(request, change->stored, &name);
    if (rc != FIG_OK) {
        fig_reply_condition(request, response, rc, name);
        return FIG_OK;
    }

    fig_change_bury(change);

    rc = fig_change_write(resource, change, fig_trace_parent(request));
    if (rc == FIG_OK) {
        response->body = change->stored->body;
    }

    return rc;
}
