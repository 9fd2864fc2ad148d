
/*
 * Copyright (C) Ficus authors
 */


#include "ctl.h"


const char *const  ctl_names[CTL_DATABASES] = {
    "users",
    "orders"
};
