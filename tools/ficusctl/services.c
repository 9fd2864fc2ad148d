
/*
 * Copyright (C) Ficus authors
 */


#include <string.h>

#include "ctl.h"
#include "workers.h"


#define CTL_ROW(worker, database, collection)                                 \
    { (database), (collection) }


const ctl_store_t  ctl_stores[] = {
    WORKERS(CTL_ROW),
    { NULL, NULL }
};


/* workers that share a database have a row each */

const ctl_store_t *
ctl_store(const ctl_store_t *store)
{
    const ctl_store_t  *before;

    for (/* void */; store->name != NULL; store++) {

        for (before = ctl_stores; strcmp(before->name, store->name) != 0;
             before++)
        {
            /* void */
        }

        if (before == store) {
            return store;
        }
    }

    return NULL;
}


const ctl_store_t *
ctl_own(const ctl_store_t *store)
{
    store = ctl_store(store);

    while (store != NULL && store->own == NULL) {
        store = ctl_store(store + 1);
    }

    return store;
}


void
ctl_own_error(const char *what)
{
    const ctl_store_t  *store;

    fprintf(stderr, "ficusctl: %s", what);

    for (store = ctl_own(ctl_stores); store != NULL;
         store = ctl_own(store + 1))
    {
        fprintf(stderr, " %s", store->name);
    }

    fputc('\n', stderr);
}
