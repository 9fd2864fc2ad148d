
/*
 * Copyright (C) Ficus authors
 */


/*
 * Source: answers, over the bus, those who keep a replica of a collection and
 * want to know whether it is right.  Three requests, of NAME.digest,
 * NAME.bucket and NAME.get below ficus.rpc; NAME is the topic's:
 *
 *     {"after":"u1"}
 *         {"hash":1,"until":"u9","more":true,"sums":"0123..."}
 *
 *     {"after":"u1","until":"u5","buckets":"8000..."}
 *         {"until":"u5","more":false,"rows":[["u2",7,false],...]}
 *
 *     {"ids":["u2","u3"]}
 *         a JSON text sequence (RFC 7464) of {"missing":"u2"},
 *         {"large":"u2"} and events as fig_event_encode() writes them, one for
 *         each id in their order, from the first as many as the reply takes
 *
 * Sums are those of fig_digest.h, over a range of ids from behind after (none:
 * the first) to until.  An answer ends where it has become long enough; more:
 * there are ids behind until.  "large" cannot be sent.  {"error":"..."} says
 * what is wrong with a request; a store that cannot be read gets no answer.
 *
 * Nothing is kept between requests, so that any process that has the store may
 * answer any of them; each kind has a thread of its own, which reads the store
 * in pages.
 */


#ifndef FIG_SOURCE_H_INCLUDED
#define FIG_SOURCE_H_INCLUDED


#include "fig_event.h"


#define FIG_SOURCE_DIGEST   "digest"
#define FIG_SOURCE_BUCKET   "bucket"
#define FIG_SOURCE_GET      "get"

#define FIG_SOURCE_SUBJECT  128

/* ids in a get; begins an element of its answer */
#define FIG_SOURCE_IDS      1000
#define FIG_SOURCE_RECORD   '\x1e'


typedef struct {
    fig_store_t        *store;
    const fig_topic_t  *topic;
} fig_source_t;


/*
 * The subject of a request; FIG_SOURCE_SUBJECT bytes hold it.
 */

void fig_source_subject(const fig_topic_t *topic, const char *request,
    char *subject);


/*
 * From now on until the bus is closed; source, with both of its fields set,
 * must live as long.  What fig_bus_serve() returns.
 */

fig_status_t fig_source_serve(fig_source_t *source, fig_bus_t *bus)
    FIG_NODISCARD;


#endif /* FIG_SOURCE_H_INCLUDED */
