
/*
 * Copyright (C) Ficus authors
 */


/*
 * The clients: few users, few orders, so that they get in each other's way.
 * An address and a product are written once only, e-mails change hands.
 */


#include <stdio.h>
#include <string.h>

#include "sim_check.h"


#define SIM_USERS    4
#define SIM_SOME     5          /* orders */
#define SIM_EMAILS   5
#define SIM_CLIENTS  3
#define SIM_BODY     240
#define SIM_TRIES    40

#define USERS        "/api/users"
#define USER         "/api/users/{userId}"
#define ORDERS       "/api/orders"
#define ORDER        "/api/orders/{orderId}"


static void sim_client(void *data);
static void sim_client_step(void);
static void sim_user_create(void);
static void sim_user_change(void);
static void sim_user_delete(void);
static void sim_user_get(void);
static void sim_order_create(void);
static void sim_order_change(void);
static void sim_order_delete(void);
static void sim_order_get(void);
static void sim_any_get(sim_process_t *process, const char *path,
    const char *table, fig_str_t id);
static void sim_any_delete(sim_process_t *process, const char *path,
    const char *table, fig_str_t id);
static bool sim_any_write(sim_process_t *process, const char *method,
    const char *path, const char *table, fig_str_t id, const char *body);
static bool sim_touch(const fig_doc_t *user);
static sim_process_t *sim_arm(void);
static fig_str_t sim_id(char *text, char kind, uint64_t n);


static unsigned  sim_clients;            /* that have not ended */
static unsigned  sim_serial;


void
sim_clients_start(void)
{
    unsigned  i;

    sim_serial = 0;
    sim_clients = (unsigned) sim_between(1, SIM_CLIENTS);

    for (i = sim_clients; i != 0; i--) {
        (void) sim_spawn(NULL, "client", sim_client, NULL);
    }
}


bool
sim_clients_done(void)
{
    return sim_clients == 0;
}


static void
sim_client(void *data)
{
    uint64_t  n, pause;

    (void) data;
    pause = sim_odds(500) ? 5 * SIM_MS : 400 * SIM_MS;

    for (n = sim_between(3, 9); n != 0; n--) {
        sim_sleep(sim_random(pause));
        sim_client_step();
    }

    sim_clients--;
}


static void
sim_client_step(void)
{
    uint64_t  n;

    n = sim_random(100);

    if (n < 20) {
        sim_user_create();

    } else if (n < 50) {
        sim_user_change();

    } else if (n < 57) {
        sim_user_delete();

    } else if (n < 67) {
        sim_user_get();

    } else if (n < 84) {
        sim_order_create();

    } else if (n < 90) {
        sim_order_change();

    } else if (n < 93) {
        sim_order_delete();

    } else {
        sim_order_get();
    }
}


/* both serve all but deletion, which only v2 does */

static sim_process_t *
sim_arm(void)
{
    return &sim.processes[sim_odds(500) ? SIM_V1 : SIM_V2];
}


static fig_str_t
sim_id(char *text, char kind, uint64_t n)
{
    text[0] = kind;
    text[1] = (char) ('0' + n);
    text[2] = '\0';

    return fig_str_from(text);
}


static void
sim_user_create(void)
{
    char       text[4], body[SIM_BODY];
    fig_str_t  id;

    id = sim_id(text, 'u', sim_random(SIM_USERS));

    (void) snprintf(body, sizeof(body), "{\"userId\":\"%s\",\"email\":"
                    "\"m%u@x.org\",\"deliveryAddress\":\"a%u\"}", text,
                    (unsigned) sim_random(SIM_EMAILS), ++sim_serial);

    (void) sim_any_write(sim_arm(), "POST", USERS, "users", id, body);
}


static void
sim_user_change(void)
{
    char         text[4], body[SIM_BODY];
    fig_str_t    id;
    const char  *method;

    id = sim_id(text, 'u', sim_random(SIM_USERS));
    method = sim_odds(500) ? "PUT" : "PATCH";

    if (sim_odds(500)) {
        (void) snprintf(body, sizeof(body), "{\"deliveryAddress\":\"a%u\"}",
                        ++sim_serial);

    } else if (sim_odds(700)) {
        (void) snprintf(body, sizeof(body), "{\"email\":\"m%u@x.org\"}",
                        (unsigned) sim_random(SIM_EMAILS));

    } else {
        (void) snprintf(body, sizeof(body), "{\"name\":\"n%u\"}",
                        ++sim_serial);
    }

    (void) sim_any_write(sim_arm(), method, USER, "users", id, body);
}


static void
sim_user_delete(void)
{
    char  text[4];

    sim_any_delete(&sim.processes[SIM_V2], USER, "users",
                   sim_id(text, 'u', sim_random(SIM_USERS)));
}


static void
sim_user_get(void)
{
    char       text[4];
    fig_str_t  id;

    /* compilers differ in which argument comes first */

    id = sim_id(text, 'u', sim_random(SIM_USERS));
    sim_any_get(sim_arm(), USER, "users", id);
}


