
/*
 * Copyright (C) Ficus authors
 */


/*
 * Request and reply.
 */


#include <string.h>

#include "sim_broker.h"


#define SIM_REPLY  (1024 * 1024)


typedef struct {
    sim_link_t     *link;
    uint64_t        session;
    sim_service_t  *service;        /* of a request */
    sim_call_t     *call;
} sim_post_t;


static void sim_serve(void *data);
static void sim_serve_call(sim_link_t *link, sim_service_t *service,
    sim_call_t *call);
static bool sim_request_mute(const char *subject);
static sim_post_t *sim_request_choose(const char *subject);
static void sim_request_arrive(void *data, uint64_t n);
static void sim_reply_arrive(void *data, uint64_t n);


fig_status_t
sim_bus_serve(void *self, const char *subject, fig_bus_serve_pt serve,
    void *data)
{
    unsigned        i;
    sim_link_t     *link = self;
    sim_service_t  *service;

    for (i = 0; i < SIM_SERVICES; i++) {
        service = &link->services[i];

        if (service->subject == NULL) {
            service->subject = sim_dup(fig_str_from(subject)).data;
            service->serve = serve;
            service->data = data;
            link->threads++;
            (void) sim_spawn(sim_process(), "service", sim_serve, service);
            return FIG_OK;
        }
    }

    return FIG_ERROR;
}


static void
sim_serve(void *data)
{
    sim_call_t     *call;
    sim_link_t     *link;
    sim_service_t  *service = data;

    link = &sim_links[sim_process()->number];

    while (!link->closing) {
        call = service->calls;

        if (call == NULL) {
            (void) sim_wait(service, SIM_NEVER);
            continue;
        }

        service->calls = call->next;
        sim_serve_call(link, service, call);
    }

    link->threads--;
    sim_wake(&link->threads);
}


static void
sim_serve_call(sim_link_t *link, sim_service_t *service, sim_call_t *call)
{
    fig_buf_t    out;
    sim_post_t  *post;

    sim_point();

    fig_buf_init(&out, SIM_REPLY);
    service->serve(service->data, call->request, &out);
    sim_point();

    if (fig_buf_ok(&out) && link->session != 0 && !sim_trouble(SIM_F_NET)) {
        post = sim_alloc(sizeof(sim_post_t));
        post->link = link;
        post->session = link->session;
        post->call = call;
        call->reply = sim_dup(fig_buf_view(&out));
        sim_at(sim.now + sim_delay(), sim_reply_arrive, post, 0);
    }

    fig_buf_clear(&out);
}


static void
sim_reply_arrive(void *data, uint64_t n)
{
    sim_post_t  *post = data;

    (void) n;

    if (post->link->session == post->session) {
        post->call->answered = true;
        sim_wake(post->call);
    }
}


fig_status_t
sim_bus_request(void *self, const char *subject, fig_str_t request,
    uint64_t timeout, fig_arena_t *arena, fig_str_t *reply)
{
    uint64_t     until, session;
    sim_call_t  *call;
    sim_link_t  *link = self;
    sim_post_t  *post;

    *reply = (fig_str_t) { 0, NULL };
    sim_point();

    session = link->session;
    until = sim.now + timeout * SIM_MS;
    post = session && !sim_request_mute(subject)
           ? sim_request_choose(subject) : NULL;

    if (post == NULL) {
        sim_point();
        return FIG_AGAIN;
    }

    call = sim_alloc(sizeof(sim_call_t));
    call->request = sim_dup(request);
    post->call = call;

    if (!sim_trouble(SIM_F_NET)) {
        sim_at(sim.now + sim_delay(), sim_request_arrive, post, 0);
    }

    while (!call->answered && sim.now < until) {
        (void) sim_wait(call, until);
    }

    if (!call->answered || link->session != session) {
        sim_trace("%s %.*s: no answer", subject, (int) request.len,
                  request.data ? request.data : "");
        return FIG_AGAIN;
    }

    sim_trace("%s %.*s: %.*s", subject, (int) request.len,
              request.data ? request.data : "", (int) call->reply.len,
              call->reply.data ? call->reply.data : "nobody");

    *reply = call->reply.data ? fig_arena_dup(arena, call->reply)
                              : (fig_str_t) { 0, NULL };

    return call->reply.data && reply->data == NULL ? FIG_NOMEM : FIG_OK;
}


/* those who compare are not answered, when nothing shall be repaired */

static bool
sim_request_mute(const char *subject)
{
    static const char  users[] = "ficus.rpc.users.";

    return sim_options.repair == SIM_REPAIR_NO
           && strncmp(subject, users, sizeof(users) - 1) == 0
           && strcmp(subject + sizeof(users) - 1, "by_email") != 0;
}


/* one of those who serve it now */

static sim_post_t *
sim_request_choose(const char *subject)
{
    unsigned     i, k, n;
    sim_post_t  *post;

    n = 0;
    post = sim_alloc(sizeof(sim_post_t));

    for (i = 0; i < SIM_PROCESSES; i++) {

        if (!sim_links[i].open || sim_links[i].session == 0) {
            continue;
        }

        for (k = 0; k < SIM_SERVICES; k++) {

            if (sim_links[i].services[k].subject != NULL
                && strcmp(sim_links[i].services[k].subject, subject) == 0
                && (n++ == 0 || sim_random(n) == 0))
            {
                post->link = &sim_links[i];
                post->session = sim_links[i].session;
                post->service = &sim_links[i].services[k];
            }
        }
    }

    return n ? post : NULL;
}


static void
sim_request_arrive(void *data, uint64_t n)
{
    sim_post_t   *post = data;
    sim_call_t  **last;

    (void) n;

    if (!post->link->open || post->link->session != post->session) {
        return;
    }

    for (last = &post->service->calls; *last; last = &(*last)->next) {
        /* void */
    }

    *last = post->call;
    sim_wake(post->service);
}
