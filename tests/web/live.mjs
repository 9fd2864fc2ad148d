// Copyright (C) Ficus authors
//
// The figures are those of the gateway, of the last minute, and not older
// without saying so; many splits and many arms; a breaker that opens.

import { admin, api, close, expect, finish, gateway, is, ok, open, split,
    traffic, until, wait } from './lib/browser.mjs';

await api('PUT', '/p', { p: 30 });

let asked = 0;
const page = await open({ path: '/#/users', prepare: (fresh) =>
    fresh.on('request', (request) => {
        asked += request.url().endsWith('/api/v1/splits');
    }) });


// Modules by themselves.

is(await page.evaluate(async () => {
    const { parseSeconds, key, quantile } =
        await import('/dashboard/metrics.js');
    const line = (le, n) =>
        `ficus_split_seconds_bucket{split="a\\"b}",arm="x",le="${le}"} ${n}`;
    const text = (...counts) => ['0.1', '0.2', '+Inf'].map((le, i) =>
        line(le, counts[i])).join('\n')
        + `\nficus_split_seconds_count{split="a\\"b}",arm="x"} ${counts[2]}\n`;
    const first = parseSeconds(text(10, 10, 10)).get(key('a"b}', 'x'));
    const last = parseSeconds(text(20, 30, 31)).get(key('a"b}', 'x'));

    return [last.count, ...[[0.5, null, last], [0.5, first, last],
        [0.99, first, last], [0.5, last, last]].map((all) =>
        quantile(...all)?.toFixed(4) ?? 'none')].join(' ');
}), '31 0.0775 0.1050 0.2000 none', 'quantiles as Prometheus has them');


is(await page.evaluate(async () => {
    const { health, takeSplits } = await import('/dashboard/model.js?alone');
    const one = (requests, failures) => ({ name: 'a', generation: 1,
        arms: [{ name: 'x', state: 'closed', requests, failures,
            rescued: 0 }] });

    takeSplits([one(0, 0)], new Map(), 0);
    takeSplits([one(9000, 0)], new Map(), 49000);
    takeSplits([one(9100, 60)], new Map(), 59000);

    return Object.values(health(one(9100, 60))).join(': ');
}), 'bad: x fails 60.0\u00a0% of its requests',
'errors that have just begun are not lost in the minute before');


// Figures.

await text('.shares .title', /No request in the last minute|Counting/,
    'no request yet');

const stop = traffic();

await text('.shares .title', /All arms answer well/, 'requests, all is well');
await text('.seen', /v1 (2\d|3\d)\.\d\d\s%, v2 (6\d|7\d)\.\d\d\s%/,
    'the share seen is near the share set');

for (const arm of ['v1', 'v2']) {
    const card = page.getByRole('article', { name: `Arm ${arm}` });

    for (const pattern of [/breaker closed/, /Requests\s*\d/,
        /Errors\s*0\.0\s%/, /p50\s*[\d.]+\sms/, /p99\s*[\d.]+\sm?s/])
    {
        await until(async () => pattern.test(await card.innerText()),
            `${arm}: ${pattern}`);
    }
}

await until(async () => {
    const { arms } = await split();
    const path = await page.locator('.panel.times path').first()
        .getAttribute('d');

    return arms[0].requests > 20 && /^M.*L/.test(path);
}, 'a curve is drawn');
ok(/Latency in the last 5 minutes, now: v1 p99 [\d.]+\sm?s/.test(await page
    .locator('.panel.times svg').getAttribute('aria-label')),
'and said in words');
await page.getByText('Latency as numbers').click();
await text('.panel.times table',
    /Time\s+v1 p99\s+v1 p50\s+v2 p99\s+v2 p50\s+\d/, 'and as numbers');
await wait(2500);
ok(await page.locator('.panel.times table').isVisible(),
    'what was opened stays open');
ok(/^v1 30 \/ v2 70 · users/.test(await page.title()), 'the title has shares',
    await page.title());


// Another split, of three arms, by a link and by its address.

await page.getByRole('link', { name: 'search' }).click();
await text('h1', /^search$/, 'another split');
ok(page.url().endsWith('#/search'), 'with an address of its own');
is(await page.getByRole('slider').count(), 0, 'no slider for three arms');

const review = page.getByRole('button', { name: 'Review the change' });

await page.getByRole('spinbutton', { name: 'lucene', exact: true }).fill('7');
await text('#weights-sum', /102\.50 %, not 100/, 'the sum is wrong');
ok(await review.isDisabled(), 'which cannot be sent');
await page.getByRole('spinbutton', { name: 'old', exact: true }).fill('91.5');
await review.click();
await page.getByRole('dialog').getByRole('button', { name: 'Change them' })
    .click();
await until(async () => {
    const all = await (await fetch(`${admin}/api/v1/splits/search`)).json();

    return all.arms.map(({ configured }) => configured).join() === '91.5,7,1.5';
}, 'three weights are set');
await page.goBack();
await text('h1', /^users$/, 'back');


// No answer: stale since, then live again, by itself.