static void
sim_order_create(void)
{
    char       text[4], body[SIM_BODY];
    fig_str_t  id;

    id = sim_id(text, 'o', sim_random(SIM_SOME));
    sim_serial++;

    if (sim_odds(600)) {
        (void) snprintf(body, sizeof(body), "{\"orderId\":\"%s\","
                        "\"productName\":\"p%u\",\"userId\":\"u%u\"}", text,
                        sim_serial, (unsigned) sim_random(SIM_USERS));

    } else {
        (void) snprintf(body, sizeof(body), "{\"orderId\":\"%s\","
                        "\"productName\":\"p%u\",\"email\":\"m%u@x.org\","
                        "\"deliveryAddress\":\"o%u\"}", text, sim_serial,
                        (unsigned) sim_random(SIM_EMAILS), sim_serial);
    }

    (void) sim_any_write(&sim.processes[SIM_ORDERS], "POST", ORDERS, "orders",
                         id, body);
}


static void
sim_order_change(void)
{
    char       text[4], body[SIM_BODY];
    fig_str_t  id;

    id = sim_id(text, 'o', sim_random(SIM_SOME));

    if (sim_odds(700)) {
        (void) snprintf(body, sizeof(body), "{\"productName\":\"p%u\"}",
                        ++sim_serial);

    } else {
        (void) snprintf(body, sizeof(body), "{\"email\":\"m%u@x.org\"}",
                        (unsigned) sim_random(SIM_EMAILS));
    }

    (void) sim_any_write(&sim.processes[SIM_ORDERS], "PATCH", ORDER, "orders",
                         id, body);
}


static void
sim_order_delete(void)
{
    char  text[4];

    sim_any_delete(&sim.processes[SIM_ORDERS], ORDER, "orders",
                   sim_id(text, 'o', sim_random(SIM_SOME)));
}


static void
sim_order_get(void)
{
    char  text[4];

    sim_any_get(&sim.processes[SIM_ORDERS], ORDER, "orders",
                sim_id(text, 'o', sim_random(SIM_SOME)));
}


static void
sim_any_get(sim_process_t *process, const char *path, const char *table,
    fig_str_t id)
{
    uint64_t        seen;
    sim_answer_t    answer;
    sim_history_t  *history;

    history = sim_history(table, id);
    seen = history->seen > history->acked ? history->seen : history->acked;

    sim_request(process, "GET", path, id, (fig_str_t) { 0, NULL }, &answer);

    sim_trace("GET %.*s of %s: %u, version %llu", (int) id.len, id.data,
              process->name, answer.status, (unsigned long long) answer.ver);

    if (answer.status == 200) {
        sim_check_got(history, seen, answer.ver, answer.body, false);

    } else if (answer.status == 404) {
        sim_check_missing(history, seen);
    }
}


static void
sim_any_delete(sim_process_t *process, const char *path, const char *table,
    fig_str_t id)
{
    uint64_t        seen;
    sim_answer_t    answer;
    sim_history_t  *history;

    history = sim_history(table, id);
    seen = history->seen > history->acked ? history->seen : history->acked;

    sim_request(process, "DELETE", path, id, (fig_str_t) { 0, NULL },
                &answer);

    sim_trace("DELETE %.*s of %s: %u", (int) id.len, id.data, process->name,
              answer.status);

    if (answer.status == 200) {
        sim_check_deleted(history, seen);

    } else if (answer.status == 404) {
        sim_check_missing(history, seen);
    }
}


static bool
sim_any_write(sim_process_t *process, const char *method, const char *path,
    const char *table, fig_str_t id, const char *body)
{
    uint64_t        seen;
    sim_answer_t    answer;
    sim_history_t  *history;

    history = sim_history(table, id);
    seen = history->seen > history->acked ? history->seen : history->acked;

    sim_request(process, method, path, id, fig_str_from(body), &answer);

    sim_trace("%s %.*s to %s: %s: %u, version %llu", method, (int) id.len,
              id.data, process->name, body, answer.status,
              (unsigned long long) answer.ver);

    if (answer.status == 200 || answer.status == 201) {
        sim_check_got(history, seen, answer.ver, answer.body, true);
        return true;
    }

    if (answer.status == 500 && sim.faults == 0) {
        sim_violation("500 for no reason: %.*s", (int) answer.body.len,
                      answer.body.data ? answer.body.data : "");
    }

    return false;
}


/* one more change of every user; false: it can't be made */

bool
sim_clients_touch(void)
{
    bool          done;
    size_t        i, n;
    sim_table_t  *table;

    table = sim_table("users", "users");

    for (i = 0; table && i < table->n; i++) {
        done = false;

        for (n = 0; !done && n < SIM_TRIES; n++) {
            done = sim_touch(table->rows[i]);
            sim_sleep(done ? 0 : 250 * SIM_MS);
        }

        if (!done) {
            return false;
        }
    }

    return true;
}


static bool
sim_touch(const fig_doc_t *user)
{
    bool       done;
    char       body[SIM_BODY];
    fig_str_t  id;

    id = sim_dup(user->id);
    sim_serial++;

    if (!user->deleted) {
        (void) snprintf(body, sizeof(body), "{\"deliveryAddress\":\"a%u\"}",
                        sim_serial);

        return sim_any_write(sim_arm(), "PATCH", USER, "users", id, body);
    }

    (void) snprintf(body, sizeof(body), "{\"userId\":\"%.*s\",\"email\":"
                    "\"t%u@x.org\",\"deliveryAddress\":\"a%u\"}",
                    (int) id.len, id.data, sim_serial, sim_serial);

    done = sim_any_write(sim_arm(), "POST", USERS, "users", id, body);

    if (done && sim_odds(500)) {
        sim_any_delete(&sim.processes[SIM_V2], USER, "users", id);
    }

    return done;
}
