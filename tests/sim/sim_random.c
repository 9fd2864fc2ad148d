
/*
 * Copyright (C) Ficus authors
 */


#include "sim.h"


/* splitmix64 */

static uint64_t
sim_random_next(void)
{
    uint64_t  z;

    sim.random += 0x9e3779b97f4a7c15;
    z = sim.random;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;

    return z ^ (z >> 31);
}


uint64_t
sim_random(uint64_t n)
{
    return (uint64_t) (((unsigned __int128) sim_random_next() * n) >> 64);
}


uint64_t
sim_between(uint64_t from, uint64_t to)
{
    return from + sim_random(to - from + 1);
}


bool
sim_odds(unsigned per_mille)
{
    return sim_random(1000) < per_mille;
}


bool
sim_trouble(unsigned kind)
{
    return (sim.faults & kind) != 0 && sim.healed == 0 && sim_odds(sim.odds);
}


/* mostly short, now and then long, seldom very long */

uint64_t
sim_delay(void)
{
    uint64_t  n;

    n = sim_random(256);

    if (n < 160) {
        return n & 15;
    }

    if (n < 250 || sim.healed != 0) {
        return sim_random(2000);
    }

    return n < 255 ? sim_random(50000) : sim_random(1500000);
}


void
sim_mix(uint64_t n)
{
    sim.hash = (sim.hash ^ n) * 0x100000001b3;
    sim.hash ^= sim.hash >> 29;
}
