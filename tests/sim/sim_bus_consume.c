
/*
 * Copyright (C) Ficus authors
 */


/*
 * Durable consumers.  Messages come in the stream's order, unless the server
 * begins again further back (no ack in time, or a state that it has lost) or
 * goes on further ahead.  What is discarded before it was sent is left out
 * without a word, as JetStream does.
 */


#include <string.h>

#include "sim_broker.h"
#include "sim_bugs.h"


#define SIM_SILENCE  (3500 * SIM_MS)


typedef struct {
    sim_subscription_t  *subscription;
    uint64_t             seq;
} sim_ack_on_way_t;


static bool sim_durable_has(sim_subscription_t *s);
static void sim_durable_deliver(sim_subscription_t *s, sim_message_t *m,
    fig_message_t *message);
static void sim_ack_arrive(void *data, uint64_t n);


fig_status_t
sim_bus_subscribe(void *self, const fig_stream_t *stream, const char *durable,
    uint64_t start_seq, fig_subscription_t **out)
{
    sim_link_t          *link = self;
    sim_stream_t        *name;
    sim_subscription_t  *s;

    (void) durable;

    if (!sim_bus_asked(link)) {
        return FIG_AGAIN;
    }

    name = sim_stream(stream->name);

    if (!name->now.exists) {
        return FIG_DECLINED;
    }

    if (name->durable != NULL) {
        name->durable->dead = true;
        name->durable->heard = sim.now;
    }

    s = sim_alloc(sizeof(sim_subscription_t));
    s->link = link;
    s->session = link->session;
    s->stream = name;
    s->next = start_seq ? start_seq : 1;
    s->floor = s->next - 1;
    s->farthest = s->floor;
    s->moved = sim.now;
    s->heard = sim.now;
    name->durable = s;

    sim_trace("reads %s from %llu on", stream->name,
              (unsigned long long) s->next);

    if (!sim_bus_asked(link)) {
        return FIG_AGAIN;
    }

    *out = &s->base;

    return FIG_OK;
}


void
sim_bus_unsubscribe(fig_subscription_t *subscription)
{
    (void) subscription;
    sim_point();
}


fig_status_t
sim_bus_ack_floor(fig_subscription_t *subscription, uint64_t *seq)
{
    sim_subscription_t  *s = (sim_subscription_t *) (void *) subscription;

    *seq = 0;

    if (!sim_bus_asked(s->link)) {
        return FIG_AGAIN;
    }

    if (s->dead) {
        return FIG_DECLINED;
    }

    *seq = s->floor;
    sim_point();

    return FIG_OK;
}


fig_status_t
sim_bus_next(fig_subscription_t *subscription, uint64_t timeout,
    fig_message_t *message)
{
    uint64_t             until, late;
    sim_message_t       *m;
    sim_subscription_t  *s = (sim_subscription_t *) (void *) subscription;

    sim_point();
    until = sim.now + timeout * SIM_MS;

    for ( ;; ) {
        if (s->link->session != s->session
            || (s->dead && sim.now - s->heard > SIM_SILENCE))
        {
            return FIG_DECLINED;
        }

        if (s->fetched_n != 0) {
            m = s->fetched[0];
            s->fetched_n--;
            memmove(s->fetched, s->fetched + 1,
                    s->fetched_n * sizeof(sim_message_t *));
            sim_durable_deliver(s, m, message);
            return FIG_OK;
        }

        late = until;

        if (sim_durable_has(s)) {

            if (s->arriving != s->next) {
                s->arriving = s->next;
                s->arrives = sim.now + sim_delay();
            }

            if (s->arrives <= sim.now) {
                m = sim_stream_message(s->stream, s->next++);
                sim_durable_deliver(s, m, message);
                return FIG_OK;
            }

            late = s->arrives < until ? s->arrives : until;
        }

        if (sim.now >= until) {
            return FIG_AGAIN;
        }

        (void) sim_wait(s, late);
    }
}


static bool
sim_durable_has(sim_subscription_t *s)
{
    uint64_t          resend;
    const sim_log_t  *log;

    if (s->dead || !s->stream->now.exists || s->stream->now.mute) {
        return false;
    }

    log = &s->stream->now;
    resend = s->link->ack_wait;

    /* what is discarded needs no ack */

    if (s->floor + 1 < log->first) {
        s->floor = log->first - 1;
        s->moved = sim.now;
    }

    if (s->next > s->floor + 1 && sim.now - s->moved > resend) {
        s->next = s->floor + 1;
        s->moved = sim.now;
        sim_trace("%s %llu is sent again for want of an ack", s->stream->name,
                  (unsigned long long) s->next);
    }

    if (s->next < log->first) {
        s->next = log->first;
    }

    return s->next <= log->last
           && s->next <= s->floor + s->link->ack_pending;
}


static void
sim_durable_deliver(sim_subscription_t *s, sim_message_t *m,
    fig_message_t *message)
{
    if (s->floor + 1 == m->seq) {
        s->moved = sim.now;
    }

    sim_trace("gets %s %llu, %s", s->stream->name,
              (unsigned long long) m->seq, m->id);

    message->subject = m->subject;
    message->data = m->payload;
    message->seq = m->seq;
    message->delivered = m->seq > s->farthest ? 1 : 2;
    message->time = m->time;
    message->handle = m;

    if (m->seq > s->farthest) {
        s->farthest = m->seq;
    }

    s->arriving = 0;

    sim_bug_next(message);
}


void
sim_bus_ack(fig_subscription_t *subscription, fig_message_t *message)
{
    sim_ack_on_way_t    *ack;
    sim_subscription_t  *s = (sim_subscription_t *) (void *) subscription;

    sim_point();

    if (!sim_trouble(SIM_F_NET)) {
        ack = sim_alloc(sizeof(sim_ack_on_way_t));
        ack->subscription = s;
        ack->seq = message->seq;
        sim_at(sim.now + sim_delay(), sim_ack_arrive, ack, 0);
    }
}


static void
sim_ack_arrive(void *data, uint64_t n)
{
    sim_ack_on_way_t    *ack = data;
    sim_subscription_t  *s;

    (void) n;
    s = ack->subscription;

    if (!s->dead && s->link->session == s->session && ack->seq > s->floor) {
        s->floor = ack->seq;
        s->moved = sim.now;
        sim_wake(s);
    }
}


void
sim_bus_drop(fig_subscription_t *subscription, fig_message_t *message)
{
    (void) subscription;
    message->handle = NULL;
}
