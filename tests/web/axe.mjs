// Copyright (C) Ficus authors
//
// axe finds nothing: in light, dark and on a phone, with every panel and in
// every dialog.  That it can find something is seen first.

import { api, axe, close, expect, finish, is, ok, open, traffic, until,
    wait } from './lib/browser.mjs';
import { comparison } from './lib/samples.mjs';

const LOOKS = {
    light: { colorScheme: 'light' },
    dark: { colorScheme: 'dark' },
    phone: { colorScheme: 'light', viewport: { width: 360, height: 740 } },
    'dark phone': { colorScheme: 'dark', viewport: { width: 320, height: 640 },
        reducedMotion: 'reduce' },
};

const DIALOGS = ['Review the change', 'Send everything to v1',
    'Start a ramp', 'Go back to generation 1', 'Set the share'];

const stop = traffic();

await api('PUT', '/weights', { v1: 60, v2: 40 });

for (const [name, look] of Object.entries(LOOKS)) {
    await visit(name, look);
}

await running();
await detector();
await stop();
await finish();


async function visit(name, look) {
    // axe is a script from elsewhere: the policy is for the others
    const page = await open({ ...look, bypassCSP: true,
        prepare: comparison });

    await page.locator('.arm').first().waitFor();

    for (const panel of await page.locator('details').all()) {
        await panel.evaluate((node) => { node.open = true; });
    }

    await clean(page, `${name}: the page`);
    ok(await page.evaluate(() => document.documentElement.scrollWidth
        <= innerWidth), `${name}: nothing is wider than the screen`);

    await page.getByRole('spinbutton', { name: 'v2', exact: true }).fill('50');
    await clean(page, `${name}: a draft`);

    for (const button of DIALOGS) {
        await page.getByRole('button', { name: button }).first().click();
        await page.getByRole('dialog').waitFor();
        await clean(page, `${name}: ${button}`);
        await page.keyboard.press('Escape');
    }

    await close(page);
}


// A ramp under way, its dialog, a notice, and no answer.

async function running() {
    const page = await open({ bypassCSP: true });

    await api('POST', '/ramp', { to: { v1: 0, v2: 100 }, step: 5, every: 600,
        guards: { max_error_ratio: 0.01 } });
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByRole('button', { name: 'Resume' }).waitFor();
    await clean(page, 'a paused ramp and a notice');
    await page.getByRole('button', { name: 'Abort' }).click();
    await clean(page, 'the question before the end of a ramp');
    await page.keyboard.press('Escape');

    await page.route('**/*', (route) => route.abort());
    await until(() => page.locator('.status').innerText().then((text) =>
        text.includes('Stale since')), 'no answer');
    await clean(page, 'stale');
    await close(page);
    expect(/ERR_FAILED/);
}


// The same call on a page with faults.

async function detector() {
    const page = await open({ bypassCSP: true });

    await page.evaluate(() => {
        document.querySelector('#split').setAttribute('role', 'slider');

        const pale = document.createElement('p');

        pale.textContent = 'pale';
        pale.style.color = '#ccc';
        document.body.append(pale);
    });

    const found = await findings(page);

    ok(/aria-required-attr/.test(found) && /color-contrast/.test(found),
        'axe finds what is wrong', found);
    await close(page);
}


async function clean(page, name) {
    // colours that change are no colours yet
    await wait(350);
    is(await findings(page), '', name);
}


async function findings(page) {
    if (!await page.evaluate(() => 'axe' in window)) {
        await page.addScriptTag({ path: axe });
    }

    return page.evaluate(async () => {
        const { violations } = await window.axe.run(document);

        return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${
            nodes.slice(0, 3).map(({ html }) => html.slice(0, 120))
                .join(' | ')}`).join('\n');
    });
}
