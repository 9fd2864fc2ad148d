// Copyright (C) Ficus authors
//
// The browser of the tests, and assertions that Ficus::Web understands.
//
//     const page = await open({ colorScheme: 'dark' });   the dashboard, when
//                                         it has figures, or what `shows' says
//     ok(true, 'a name'); is(1, 1, 'a name');
//     await until(() => ..., 'a name')    asserts that it becomes true
//     const state = await split();        of users, from the API itself
//     await api('PUT', '/p', { p: 40 }, { 'X-Reason': '...' })
//     const stop = traffic()              requests for users until stop()
//     await close(page)
//     await finish()                      what every page must not have done
//
// Every wait ends.

import { createRequire } from 'node:module';

const require = createRequire(`${process.env.FICUS_WEB_MODULES}/`);
const { chromium } = require('playwright-core');

export const admin = `http://127.0.0.1:${process.env.FICUS_ADMIN_PORT}`;
export const gateway = `http://127.0.0.1:${process.env.FICUS_HTTP_PORT}`;
export const axe = require.resolve('axe-core/axe.min.js');

const LIMIT = 30000;            // ms of any wait
const problems = [];

// What a split may not have; a browser tells of every 404.
const OPTIONAL = /\/(diff|ledger)$/;

const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
});


export function ok(condition, name, detail) {
    console.log(`${condition ? 'ok' : 'not ok'} ${name}`);

    if (!condition && detail !== undefined) {
        console.log(`    ${detail}`);
    }

    return condition;
}


export function is(got, wanted, name) {
    return ok(got === wanted, name,
        `got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`);
}


export async function wait(ms) {
    await new Promise((resolve) => setTimeout(resolve, ms));
}


export async function until(condition, name, limit = LIMIT) {
    const end = Date.now() + limit;
    let last;

    do {
        last = await Promise.resolve(condition()).catch(String);

        if (last === true) {
            return ok(true, name);
        }

        await wait(50);
    } while (Date.now() < end);

    return ok(false, name, `not within ${limit} ms: ${last}`);
}


// A page in a browser of its own, with the dashboard and its first figures;
// what it complains of and whom it asks is kept for finish().

export async function open({ path = '/', prepare, shows = '.history',
    ...options } = {})
{
    const context = await browser.newContext({
        viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();

    page.setDefaultTimeout(LIMIT);
    page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())
            && !OPTIONAL.test(message.location().url))
        {
            problems.push(`console: ${message.text()}`);
        }
    });
    page.on('pageerror', (error) => problems.push(`error: ${error}`));
    page.on('request', (request) => {
        if (!request.url().startsWith(`${admin}/`)) {
            problems.push(`asked ${request.url()}`);
        }
    });

    await prepare?.(page);
    await page.goto(admin + path);
    await page.locator(shows).first().waitFor();

    return page;
}


// What is being answered for the page may be left unanswered.

export async function close(page) {
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await page.context().close();
}


// Complaints that a test has provoked.

export function expect(pattern) {
    const found = problems.findIndex((text) => pattern.test(text));

    ok(found >= 0, `the browser says ${pattern}`, problems.join('\n    '));

    for (let i = problems.length - 1; i >= 0; i--) {
        if (pattern.test(problems[i])) {
            problems.splice(i, 1);
        }
    }
}


export async function api(method, rest = '', body = undefined, headers = {}) {
    const response = await fetch(`${admin}/api/v1/splits/users${rest}`, {
        method, body: body && JSON.stringify(body),
        headers: body ? { 'Content-Type': 'application/json', ...headers }
            : headers,
    });

    return { status: response.status, body: await response.json() };
}


export async function split() {
    return (await api('GET')).body;
}


export async function configured() {
    return (await split()).arms.map(({ name, configured: weight }) =>
        `${name}=${weight}`).join(' ');
}


// Reads users over and over, each by its own key.

export function traffic() {
    let stopped = false;
    let n = 0;

    const done = (async () => {
        while (!stopped) {
            const response = await fetch(`${gateway}/api/users/u${n++}`)
                .catch(() => null);

            await response?.arrayBuffer();
            await wait(10);
        }
    })();

    return async () => {
        stopped = true;
        await done;
    };
}


export async function finish() {
    is(problems.join('\n'), '', 'no complaint, and nobody else was asked');
    await browser.close();
}
