
/*
 * Copyright (C) Ficus authors
 */


#include <inttypes.h>
#include <string.h>

#include "fig_resource_change.h"


static fig_status_t change_new(const fig_resource_t *resource,
    fig_change_t *change);
static fig_status_t change_set(fig_json_t *object, const char *name,
    fig_json_t *value);
static fig_status_t change_lay(fig_json_t *target, fig_json_t *patch,
    bool deep);
static fig_status_t change_index(const fig_resource_t *resource,
    fig_change_t *change);
static fig_str_t change_names(fig_change_t *change);
static void change_name(fig_buf_t *out, const char *name);
static fig_status_t change_tombstone(const fig_resource_t *resource,
    fig_change_t *change, fig_str_t id);


void
fig_change_open(fig_change_t *change, fig_arena_t *arena)
{
    change->fields = NULL;
    change->before = NULL;
    change->sent = NULL;
    change->stored = NULL;
    change->touched = false;
    change->refused = 400;
    change->arena = arena;

    memset(&change->doc, 0, sizeof(fig_doc_t));
    fig_errors_init(&change->errors, arena);
    fig_errors_init(&change->conflicts, arena);
}


void
fig_change_close(fig_change_t *change)
{
    json_object_put(change->fields);
    json_object_put(change->before);
    change->fields = NULL;
    change->before = NULL;
}


fig_status_t
fig_change_load(const fig_resource_t *resource, fig_change_t *change,
    fig_str_t id)
{
    fig_doc_t     *doc;
    fig_status_t   rc;

    doc = fig_arena_calloc(change->arena, sizeof(fig_doc_t));
    if (doc == NULL) {
        return FIG_NOMEM;
    }

    rc = fig_store_get(resource->store, resource->topic->collection, id,
                       change->arena, doc);
    if (rc != FIG_OK) {
        return rc;
    }

    change->stored = doc;

    return doc->deleted ? FIG_DECLINED : fig_change_parse(change);
}


fig_status_t
fig_change_parse(fig_change_t *change)
{
    fig_status_t      rc;
    fig_json_error_t  error;

    change->doc.ref = change->stored->ref;
    change->doc.made = change->stored->made;
    memcpy(change->doc.keys, change->stored->keys, sizeof(change->doc.keys));

    rc = fig_json_parse(change->stored->body, &change->before, &error);
    if (rc != FIG_OK) {
        return rc == FIG_NOMEM ? FIG_NOMEM : FIG_ERROR;
    }

    if (json_object_deep_copy(change->before, &change->fields, NULL) != 0) {
        return FIG_NOMEM;
    }

    return FIG_OK;
}


/* fields of a new document from sent: the id first, no nulls */

static fig_status_t
change_new(const fig_resource_t *resource, fig_change_t *change)
{
    fig_str_t    id;
    const char  *id_name;
    fig_json_t  *value;

    id_name = resource->topic->id_name;

    change->fields = json_object_new_object();
    if (change->fields == NULL) {
        return FIG_NOMEM;
    }

    if (json_object_object_get_ex(change->sent, id_name, &value)) {
        value = json_object_get(value);

    } else if (resource->make_id != NULL) {
        if (resource->make_id(change->arena, &id) != FIG_OK) {
            return FIG_NOMEM;
        }

        value = json_object_new_string_len(id.data, (int) id.len);

    } else {
        return fig_change_merge(change, false);
    }

    if (change_set(change->fields, id_name, value) != FIG_OK) {
        return FIG_NOMEM;
    }

    return fig_change_merge(change, false);
}


/*
 * Takes over the reference to value.
 */

static fig_status_t
change_set(fig_json_t *object, const char *name, fig_json_t *value)
{
    if (json_object_object_add(object, name, value) != 0) {
        json_object_put(value);
        return FIG_NOMEM;
    }

    return FIG_OK;
}


void
fig_change_check(const fig_resource_t *resource, fig_change_t *change)
{
    if (resource->rules != NULL) {
        fig_rules_check(resource->rules, resource->closed, change->before,
                        change->sent, change->fields, &change->errors);
    }

    if (resource->check != NULL) {
        resource->check(resource, change);
    }
}


fig_status_t
fig_change_merge(fig_change_t *change, bool deep)
{
    return change_lay(change->fields, change->sent, deep);
}


/*
 * Calls itself no deeper than the parser let the text be.
 */

