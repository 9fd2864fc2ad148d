// Copyright (C) Ficus authors
//
// The mouse is not needed, the focus is never lost, and what matters is
// announced.

import { api, close, configured, finish, is, ok, open, split, until }
    from './lib/browser.mjs';

const page = await open();
const press = (key) => page.keyboard.press(key);


// To the slider, past the list.

await press('Tab');
is(await focused(), 'Skip to the split', 'first of all a way past the list');
await press('Enter');
is(await page.evaluate(() => document.activeElement.id), 'split',
    'it leads to the split');
await tabTo('Share of v1');
await press('ArrowLeft');
await press('ArrowLeft');
await press('Shift+ArrowRight');
await until(async () => await page.locator('#slider')
    .getAttribute('aria-valuetext') === 'v1 98.01 %, v2 1.99 %',
'the arrow keys move by points and hundredths, which is said');


// Figures change each second, the focus stays.

await tabTo('v2');
await page.keyboard.type('7');
await api('PUT', '/p', { p: 100 });
await until(async () => (await page.locator('.generation').innerText())
    .includes('generation 2'), 'a change is seen');
is(await focused(), 'v2', 'the focus stays while the figures change');
await page.keyboard.press('ControlOrMeta+A');
await page.keyboard.type('12.5');
is(await page.locator(':focus').inputValue(), '12.5',
    'what is being typed stays, too');
await page.getByText('have changed since you began').waitFor();
await page.keyboard.press('ControlOrMeta+A');
await page.keyboard.type('0');
await page.getByText('have changed since you began')
    .waitFor({ state: 'detached' });
is(await focused(), 'v2', 'the focus stays when a note above it goes');
await page.keyboard.type('.25');
is(await page.locator(':focus').inputValue(), '0.25', 'and so does the caret');
await tabTo('Reset');
await press('Enter');
is(await focused(), 'Reset', 'and when that button has nothing left to do');
await tabTo('v2', true);
await page.keyboard.type('12.5');
await tabTo('Review the change');


// The question: focus inside, Escape is no, Enter is yes, and back again.

await press('Enter');
is(await focused(), 'Why', 'the focus is in the question');

const inside = [];

for (let i = 0; i < 8; i++) {
    await press('Tab');
    inside.push(await page.evaluate(() =>
        document.activeElement === document.body
        || document.activeElement.closest('dialog') !== null));
}

ok(inside.every(Boolean), 'and cannot leave it');
await press('Escape');
is(await page.getByRole('dialog').count(), 0, 'Escape closes it');
is(await configured(), 'v1=100 v2=0', 'and changes nothing');
is(await focused(), 'Review the change …', 'the focus is where it was');
await press('Enter');
await page.keyboard.type('by hand');
await press('Enter');
await until(async () => await configured() === 'v1=87.5 v2=12.5',
    'Enter is yes');
is((await split()).reason, 'by hand', 'with the reason');
await until(async () => (await page.locator('#live').innerText())
    .includes('weights are v1 87.50, v2 12.50'), 'the change is announced');
is(await focused(), 'Review the change …',
    'the focus is there still, though nothing is left to review');
await press('Enter');
is(await page.getByRole('dialog').count(), 0, 'which does nothing');


// The way back, from the history.

const { generation } = (await (await fetch(page.url().replace(/#.*/, '')
    + 'api/v1/splits/users/history')).json()).at(-1);

await page.locator('.history tbody tr').nth(1).waitFor();
await tabTo(`Go back to generation ${generation}`);
await press('Enter');
await press('Enter');
await until(async () => await configured() === 'v1=100 v2=0', 'rolled back');

// Somebody else changes it: announced without a key.
await api('PUT', '/p', { p: 42 });
await until(async () => (await page.locator('#live').innerText())
    .includes('weights are v1 42.00, v2 58.00'),
'what somebody else changes is announced');

await close(page);


// Who is faster than the page is drawn is understood.

const slow = await open({ prepare: (page) => page.addInitScript(() => {
    window.requestAnimationFrame = (drawn) => setTimeout(drawn, 1500);
    window.cancelAnimationFrame = clearTimeout;
}) });

await slow.locator('#weight-v2').fill('7');
await slow.getByRole('button', { name: 'Review the change' }).press('Enter');
is(await slow.getByRole('dialog').count(), 1, 'Enter before it is drawn');

await close(slow);
await finish();


async function focused() {
    return page.evaluate(() => {
        const node = document.activeElement;

        return node.getAttribute('aria-label') ?? (node.labels?.[0]
            ?? node).textContent.trim();
    });
}


async function tabTo(name, back = false) {
    for (let i = 0; i < 60; i++) {
        await press(back ? 'Shift+Tab' : 'Tab');

        if ((await focused()).startsWith(name)) {
            return ok(await page.evaluate(() => {
                const { outlineStyle, outlineWidth } =
                    getComputedStyle(document.activeElement);

                return outlineStyle !== 'none' && parseInt(outlineWidth) >= 2;
            }), `${name}: reached, and the focus is to be seen`);
        }
    }

    return ok(false, `${name}: reached with Tab`);
}
