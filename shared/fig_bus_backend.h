
/*
 * Copyright (C) Ficus authors
 */


/*
 * What a backend of fig_bus provides; for shared/fig_bus*.c only.  The
 * functions mean what those of fig_bus.h with the same name mean.
 */


#ifndef FIG_BUS_BACKEND_H_INCLUDED
#define FIG_BUS_BACKEND_H_INCLUDED


#include "fig_bus.h"


typedef struct {
    const char    *scheme;

    fig_status_t (*open)(const fig_bus_conf_t *conf, void **self);
    void         (*close)(void *self);
    bool         (*connected)(void *self);
    uint64_t     (*session)(void *self);
    uint64_t     (*max_payload)(void *self, fig_str_t id);

    fig_status_t (*stream)(void *self, const fig_stream_t *stream,
        fig_stream_info_t *info);
    fig_status_t (*stream_info)(void *self, const fig_stream_t *stream,
        fig_stream_info_t *info);
    fig_status_t (*stream_time)(void *self, const fig_stream_t *stream,
        uint64_t seq, int64_t *time);

    fig_status_t (*publisher)(void *self, fig_bus_ack_pt ack, void *data,
        unsigned *publisher);
    void         (*publisher_close)(void *self, unsigned publisher);
    fig_status_t (*publish)(void *self, unsigned publisher,
        const char *subject, const char *id, fig_str_t payload,
        uint64_t token);

    /* a subscription begins with a fig_subscription_t, which fig_bus.c sets */
    fig_status_t (*subscribe)(void *self, const fig_stream_t *stream,
        const char *durable, uint64_t start_seq,
        fig_subscription_t **subscription);
    void         (*unsubscribe)(fig_subscription_t *subscription);
    fig_status_t (*ack_floor)(fig_subscription_t *subscription, uint64_t *seq);
    fig_status_t (*next)(fig_subscription_t *subscription, uint64_t timeout,
        fig_message_t *message);
    void         (*ack)(fig_subscription_t *subscription,
        fig_message_t *message);
    void         (*drop)(fig_subscription_t *subscription,
        fig_message_t *message);

    fig_status_t (*serve)(void *self, const char *subject,
        fig_bus_serve_pt serve, void *data);
    fig_status_t (*request)(void *self, const char *subject,
        fig_str_t request, uint64_t timeout, fig_arena_t *arena,
        fig_str_t *reply);
} fig_bus_backend_t;


struct fig_subscription_s {
    const fig_bus_backend_t  *backend;
};


extern const fig_bus_backend_t  fig_bus_nats;


#endif /* FIG_BUS_BACKEND_H_INCLUDED */
