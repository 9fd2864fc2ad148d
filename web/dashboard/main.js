// Copyright (C) Ficus authors
//
// Starts the page: polls, draws, and passes on what its reader does.

import { actions, inputs } from './actions.js';
import { getJson, getText } from './api.js';
import { announceChanges } from './announce.js';
import { loadDetails } from './details.js';
import { el, morph } from './dom.js';
import { parseSeconds } from './metrics.js';
import { health, model, selectedSplit, takeSplits, wentStale }
    from './model.js';
import { poll } from './poll.js';
import { header } from './views/header.js';
import { splitList } from './views/list.js';
import { splitPage } from './views/split.js';
import { loadWorkers } from './workers.js';

const FAST = 1000;              // ms
const SLOW = 5000;

let drawing = null;             // the frame that will
let shown = null;               // name of the split that was drawn last


async function pollSplits() {
    const { changes } = model;
    const [splits, metrics] = await Promise.all([
        getJson('api/v1/splits'),
        getText('metrics'),
    ]);

    // what was asked before a change is older than what is shown; the next one
    // is under way
    if (model.changes !== changes) {
        return;
    }

    const isBack = !model.live.ok;

    takeSplits(splits, parseSeconds(metrics), Date.now());
    announceChanges();
    draw();

    if (isBack) {
        details();
    }
}


async function pollRest() {
    if (model.splits) {
        await Promise.all([loadDetails(), loadWorkers()]);
        draw();
    }
}


function failed(error) {
    wentStale(error);
    announceChanges();
    draw();
}


// At most once a frame.

function draw() {
    drawing ??= requestAnimationFrame(drawNow);
}


function drawNow() {
    drawing = null;

    const split = selectedSplit();

    document.title = title(split);
    put('header', header(split));
    put('splits', splitList(split));
    put('split', splitPage(split));
    document.body.classList.toggle('stale', !model.live.ok);
    showCurrent(split?.name);
}


// In a long list, which is a strip on a phone.

function showCurrent(name) {
    if (name && name !== shown) {
        shown = name;
        document.querySelector('#splits [aria-current]')?.scrollIntoView({
            block: 'nearest', inline: 'center' });
    }
}


// What a tab among many has to tell.

function title(split) {
    if (!split) {
        return 'Ficus';
    }

    const { level } = health(split);
    const sign = !model.live.ok ? '? ' : level === 'bad' ? '!! '
        : level === 'warn' ? '! ' : '';
    const shares = split.arms.map(({ name, effective }) =>
        `${name} ${effective}`).join(' / ');

    return `${sign}${shares} · ${split.name} · Ficus`;
}


function put(id, ...content) {
    const host = document.getElementById(id);
    const fresh = host.cloneNode(false);

    fresh.append(el('div', { class: 'inner' }, ...content));
    morph(host, fresh);
}


function follow() {
    const name = nameOf(location.hash);

    if (name !== undefined) {
        model.selected = name;
        model.draft = null;
        model.details = {};
        model.explained = null;
        draw();
    }
}


// null for none, the first split; undefined for what is no name: somebody may
// have typed it.

function nameOf(hash) {
    try {
        return hash === '' ? null : hash.startsWith('#/')
            ? decodeURIComponent(hash.slice(2)) : undefined;

    } catch {
        return undefined;
    }
}


function listen() {
    document.addEventListener('click', ({ target }) => {
        const button = target.closest('[data-action]');

        // a button is what it will be when the page is drawn
        if (drawing !== null) {
            cancelAnimationFrame(drawing);
            drawNow();
        }

        if (button && button.ariaDisabled !== 'true') {
            actions[button.dataset.action](button.dataset, button);
        }
    });

    for (const type of ['input', 'keydown', 'change']) {
        document.addEventListener(type, (event) => {
            const name = event.target.dataset?.input;

            if (name && inputs[name]?.[type]) {
                inputs[name][type](event);
            }
        });
    }

    addEventListener('hashchange', () => {
        follow();
        details();
    });
}


follow();
listen();
draw();

const splits = poll(pollSplits, FAST, failed);
const details = poll(pollRest, SLOW, () => {});

document.addEventListener('ficus:draw', draw);
document.addEventListener('ficus:changed', () => {
    splits();
    details();
});