static fig_status_t
change_lay(fig_json_t *target, fig_json_t *patch, bool deep)
{
    fig_json_t  *value;

    json_object_object_foreach(patch, name, member) {

        if (member == NULL) {
            json_object_object_del(target, name);
            continue;
        }

        if (!deep || !json_object_is_type(member, json_type_object)) {
            if (change_set(target, name, json_object_get(member)) != FIG_OK) {
                return FIG_NOMEM;
            }

            continue;
        }

        if (!json_object_object_get_ex(target, name, &value)
            || !json_object_is_type(value, json_type_object))
        {
            value = json_object_new_object();

            if (value == NULL || change_set(target, name, value) != FIG_OK) {
                return FIG_NOMEM;
            }
        }

        if (change_lay(value, member, deep) != FIG_OK) {
            return FIG_NOMEM;
        }
    }

    return FIG_OK;
}


fig_status_t
fig_change_finish(const fig_resource_t *resource, fig_change_t *change,
    fig_str_t id)
{
    fig_doc_t  *doc;

    if (change->before != NULL && !change->touched
        && json_object_equal(change->before, change->fields))
    {
        return FIG_DECLINED;
    }

    doc = &change->doc;
    doc->id = id;
    doc->ver = fig_store_base(resource->store);

    if (change->stored != NULL && change->stored->ver > doc->ver) {
        doc->ver = change->stored->ver;
    }

    doc->ver++;
    doc->deleted = false;
    doc->pending = true;
    doc->body = fig_json_text(change->fields, change->arena);

    doc->changed = change_names(change);

    if (doc->body.data == NULL || doc->changed.data == NULL) {
        return FIG_NOMEM;
    }

    if (doc->body.len > FIG_STORE_BODY_MAX) {
        change->refused = 413;
        fig_errors_add(&change->errors, FIG_STR(""), "length",
                       "must have at most %d bytes", FIG_STORE_BODY_MAX);
        return FIG_INVALID;
    }

    return resource->index != NULL ? resource->index(resource, change)
                                   : change_index(resource, change);
}


static fig_status_t
change_index(const fig_resource_t *resource, fig_change_t *change)
{
    size_t             i;
    fig_str_t          text;
    const char *const  *names;

    names = resource->topic->collection->keys;

    for (i = 0; i < FIG_STORE_ONCE && names[i] != NULL; i++) {
        text = fig_json_string(change->fields, names[i]);

        if (text.data != NULL) {
            text = fig_arena_dup(change->arena, text);

            if (text.data == NULL) {
                return FIG_NOMEM;
            }
        }

        change->doc.keys[i] = text;
    }

    return FIG_OK;
}


/*
 * The names of the members that differ, those that nobody has heard of yet
 * included; "+" for a new document.
 */

static fig_str_t
change_names(fig_change_t *change)
{
    fig_buf_t         buf;
    fig_str_t         names, earlier;
    fig_json_t       *value;
    const fig_doc_t  *stored;

    stored = change->stored;
    earlier = (stored != NULL && stored->pending) ? stored->changed
                                                  : (fig_str_t) { 0, NULL };
    if (change->before == NULL) {
        return fig_event_changed(change->arena, earlier, FIG_STR("+"));
    }

    fig_buf_init(&buf, FIG_STORE_KEY_MAX / 2);
    fig_buf_puts(&buf, "");

    json_object_object_foreach(change->fields, name, now) {
        if (!json_object_object_get_ex(change->before, name, &value)
            || !json_object_equal(value, now))
        {
            change_name(&buf, name);
        }
    }

    json_object_object_foreach(change->before, old_name, old_value) {
        (void) old_value;

        if (!fig_json_has(change->fields, old_name)) {
            change_name(&buf, old_name);
        }
    }

    names = fig_event_changed(change->arena, earlier, fig_buf_view(&buf));
    fig_buf_clear(&buf);

    return names;
}


/*
 * A hint that is too long, or can't be told from two, is left out.
 */

static void
change_name(fig_buf_t *out, const char *name)
{
    size_t  len;

    len = strlen(name);

    if (len == 0 || strchr(name, ',') != NULL || strcmp(name, "+") == 0
        || out->len + len + 1 > out->max)
    {
        return;
    }

    if (out->len != 0) {
        fig_buf_puts(out, ",");
    }

    fig_buf_append(out, name, len);
}


void
fig_change_bury(fig_change_t *change)
{
    fig_doc_t        *doc;
    const fig_doc_t  *stored;

    doc = &change->doc;
    stored = change->stored;

    memset(doc, 0, sizeof(fig_doc_t));
    doc->id = stored->id;
    doc->ver = stored->ver + 1;
    doc->ref = stored->ref;
    doc->keys[FIG_STORE_ONCE] = stored->keys[FIG_STORE_ONCE];
    doc->made = stored->made;
    doc->body = FIG_STR("");
    doc->changed = FIG_STR("");
    doc->deleted = true;
    doc->pending = true;
}


