// Copyright (C) Ficus authors
//
// Ramps and the way back: started, paused, resumed and aborted; rolled back to
// what the history has.

import { api, close, configured, expect, finish, is, ok, open, split,
    traffic, until } from './lib/browser.mjs';

const page = await open();
const dialog = page.getByRole('dialog');
const panel = page.locator('.panel.ramp');
const stop = traffic();


// The plan is told before, and wrong ones are not sent.

await page.getByRole('button', { name: 'Start a ramp' }).click();
await dialog.getByLabel('Points a step').fill('25');
await dialog.getByLabel('Seconds a step').fill('600');
await shows('.plan', /4 steps, at least 40 min/, 'the plan');
await dialog.getByLabel('v1 to').fill('40');
is(await dialog.getByLabel('v2 to').inputValue(), '60', 'v2 has the rest');
await shows('.plan', /3 steps, at least 30 min/, 'another plan');
await dialog.getByLabel('Times as slow').fill('');
await dialog.getByLabel('Requests a step').fill('50');
await dialog.getByLabel('Answers that differ').fill('2.5');
await dialog.getByLabel('Way back').selectOption('release');
await dialog.getByLabel('Why').fill('slowly');
await dialog.getByRole('button', { name: 'Start it' }).click();

await until(async () => (await split()).ramp?.state === 'running',
    'the ramp runs');

const { ramp } = await split();

is(JSON.stringify([ramp.of, ramp.points, ramp.every, ramp.to]),
    JSON.stringify([3, 25, 600, { v1: 40, v2: 60 }]), 'as it was asked for');
is(JSON.stringify(ramp.guards),
    JSON.stringify({ min_requests: 50, max_error_ratio: 0.01,
        max_mismatch_ratio: 0.025 }),
    'with its guards, without the one that was left empty');
await shows('.panel.ramp', /running\s*step 1 of 3/, 'state and step');
is(ramp.down, 'release', 'and its way back');
await shows('.panel.ramp', /2\.50\s% of the\s+answers differ/, 'the guard');
await shows('.panel.ramp', /errors at most 1 points/, 'another one');
await shows('.panel.ramp', /step by step, who came last first/,
    'the way back is shown');
await until(async () => {
    const { verdict, why } = (await split()).ramp;
    const text = await panel.innerText();

    return /\d/.test(why) && text.includes(verdict) && text.includes(why);
}, 'verdict and why are shown as the gateway tells them');


// Pause, resume, abort.

await page.getByRole('button', { name: 'Pause' }).click();
await until(async () => (await split()).ramp.state === 'paused', 'paused');
await page.getByRole('button', { name: 'Resume' }).click();
await until(async () => (await split()).ramp.state === 'running', 'resumed');

await page.getByRole('button', { name: 'Abort' }).click();
await dialog.getByRole('button', { name: 'Cancel' }).click();
is((await split()).ramp.state, 'running', 'not aborted without a yes');

await page.getByRole('button', { name: '5 %', exact: true }).click();
await page.getByRole('button', { name: 'Review the change' }).click();
ok((await dialog.innerText()).includes('ends the ramp'),
    'a change of weights says that it ends the ramp');
await dialog.getByRole('button', { name: 'Cancel' }).click();
await page.getByRole('button', { name: 'Reset' }).click();

await page.getByRole('button', { name: 'Abort' }).click();
is(await dialog.getByLabel('Way back').inputValue(), 'release',
    'the way back is that of its start');
await dialog.getByLabel('Way back').selectOption('snap');
await dialog.getByLabel('Why').fill('enough');
await dialog.getByRole('button', { name: 'Abort it' }).click();
await until(async () => (await split()).ramp.state === 'aborted', 'aborted');
is(await configured(), 'v1=100 v2=0', 'the weights are those before it');
await shows('.panel.ramp', /aborted/, 'the page shows it');


// A ramp that goes through by itself, which is seen without a reload.

await api('POST', '/ramp', { to: { v1: 80, v2: 20 }, step: 10, every: 0.5 });
await until(async () => (await split()).ramp.state === 'done', 'done');
await shows('.panel.ramp', /done\s*step 2 of 2/, 'the page shows that, too');
await shows('.numbers', /80[\s\S]*20/, '... and the new shares');


// Back to the first generation.

await page.getByRole('button', { name: 'Go back to generation 1',
    exact: true }).click();
ok(/v1\s+80.00\s%\s+100.00\s%/.test(await dialog.innerText()),
    'the question has both weights');
await dialog.getByLabel('Why').fill('all of it');
await dialog.getByRole('button', { name: 'Go back' }).click();
await until(async () => await configured() === 'v1=100 v2=0', 'rolled back');
is((await split()).reason, 'all of it', 'why');
await shows('.history > .scroll tbody tr:first-child', /all of it\s+in use/,
    'the history has it');
await shows('.history', /Verified: \d+ records/, 'and is whole');


// Of many changes the older ones can be opened.

for (let i = 1; i < 9; i++) {
    await api('PUT', '/p', { p: 100 - i });
}

await shows('.generation', new RegExp(`\\b${(await split()).generation}\\b`),
    'the last of them is seen');
await shows('.history > details > summary', /\d+ older changes/,
    'the older ones are out of the way');
is(await page.locator('.history > .scroll tbody tr').count(), 8,
    'the newest are there');
await page.locator('.history > details > summary').click();
await page.locator('.history > details').getByRole('button',
    { name: 'Go back to generation 1', exact: true }).click();
await dialog.getByRole('button', { name: 'Go back' }).click();
await until(async () => await configured() === 'v1=100 v2=0',
    'and gone back to');


// What somebody else has ended is said, not hidden.

await api('POST', '/ramp', { to: { v1: 0, v2: 100 }, step: 1, every: 600 });
await page.getByRole('button', { name: 'Abort' }).click();
await api('POST', '/ramp/abort');
await dialog.getByRole('button', { name: 'Abort it' }).click();
await shows('.notice', /somebody else has changed it/, 'too late');


// One that was rolled back is news until somebody has changed something; an
// arm that is to be tried is none without a weight.

const seen = { changed_by: 'ramp', configured: 1 };

await page.route('**/api/v1/splits', async (route) => {
    const response = await route.fetch();
    const [users] = await response.json();

    users.ramp.state = 'rolled-back';
    users.changed_by = seen.changed_by;
    users.reason = 'operator';
    Object.assign(users.arms[1], { state: 'half-open',
        configured: seen.configured });
    await route.fulfill({ response, json: [users] });
});

await shows('.shares .title', /v2 is being tried again/, 'a weak arm');
seen.configured = 0;
await shows('.shares .title', /The ramp was rolled back/, 'news');
seen.changed_by = 'ann';
await shows('.shares .title', /All arms answer well/, 'no longer');
await shows('.shares', /by ann \(generation/, 'no reason is none');
await page.unroute('**/api/v1/splits');

await stop();
await close(page);
expect(/412/);
await finish();


async function shows(selector, pattern, name) {
    await until(async () => pattern.test(await page.locator(selector)
        .innerText()), name);
}
