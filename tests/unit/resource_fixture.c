
/*
 * Copyright (C) Ficus authors
 */


#include "resource_fixture.h"
#include <string.h>


typedef void (*handler_pt)(const fig_resource_t *resource,
    fig_request_t *request, fig_response_t *response);


fig_resource_t   things;
fig_arena_t     *memory;
fig_response_t   answer;
const char      *if_match;
const char      *if_none_match;
const char      *once_key;
const char      *once_more;

static fig_bus_t   *bus;
static const char  *method;


static const fig_topic_t  topic = {
    .stream = { "THINGS", "things.>" },
    .name = "things",
    .id_name = "id",
    .collection = &users
};


void
resource_check(const fig_resource_t *resource, fig_change_t *change)
{
    fig_str_t  id, mail;

    id = fig_json_string(change->fields, "id");
    mail = fig_json_string(change->fields, "mail");

    if (id.len == 0) {
        fig_errors_add(&change->errors, FIG_STR("id"), "required",
                       "is required");
    }

    if (mail.len == 0) {
        fig_errors_add(&change->errors, FIG_STR("mail"), "required",
                       "is required");
    }

    if (fig_json_has(change->fields, "stuck")) {
        fig_errors_add(&change->conflicts, FIG_STR("stuck"), "stuck",
                       "is stuck");
    }
}


static fig_status_t
fill(const fig_resource_t *resource, fig_change_t *change)
{
    change->doc.keys[0] = fig_arena_dup(change->arena,
                                        fig_json_string(change->fields,
                                                        "mail"));
    return FIG_OK;
}


static fig_status_t
any(fig_arena_t *to, fig_str_t value, fig_str_t *key)
{
    *key = value;

    return value.len != 0 ? FIG_OK : FIG_INVALID;
}


void
resource_setup(void)
{
    resource_open(0);
}


void
resource_open(int n)
{
    fig_bus_conf_t  bus_conf;

    store_setup(n);

    memset(&bus_conf, 0, sizeof(fig_bus_conf_t));
    bus_conf.url = "nats://127.0.0.1:1";
    bus_conf.name = "test";
    bus_conf.max_payload = MB;
    bus_conf.publish_pending = 16;
    ck_assert_int_eq(fig_bus_open(&bus_conf, &bus), FIG_OK);

    memset(&things, 0, sizeof(fig_resource_t));
    things.topic = &topic;
    things.path = "/things";
    things.noun = "Thing";
    things.member = "thing";
    things.check = resource_check;
    things.index = fill;
    things.store = store;
    things.filters[0].name = "mail";
    things.filters[0].parse = any;

    ck_assert_int_eq(fig_outbox_open(store, bus, &topic, NULL, NULL,
                                     &things.outbox), FIG_OK);

    memory = fig_arena_create(65536, 64 * MB);
    ck_assert_ptr_nonnull(memory);
    fig_buf_init(&answer.headers, 65536);
}


void
resource_teardown(void)
{
    fig_buf_clear(&answer.headers);
    fig_arena_destroy(memory);
    fig_outbox_close(things.outbox, 0);
    fig_bus_close(bus);
    store_teardown();
}


/*
 * Has a handler answer; headers and body are in answer.
 */

static unsigned
ask(handler_pt handler, const char *id, const char *query, const char *body)
{
    size_t         n;
    fig_param_t    params[4];
    fig_request_t  request;

    n = 0;

    if (if_match != NULL) {
        params[n].name = FIG_STR("HTTP_IF_MATCH");
        params[n++].value = fig_str_from(if_match);
    }

    if (if_none_match != NULL) {
        params[n].name = FIG_STR("HTTP_IF_NONE_MATCH");
        params[n++].value = fig_str_from(if_none_match);
    }

    if (once_key != NULL) {
        params[n].name = FIG_STR("HTTP_IDEMPOTENCY_KEY");
        params[n++].value = fig_str_from(once_key);
    }

    if (once_more != NULL) {
        params[n].name = FIG_STR("HTTP_IDEMPOTENCY_KEY");
        params[n++].value = fig_str_from(once_more);
    }

    memset(&request, 0, sizeof(fig_request_t));
    request.method = fig_str_from(method != NULL ? method : "PUT");
    request.args[0] = fig_str_from(id);
    request.query = fig_str_from(query);
    request.body = fig_str_from(body);
    request.params = params;
    request.nparams = n;
    request.arena = memory;

    fig_buf_reset(&answer.headers);
    answer.status = 200;
    answer.type = "application/json";
    answer.body = (fig_str_t) { 0, NULL };

    handler(&things, &request, &answer);

    if_match = NULL;
    if_none_match = NULL;
    once_key = NULL;
    once_more = NULL;
    method = NULL;

    return answer.status;
}


unsigned
make(const char *body)
{
    return ask(fig_resource_create, NULL, NULL, body);
}


unsigned
get(const char *id)
{
    return ask(fig_resource_get, id, NULL, NULL);
}


unsigned
put(const char *id, const char *body)
{
    return ask(fig_resource_update, id, NULL, body);
}


unsigned
patch(const char *id, const char *body)
{
    method = "PATCH";

    return ask(fig_resource_update, id, NULL, body);
}


unsigned
bury(const char *id)
{
    return ask(fig_resource_delete, id, NULL, NULL);
}


unsigned
list(const char *query)
{
    return ask(fig_resource_list, NULL, query, NULL);
}


unsigned
make_many(const char *body)
{
    return ask(fig_resource_create_many, NULL, NULL, body);
}


unsigned
bury_all(void)
{
    return ask(fig_resource_delete_all, NULL, NULL, NULL);
}


bool
has_header(const char *line)
{
    fig_buf_append(&answer.headers, "", 1);
    answer.headers.len--;

    return strstr(answer.headers.data, line) != NULL;
}


bool
body_has(const char *text)
{
    return memmem(answer.body.data, answer.body.len, text, strlen(text))
           != NULL;
}
