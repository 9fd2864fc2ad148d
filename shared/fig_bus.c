
/*
 * Copyright (C) Ficus authors
 */


#include "fig_bus_backend.h"
#include "fig_log.h"
#include <stdlib.h>
#include <string.h>


struct fig_bus_s {
    void                     *self;
    const fig_bus_backend_t  *backend;
};


static const fig_bus_backend_t *fig_bus_find(const char *url);


static const fig_bus_backend_t  *fig_bus_backends[] = {
    &fig_bus_nats,
    NULL
};


fig_status_t
fig_bus_verify(const char *url, const char **why)
{
    *why = fig_bus_find(url) ? NULL
           : "must be nats://[USER:PASSWORD@]HOST[:PORT]";

    return *why ? FIG_INVALID : FIG_OK;
}


fig_status_t
fig_bus_open(const fig_bus_conf_t *conf, fig_bus_t **bus)
{
    fig_bus_t                *self;
    fig_status_t              rc;
    const fig_bus_backend_t  *backend;

    *bus = NULL;
    backend = fig_bus_find(conf->url);

    if (backend == NULL) {
        /* the URL may hold a password */
        fig_log_error("the bus's URL does not begin with nats://");
        return FIG_INVALID;
    }

    self = malloc(sizeof(fig_bus_t));

    if (self == NULL) {
        return FIG_ERROR;
    }

    self->backend = backend;
    rc = backend->open(conf, &self->self);

    if (rc != FIG_OK) {
        free(self);
        return rc;
    }

    *bus = self;

    return FIG_OK;
}


static const fig_bus_backend_t *
fig_bus_find(const char *url)
{
    size_t  i, len;

    for (i = 0; url && fig_bus_backends[i]; i++) {
        len = strlen(fig_bus_backends[i]->scheme);

        if (strncmp(url, fig_bus_backends[i]->scheme, len) == 0
            && strncmp(url + len, "://", 3) == 0)
        {
            return fig_bus_backends[i];
        }
    }

    return NULL;
}


void
fig_bus_close(fig_bus_t *bus)
{
    if (bus) {
        bus->backend->close(bus->self);
        free(bus);
    }
}


bool
fig_bus_connected(fig_bus_t *bus)
{
    return bus->backend->connected(bus->self);
}


uint64_t
fig_bus_session(fig_bus_t *bus)
{
    return bus->backend->session(bus->self);
}


uint64_t
fig_bus_max_payload(fig_bus_t *bus, fig_str_t id)
{
    return bus->backend->max_payload(bus->self, id);
}


fig_status_t
fig_bus_stream(fig_bus_t *bus, const fig_stream_t *stream,
    fig_stream_info_t *info)
{
    return bus->backend->stream(bus->self, stream, info);
}


fig_status_t
fig_bus_stream_info(fig_bus_t *bus, const fig_stream_t *stream,
    fig_stream_info_t *info)
{
    return bus->backend->stream_info(bus->self, stream, info);
}


fig_status_t
fig_bus_stream_time(fig_bus_t *bus, const fig_stream_t *stream, uint64_t seq,
    int64_t *time)
{
    return bus->backend->stream_time(bus->self, stream, seq, time);
}


fig_status_t
fig_bus_publisher(fig_bus_t *bus, fig_bus_ack_pt ack, void *data,
    unsigned *publisher)
{
    return bus->backend->publisher(bus->self, ack, data, publisher);
}


void
fig_bus_publisher_close(fig_bus_t *bus, unsigned publisher)
{
    bus->backend->publisher_close(bus->self, publisher);
}


fig_status_t
fig_bus_publish(fig_bus_t *bus, unsigned publisher, const char *subject,
    const char *id, fig_str_t payload, uint64_t token)
{
    return bus->backend->publish(bus->self, publisher, subject, id, payload,
                                 token);
}


fig_status_t
fig_bus_subscribe(fig_bus_t *bus, const fig_stream_t *stream,
    const char *durable, uint64_t start_seq, fig_subscription_t **subscription)
{
    fig_status_t  rc;

    *subscription = NULL;

    rc = bus->backend->subscribe(bus->self, stream, durable, start_seq,
                                 subscription);

    if (rc == FIG_OK) {
        (*subscription)->backend = bus->backend;
    }

    return rc;
}


void
fig_bus_unsubscribe(fig_subscription_t *subscription)
{
    if (subscription) {
        subscription->backend->unsubscribe(subscription);
    }
}


fig_status_t
fig_bus_ack_floor(fig_subscription_t *subscription, uint64_t *seq)
{
    return subscription->backend->ack_floor(subscription, seq);
}


fig_status_t
fig_bus_next(fig_subscription_t *subscription, uint64_t timeout,
    fig_message_t *message)
{
    return subscription->backend->next(subscription, timeout, message);
}


void
fig_bus_ack(fig_subscription_t *subscription, fig_message_t *message)
{
    subscription->backend->ack(subscription, message);
}


void
fig_bus_drop(fig_subscription_t *subscription, fig_message_t *message)
{
    subscription->backend->drop(subscription, message);
}


fig_status_t
fig_bus_serve(fig_bus_t *bus, const char *subject, fig_bus_serve_pt serve,
    void *data)
{
    return bus->backend->serve(bus->self, subject, serve, data);
}


fig_status_t
fig_bus_request(fig_bus_t *bus, const char *subject, fig_str_t request,
    uint64_t timeout, fig_arena_t *arena, fig_str_t *reply)
{
    return bus->backend->request(bus->self, subject, request, timeout, arena,
                                 reply);
}
