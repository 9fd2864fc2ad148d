
/*
 * Copyright (C) Ficus authors
 */


/*
 * The demonstration: users and orders under load while P goes from 100 to 0.
 * One thread; all requests run side by side in one curl multi handle.
 */


#ifndef FICUS_DEMO_H_INCLUDED
#define FICUS_DEMO_H_INCLUDED


#include <curl/curl.h>
#include <json.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fig_status.h"


#define DEMO_USERS      100
#define DEMO_STEPS      11
#define DEMO_JOBS       64
#define DEMO_LAGS       4096
#define DEMO_TEXT       96

#define DEMO_RATE       400      /* requests a second */
#define DEMO_STEP_TIME  1.6      /* seconds at each P */


typedef enum {
    DEMO_CALL,                   /* somebody waits for it */
    DEMO_USER,
    DEMO_ORDER,
    DEMO_READ,
    DEMO_CHANGE,
    DEMO_FOLLOW,
    DEMO_VERIFY,
    DEMO_DROP_ORDER,
    DEMO_DROP_USER
} demo_kind_t;

typedef struct {
    bool                busy;
    bool                done;           /* a call whose answer is being read */
    demo_kind_t         kind;
    int                 user;
    int                 step;
    long                status;         /* 0: no answer */
    double              ended;
    CURL               *curl;
    struct curl_slist  *headers;
    size_t              len;
    char                version[16];    /* X-Service-Version */
    char                what[160];      /* for messages */
    char                body[8192];
    char                error[CURL_ERROR_SIZE];
} demo_job_t;

typedef struct {
    bool      user;                     /* there is one */
    bool      order;
    bool      busy;                     /* a change is on its way */
    bool      follow;                   /* the order has to be asked again */
    bool      dropping;
    unsigned  changes;
    double    changed;                  /* when the change was answered */
    double    next;
    char      id[48];
    char      email[DEMO_TEXT];
    char      address[DEMO_TEXT];
} demo_user_t;

typedef struct {
    unsigned  p;
    unsigned  requests;
    unsigned  v1;
    unsigned  errors;
    unsigned  changes;
    size_t    nlags;
    double    lags[DEMO_LAGS];          /* seconds */
} demo_step_t;

typedef struct {
    const char   *gateway;
    const char   *admin;
    bool          terminal;
    bool          color;
    bool          utf8;

    CURLM        *multi;
    unsigned      running;
    demo_job_t   *call;                 /* the last one */
    demo_job_t    jobs[DEMO_JOBS];

    demo_user_t   users[DEMO_USERS];
    demo_step_t   steps[DEMO_STEPS];
    int           step;                 /* -1: not yet */
    unsigned      made;                 /* orders */
    unsigned      changes;
    unsigned      requests;
    unsigned      errors;
    unsigned      behind;               /* orders that did not follow */
    char          first_error[512];

    json_object  *weights;              /* before */
    double        due;                  /* when the next request may go */
    double        drawn;
    unsigned      lines;
} demo_t;


/* set by SIGINT and SIGTERM */

extern volatile sig_atomic_t  demo_interrupted;


/* job.c */

double demo_now(void);
int demo_open(demo_t *demo);
void demo_close(demo_t *demo);

/*
 * body is released; NULL: none.  The job is NULL when all are busy.
 */

demo_job_t *demo_start(demo_t *demo, demo_kind_t kind, int user,
    const char *method, const char *url, json_object *body);

/*
 * Lets what runs go on, for ms at most, and handles what has ended.
 */

void demo_turn(demo_t *demo, int ms);

/*
 * A call to the admin port; the answer is in the job until the next one.
 */

demo_job_t *demo_call(demo_t *demo, const char *method, const char *path,
    json_object *body);
json_object *demo_json(const demo_job_t *job);      /* NULL: it is none */
void demo_error(demo_t *demo, const demo_job_t *job, const char *why);

/* act.c: what is asked, and what becomes of the answers */

/*
 * False: all jobs are busy.
 */

bool demo_make_user(demo_t *demo, int i);
bool demo_change(demo_t *demo);
bool demo_verify(demo_t *demo, int i);
bool demo_drop(demo_t *demo, int i);

void demo_read(demo_t *demo);
void demo_follow(demo_t *demo);
void demo_ended(demo_t *demo, demo_job_t *job);

/* split.c */

int demo_split_save(demo_t *demo);
int demo_split_p(demo_t *demo, unsigned p);
int demo_split_restore(demo_t *demo);

/* load.c */

int demo_load(demo_t *demo);
int demo_clean(demo_t *demo);

/* show.c */

void demo_show_start(demo_t *demo);
void demo_show(demo_t *demo, const char *what, bool now);
void demo_show_step(demo_t *demo);
void demo_show_end(demo_t *demo, bool clean);


#endif /* FICUS_DEMO_H_INCLUDED */
