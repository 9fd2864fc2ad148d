// Copyright (C) Ficus authors
//
// Comparison and ledger as the gateway itself fills them: the share is set on
// the page, requests are compared, routes are told.

import { close, finish, open, split, traffic, until } from './lib/browser.mjs';

const page = await open();
const dialog = page.getByRole('dialog');

await page.getByRole('button', { name: 'Set the share' }).click();
await dialog.getByLabel('Per cent').fill('100');
await dialog.getByRole('button', { name: 'Set it' }).click();
await until(async () => (await split()).shadow.share === 100,
    'the share is set');
await shows('.notice', /100\.00\s% are compared/, 'the page tells');

const stop = traffic();

await shows('.diff', /Shadowed\s+100\.00\s%/, 'the share is shown');
await shows('.diff', /0 of \d+ differ/, 'nothing differs');
await shows('.ledger tbody', /users.*needed.*v1 100\.0\s%/s,
    'the route still needs v1');
await stop();

await close(page);
await finish();


async function shows(selector, pattern, name) {
    await until(async () => pattern.test(await page.locator(selector)
        .innerText()) || await page.locator(selector).innerText(), name);
}
