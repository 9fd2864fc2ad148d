// Copyright (C) Ficus authors
//
// Answers that a gateway gives after days of shadowing.

const DIFF = {
    split: 'users', since: '2026-11-01T08:00:00Z', compared: 48210,
    mismatched: 37, ratio: 0.000767, noise: { compared: 4800, mismatched: 2 },
    dropped: { busy: 3, size: 1 },
    routes: [
        { route: '/api/users/', compared: 40210, mismatched: 37,
            noise: { compared: 4000, mismatched: 2 }, fields: [
                { field: '$.email', kind: 'value', count: 35, noise: 0,
                    verdict: 'difference', examples: [
                        { at: '2026-11-20T22:14:03Z', uri: '/api/users/u17',
                            baseline: 'Ann@Example.org',
                            other: 'ann@example.org' },
                    ] },
                { field: '$.lastSeen', kind: 'value', count: 2, noise: 2,
                    verdict: 'noise', examples: [] },
            ] },
        { route: '/api/orders', compared: 8000, mismatched: 0,
            noise: { compared: 800, mismatched: 0 }, fields: [] },
    ],
};

const LEDGER = {
    split: 'users', since: '2026-11-01T08:00:00Z',
    routes: [
        { route: '/api/users/', requests: { v1: 8123, v2: 81230 },
            share: { v1: 9.09, v2: 90.91 }, rescued: 12, compared: 40210,
            mismatched: 37, last_baseline: '2026-11-21T09:59:58Z',
            baseline_idle_seconds: 2, verdict: 'needed',
            says: '9 % of the requests of the last day went to v1' },
        { route: '/api/users/batch', requests: { v1: 3, v2: 902 },
            share: { v1: 0.33, v2: 99.67 }, rescued: 0, compared: 0,
            mismatched: 0, last_baseline: '2026-11-07T11:00:00Z',
            baseline_idle_seconds: 1209600, verdict: 'unneeded',
            says: 'nothing has needed v1 on this route for 14 days' },
    ],
};

const SHADOW = { share: 10, in_flight: 2, started: 48260, compared: 48210,
    mismatched: 37, failed: 46, dropped: 4 };


// Lets a page see these answers in the place of the gateway's.

export async function comparison(page,
    { diff = DIFF, ledger = LEDGER, ready = null } = {})
{
    if (ready) {
        await page.route('**/readyz', (route) =>
            route.fulfill({ json: ready }));
    }

    await page.route('**/splits/users/diff', (route) =>
        route.fulfill({ json: diff }));
    await page.route('**/splits/users/ledger', (route) =>
        route.fulfill({ json: ledger }));
    await page.route('**/api/v1/splits', async (route) => {
        const splits = await (await route.fetch()).json();

        splits[0].shadow = SHADOW;
        await route.fulfill({ json: splits });
    });
}


// The same with two texts of somebody who means harm, in every place.

export function hostile(one, two) {
    const verdict = { verdict: one, says: two };

    return {
        diff: { ...DIFF, since: one, routes: [{ route: one, compared: 2,
            mismatched: 1, noise: { compared: 0, mismatched: 0 }, fields: [
                { field: two, kind: one, count: 1, noise: 0, verdict: two,
                    examples: [{ at: two, baseline: one, other: { a: two },
                        uri: one }] },
            ] }] },
        ledger: { ...LEDGER, since: two, routes: [{ ...LEDGER.routes[0],
            ...verdict, route: one, share: { [one]: 50, [two]: 50 },
            last_baseline: two }] },
        ready: { status: one, checks: { [one]: two } },
    };
}
