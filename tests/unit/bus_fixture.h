
/*
 * Copyright (C) Ficus authors
 */


/*
 * What the tests of the bus share: a server, a bus, what was answered.  The
 * cases of bus_cases.h are run on every bus, so nothing here and there knows
 * which it is: JetStream (bus_jetstream.c), or the one in memory of tests/sim.
 */


#ifndef BUS_FIXTURE_H_INCLUDED
#define BUS_FIXTURE_H_INCLUDED


#include <stdatomic.h>

#include "events_fixture.h"


#define MESSAGES  5000


/* the server of a bus; what fails ends the process */

typedef struct {
    const char   *name;

    /* takes a place, but does not start; the URL lives until drop */
    const char *(*create)(const char *config);
    void        (*drop)(void);

    /* the largest payload from the next start on */
    void        (*limit)(unsigned max_payload);
    void        (*start)(void);

    /* at once; what was stored is there at the next start */
    void        (*stop)(void);

    /* what may happen to USERS and its durable orders while it runs */
    void        (*remove)(void);
    void        (*forget)(void);
    void        (*discard)(void);        /* all messages, not the stream */

    /* while it is stopped: a copy of all, and back to that */
    void        (*keep)(void);
    void        (*restore)(void);
} bus_server_t;

extern const bus_server_t  bus_server;


typedef struct {
    fig_bus_conf_t       conf;
    fig_bus_t           *bus;
    fig_subscription_t  *sub;
    fig_arena_t         *arena;
    unsigned             publisher;

    atomic_uint          stored;
    atomic_uint          refused;
    atomic_int           refusal;                  /* the last */
    atomic_bool          answered[MESSAGES + 1];   /* by token */
} bus_test_t;


extern bus_test_t          bt;
extern const fig_stream_t  bt_stream;


void bt_setup(const char *config);
void bt_teardown(void);

/* the server, a bus that is connected to it, a stream */
void bt_begin(void);

/* counts the answers */
void bt_on_ack(void *data, uint64_t token, fig_status_t status);

/* "slow" takes a while, "silent" gets no answer */
void bt_on_request(void *data, fig_str_t request, fig_buf_t *out);

fig_status_t bt_publish(const char *id, const char *payload, uint64_t token);

/* until it can be published */
void bt_send(const char *subject, const char *id, const char *text,
    uint64_t token);

/* first to last, users/N/1, which say N: and waits until they are stored */
void bt_publish_many(unsigned first, unsigned last);

void bt_subscribe(uint64_t start_seq);             /* asserts that it can */
fig_status_t bt_next(uint64_t timeout, fig_message_t *message);

/* asserts that it is the next one, and what its number is */
void bt_expect(fig_message_t *message, uint64_t seq);

unsigned bt_number(const fig_message_t *message);  /* that it says */

/* until the subscription says that no more will come */
void bt_declined(unsigned ms);

fig_status_t bt_request(const char *text, uint64_t timeout, fig_str_t *reply);
uint64_t bt_since(uint64_t start);                 /* ms */


#endif /* BUS_FIXTURE_H_INCLUDED */
