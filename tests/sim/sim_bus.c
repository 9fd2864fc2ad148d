
/*
 * Copyright (C) Ficus authors
 */


/*
 * The bus as its users meet it: the connection, and the questions about
 * streams.
 */


#include <string.h>

#include "sim_broker.h"
#include "sim_bugs.h"


static fig_status_t sim_bus_open(const fig_bus_conf_t *conf, void **self);
static void sim_bus_close(void *self);
static bool sim_bus_connected(void *self);
static uint64_t sim_bus_session(void *self);
static fig_status_t sim_bus_stream(void *self, const fig_stream_t *stream,
    fig_stream_info_t *info);
static fig_status_t sim_bus_stream_info(void *self,
    const fig_stream_t *stream, fig_stream_info_t *info);
static fig_status_t sim_bus_stream_time(void *self,
    const fig_stream_t *stream, uint64_t seq, int64_t *time);
static void sim_stream_tell(const sim_stream_t *stream,
    fig_stream_info_t *info);


const fig_bus_backend_t  sim_bus_backend = {
    "sim",
    sim_bus_open,
    sim_bus_close,
    sim_bus_connected,
    sim_bus_session,
    sim_bus_max_payload,
    sim_bus_stream,
    sim_bus_stream_info,
    sim_bus_stream_time,
    sim_bus_publisher,
    sim_bus_publisher_close,
    sim_bus_publish,
    sim_bus_subscribe,
    sim_bus_unsubscribe,
    sim_bus_ack_floor,
    sim_bus_next,
    sim_bus_ack,
    sim_bus_drop,
    sim_bus_serve,
    sim_bus_request
};

sim_link_t  sim_links[SIM_PROCESSES];


static fig_status_t
sim_bus_open(const fig_bus_conf_t *conf, void **self)
{
    uint64_t        cut;
    sim_link_t     *link;
    sim_process_t  *process;

    process = sim_process();
    link = &sim_links[process->number];

    cut = link->cut;
    memset(link, 0, sizeof(sim_link_t));

    link->process = process;
    link->life = process->life;
    link->cut = cut;
    link->open = true;
    link->max_payload = conf->max_payload;
    link->pending = conf->publish_pending;
    link->ack_wait = conf->ack_wait * SIM_MS;
    link->ack_pending = conf->ack_pending;
    link->last_ack = &link->acks;
    link->threads = 1;

    (void) sim_spawn(process, "answers", sim_bus_answers, link);
    sim_at(sim.now + sim_delay(), sim_link_try, link, link->life);

    *self = link;

    return FIG_OK;
}


static void
sim_bus_close(void *self)
{
    unsigned     i;
    sim_link_t  *link = self;

    sim_point();
    link->closing = true;
    sim_wake(link);

    for (i = 0; i < SIM_SERVICES; i++) {
        sim_wake(&link->services[i]);
    }

    while (link->threads != 0) {
        (void) sim_wait(&link->threads, SIM_NEVER);
    }

    sim_link_drop(link);
    link->open = false;
}


/* what has arrived has arrived; the rest is lost, or it arrives unanswered */

void
sim_link_drop(sim_link_t *link)
{
    if (link->session != 0) {
        sim_trace("%s has lost its connection", link->process->name);
    }

    link->session = 0;
    link->acks = NULL;
    link->last_ack = &link->acks;
}


void
sim_link_cut(sim_link_t *link, uint64_t until)
{
    unsigned  i;

    if (link->cut < until) {
        link->cut = until;
    }

    if (link->open) {
        sim_link_drop(link);
        sim_at(until + sim_random(300 * SIM_MS), sim_link_try, link,
               link->life);

        for (i = 0; i < SIM_STREAMS; i++) {

            if (sim_streams[i].durable
                && sim_streams[i].durable->link == link)
            {
                sim_wake(sim_streams[i].durable);
            }
        }
    }
}


bool
sim_link_up(const sim_link_t *link)
{
    return link->open && sim.now >= link->cut && sim.now >= sim_broker_down;
}


void
sim_link_try(void *data, uint64_t n)
{
    uint64_t     when;
    sim_link_t  *link = data;

    if (link->life != n || !link->open || link->session != 0) {
        return;
    }

    if (!sim_link_up(link)) {
        when = link->cut > sim_broker_down ? link->cut : sim_broker_down;
        sim_at(when + sim_random(300 * SIM_MS), sim_link_try, link, n);
        return;
    }

    link->session = sim.now + 1;
    link->unanswered = 0;
    link->max_payload = sim_broker_max;
    sim_trace("%s has a connection", link->process->name);
    sim_bug_connected(link);
}


static bool
sim_bus_connected(void *self)
{
    sim_link_t  *link = self;

    return link->session != 0;
}


static uint64_t
sim_bus_session(void *self)
{
    sim_link_t  *link = self;

    return link->session;
}


bool
sim_bus_asked(sim_link_t *link)
{
    uint64_t  session;

    session = link->session;
    sim_point();

    if (sim_trouble(SIM_F_NET)) {
        sim_sleep(sim_random(2 * SIM_SECOND));
        return false;
    }

    return session != 0 && link->session == session;
}


static fig_status_t
sim_bus_stream(void *self, const fig_stream_t *stream,
    fig_stream_info_t *info)
{
    sim_stream_t  *s;

    memset(info, 0, sizeof(fig_stream_info_t));

    if (!sim_bus_asked(self)) {
        return FIG_AGAIN;
    }

    s = sim_stream(stream->name);

    if (!s->now.exists) {
        sim_stream_create(s, stream->subjects);
    }

    sim_stream_tell(s, info);

    return sim_bus_asked(self) ? FIG_OK : FIG_AGAIN;
}


static fig_status_t
sim_bus_stream_info(void *self, const fig_stream_t *stream,
    fig_stream_info_t *info)
{
    sim_stream_t  *s;

    memset(info, 0, sizeof(fig_stream_info_t));

    if (!sim_bus_asked(self)) {
        return FIG_AGAIN;
    }

    s = sim_stream(stream->name);

    if (!s->now.exists) {
        return FIG_DECLINED;
    }

    sim_stream_tell(s, info);
    sim_point();

    return FIG_OK;
}


static void
sim_stream_tell(const sim_stream_t *stream, fig_stream_info_t *info)
{
    info->created = stream->now.created;
    info->first_seq = stream->now.first;
    info->last_seq = stream->now.last;
    sim_bug_info(info);
}


static fig_status_t
sim_bus_stream_time(void *self, const fig_stream_t *stream, uint64_t seq,
    int64_t *time)
{
    sim_message_t  *message;

    *time = 0;

    if (!sim_bus_asked(self)) {
        return FIG_AGAIN;
    }

    message = sim_stream_message(sim_stream(stream->name), seq);

    if (message == NULL) {
        return FIG_DECLINED;
    }

    *time = message->time;
    sim_bug_time(time);
    sim_point();

    return FIG_OK;
}
