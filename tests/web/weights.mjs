// Copyright (C) Ficus authors
//
// The weights are changed with slider, presets and fields, after a
// confirmation, and not when somebody else was faster.

import { api, close, configured, expect, finish, is, ok, open, split, until }
    from './lib/browser.mjs';

const page = await open();
const dialog = page.getByRole('dialog');
const slider = page.getByRole('slider');
const review = page.getByRole('button', { name: 'Review the change' });
const field = (name) => page.getByRole('spinbutton', { name, exact: true });


// What is there.

is(await page.locator('h1').textContent(), 'users', 'the split');
is(await numbers(), 'v1baseline100.00 % v20.00 %', 'its shares');
ok(await review.isDisabled(), 'nothing to review yet');


// The slider, with the mouse.

const box = await slider.boundingBox();

await page.mouse.move(box.x + box.width - 13, box.y + box.height / 2);
await page.mouse.down();
await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2,
    { steps: 5 });
await page.mouse.up();

const dragged = Number(await slider.inputValue());

ok(dragged > 55 && dragged < 65, 'the slider follows the mouse', dragged);
is(await field('v1').inputValue(), String(dragged), 'so does the field');
is(Number(await field('v2').inputValue()),
    Math.round(10000 - dragged * 100) / 100, 'the other one has the rest');
is(await configured(), 'v1=100 v2=0', 'nothing is sent yet');

await review.click();
is(squeeze(await dialog.locator('tbody').innerText()),
    `v1 100.00 % ${dragged.toFixed(2)} % v2 0.00 % `
    + `${(100 - dragged).toFixed(2)} %`, 'the question has both');
await dialog.getByRole('button', { name: 'Cancel' }).click();
is(await configured(), 'v1=100 v2=0', 'no means no');
ok(await review.isEnabled(), 'the draft is still there');

await review.click();
await dialog.getByLabel('Why').fill('first cänary');
await dialog.getByLabel('Who').fill('ann');
await dialog.getByRole('button', { name: 'Change them' }).click();
await until(async () => await configured()
    === `v1=${dragged} v2=${Math.round(10000 - dragged * 100) / 100}`,
'yes changes P');
is((await split()).reason, 'first cänary', 'why');
is((await split()).changed_by, 'ann', 'who');
await until(async () => (await numbers()).startsWith(
    `v1baseline${dragged.toFixed(2)} %`), 'the page shows it');
await until(() => page.locator('.history tbody tr').first().innerText()
    .then((text) => text.includes('first cänary')), 'so does the history');
ok(await review.isDisabled(), 'the draft is gone');


// A hundredth, by number.

await field('v2').fill('12.34');
await shows(field('v1'), '87.66', 'v1 has the rest');
await change('87.66', '12.34');
await field('v1').fill('33.333');
await shows(field('v2'), '66.67', 'a third is rounded');
await change('33.33', '66.67');
await field('v1').fill('150');
await shows(field('v2'), '0', 'no more than everything');
await page.getByRole('button', { name: 'Reset' }).click();
await shows(field('v1'), '33.33', 'reset');


// Presets, and the way back.

await page.getByRole('button', { name: '5 %', exact: true }).click();
await shows(slider, '95', 'the preset is the share of v2');
await change('95', '5');
await page.getByRole('button', { name: 'Send everything to v1' }).click();
await dialog.getByRole('button', { name: 'Send everything' }).click();
await until(async () => await configured() === 'v1=100 v2=0',
    'everything is back at v1');
await until(() => page.getByRole('button',
    { name: 'Send everything to v1' }).isDisabled(), 'no more to send back');


// Somebody else is faster.

await field('v2').fill('50');
await review.click();
await api('PUT', '/weights', { v1: 77, v2: 23 },
    { 'X-Changed-By': 'bob', 'X-Reason': 'faster' });
await dialog.getByRole('button', { name: 'Change them' }).click();
await until(() => page.locator('.notice').innerText().then((text) =>
    /somebody else.*v1 77.00, v2 23.00.*bob \(faster\)/s.test(text)),
'the page tells who and what');
is(await configured(), 'v1=77 v2=23', 'their change stays');
await shows(field('v2'), '23', 'the draft begins anew');
ok(await page.locator('#live').innerText()
    .then((text) => text.includes('somebody else')), 'it is announced, too');

await page.getByRole('button', { name: 'Dismiss' }).click();
await until(async () => await page.locator('.notice').count() === 0,
    'the notice is gone');


// A draft that others have overtaken says so before it is sent.

await field('v2').fill('60');
await api('PUT', '/p', { p: 70 });
await until(() => page.locator('.editor').innerText().then((text) =>
    text.includes('changed since you began')), 'overtaken');
await shows(field('v2'), '60', 'what was typed stays');

await close(page);
expect(/412/);
await finish();


async function numbers() {
    return squeeze(await page.locator('.numbers').textContent())
        .replace('%v2', '% v2');
}


async function shows(input, value, name) {
    await until(async () => await input.inputValue() === value, name);
}


function squeeze(text) {
    return text.replace(/\s+/g, ' ').trim();
}


async function change(v1, v2) {
    await review.click();
    await dialog.getByRole('button', { name: 'Change them' }).click();
    await until(async () => await configured() === `v1=${v1} v2=${v2}`,
        `P is ${v1}`);
}
