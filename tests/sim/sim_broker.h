
/*
 * Copyright (C) Ficus authors
 */


/*
 * The broker, which is one server with streams, durable consumers and
 * requests, and the connections (links) of the processes to it.
 */


#ifndef SIM_BROKER_H_INCLUDED
#define SIM_BROKER_H_INCLUDED


#include "fig_bus_backend.h"
#include "sim.h"


#define SIM_STREAMS     2
#define SIM_MESSAGES    1024
#define SIM_PUBLISHERS  4
#define SIM_SERVICES    8
#define SIM_FETCHED     3
#define SIM_PAYLOAD     1048576


typedef struct {
    fig_str_t        subject;
    const char      *id;
    fig_str_t        payload;
    uint64_t         seq;
    uint64_t         stored;          /* when */
    int64_t          time;            /* the same, on the wall, ns */
} sim_message_t;

typedef struct {
    bool             exists;
    bool             mute;            /* nobody gets the messages */
    int64_t          created;
    uint64_t         first;
    uint64_t         last;
    sim_message_t   *messages[SIM_MESSAGES];   /* by seq - 1 */
} sim_log_t;

typedef struct sim_subscription_s  sim_subscription_t;

typedef struct {
    const char          *name;
    const char          *subjects;
    sim_log_t            now;
    sim_log_t            copy;        /* an older one */
    sim_subscription_t  *durable;     /* NULL: none */
} sim_stream_t;

struct sim_subscription_s {
    fig_subscription_t   base;
    sim_link_t          *link;
    uint64_t             session;
    sim_stream_t        *stream;
    bool                 dead;        /* the server has forgotten it */
    uint64_t             next;        /* to be delivered */
    uint64_t             farthest;    /* delivered */
    uint64_t             floor;       /* acknowledged, with all before */
    uint64_t             moved;       /* when the floor did */
    uint64_t             heard;       /* when the client heard of it */
    uint64_t             arriving;    /* the message that is on its way */
    uint64_t             arrives;     /* when it is here */
    unsigned             fetched_n;
    sim_message_t       *fetched[SIM_FETCHED];   /* that the client has */
};


typedef struct sim_ack_s      sim_ack_t;
typedef struct sim_call_s     sim_call_t;

struct sim_ack_s {
    unsigned             publisher;
    uint64_t             token;
    fig_status_t         status;
    sim_ack_t           *next;
};

struct sim_call_s {
    fig_str_t            request;
    fig_str_t            reply;
    bool                 answered;
    sim_call_t          *next;
};

typedef struct {
    const char          *subject;
    fig_bus_serve_pt     serve;
    void                *data;
    sim_call_t          *calls;
} sim_service_t;

/* of one process */
struct sim_link_s {
    sim_process_t       *process;
    uint64_t             life;
    uint64_t             session;     /* 0: there is no connection */
    uint64_t             cut;         /* until then there can be none */
    bool                 open;
    bool                 closing;
    unsigned             threads;
    uint64_t             max_payload;
    uint64_t             pending;     /* publishes, at most */
    uint64_t             ack_wait;
    uint64_t             ack_pending;
    uint64_t             unanswered;
    uint64_t             sent;        /* when the last of what was sent is
                                         at the broker */
    uint64_t             got;         /* the same the other way */
    bool                 calling;     /* an ack function runs */
    fig_bus_ack_pt       ack[SIM_PUBLISHERS];
    void                *data[SIM_PUBLISHERS];
    sim_ack_t           *acks;        /* that have arrived */
    sim_ack_t          **last_ack;
    sim_service_t        services[SIM_SERVICES];
};


extern const fig_bus_backend_t  sim_bus_backend;
extern sim_link_t               sim_links[SIM_PROCESSES];
extern sim_stream_t             sim_streams[SIM_STREAMS];
extern uint64_t                 sim_broker_down;     /* until then */
extern uint64_t                 sim_broker_max;      /* payload */


/* sim_broker.c */

void sim_broker_init(void);
sim_stream_t *sim_stream(const char *name);          /* NULL: unknown */
void sim_stream_create(sim_stream_t *stream, const char *subjects);
sim_message_t *sim_stream_message(const sim_stream_t *stream, uint64_t seq);
fig_status_t sim_stream_store(const sim_message_t *message);
sim_stream_t *sim_stream_of(fig_str_t subject);

/* what may happen to it */
void sim_broker_restart(uint64_t down);
void sim_stream_tail(sim_stream_t *stream, uint64_t n);
void sim_stream_wipe(sim_stream_t *stream);
void sim_stream_keep(sim_stream_t *stream);
void sim_stream_restore(sim_stream_t *stream);
void sim_stream_discard(sim_stream_t *stream, uint64_t n);
void sim_durable_forget(sim_stream_t *stream);
void sim_durable_move(sim_stream_t *stream, uint64_t seq);

/* sim_bus.c, sim_bus_*.c */

void sim_link_cut(sim_link_t *link, uint64_t until);
void sim_link_drop(sim_link_t *link);
bool sim_link_up(const sim_link_t *link);
void sim_link_try(void *data, uint64_t n);
void sim_link_answer(sim_link_t *link, uint64_t session, unsigned publisher,
    uint64_t token, fig_status_t status);

/* false: the request has got no answer; takes its time */
bool sim_bus_asked(sim_link_t *link);

fig_status_t sim_bus_subscribe(void *self, const fig_stream_t *stream,
    const char *durable, uint64_t start_seq, fig_subscription_t **out);
void sim_bus_unsubscribe(fig_subscription_t *subscription);
fig_status_t sim_bus_ack_floor(fig_subscription_t *subscription,
    uint64_t *seq);
fig_status_t sim_bus_next(fig_subscription_t *subscription, uint64_t timeout,
    fig_message_t *message);
void sim_bus_ack(fig_subscription_t *subscription, fig_message_t *message);
void sim_bus_drop(fig_subscription_t *subscription, fig_message_t *message);

fig_status_t sim_bus_publisher(void *self, fig_bus_ack_pt ack, void *data,
    unsigned *publisher);
void sim_bus_publisher_close(void *self, unsigned publisher);
uint64_t sim_bus_max_payload(void *self, fig_str_t id);
fig_status_t sim_bus_publish(void *self, unsigned publisher,
    const char *subject, const char *id, fig_str_t payload, uint64_t token);
void sim_bus_answers(void *data);

fig_status_t sim_bus_serve(void *self, const char *subject,
    fig_bus_serve_pt serve, void *data);
fig_status_t sim_bus_request(void *self, const char *subject,
    fig_str_t request, uint64_t timeout, fig_arena_t *arena,
    fig_str_t *reply);


#endif /* SIM_BROKER_H_INCLUDED */
