// Copyright (C) Ficus authors
//
// Starts the page: polls, draws, and passes on what its reader does.

import { actions, inputs } from './actions.js';
import { getJson, getText } from './api.js';
import { announceChanges } from './announce.js';
import { loadDetails } from './details.js';
import { el, morph } from './dom.js';
import { parseSeconds } from './metrics.js';
import { model, selectedSplit, takeSplits, wentStale } from './model.js';
import { poll } from './poll.js';
import { header } from './views/header.js';
import { splitList } from './views/list.js';
import { splitPage } from './views/split.js';
import { loadWorkers } from './workers.js';

const FAST = 1000;              // ms
const SLOW = 5000;

let drawing = 0;


async function pollSplits() {
    const [splits, metrics] = await Promise.all([
        getJson('api/v1/splits'),
        getText('metrics'),
    ]);

    const isFirst = model.splits === null;

    takeSplits(splits, parseSeconds(metrics), Date.now());
    announceChanges();
    draw();

    if (isFirst) {
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
    cancelAnimationFrame(drawing);
    drawing = requestAnimationFrame(drawNow);
}


function drawNow() {
    const split = selectedSplit();

    put('header', header(split));
    put('splits', splitList(split));
    put('split', splitPage(split));
    document.body.classList.toggle('stale', !model.live.ok);
}


function put(id, ...content) {
    const host = document.getElementById(id);
    const fresh = host.cloneNode(false);

    fresh.append(el('div', { class: 'inner' }, ...content));
    morph(host, fresh);
}


function follow() {
    const match = /^#\/(.*)$/.exec(location.hash);

    if (match) {
        model.selected = decodeURIComponent(match[1]);
        model.draft = null;
        model.details = {};
        draw();
    }
}


function listen() {
    document.addEventListener('click', ({ target }) => {
        const button = target.closest('[data-action]');

        if (button && !button.disabled) {
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