await page.route('**/*', (route) => route.abort());
await text('.status', /Stale since \d\d:\d\d:\d\d/, 'no answer is stale');
await text('#live', /No answer: stale since/, 'which is announced');
ok(await page.locator('body.stale').count() === 1, 'and seen');
await text('.shares .title', /Was well at \d\d:\d\d:\d\d/,
    'what nobody sees is not called well');
await text('#splits', /3, not live/, '... nor are all of them');
await wait(6000);
ok(!(await page.locator('.status').innerText()).includes('down'),
    'which is not said of the services, of which nothing is known');
asked = 0;
await wait(4000);
ok(asked <= 3, 'it asks less often meanwhile', asked);
await page.unroute('**/*');
await text('.status', /Live/, 'live again');
expect(/ERR_FAILED/);


// Never an answer: it says so, and what to do.

const late = await open({ prepare: (fresh) =>
    fresh.route('**/api/v1/**', (route) => route.abort()), shows: '.failed' });

ok(/The gateway does not answer.*no answer.*ficusctl doctor/s.test(await late
    .locator('#split').innerText()), 'no answer at all');
await close(late);
expect(/ERR_FAILED/);


// A service behind the gateway that is not well.

await page.route('**/workers/orders/readyz', (route) =>
    route.fulfill({ status: 504, json: { status: 504, detail: 'too late' } }));
await text('.status', /orders is down/, 'the bar has a service that is down');
await text('.workers', /orders\s*down\s*too late/, 'the panel says why');
await page.unroute('**/workers/orders/readyz');
expect(/504/);


// Whoever follows others is shown with each of them; the gateway tells who
// there is.

await text('.workers', /orders\s*ok\s*in step with users, .*no dead letters/s,
    'what orders follows');
await page.route('**/workers/', (route) =>
    route.fulfill({ json: ['orders', 'stats'] }));
await page.route('**/workers/stats/*', (route) => {
    const { pathname, searchParams } = new URL(route.request().url());
    const source = searchParams.get('source') ?? 'products';
    const at = new Date().toISOString();
    const answers = {
        readyz: { status: 'ok', checks: { store: 'ok', sync: 'ok' } },
        sync: { source, sources: ['products', 'orders'],
            last: { result: source === 'orders' ? 'differs' : 'level', at } },
        dlq: source === 'orders' ? [{}, {}] : [{}],
    };

    return route.fulfill({ json: answers[pathname.split('/').pop()] });
});
await text('.workers', new RegExp('stats\\s*ok\\s*in step with products, '
    + '.*compared with orders: differs, .*3 dead letters', 's'),
'a new one, and all that it follows');
is(await page.locator('.workers li').count(), 2, 'nobody else');
await page.unroute('**/workers/');
await page.unroute('**/workers/stats/*');


// Nobody looks: it hardly asks.

await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { value: true,
        configurable: true });
});
await wait(1500);
asked = 0;
await wait(4000);
ok(asked <= 1, 'hidden: it hardly asks', asked);
await page.evaluate(() => {
    delete document.hidden;
    document.dispatchEvent(new Event('visibilitychange'));
});
await until(() => asked >= 2, 'seen again: it asks at once');


// An arm that fails.

await page.goto(`${admin}/#/broken`);
await page.reload();
await text('h1', /^broken$/, 'a split that is broken, by its address');
await Promise.all(Array.from({ length: 40 }, () =>
    fetch(`${gateway}/broken`)));
await text('.shares .title', /new is (switched off|being tried again)/,
    'said first');
await text('.numbers', /old.*100.*new.*0.*set to 50/s,
    'what is in effect, and what was set');
await text('.arm:last-child',
    /breaker (half-)?open.*(tries|probe).*Rescued\s*\d/s,
    'the card has breaker, reason and rescues');
await text('#splits', /broken\s*, new is (switched off|being tried)/,
    'the list has it, too');
ok((await page.title()).startsWith('!'), 'so has the title');
await page.goto(`${admin}/#/search`);
await text('#splits', /1 of 3 not well\s+broken/s, 'and stands first');


// On a phone: many splits, rows that are cards, no column outside.

const phone = await open({ path: '/#/users',
    viewport: { width: 320, height: 640 } });

ok(await phone.evaluate(() => document.documentElement.scrollWidth
    <= innerWidth), 'a phone: nothing is wider than the screen');
is(await phone.evaluate(() => [...document.querySelectorAll(
    '.history tbody tr:first-child > *')].filter((cell) =>
    cell.getBoundingClientRect().right <= innerWidth
    && getComputedStyle(cell, '::before').content.length > 2).length), 7,
'a phone: each cell is in sight, and says what it is');
ok(await phone.locator('#splits [aria-current]').evaluate((node) => {
    const { left, right } = node.getBoundingClientRect();

    return left >= 0 && right <= innerWidth;
}), 'a phone: the split that is shown is in sight in the list');
is(await phone.getByRole('columnheader', { name: 'Way back' }).count(), 1,
    'a phone: it is a table nevertheless');
await close(phone);

await stop();
await close(page);
await finish();


async function text(selector, pattern, name) {
    await until(async () => pattern.test(await page.locator(selector)
        .innerText()) || `have ${await page.locator(selector).innerText()}`,
    name);
}
