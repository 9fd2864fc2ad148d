// Copyright (C) Ficus authors
//
// A gateway that wants a token: the page asks for it when it is needed, keeps
// it for itself, and forgets it.

import { close, configured, expect, finish, is, ok, open, until }
    from './lib/browser.mjs';

const page = await open();
const dialog = page.getByRole('dialog');
const token = dialog.getByLabel('Token');

is(await dialog.count(), 0, 'reading needs none');
await ask('25 %');
await token.waitFor();
is(await token.getAttribute('type'), 'password', 'nobody can read along');

await dialog.getByRole('button', { name: 'Cancel' }).click();
await notice(/wants its token/, 'no token, no change');
is(await configured(), 'v1=100 v2=0', '... indeed');

await page.getByRole('button', { name: 'Review the change' }).click();
await dialog.getByRole('button', { name: 'Change them' }).click();
await token.fill('a wrong one');
await page.keyboard.press('Enter');
await dialog.getByRole('heading', { name: 'That was not the token' }).waitFor();
is(await token.inputValue(), '', 'a wrong one is asked for again');
await token.fill('s3cret-of-the-gateway');
await page.keyboard.press('Enter');
await until(async () => await configured() === 'v1=75 v2=25',
    'the right one changes P');

await notice(/weights are changed/, 'the change is told');
await ask('50 %');
await until(async () => await configured() === 'v1=50 v2=50',
    'it is asked for once');

is(await page.evaluate(() => JSON.stringify([{ ...localStorage },
    { ...sessionStorage }, document.cookie, location.href])
    .includes('s3cret')), false, 'it is in no store of the browser');
ok(!(await page.content()).includes('s3cret'), '... and not on the page');

await page.getByRole('button', { name: 'Forget token' }).click();
await notice(/forgotten/, 'forgotten');
await ask('10 %');
await token.waitFor();
ok(true, 'it is asked for again');
await page.keyboard.press('Escape');

await close(page);
expect(/401/);
await finish();


async function ask(share) {
    await page.getByRole('button', { name: share, exact: true }).click();
    await page.getByRole('button', { name: 'Review the change' }).click();
    await dialog.getByRole('button', { name: 'Change them' }).click();
}


async function notice(text, name) {
    await until(async () => text.test(await page.locator('.notice')
        .innerText()), name);
}
