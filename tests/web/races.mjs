// Copyright (C) Ficus authors
//
// What comes late, by halves, or for a split that is no longer shown.

import { api, close, configured, expect, finish, is, ok, open, traffic, until,
    wait } from './lib/browser.mjs';

const SPLITS = '**/api/v1/splits';
const RAMP = { state: 'running', step: 1, of: 9, points: 10, every: 60,
    from: { v1: 100, v2: 0 }, to: { v1: 0, v2: 100 }, verdict: 'hold',
    why: 'too few requests', down: 'snap', guards: {} };

// Two splits, of which the second one may go, with ramps if that is said.
const world = { other: true, ramps: false };
const posts = [];

let page = await open();
let dialog = page.getByRole('dialog');


// A poll that was asked before a change and is answered after it.

const late = {};

await page.route(SPLITS, async (route) => {
    const response = await route.fetch();

    if (late.asked) {
        late.asked();
        delete late.asked;
        await late.released;
    }

    await route.fulfill({ response });
});

const asked = new Promise((resolve) => { late.asked = resolve; });
let release;

late.released = new Promise((resolve) => { release = resolve; });
await asked;
await page.getByRole('spinbutton', { name: 'v2', exact: true }).fill('30');
await confirm('Review the change', 'Change them');
await notice(/weights are changed/, 'the change is made');
await until(() => page.locator('.numbers').textContent().then((text) =>
    text.startsWith('v1baseline70.00')), 'the page shows it');
await page.evaluate(() => {
    globalThis.shown = [];
    new MutationObserver(() => shown.push(
        document.querySelector('.numbers').textContent))
        .observe(document.getElementById('split'),
            { subtree: true, childList: true, characterData: true });
});
release();
await wait(1500);
is(await page.evaluate(() => shown.filter((text) =>
    !text.startsWith('v1baseline70.00')).length), 0,
'an old answer does not undo it');
ok(await page.evaluate(() => shown.length > 0), 'while the page is drawn');
await page.unroute(SPLITS);


// A change whose answer is cut, or is that of a proxy.

for (const [what, answer] of [
    ['half an answer', (text) => ({ status: 200, body: text.slice(0, 20) })],
    ['a proxy', () => ({ status: 502, body: '<html>' })],
]) {
    await page.route('**/weights', async (route) => {
        const response = await route.fetch();

        await route.fulfill({ contentType: 'application/json',
            ...answer(await response.text()) });
    });
    await page.getByRole('spinbutton', { name: 'v2', exact: true })
        .fill(what === 'a proxy' ? '50' : '40');
    await confirm('Review the change', 'Change them');
    await notice(/may have been made or not/, `${what}: nobody knows`);
    await page.unroute('**/weights');
    await page.getByRole('button', { name: 'Dismiss' }).click();
    await until(() => page.getByRole('button', { name: 'Reset' })
        .isDisabled(), `${what}: the page has seen that it was made`);
}

is(await configured(), 'v1=50 v2=50', 'both were made');
expect(/502/);


// Answers that come in another order than the questions.

await page.route('**/explain?key=slow', async (route) => {
    await wait(1000);
    await route.continue();
});
await look('slow');
await look('fast');
await until(() => explained().then((text) => text.startsWith('fast goes')),
    'a key');
await wait(1500);
ok((await explained()).startsWith('fast goes'), 'a late answer is not shown');
await close(page);


// Back and forward, and a split that goes.

page = await open({ prepare: (fresh) => fresh.route(SPLITS, twoSplits) });
dialog = page.getByRole('dialog');
await page.getByRole('link', { name: 'other' }).click();
await shows('other', 'another split');
await page.goBack();
await shows('users', 'back to the first one');
await page.goForward();
await shows('other', 'and forward');

await page.getByRole('spinbutton', { name: 'v2', exact: true }).fill('90');
world.other = false;
await shows('users', 'its split is gone');
is(await page.getByRole('spinbutton', { name: 'v2', exact: true })
    .inputValue(), '50', 'a draft is of one split');
ok(await page.getByRole('button', { name: 'Review the change' }).isDisabled(),
    'and not sent to another one');
world.other = true;
world.ramps = true;
await page.evaluate(() => { location.hash = '#/users'; });
await shows('users', 'one');
await page.evaluate(() => { location.hash = '#/other'; });
await shows('other', 'and two');
await page.route('**/ramp/abort', async (route) => {
    posts.push(new URL(route.request().url()).pathname);
    await route.fulfill({ status: 409, contentType: 'application/json',
        body: '{"detail": "not now", "status": 409}' });
});
await page.getByRole('button', { name: 'Abort' }).click();
await page.goBack();
await shows('users', 'back, behind the question');
await dialog.getByRole('button', { name: 'Abort it' }).click();
await notice(/not now/, 'the question was answered');
is(posts.join(), '/api/v1/splits/other/ramp/abort',
    'what was asked for is done, and to the split that it was about');
expect(/409/);
expect(/404/);
await close(page);


// A clock that is set back.

page = await open({ prepare: (fresh) => fresh.addInitScript(() => {
    const now = Date.now;

    globalThis.skew = 0;
    Date.now = () => now() + globalThis.skew;
}) });

const stop = traffic();

await wait(3000);
await page.evaluate(() => { globalThis.skew = -3600000; });
await wait(3000);
await stop();
ok(!/[-−]\d+(\.\d+)?\/s/.test(await page.locator('.arms').textContent()),
    'no rate is negative', await page.locator('.arms').textContent());
is(await page.locator('.curves path').evaluateAll((paths) => paths.filter(
    (one) => /[MLl ]-?\d{5}/.test(one.getAttribute('d'))).length), 0,
'no curve leaves its chart');
await close(page);


// Those who want to know now, while somebody asks already.

page = await open();
is(await page.evaluate(async () => {
    const { poll } = await import('/dashboard/poll.js');
    const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
    let busy = 0;
    let most = 0;

    const now = poll(async () => {
        most = Math.max(most, ++busy);
        await sleep(50);
        busy--;
    }, 10, () => {});

    for (let i = 0; i < 10; i++) {
        now();
        document.dispatchEvent(new Event('visibilitychange'));
        await sleep(70);
        now();
        await sleep(20);
    }

    return most;
}), 1, 'one question at a time');
await close(page);

await api('PUT', '/p', { p: 100 });
await finish();


async function twoSplits(route) {
    const response = await route.fetch();
    const [users] = await response.json();

    if (world.ramps) {
        users.ramp = RAMP;
    }

    await route.fulfill({ json: world.other
        ? [users, { ...users, name: 'other' }] : [users] });
}


async function confirm(button, answer) {
    await page.getByRole('button', { name: button }).click();
    await dialog.getByRole('button', { name: answer }).click();
}


async function notice(pattern, name) {
    await until(() => page.locator('.notice').innerText().then((text) =>
        pattern.test(text)), name);
}


async function shows(split, name) {
    await until(async () => await page.locator('h1').textContent() === split,
        name);
}


async function look(key) {
    await page.locator('#explain-key').fill(key);
    await page.keyboard.press('Enter');
}


async function explained() {
    return page.locator('.explain [role=status]').innerText();
}
