
/*
 * Copyright (C) Ficus authors
 */


/*
 * Bus: ordered streams of messages that outlive their sender for a while, and
 * request-reply.  The store is the truth, the bus only carries: whatever it
 * loses is sent or fetched again.
 *
 * Threads: any thread may call anything but fig_bus_close(), which is last.
 * Callbacks run on the bus's own threads and must not block for long.
 */


#ifndef FIG_BUS_H_INCLUDED
#define FIG_BUS_H_INCLUDED


#include "fig_buf.h"


typedef struct {
    const char  *url;               /* nats://[USER:PASSWORD@]HOST:PORT, ... */
    const char  *name;              /* shown by the server */
    uint64_t     stream_max_bytes;
    uint64_t     stream_max_age;    /* ms */
    uint64_t     publish_pending;   /* publishes without an answer, at most */
    uint64_t     ack_wait;          /* ms until a message comes again */
    uint64_t     ack_pending;       /* messages without an ack, at most */
} fig_bus_conf_t;

typedef struct fig_bus_s           fig_bus_t;
typedef struct fig_subscription_s  fig_subscription_t;


typedef struct {
    const char  *name;              /* "USERS" */
    const char  *subjects;          /* "users.>" */
} fig_stream_t;

typedef struct {
    int64_t      created;           /* ns since 1970: another stream, another */
    uint64_t     first_seq;
    uint64_t     last_seq;
} fig_stream_info_t;

typedef struct {
    fig_str_t    subject;
    fig_str_t    data;
    uint64_t     seq;               /* in the stream */
    uint64_t     delivered;         /* 1: the first time */
    int64_t      time;              /* ns since 1970, when it was stored */
    void        *handle;            /* the backend's */
} fig_message_t;


/*
 * Returns at once, connected or not; connects and reconnects for ever in the
 * background.  FIG_INVALID: the URL; FIG_ERROR: no memory or threads.
 */

fig_status_t fig_bus_open(const fig_bus_conf_t *conf, fig_bus_t **bus)
    FIG_NODISCARD;
void fig_bus_close(fig_bus_t *bus);                            /* NULL: ok */
bool fig_bus_connected(fig_bus_t *bus);


/*
 * Makes the stream with the limits of conf, or looks at the one that is there.
 * FIG_AGAIN: no answer.  FIG_CONFLICT: there is one with other subjects, type
 * or retention; the log says what differs.
 */

fig_status_t fig_bus_stream(fig_bus_t *bus, const fig_stream_t *stream,
    fig_stream_info_t *info) FIG_NODISCARD;


/*
 * Sends a message to its stream; ack is called once when the server stored it
 * or refused.  id makes a repetition within two minutes harmless.  FIG_AGAIN:
 * not connected, or too many without an answer; FIG_INVALID: larger than the
 * server takes.  There may never be an answer: who publishes repeats.
 */

typedef void (*fig_bus_ack_pt)(void *data, uint64_t token,
    fig_status_t status);

fig_status_t fig_bus_publisher(fig_bus_t *bus, fig_bus_ack_pt ack, void *data,
    unsigned *publisher) FIG_NODISCARD;
fig_status_t fig_bus_publish(fig_bus_t *bus, unsigned publisher,
    const char *subject, const char *id, fig_str_t payload, uint64_t token)
    FIG_NODISCARD;


/*
 * A durable consumer of a stream, from start_seq on when it has to be made.
 * fresh throws away the one that is there.  One thread reads it.
 */

fig_status_t fig_bus_subscribe(fig_bus_t *bus, const fig_stream_t *stream,
    const char *durable, uint64_t start_seq, bool fresh,
    fig_subscription_t **subscription) FIG_NODISCARD;
void fig_bus_unsubscribe(fig_subscription_t *subscription);    /* NULL: ok */


/*
 * The last sequence number that the consumer knows to be acknowledged with
 * all before it.
 */

fig_status_t fig_bus_ack_floor(fig_subscription_t *subscription,
    uint64_t *seq) FIG_NODISCARD;


/*
 * The next message, waiting timeout ms at most: FIG_AGAIN.  The message is the
 * caller's, who gives it back with fig_bus_ack() (done with it) or
 * fig_bus_drop() (it comes again after ack_wait).
 */

fig_status_t fig_bus_next(fig_subscription_t *subscription, uint64_t timeout,
    fig_message_t *message) FIG_NODISCARD;
void fig_bus_ack(fig_message_t *message);
void fig_bus_drop(fig_message_t *message);


/*
 * Request and reply.  serve() answers requests for a subject, shared with all
 * who serve the same one; the reply goes into out, and what is marked failed
 * there is not sent.  FIG_AGAIN: nobody answered in timeout ms.
 */

typedef void (*fig_bus_serve_pt)(void *data, fig_str_t request,
    fig_buf_t *out);

fig_status_t fig_bus_serve(fig_bus_t *bus, const char *subject,
    fig_bus_serve_pt serve, void *data) FIG_NODISCARD;
fig_status_t fig_bus_request(fig_bus_t *bus, const char *subject,
    fig_str_t request, uint64_t timeout, fig_arena_t *arena,
    fig_str_t *reply) FIG_NODISCARD;


#endif /* FIG_BUS_H_INCLUDED */
