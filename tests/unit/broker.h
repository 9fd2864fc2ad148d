
/*
 * Copyright (C) Ficus authors
 */


/*
 * A nats-server of a test's own, on loopback and a free port, with JetStream
 * in a directory of its own.  What fails here ends the process.  The server
 * dies with whoever started it.
 */


#ifndef BROKER_H_INCLUDED
#define BROKER_H_INCLUDED


#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>


typedef struct {
    pid_t        pid;             /* 0: it does not run */
    unsigned     port;
    bool         jetstream;       /* open sets it */
    const char  *config;          /* more lines for it, or NULL */
    char         dir[4096];
    char         url[256];
} broker_t;


/* $FICUS_NATS_SERVER, or nats-server in the path */
bool broker_there(void);

/* takes a port, but does not start */
void broker_open(broker_t *broker, const char *config);
void broker_start(broker_t *broker);
void broker_kill(broker_t *broker, int signal);     /* and waits for its end */
void broker_wipe(broker_t *broker);                 /* all that it stored */
void broker_keep(broker_t *broker);                 /* a copy of that */
void broker_restore(broker_t *broker);              /* what was kept is back */
void broker_close(broker_t *broker);

/* through a connection of their own; false: there was none */
bool broker_delete_stream(broker_t *broker, const char *stream);
bool broker_delete_durable(broker_t *broker, const char *stream,
    const char *durable);
bool broker_publish(broker_t *broker, const char *subject, const char *data);
bool broker_purge(broker_t *broker, const char *stream);
bool broker_add_stream(broker_t *broker, const char *stream,
    const char *subjects, bool memory, bool queue);
int64_t broker_max_bytes(broker_t *broker, const char *stream);
uint64_t broker_messages(broker_t *broker, const char *stream);

void broker_sleep(unsigned ms);


#endif /* BROKER_H_INCLUDED */
