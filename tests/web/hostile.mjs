// Copyright (C) Ficus authors
//
// What others have written is text, wherever it is shown; no markup, no
// script, no request.

import { api, close, expect, finish, is, ok, open, split, until, wait }
    from './lib/browser.mjs';
import { comparison, hostile } from './lib/samples.mjs';

const IMAGE = '<img src=x onerror=pwned=1>';
const SCRIPT = '"><script>pwned=1</script>\u202e&lt;b&gt;';

await api('PUT', '/p', { p: 90 }, { 'X-Changed-By': IMAGE,
    'X-Reason': latin(SCRIPT.replace('\u202e', '')) });

const page = await open({ prepare: (fresh) =>
    comparison(fresh, hostile(IMAGE, SCRIPT)) });

is((await split()).changed_by, IMAGE, 'the gateway has taken it');
await shows('.last', [IMAGE, '<script>'], 'who and why');
await shows('.history', [IMAGE, '<script>'], 'the history');
await shows('.diff', [IMAGE, SCRIPT], 'route, field and examples');
await shows('.ledger', [IMAGE, SCRIPT], 'the ledger');
await shows('.workers', [IMAGE], 'checks of the workers');
await shows('#header', [IMAGE], 'checks of the gateway');

await page.locator('#explain-key').fill(IMAGE);
await page.keyboard.press('Enter');
await shows('.explain', [`${IMAGE} goes to`], 'a key');

// a name from the address of the page
await page.evaluate((text) => { location.hash = `#/${text}`; }, IMAGE);
await page.evaluate(() => { location.hash = '#/%zz'; });
await wait(1500);
is(await page.locator('h1').textContent(), 'users',
    'an address of nothing shows the first split');

is(await page.evaluate(() => typeof pwned), 'undefined', 'nothing was run');
is(await page.locator('#split img, #split script, #split b b, #header script')
    .count(), 0, 'nothing became a part of the page');

// The detector: what the policy forbids is forbidden.
const refused = await page.evaluate(() => new Promise((resolve) => {
    document.addEventListener('securitypolicyviolation', (event) =>
        resolve(event.violatedDirective));

    try {
        document.body.insertAdjacentHTML('beforeend', '<b>x</b>');

    } catch {
        // so it should be
    }

    setTimeout(() => resolve('nothing'), 2000);
}));

is(refused, 'require-trusted-types-for', 'markup from text is refused');
ok(await page.evaluate(async () => {
    try {
        await fetch('http://127.0.0.2:9/', { mode: 'no-cors' });
        return false;

    } catch {
        return true;
    }
}), 'so is a call to somebody else');

await close(page);
expect(/TrustedHTML|trusted/i);
expect(/127\.0\.0\.2/);
await finish();


function latin(text) {
    return String.fromCharCode(...new TextEncoder().encode(text));
}


async function shows(selector, texts, name) {
    await until(async () => {
        const text = await page.locator(selector).first().textContent();

        return texts.every((one) => text.includes(one));
    }, `${name}: is text`);
}
