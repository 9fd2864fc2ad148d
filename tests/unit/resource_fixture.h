
/*
 * Copyright (C) Ficus authors
 */


/*
 * What the tests of resources share: a resource over a real store, whose bus is
 * away, and short ways to ask it.
 */


#ifndef RESOURCE_FIXTURE_H_INCLUDED
#define RESOURCE_FIXTURE_H_INCLUDED


#include "fig_resource.h"
#include "store_fixture.h"


extern fig_resource_t   things;
extern fig_arena_t     *memory;
extern fig_response_t   answer;        /* of the last request */

/* headers of the next request */
extern const char      *if_match;
extern const char      *if_none_match;
extern const char      *once_key;
extern const char      *once_more;     /* the same header once more */


void resource_setup(void);             /* on the first of backends */
void resource_open(int n);
void resource_teardown(void);

/* id and mail are required */
void resource_check(const fig_resource_t *resource, fig_change_t *change);


/* each returns the status */

unsigned make(const char *body);
unsigned get(const char *id);
unsigned put(const char *id, const char *body);
unsigned patch(const char *id, const char *body);
unsigned bury(const char *id);
unsigned list(const char *query);
unsigned make_many(const char *body);
unsigned bury_all(void);

bool has_header(const char *line);
bool body_has(const char *text);


#endif /* RESOURCE_FIXTURE_H_INCLUDED */
