
/*
 * Copyright (C) Ficus authors
 */


#include "ctl.h"


const char *const  ctl_workers[CTL_WORKERS] = {
    "users-v1",
    "users-v2",
    "orders"
};

const char *const  ctl_names[CTL_DATABASES] = {
    "users",
    "orders"
};