void
fig_change_op(const fig_resource_t *resource, const fig_change_t *change,
    fig_op_t *op)
{
    memset(op, 0, sizeof(fig_op_t));
    op->kind = FIG_STORE_PUT;
    op->collection = resource->topic->collection;
    op->doc = change->doc;
    op->expect = (change->stored != NULL) ? change->stored->ver : 0;
}


fig_status_t
fig_change_fits(const fig_resource_t *resource, fig_change_t *change,
    fig_str_t traceparent)
{
    uint64_t      size, max;
    fig_status_t  rc;

    rc = fig_outbox_fits(resource->outbox, &change->doc, traceparent, &size,
                         &max);

    if (rc == FIG_INVALID) {
        change->refused = 413;
        fig_errors_add(&change->errors, FIG_STR(""), "length",
                       "has %" PRIu64 " bytes as an event, of which the "
                       "broker takes %" PRIu64, size, max);
    }

    return rc;
}


fig_status_t
fig_change_draft(const fig_resource_t *resource, fig_change_t *change,
    fig_str_t traceparent)
{
    fig_str_t      id;
    const char    *id_name;
    fig_status_t   rc;

    rc = change_new(resource, change);
    if (rc != FIG_OK) {
        return rc;
    }

    fig_change_check(resource, change);

    if (change->errors.n != 0) {
        return FIG_INVALID;
    }

    id_name = resource->topic->id_name;

    id = fig_arena_dup(change->arena, fig_json_string(change->fields, id_name));
    if (id.data == NULL) {
        return FIG_NOMEM;
    }

    rc = change_tombstone(resource, change, id);

    if (rc == FIG_OK && resource->complete != NULL) {
        rc = resource->complete(resource, change);
    }

    if (rc == FIG_OK) {
        rc = fig_change_finish(resource, change, id);
    }

    return rc == FIG_OK ? fig_change_fits(resource, change, traceparent) : rc;
}


/*
 * A new document may follow a tombstone, nothing else, and that not by the
 * request that has made what was deleted.
 */

static fig_status_t
change_tombstone(const fig_resource_t *resource, fig_change_t *change,
    fig_str_t id)
{
    fig_doc_t     *doc;
    fig_str_t      once;
    fig_status_t   rc;

    doc = fig_arena_calloc(change->arena, sizeof(fig_doc_t));
    if (doc == NULL) {
        return FIG_NOMEM;
    }

    rc = fig_store_get(resource->store, resource->topic->collection, id,
                       change->arena, doc);
    if (rc == FIG_DECLINED) {
        return FIG_OK;
    }

    if (rc == FIG_OK && !doc->deleted) {
        fig_errors_add(&change->conflicts,
                       fig_str_from(resource->topic->id_name), "taken",
                       "is taken");
        return FIG_TAKEN;
    }

    if (rc != FIG_OK) {
        return rc;
    }

    once = change->doc.keys[FIG_STORE_ONCE];

    if (once.data != NULL && fig_str_eq(doc->keys[FIG_STORE_ONCE], once)) {
        return FIG_TAKEN;
    }

    change->stored = doc;

    return FIG_OK;
}


fig_status_t
fig_change_write(const fig_resource_t *resource, fig_change_t *change,
    fig_str_t traceparent)
{
    fig_op_t      op;
    fig_status_t  rc;

    fig_change_op(resource, change, &op);

    rc = fig_outbox_store(resource->outbox, &op, 1);

    return rc == FIG_OK ? fig_change_written(resource, change, &op,
                                             traceparent) : rc;
}


fig_status_t
fig_change_written(const fig_resource_t *resource, fig_change_t *change,
    const fig_op_t *op, fig_str_t traceparent)
{
    if (op->status == FIG_TAKEN && op->key == FIG_STORE_ONCE) {
        return FIG_TAKEN;
    }

    if (op->status == FIG_TAKEN) {
        fig_errors_add(&change->conflicts,
                       fig_str_from(op->collection->keys[op->key]), "taken",
                       "is taken");
        return FIG_TAKEN;
    }

    if (op->status == FIG_OK
        && (resource->stored == NULL
            || resource->stored(resource, change) == FIG_OK))
    {
        fig_outbox_publish(resource->outbox, &op->doc, traceparent);
    }

    return op->status;
}


fig_str_t
fig_trace_parent(const fig_request_t *request)
{
    size_t      i;
    fig_str_t   trace;

    static const char  form[] =
        "hh-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";

    trace = fig_request_param(request, "HTTP_TRACEPARENT");

    if (trace.len != sizeof(form) - 1) {
        return (fig_str_t) { 0, NULL };
    }

    for (i = 0; i < trace.len; i++) {
        if (form[i] == '-' ? trace.data[i] != '-'
                           : strchr("0123456789abcdef", trace.data[i]) == NULL)
        {
            return (fig_str_t) { 0, NULL };
        }
    }

    return trace;
}
