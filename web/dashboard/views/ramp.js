// Copyright (C) Ficus authors
//
// The ramp of a split: how far it is, what it makes of what it sees, and the
// buttons that a ramp in its state has.

import { el } from '../dom.js';
import { duration, percent, weights } from '../format.js';
import { badge, button, fact, panel } from './parts.js';

const STATES = {
    running: 'ok', paused: 'idle', done: 'ok', 'rolled-back': 'bad',
    aborted: 'warn',
};

// What becomes of those whom the new arm has when a ramp does not go through.
export const WAYS_BACK = {
    snap: 'everybody at once',
    release: 'step by step, who came last first',
    keep: 'nobody: who moved stays',
};

const VERDICTS = { advance: 'ok', hold: 'idle', 'roll back': 'bad' };


export function ramp(split) {
    const { ramp: now } = split;

    return panel('ramp', 'Ramp', now ? state(now)
        : el('p', { class: 'hint' }, 'A ramp moves the weights step by step,'
            + ' and back by itself when the new arm does worse.'),
        buttons(now));
}


export function isUnderWay(now) {
    return now?.state === 'running' || now?.state === 'paused';
}


function state(now) {
    return [
        el('p', { class: 'headline' },
            badge(STATES[now.state] ?? 'warn', now.state.replace('-', ' ')),
            el('b', {}, `step ${now.step} of ${now.of}`
                + (now.going_back ? ', going back' : ''))),
        el('progress', { max: now.of, value: now.step,
            'aria-label': `Step ${now.step} of ${now.of}` }),
        el('p', { class: 'verdict' }, badge(VERDICTS[now.verdict] ?? 'idle',
            now.verdict), ` ${now.why}`),
        el('dl', {},
            fact('From', weights(now.from)),
            fact('To', weights(now.to)),
            fact('Pace', `${now.points} points each ${duration(now.every)}`),
            fact('Guards', guards(now.guards)),
            fact('Way back', WAYS_BACK[now.down] ?? now.down)),
    ];
}


function guards(all = {}) {
    const texts = [
        all.max_error_ratio !== undefined && 'errors at most '
            + `${+(all.max_error_ratio * 100).toFixed(4)} points above the`
            + ' baseline’s',
        all.max_latency_ratio !== undefined
            && `p${+(all.quantile * 100).toFixed(2)} at most `
            + `${all.max_latency_ratio} times the baseline’s`,
        all.max_mismatch_ratio !== undefined
            && `at most ${percent(all.max_mismatch_ratio * 100)} of the`
                + ' answers differ',
        all.min_requests > 0 && `${all.min_requests} requests a step`,
    ];

    return texts.filter(Boolean).join('; ') || 'none';
}


function buttons(now) {
    if (!isUnderWay(now)) {
        return el('div', { class: 'buttons' },
            button('Start a ramp …', 'ramp-start', { class: 'primary' }));
    }

    return el('div', { class: 'buttons' },
        now.state === 'running' ? button('Pause', 'ramp-pause')
            : button('Resume', 'ramp-resume', { class: 'primary' }),
        button('Abort …', 'ramp-abort', { class: 'danger' }));
}
