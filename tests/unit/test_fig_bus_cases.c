
/*
 * Copyright (C) Ficus authors
 */


/* What every bus has to do, with JetStream. */


#include "bus_cases.h"
#include <stdio.h>
#include <stdlib.h>


int
main(void)
{
    if (!broker_there()) {
        puts("1..0 # SKIP nats-server was not found");
        return EXIT_SUCCESS;
    }

    return bus_cases_run(NULL);
}
