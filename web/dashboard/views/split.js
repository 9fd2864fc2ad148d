// Copyright (C) Ficus authors
//
// The page of one split.

import { el } from '../dom.js';
import { model } from '../model.js';
import { arms } from './arms.js';
import { curves } from './curves.js';
import { diff } from './diff.js';
import { editor } from './editor.js';
import { explain } from './explain.js';
import { history } from './history.js';
import { ledger } from './ledger.js';
import { ramp } from './ramp.js';
import { shares } from './shares.js';
import { workers } from './workers.js';
import { badge, button } from './parts.js';


export function splitPage(split) {
    if (!split) {
        return [nothing()];
    }

    return [
        notice(),
        shares(split),
        arms(split),
        el('div', { class: 'pair', 'data-key': 'pair' },
            el('div', { class: 'column' }, editor(split),
                split.ramp && explain(split)),
            el('div', { class: 'column' }, ramp(split),
                !split.ramp && explain(split))),
        curves(split),
        diff(split, model.details.diff),
        ledger(split, model.details.ledger),
        history(split, model.details),
        workers(model.workers),
    ];
}


function notice() {
    return model.notice && el('div', { class: `notice ${model.notice.level}`,
        'data-key': 'notice' },
        badge(model.notice.level, model.notice.text),
        button('Dismiss', 'dismiss'));
}


function nothing() {
    if (model.splits) {
        return el('p', {}, 'The configuration of this gateway has no split.');
    }

    return el('p', {}, model.live.since
        ? 'The gateway does not answer.' : 'Asking the gateway …');
}
