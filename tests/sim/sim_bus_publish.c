
/*
 * Copyright (C) Ficus authors
 */


/*
 * Publishing.  What one process sends arrives in its order; where the
 * connection breaks, all behind some point is lost.  So are answers.
 */


#include <string.h>

#include "sim_broker.h"
#include "sim_bugs.h"


#define SIM_UNANSWERED  (3 * SIM_SECOND)


typedef struct {
    sim_link_t      *link;
    uint64_t         session;
    unsigned         publisher;
    uint64_t         token;
    sim_message_t    message;
} sim_publish_t;

typedef struct {
    sim_link_t      *link;
    uint64_t         session;
    sim_ack_t        ack;
} sim_answer_on_way_t;


static void sim_publish_arrive(void *data, uint64_t n);
static void sim_answer_arrive(void *data, uint64_t n);
static void sim_ack_call(sim_link_t *link, const sim_ack_t *ack);
static void sim_ack_one(sim_link_t *link, unsigned publisher, uint64_t token,
    fig_status_t status);


fig_status_t
sim_bus_publisher(void *self, fig_bus_ack_pt ack, void *data,
    unsigned *publisher)
{
    sim_link_t  *link = self;

    for (*publisher = 0; *publisher < SIM_PUBLISHERS; (*publisher)++) {

        if (link->ack[*publisher] == NULL) {
            link->ack[*publisher] = ack;
            link->data[*publisher] = data;
            return FIG_OK;
        }
    }

    return FIG_ERROR;
}


void
sim_bus_publisher_close(void *self, unsigned publisher)
{
    sim_link_t  *link = self;

    while (link->calling) {
        (void) sim_wait(&link->calling, SIM_NEVER);
    }

    link->ack[publisher] = NULL;
}


uint64_t
sim_bus_max_payload(void *self, fig_str_t id)
{
    sim_link_t  *link = self;

    return link->max_payload > id.len ? link->max_payload - id.len : 0;
}


fig_status_t
sim_bus_publish(void *self, unsigned publisher, const char *subject,
    const char *id, fig_str_t payload, uint64_t token)
{
    sim_link_t     *link = self;
    sim_publish_t  *p;

    sim_point();

    if (link->session == 0 || link->unanswered >= link->pending) {
        return FIG_AGAIN;
    }

    if (payload.len > sim_bus_max_payload(link, fig_str_from(id))) {
        return FIG_INVALID;
    }

    link->unanswered++;

    p = sim_alloc(sizeof(sim_publish_t));
    p->link = link;
    p->session = link->session;
    p->publisher = publisher;
    p->token = token;
    p->message.subject = sim_dup(fig_str_from(subject));
    p->message.id = sim_dup(fig_str_from(id)).data;
    p->message.payload = sim_dup(payload);

    sim_trace("publishes %s", id);

    /* a broken connection may have taken it as far as the server */

    if (link->sent < sim.now) {
        link->sent = sim.now;
    }

    link->sent += sim_delay();
    sim_at(link->sent, sim_publish_arrive, p, sim_odds(500));

    sim_bug_publish(link, publisher, token, p->message.id);
    sim_point();

    return FIG_OK;
}


static void
sim_publish_arrive(void *data, uint64_t n)
{
    fig_status_t    rc;
    sim_publish_t  *p = data;

    if (sim.now < sim_broker_down
        || (n == 0 && p->link->session != p->session))
    {
        sim_trace("%s never arrives", p->message.id);
        return;
    }

    rc = sim_stream_store(&p->message);

    if (sim_trouble(SIM_F_NET)) {
        sim_trace("the answer to %s is lost", p->message.id);
        return;
    }

    sim_link_answer(p->link, p->session, p->publisher,
                    rc == FIG_DECLINED ? 0 : p->token, rc);
}


void
sim_link_answer(sim_link_t *link, uint64_t session, unsigned publisher,
    uint64_t token, fig_status_t status)
{
    sim_answer_on_way_t  *a;

    a = sim_alloc(sizeof(sim_answer_on_way_t));
    a->link = link;
    a->session = session;
    a->ack.publisher = publisher;
    a->ack.token = token;
    a->ack.status = status;

    if (link->got < sim.now) {
        link->got = sim.now;
    }

    link->got += sim_delay();
    sim_at(link->got, sim_answer_arrive, a, 0);
}


static void
sim_answer_arrive(void *data, uint64_t n)
{
    sim_link_t           *link;
    sim_answer_on_way_t  *a = data;

    (void) n;
    link = a->link;

    if (link->open && link->session == a->session) {
        *link->last_ack = &a->ack;
        link->last_ack = &a->ack.next;
        sim_wake(link);
    }
}


/* the thread that tells the publishers */

void
sim_bus_answers(void *data)
{
    sim_ack_t   *ack;
    sim_link_t  *link = data;

    while (!link->closing) {
        ack = link->acks;

        if (ack == NULL) {
            if (!sim_wait(link, sim.now + SIM_UNANSWERED)) {
                /* these answers will never come: they count no longer */
                link->unanswered = 0;
            }

            continue;
        }

        link->acks = ack->next;

        if (link->acks == NULL) {
            link->last_ack = &link->acks;
        }

        if (link->unanswered != 0) {
            link->unanswered--;
        }

        sim_ack_call(link, ack);
    }

    link->threads--;
    sim_wake(&link->threads);
}


/* nobody knows whose message it was that no stream took: all are told */

static void
sim_ack_call(sim_link_t *link, const sim_ack_t *ack)
{
    unsigned  i;

    link->calling = true;

    if (ack->token != 0) {
        sim_ack_one(link, ack->publisher, ack->token, ack->status);

    } else {
        for (i = 0; i < SIM_PUBLISHERS; i++) {
            sim_ack_one(link, i, 0, FIG_DECLINED);
        }
    }

    link->calling = false;
    sim_wake(&link->calling);
}


static void
sim_ack_one(sim_link_t *link, unsigned publisher, uint64_t token,
    fig_status_t status)
{
    sim_point();

    if (link->ack[publisher] != NULL) {
        link->ack[publisher](link->data[publisher], token, status);
    }
}
