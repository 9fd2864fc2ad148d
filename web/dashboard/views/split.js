// Copyright (C) Ficus authors
//
// The page of one split.

import { el } from '../dom.js';
import { clock } from '../format.js';
import { detailsOf, model } from '../model.js';
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

    const details = detailsOf(split);

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
        workers(model.workers),
        diff(split, details.diff),
        ledger(split, details.ledger),
        history(split, details),
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

    return model.live.since
        ? el('div', { class: 'panel failed' },
            el('h1', {}, 'The gateway does not answer'),
            el('p', {}, `Asked since ${clock(model.live.since)}: `,
                model.live.error, '. The page goes on asking by itself.'),
            el('p', {}, 'Does nginx run there? ', el('code', {},
                'ficusctl doctor'), ', typed on its machine, looks at'
                + ' everything.'))
        : el('p', {}, 'Asking the gateway …');
}
