// Copyright (C) Ficus authors
//
// Takes the pictures, see pictures.pl.

import { api, close, finish, gateway, is, open, wait }
    from './lib/browser.mjs';

const WARM_UP = 120000;         // ms
const SIZE = { width: 1280, height: 1180 };
const LOOKS = {
    light: { colorScheme: 'light', viewport: SIZE },
    dark: { colorScheme: 'dark', viewport: SIZE },
    phone: { colorScheme: 'dark', viewport: { width: 360, height: 780 },
        deviceScaleFactor: 2 },
};

const names = ['ann', 'bob', 'eve', 'joe', 'kim', 'lee'];
let working = true;

await Promise.all(names.map((name) => gatewayCall('POST', '', {
    userId: name, email: `${name}@example.org`, deliveryAddress: '1 Fig Lane',
})));
await set({ v1: 99, v2: 1 }, 'ann', 'canary');
await set({ v1: 90, v2: 10 }, 'ann', 'one user in ten');
await set({ v1: 99, v2: 1 }, 'bob', 'phones without a plus');
await set({ v1: 75, v2: 25 }, 'ann', 'phones are mended');

const work = Promise.all([1, 2, 3, 4].map(load));
const pages = Object.fromEntries(await Promise.all(Object.entries(LOOKS)
    .map(async ([name, look]) => [name, await open(look)])));

await wait(WARM_UP / 3);
await api('POST', '/ramp', { to: { v1: 0, v2: 100 }, step: 12.5, every: 30,
    guards: { max_error_ratio: 0.02, max_latency_ratio: 3, quantile: 0.99,
        min_requests: 200 } }, { 'X-Changed-By': 'ann',
    'X-Reason': 'the rest, slowly' });
await wait(WARM_UP * 2 / 3);

await pages.dark.locator('.curves').evaluate((node) =>
    scrollTo(0, node.getBoundingClientRect().top - 80));

for (const [name, page] of Object.entries(pages)) {
    await page.screenshot({
        path: `${process.env.FICUS_PICTURES}/dashboard-${name}.png` });
    is((await page.locator('h1').textContent()), 'users', `${name}: taken`);
    await close(page);
}

working = false;
await work;
await finish();


async function set(weights, by, reason) {
    await api('PUT', '/weights', weights, { 'X-Changed-By': by,
        'X-Reason': reason });
}


function gatewayCall(method, path, body) {
    return fetch(`${gateway}/api/users${path}`, { method,
        headers: body && { 'Content-Type': 'application/json' },
        body: body && JSON.stringify(body) })
        .then((response) => response.arrayBuffer(), () => null);
}


async function load(lane) {
    for (let i = 0; working; i++) {
        const name = names[Math.floor(Math.random() * names.length)];

        await (i % 20 ? gatewayCall('GET', `/u${lane}-${i % 997}`)
            : gatewayCall('PATCH', `/${name}`,
                { deliveryAddress: `${i} Fig Lane` }));
        await wait(15);
    }
}
