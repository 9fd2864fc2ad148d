
/*
 * Copyright (C) Ficus authors
 */


/*
 * Bugs on purpose, to see that the checker finds them; only in the program
 * that is built with SIM_BUGS, and there only the one that --bug names.
 */


#ifndef SIM_BUGS_H_INCLUDED
#define SIM_BUGS_H_INCLUDED


#include "sim_broker.h"
#include "sim_store.h"


#ifdef SIM_BUGS

bool sim_bug_known(const char *name);
void sim_bugs_list(void);
void sim_bugs_init(void);

/* true: op->status is set */
bool sim_bug_decide(const sim_table_t *table, const fig_doc_t *row,
    fig_op_t *op);
/* true: the ops are as good as written */
bool sim_bug_write(sim_database_t *database, fig_op_t *ops, size_t n);
void sim_bug_stored(const sim_table_t *table, fig_doc_t *doc);
void sim_bug_settled(sim_table_t *table, const fig_doc_t *row);
void sim_bug_publish(sim_link_t *link, unsigned publisher, uint64_t token,
    const char *id);
void sim_bug_connected(sim_link_t *link);
void sim_bug_info(fig_stream_info_t *info);
void sim_bug_time(int64_t *time);
void sim_bug_next(const fig_message_t *message);
void sim_bug_start(sim_process_t *process);

#else

#define sim_bug_known(name)                        false
#define sim_bugs_list()
#define sim_bugs_init()
#define sim_bug_decide(table, row, op)             false
#define sim_bug_write(database, ops, n)            false
#define sim_bug_stored(table, doc)
#define sim_bug_settled(table, row)
#define sim_bug_publish(link, publisher, token, id)
#define sim_bug_connected(link)
#define sim_bug_info(info)
#define sim_bug_time(time)
#define sim_bug_next(message)
#define sim_bug_start(process)

#endif


#endif /* SIM_BUGS_H_INCLUDED */
