
/*
 * Copyright (C) Ficus authors
 */


/*
 * The bus over NATS JetStream; for shared/fig_bus_nats*.c only.
 *
 * A session is one connection from its handshake to its end.  libnats' own
 * reconnecting is not used: it gives up for ever when the server refuses the
 * password twice or sends an error, it holds its lock while it connects, and
 * it keeps in memory what is published meanwhile.  A thread of ours makes the
 * next session instead.
 *
 * libnats 3.4 may crash when a subscription is freed while messages arrive, so
 * a session keeps all of its subscriptions until the connection is closed.
 */


#ifndef FIG_BUS_NATS_H_INCLUDED
#define FIG_BUS_NATS_H_INCLUDED


#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>

#include "fig_bus_backend.h"


#define FIG_NATS_SERVERS     16
#define FIG_NATS_PUBLISHERS  16
#define FIG_NATS_COMPLAINTS  8

/* of one answer of JetStream, ms */
#define FIG_NATS_WAIT        2000


typedef struct fig_nats_s          fig_nats_t;
typedef struct fig_nats_session_s  fig_nats_session_t;
typedef struct fig_nats_sub_s      fig_nats_sub_t;
typedef struct fig_nats_serve_s    fig_nats_serve_t;


struct fig_nats_sub_s {
    natsSubscription  *sub;
    fig_nats_sub_t    *next;
};


struct fig_nats_session_s {
    fig_nats_t      *nats;
    uint64_t         number;
    natsConnection  *nc;
    jsCtx           *js;
    char            *inbox;          /* answers come to INBOX.> */
    size_t           inbox_len;
    fig_nats_sub_t  *answers;
    fig_nats_sub_t  *subs;           /* all; of nats->mutex */
    unsigned         refs;           /* of nats->mutex */
    atomic_bool      given_up;       /* by us */
};


typedef struct {
    fig_bus_ack_pt   ack;            /* NULL: free */
    void            *data;
} fig_nats_publisher_t;


typedef struct {
    uint64_t         hash;
    uint64_t         time;
} fig_nats_complaint_t;


struct fig_nats_s {
    fig_bus_conf_t         conf;
    natsOptions           *options;
    char                  *servers;         /* cut into pieces */
    char                  *name;
    fig_buf_t              where;           /* the servers, for the log */

    pthread_t              thread;
    pthread_t              clock;
    pthread_mutex_t        mutex;
    pthread_cond_t         changed;         /* session, stop */
    fig_nats_session_t    *session;         /* NULL: not connected */
    fig_nats_serve_t      *serves;
    uint64_t               sessions;
    bool                   stop;

    _Atomic(uint64_t)      number;          /* of the session */
    atomic_bool            streams;         /* there is JetStream */
    _Atomic(uint64_t)      unanswered;
    _Atomic(uint64_t)      max_payload;     /* headers and all */

    pthread_mutex_t        ack_mutex;       /* while ack() runs */
    fig_nats_publisher_t   publishers[FIG_NATS_PUBLISHERS];

    pthread_mutex_t        complaint_mutex;
    unsigned               complaint;
    fig_nats_complaint_t   complaints[FIG_NATS_COMPLAINTS];
};


/*
 * fig_bus_nats.c.  enter: the session, or NULL; it stays until leave.  wait:
 * the same, but waits for one with another number; NULL: the bus closes.
 * complain logs what was not said in the last minute.
 */

fig_nats_session_t *fig_nats_enter(fig_nats_t *nats);
fig_nats_session_t *fig_nats_wait(fig_nats_t *nats, uint64_t but);
void fig_nats_leave(fig_nats_session_t *session);
void fig_nats_complain(fig_nats_t *nats, const char *fmt, ...)
    FIG_PRINTF(2, 3);


/*
 * fig_bus_nats_clock.c.  Whoever waits in libnats waits until a wall time,
 * which is an hour off when the clock is set back by one.  A thread looks at
 * the clock and then closes the session, which wakes all of them.
 */

fig_status_t fig_nats_clock_start(fig_nats_t *nats);
void fig_nats_clock_join(fig_nats_t *nats);


/*
 * fig_bus_nats_options.c
 */

fig_status_t fig_nats_options(fig_nats_t *nats, const fig_bus_conf_t *conf);
void fig_nats_options_free(fig_nats_t *nats);


/*
 * fig_bus_nats_session.c.  listen: a subscription with at most so many
 * messages and bytes waiting (-1: any), which lives as long as the session;
 * unlisten: ends it, its messages are dropped.
 */

natsStatus fig_nats_session_open(fig_nats_t *nats, fig_nats_session_t **out);
void fig_nats_session_free(fig_nats_session_t *session);
natsStatus fig_nats_listen(fig_nats_session_t *session, const char *subject,
    const char *group, int messages, int bytes, fig_nats_sub_t **out);
void fig_nats_unlisten(fig_nats_sub_t *sub);


/*
 * fig_bus_nats_publish.c.  answers: reads one, waiting timeout ms at most.
 */

fig_status_t fig_nats_publisher(void *self, fig_bus_ack_pt ack, void *data,
    unsigned *publisher);
void fig_nats_publisher_close(void *self, unsigned publisher);
uint64_t fig_nats_max_payload(void *self, fig_str_t id);
fig_status_t fig_nats_publish(void *self, unsigned publisher,
    const char *subject, const char *id, fig_str_t payload, uint64_t token);
natsStatus fig_nats_answers(fig_nats_session_t *session, int64_t timeout);


/*
 * fig_bus_nats_stream.c.  status: of an answer of JetStream about what.
 */

fig_status_t fig_nats_stream(void *self, const fig_stream_t *stream,
    fig_stream_info_t *info);
fig_status_t fig_nats_stream_info(void *self, const fig_stream_t *stream,
    fig_stream_info_t *info);
fig_status_t fig_nats_stream_time(void *self, const fig_stream_t *stream,
    uint64_t seq, int64_t *time);
fig_status_t fig_nats_status(fig_nats_t *nats, natsStatus s, jsErrCode code,
    const char *what);


/*
 * fig_bus_nats_consumer.c
 */

fig_status_t fig_nats_subscribe(void *self, const fig_stream_t *stream,
    const char *durable, uint64_t start_seq, fig_subscription_t **out);
void fig_nats_unsubscribe(fig_subscription_t *subscription);
fig_status_t fig_nats_ack_floor(fig_subscription_t *subscription,
    uint64_t *seq);
fig_status_t fig_nats_next(fig_subscription_t *subscription,
    uint64_t timeout, fig_message_t *message);
void fig_nats_ack(fig_subscription_t *subscription, fig_message_t *message);
void fig_nats_drop(fig_subscription_t *subscription, fig_message_t *message);


/*
 * fig_bus_nats_request.c
 */

fig_status_t fig_nats_serve(void *self, const char *subject,
    fig_bus_serve_pt serve, void *data);
void fig_nats_serve_free(fig_nats_serve_t *serves);
fig_status_t fig_nats_request(void *self, const char *subject,
    fig_str_t request, uint64_t timeout, fig_arena_t *arena,
    fig_str_t *reply);


#endif /* FIG_BUS_NATS_H_INCLUDED */
